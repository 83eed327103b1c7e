//! Cloudhooks: public addresses of the hub's own webhooks. The hub alone knows which address is
//! whose; the relay knows the addresses (spec relay §7).

mod upkeep;

use std::collections::{BTreeMap, HashMap};

use hearth_core::ids::WebhookId;
use hearth_core::prelude::*;
use hearth_core::store::{Store, StoreError};
use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the store keeps them, by their ids.
pub(crate) const COLLECTION: &str = "relay.cloudhook";
/// The longest id that a relay may give, in bytes.
const ID_MAX: usize = 128;

/// One cloudhook. Its id and its webhook's are secrets: whoever knows one can call.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Cloudhook {
    /// Which relay serves it, for which hub.
    pub(crate) relay: String,
    pub(crate) webhook_id: WebhookId,
    pub(crate) cloudhook_url: String,
    /// Whether an integration made it, and not a person.
    pub(crate) managed: bool,
    pub(crate) created_at: Timestamp,
    /// Deleted here; the relay is still to be told.
    #[serde(default)]
    pub(crate) is_deleted: bool,
    /// Requests since the hub's start that did not reach it, because it is for callers near by.
    #[serde(skip)]
    pub(crate) blocked_local_only: u64,
}

/// Those of this relay.
#[derive(Default)]
pub(crate) struct Cloudhooks {
    by_id: BTreeMap<String, Cloudhook>,
    ids: HashMap<WebhookId, String>,
}

/// Whether a relay may call a cloudhook so: it becomes a part of its address.
pub(crate) fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=ID_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

impl Cloudhooks {
    /// Reads those of this relay. Blocks.
    pub(crate) fn load(store: &Store, relay: &str) -> Result<Self, StoreError> {
        let mut cloudhooks = Self::default();
        store
            .collection::<Cloudhook>(COLLECTION)
            .visit_valid(|id, cloudhook| {
                if cloudhook.relay == relay {
                    cloudhooks.insert(id.to_owned(), cloudhook);
                }
            })?;
        Ok(cloudhooks)
    }

    pub(crate) fn insert(&mut self, id: String, cloudhook: Cloudhook) {
        if !cloudhook.is_deleted {
            self.ids.insert(cloudhook.webhook_id.clone(), id.clone());
        }
        self.by_id.insert(id, cloudhook);
    }

    /// The one of this webhook, with its id.
    pub(crate) fn of(&self, webhook_id: &WebhookId) -> Option<(&str, &Cloudhook)> {
        let (id, cloudhook) = self.by_id.get_key_value(self.ids.get(webhook_id)?)?;
        Some((id, cloudhook))
    }

    /// The one with this id, unless it is deleted.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Cloudhook> {
        self.by_id
            .get_mut(id)
            .filter(|cloudhook| !cloudhook.is_deleted)
    }

    /// Marks one as deleted; gives its id and what to store.
    pub(crate) fn delete(&mut self, webhook_id: &WebhookId) -> Option<(String, Cloudhook)> {
        let id = self.ids.remove(webhook_id)?;
        let cloudhook = self.by_id.get_mut(&id)?;
        cloudhook.is_deleted = true;
        Some((id, cloudhook.clone()))
    }

    /// Forgets one of whose deletion the relay was told.
    pub(crate) fn forget(&mut self, id: &str) {
        self.by_id.remove(id);
    }

    /// Those that are served.
    pub(crate) fn served(&self) -> impl Iterator<Item = (&str, &Cloudhook)> {
        let all = self
            .by_id
            .iter()
            .map(|(id, cloudhook)| (id.as_str(), cloudhook));
        all.filter(|(_, cloudhook)| !cloudhook.is_deleted)
    }

    /// Those of whose deletion the relay is to be told.
    pub(crate) fn deleted_ids(&self) -> Vec<String> {
        let deleted = self
            .by_id
            .iter()
            .filter(|(_, cloudhook)| cloudhook.is_deleted);
        deleted.map(|(id, _)| id.clone()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The relay's addresses begin with `base` from now on; gives those that changed.
    pub(crate) fn rebase(&mut self, base: &str) -> Vec<(String, Cloudhook)> {
        let mut changed = Vec::new();
        for (id, cloudhook) in &mut self.by_id {
            let url = format!("{base}{id}");
            if !cloudhook.is_deleted && cloudhook.cloudhook_url != url {
                cloudhook.cloudhook_url = url;
                changed.push((id.clone(), cloudhook.clone()));
            }
        }
        changed
    }
}

impl Cloudhook {
    /// As clients know it.
    pub(crate) fn shown(&self, id: &str) -> Value {
        json!({
            "webhook_id": self.webhook_id,
            "cloudhook_id": id,
            "cloudhook_url": self.cloudhook_url,
            "managed": self.managed,
        })
    }
}
