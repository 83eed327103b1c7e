//! Notifications that wait, in the store: written one after the other, those that come together in
//! one commit.

use hearth_core::ids::ConfigEntryId;
use hearth_core::store::{Batch, Store, StoreError};
use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::outbox::{Letter, PushError, Waiting};
use super::payload::Payload;

/// Where the store keeps them, by config entry and number.
const COLLECTION: &str = "mobile_app.notifications";

/// One as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Whose phone it is for.
    pub(super) entry_id: ConfigEntryId,
    pub(super) payload: Payload,
    pub(super) expires_at: Timestamp,
    /// It was sent on a channel before, by this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) confirm_id: Option<String>,
}

enum Change {
    Put(String, Kept, Option<Waiting>),
    Delete(String),
    /// Answered when all before it is stored.
    Settle(oneshot::Sender<()>),
}

/// See the module's guide. Ends when it is dropped and all is written.
pub(super) struct Journal(mpsc::UnboundedSender<Change>);

impl Journal {
    /// Starts its task on this arbiter. What waits in it is bounded by what may wait for phones.
    pub(super) fn start(store: Store) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        actix_rt::spawn(write(store, receiver));
        Self(sender)
    }

    /// What was kept when the hub last ran, in order, with its numbers; blocking, at start.
    pub(super) fn load(store: &Store) -> Result<Vec<(u64, Kept)>, StoreError> {
        let mut all = Vec::new();
        store
            .collection::<Kept>(COLLECTION)
            .visit_each(|key, kept| match (number(key), kept) {
                (Some(seq), Ok(kept)) => all.push((seq, kept)),
                (None, _) => tracing::error!("a kept notification has no number"),
                (_, Err(error)) => tracing::error!(%error, "a kept notification is left out"),
            })?;
        all.sort_unstable_by_key(|(seq, _)| *seq);
        Ok(all)
    }

    /// Keeps a letter; whoever waits for it is told when it is stored.
    pub(super) fn put(&self, entry_id: ConfigEntryId, letter: &mut Letter) {
        letter.is_kept = true;
        let kept = Kept {
            entry_id,
            payload: letter.payload.clone(),
            expires_at: letter.expires_at,
            confirm_id: letter.confirm_id.clone(),
        };
        let waiting = letter.waiting.take();
        self.note(Change::Put(key(entry_id, letter.seq), kept, waiting));
    }

    /// Drops what was kept of a letter.
    pub(super) fn delete(&self, entry_id: ConfigEntryId, letter: &Letter) {
        if letter.is_kept {
            self.forget(entry_id, letter.seq);
        }
    }

    /// Drops what is kept under this number.
    pub(super) fn forget(&self, entry_id: ConfigEntryId, seq: u64) {
        self.note(Change::Delete(key(entry_id, seq)));
    }

    /// Waits until all is written.
    pub(super) fn settle(&self) -> impl Future<Output = ()> + 'static {
        let (sender, receiver) = oneshot::channel();
        self.note(Change::Settle(sender));
        async move {
            // The task ends with the hub only.
            let _ = receiver.await;
        }
    }

    fn note(&self, change: Change) {
        // Without its task the hub is going down.
        let _ = self.0.send(change);
    }
}

fn key(entry_id: ConfigEntryId, seq: u64) -> String {
    format!("{entry_id}-{seq:020}")
}

fn number(key: &str) -> Option<u64> {
    key.rsplit_once('-')?.1.parse().ok()
}

async fn write(store: Store, mut changes: mpsc::UnboundedReceiver<Change>) {
    while let Some(change) = changes.recv().await {
        let mut batch = store.batch();
        let (mut waiting, mut settled) = (Vec::new(), Vec::new());
        add(change, &mut batch, &mut waiting, &mut settled);
        while let Ok(change) = changes.try_recv() {
            add(change, &mut batch, &mut waiting, &mut settled);
        }
        let result = batch.commit().await.map_err(|error| {
            tracing::error!(%error, "notifications could not be stored");
            PushError::NotStored
        });
        for waiting in waiting {
            // A caller that has gone wants no answer.
            let _ = waiting.send(result.clone());
        }
        for settled in settled {
            let _ = settled.send(());
        }
    }
}

fn add(
    change: Change,
    batch: &mut Batch,
    waiting: &mut Vec<Waiting>,
    settled: &mut Vec<oneshot::Sender<()>>,
) {
    match change {
        Change::Put(key, kept, asker) => match batch.put(COLLECTION, &key, &kept) {
            Ok(()) => waiting.extend(asker),
            Err(error) => {
                tracing::error!(%error, "a notification could not be stored");
                if let Some(asker) = asker {
                    let _ = asker.send(Err(PushError::NotStored));
                }
            }
        },
        Change::Delete(key) => batch.delete(COLLECTION, &key),
        Change::Settle(sender) => settled.push(sender),
    }
}
