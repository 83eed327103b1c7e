//! Which hubs want which webhooks' requests (spec relay §3).

use std::sync::Arc;

use hearth_core::env::Env;
use hearth_core::store::StoreError;
use hearth_key_path::{BadData, registered_keys};
use tokio::sync::Mutex;

use super::{LiveWebhook, Records};
use crate::ids::{HubId, WebhookId};
use crate::matching::{Index, Registered};
use crate::objects::Registration;
use crate::store::{Kind, RecordChange};

/// Bytes of one registration's data.
pub const DATA_BYTES_MAX: usize = 16 * 1024;
/// Hubs change what they registered in so many lanes, each one change at a time.
const LANES: usize = 64;

/// Why a registration is refused.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The data cannot be used.
    #[error(transparent)]
    BadData(#[from] BadData),
    /// The data is too long.
    #[error("data: expected at most {DATA_BYTES_MAX} bytes")]
    TooLong,
    /// The hub has registered for too many webhooks.
    #[error("a hub may register for {0} webhooks")]
    TooMany(usize),
    /// It was not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RegisterError {
    /// Its code in the protocol.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadData(_) | Self::TooLong => "bad_data",
            Self::TooMany(_) => "too_many",
            Self::Store(_) => "unavailable",
        }
    }
}

/// Done, but not as it seems to be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The path leads to texts only, and a key is none.
    KeyNeverMatches,
}

impl Warning {
    /// Its code in the protocol.
    pub fn code(self) -> &'static str {
        match self {
            Self::KeyNeverMatches => "key_never_matches",
        }
    }
}

/// All registrations.
pub struct Registrations {
    env: Env,
    records: Records,
    /// For matching.
    pub index: Index,
    limit: usize,
    lanes: [Mutex<()>; LANES],
}

impl Registrations {
    pub(crate) fn load(env: Env, records: Records, limit: usize) -> Result<Self, StoreError> {
        let index = Index::default();
        records.load(Kind::Registration, |registration: Registration| {
            let keys = registered_keys(&registration.data).unwrap_or_default();
            index.insert(Registered { registration, keys });
        })?;
        Ok(Self {
            env,
            records,
            index,
            limit,
            lanes: std::array::from_fn(|_| Mutex::default()),
        })
    }

    /// Registers a hub for a webhook whose secret it has shown, or replaces its data. `data` is
    /// JSON text. The same data again writes nothing, so that hubs may register at every connect.
    ///
    /// # Errors
    /// The data cannot be used, there are too many, or it was not stored.
    pub async fn register(
        &self,
        hub_id: HubId,
        webhook: &Arc<LiveWebhook>,
        data: &str,
    ) -> Result<Option<Warning>, RegisterError> {
        if data.len() > DATA_BYTES_MAX {
            return Err(RegisterError::TooLong);
        }
        let keys = registered_keys(data)?;
        let webhook_id = webhook.record.id;
        let never_matches = |key| {
            let path = webhook.path.as_ref();
            path.is_some_and(|path| !path.can_match(key))
        };
        let warning = keys
            .iter()
            .any(never_matches)
            .then_some(Warning::KeyNeverMatches);

        let _turn = self.lane(hub_id).lock().await;
        let before = self.index.get(webhook_id, hub_id);
        match before {
            Some(before) if before.registration.data == data => return Ok(warning),
            None if self.index.count_of_hub(hub_id) >= self.limit => {
                return Err(RegisterError::TooMany(self.limit));
            }
            _ => {}
        }
        let registration = Registration {
            webhook_id,
            hub_id,
            data: data.to_owned(),
            updated_at: self.env.now(),
        };
        let id = record_id(webhook_id, hub_id);
        self.records
            .put(Kind::Registration, id, &registration)
            .await?;
        self.index.insert(Registered { registration, keys });
        Ok(warning)
    }

    /// Ends a registration; false where there is none.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn unregister(&self, hub: HubId, webhook: WebhookId) -> Result<bool, StoreError> {
        let _turn = self.lane(hub).lock().await;
        if self.index.get(webhook, hub).is_none() {
            return Ok(false);
        }
        let id = record_id(webhook, hub);
        let change = RecordChange::Delete(Kind::Registration, id);
        self.records.change(vec![change]).await?;
        Ok(self.index.remove(webhook, hub))
    }

    /// Ends all registrations of a hub that is gone.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn remove_hub(&self, hub: HubId) -> Result<(), StoreError> {
        let _turn = self.lane(hub).lock().await;
        let webhooks = self.index.of_hub(hub);
        self.remove_all(webhooks.into_iter().map(|webhook| (webhook, hub)))
            .await
    }

    /// Ends all registrations for a webhook that is gone.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn remove_webhook(&self, webhook: WebhookId) -> Result<(), StoreError> {
        let hubs = self.index.of_webhook(webhook);
        self.remove_all(hubs.into_iter().map(|hub| (webhook, hub)))
            .await
    }

    async fn remove_all(
        &self,
        ends: impl Iterator<Item = (WebhookId, HubId)> + Clone,
    ) -> Result<(), StoreError> {
        let changes = ends
            .clone()
            .map(|(webhook, hub)| RecordChange::Delete(Kind::Registration, record_id(webhook, hub)))
            .collect();
        self.records.change(changes).await?;
        for (webhook, hub) in ends {
            self.index.remove(webhook, hub);
        }
        Ok(())
    }

    fn lane(&self, hub: HubId) -> &Mutex<()> {
        &self.lanes[usize::from(hub.bytes()[0]) % LANES]
    }
}

impl std::fmt::Debug for Registrations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registrations")
            .field("count", &self.index.len())
            .finish_non_exhaustive()
    }
}

fn record_id(webhook: WebhookId, hub: HubId) -> String {
    format!("{webhook}.{hub}")
}
