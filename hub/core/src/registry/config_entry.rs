use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::{Changes, Interner};
use crate::env::Env;
use crate::ids::ConfigEntryId;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

const COLLECTION: &str = "core.config_entries";

/// One thing that was set up: a phone, a bridge, an account. Its owner keeps the details.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigEntry {
    /// Names it.
    pub entry_id: ConfigEntryId,
    /// The integration that owns it.
    pub domain: Arc<str>,
    /// Display name.
    pub title: Arc<str>,
    /// How it came: `user`, `registration`, `import`, …
    pub source: Arc<str>,
    /// Unique within the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_id: Option<Arc<str>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
}

/// What a new config entry is made from.
#[derive(Clone, Debug)]
pub struct NewConfigEntry<'a> {
    /// The integration that owns it.
    pub domain: &'a str,
    /// Display name.
    pub title: &'a str,
    /// How it came.
    pub source: &'a str,
    /// Unique within the domain.
    pub unique_id: Option<&'a str>,
}

type Entries = Arc<RwLock<HashMap<ConfigEntryId, Arc<ConfigEntry>>>>;

/// All config entries.
pub struct ConfigEntries {
    env: Env,
    names: Arc<Interner>,
    entries: Entries,
}

impl ConfigEntries {
    pub(super) fn load(store: &Store, env: &Env, names: Arc<Interner>) -> Result<Self, StoreError> {
        let documents = store.collection::<ConfigEntry>(COLLECTION).load_all()?;
        let mut entries = HashMap::with_capacity(documents.len());
        for (_, mut entry) in documents {
            entry.domain = names.intern(&entry.domain);
            entry.source = names.intern(&entry.source);
            entries.insert(entry.entry_id, Arc::new(entry));
        }
        Ok(Self {
            env: env.clone(),
            names,
            entries: Arc::new(RwLock::new(entries)),
        })
    }

    /// One entry.
    pub fn get(&self, id: ConfigEntryId) -> Option<Arc<ConfigEntry>> {
        self.entries.read().get(&id).cloned()
    }

    /// Every entry, oldest first.
    pub fn list(&self) -> Vec<Arc<ConfigEntry>> {
        let mut entries: Vec<_> = self.entries.read().values().cloned().collect();
        entries.sort_unstable_by_key(|entry| entry.entry_id);
        entries
    }

    /// Adds an entry.
    pub fn create(
        &self,
        changes: &mut Changes,
        new: NewConfigEntry<'_>,
    ) -> Result<Arc<ConfigEntry>, StoreError> {
        let now = self.env.now();
        let entry = Arc::new(ConfigEntry {
            entry_id: self.env.ulid(),
            domain: self.names.intern(new.domain),
            title: new.title.into(),
            source: self.names.intern(new.source),
            unique_id: new.unique_id.map(Into::into),
            created_at: now,
            modified_at: now,
        });
        let id = entry.entry_id;
        changes.put(COLLECTION, &id.to_string(), &*entry)?;
        self.entries.write().insert(id, Arc::clone(&entry));
        let entries = Arc::clone(&self.entries);
        changes.on_failure(move || {
            entries.write().remove(&id);
        });
        Ok(entry)
    }

    /// Removes an entry; `None` where there was none. What belongs to it is its owner's to remove.
    pub fn remove(&self, changes: &mut Changes, id: ConfigEntryId) -> Option<Arc<ConfigEntry>> {
        let old = self.entries.write().remove(&id)?;
        changes.delete(COLLECTION, &id.to_string());
        let (entries, kept) = (Arc::clone(&self.entries), Arc::clone(&old));
        changes.on_failure(move || {
            entries.write().insert(id, kept);
        });
        Some(old)
    }
}
