//! What the relay knows beside messages, in memory and in the store: each book is read at the
//! start, and a change is stored before it holds.

mod cloudhooks;
mod hubs;
mod registrations;
mod webhooks;

use std::sync::Arc;

use hearth_core::store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use cloudhooks::{CloudhookError, Cloudhooks, FoundCloudhook};
pub use hubs::{Hubs, SignIn};
pub use registrations::{DATA_BYTES_MAX, RegisterError, Registrations, Warning};
pub use webhooks::{LiveWebhook, WebhookError, Webhooks};

use crate::store::{Kind, RecordChange, RelayStore};

/// The store as the books use it.
#[derive(Clone)]
pub(crate) struct Records(Arc<dyn RelayStore>);

impl Records {
    pub(crate) fn new(store: Arc<dyn RelayStore>) -> Self {
        Self(store)
    }

    /// Reads the records of a kind. One that cannot be read is named in the log and left alone.
    fn load<T: DeserializeOwned>(
        &self,
        kind: Kind,
        mut visit: impl FnMut(T),
    ) -> Result<(), StoreError> {
        self.0.load(kind, &mut |id, record| {
            match serde_json::from_str(record.get()) {
                Ok(record) => visit(record),
                Err(error) => {
                    let id = id.get(..8).unwrap_or_default();
                    // Not the error's text: it may quote what it met.
                    let (line, column) = (error.line(), error.column());
                    tracing::error!(?kind, id, line, column, "left out what the store holds");
                }
            }
        })
    }

    async fn put(&self, kind: Kind, id: String, record: &impl Serialize) -> Result<(), StoreError> {
        let change = put(kind, id, record)?;
        self.0.change(vec![change]).await
    }

    async fn change(&self, changes: Vec<RecordChange>) -> Result<(), StoreError> {
        self.0.change(changes).await
    }
}

fn put(kind: Kind, id: String, record: &impl Serialize) -> Result<RecordChange, StoreError> {
    match serde_json::value::to_raw_value(record) {
        Ok(record) => Ok(RecordChange::Put(kind, id, record)),
        Err(error) => Err(StoreError::Encode {
            collection: "relay",
            id: id.chars().take(8).collect(),
            source: Arc::new(error),
        }),
    }
}
