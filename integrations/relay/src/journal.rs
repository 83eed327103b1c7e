//! What the link does not forget: cursors, the deliveries of the last day, which webhooks it
//! registered. A message is acknowledged when its place here is on the disk.

use std::collections::{BTreeMap, BTreeSet};

use hearth_core::store::{Batch, Store, StoreError};
use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;

use crate::cloudhooks::Cloudhooks;

const CURSORS: &str = "relay.cursor";
const DELIVERIES: &str = "relay.delivery";
/// Webhooks at the relay that integrations registered, by their ids.
pub(crate) const WEBHOOKS: &str = "relay.webhook";

#[derive(Serialize, Deserialize)]
struct Cursor {
    relay: String,
    seq: u64,
}

#[derive(Serialize, Deserialize)]
struct Delivery {
    at: Timestamp,
}

/// A webhook that the relay knows this hub for.
#[derive(Serialize, Deserialize)]
pub(crate) struct Registered {
    pub(crate) relay: String,
}

/// What the store remembers of one relay.
pub(crate) struct Remembered {
    pub(crate) cursors: BTreeMap<u32, u64>,
    /// The oldest first.
    pub(crate) seen: Vec<(String, Timestamp)>,
    pub(crate) webhooks: Vec<String>,
    pub(crate) cloudhooks: Cloudhooks,
}

impl Remembered {
    /// Reads it. Blocks.
    pub(crate) fn load(store: &Store, relay: &str) -> Result<Self, StoreError> {
        let mut cursors = BTreeMap::new();
        store
            .collection::<Cursor>(CURSORS)
            .visit_valid(|id, cursor| {
                if let (true, Ok(shard)) = (cursor.relay == relay, id.parse()) {
                    cursors.insert(shard, cursor.seq);
                }
            })?;
        let mut seen = Vec::new();
        store
            .collection::<Delivery>(DELIVERIES)
            .visit_valid(|id, delivery| seen.push((id.to_owned(), delivery.at)))?;
        seen.sort_unstable_by_key(|(_, at)| *at);
        let mut webhooks = Vec::new();
        store
            .collection::<Registered>(WEBHOOKS)
            .visit_valid(|id, registered| {
                if registered.relay == relay {
                    webhooks.push(id.to_owned());
                }
            })?;
        Ok(Self {
            cursors,
            seen,
            webhooks,
            cloudhooks: Cloudhooks::load(store, relay)?,
        })
    }
}

/// Changes on their way to the disk, as many together as come while others are written.
pub(crate) struct Journal {
    store: Store,
    relay: String,
    /// What is on the disk.
    cursors: BTreeMap<u32, u64>,
    waiting: Changes,
    is_storing: bool,
}

struct Changes {
    batch: Batch,
    /// Shards of which messages were taken.
    shards: BTreeSet<u32>,
    turns: Vec<Option<OwnedSemaphorePermit>>,
}

/// Changes that are being written.
pub(crate) struct Storing {
    batch: Batch,
    cursors: BTreeMap<u32, u64>,
    turns: Vec<Option<OwnedSemaphorePermit>>,
}

/// Changes that were written.
pub(crate) struct Stored {
    /// What can be acknowledged.
    pub(crate) cursors: BTreeMap<u32, u64>,
    /// Given back now.
    _turns: Vec<Option<OwnedSemaphorePermit>>,
}

impl Journal {
    pub(crate) fn new(store: Store, relay: String, cursors: BTreeMap<u32, u64>) -> Self {
        Self {
            waiting: Changes::new(&store),
            store,
            relay,
            cursors,
            is_storing: false,
        }
    }

    /// The last messages that were taken and stored.
    pub(crate) fn cursors(&self) -> &BTreeMap<u32, u64> {
        &self.cursors
    }

    /// A message of this shard was taken; with its delivery, where that is new.
    pub(crate) fn took(
        &mut self,
        shard: u32,
        delivery: Option<(&str, Timestamp)>,
        forgotten: Vec<String>,
        turn: Option<OwnedSemaphorePermit>,
    ) {
        self.waiting.shards.insert(shard);
        self.waiting.turns.push(turn);
        if let Some((id, at)) = delivery {
            let put = self.waiting.batch.put(DELIVERIES, id, &Delivery { at });
            if let Err(error) = put {
                tracing::error!(%error, "a delivery is not remembered");
            }
        }
        for id in forgotten {
            self.waiting.batch.delete(DELIVERIES, &id);
        }
    }

    /// What waits, if nothing is being written; `cursor` says up to where a shard was taken.
    pub(crate) fn begin(&mut self, cursor: impl Fn(u32) -> Option<u64>) -> Option<Storing> {
        if self.is_storing || self.waiting.turns.is_empty() {
            return None;
        }
        let mut changes = std::mem::replace(&mut self.waiting, Changes::new(&self.store));
        let mut cursors = BTreeMap::new();
        for shard in changes.shards {
            let Some(seq) = cursor(shard) else { continue };
            let relay = self.relay.clone();
            let put = changes
                .batch
                .put(CURSORS, &shard.to_string(), &Cursor { relay, seq });
            match put {
                Ok(()) => drop(cursors.insert(shard, seq)),
                Err(error) => tracing::error!(%error, "a cursor is not stored"),
            }
        }
        self.is_storing = true;
        Some(Storing {
            batch: changes.batch,
            cursors,
            turns: changes.turns,
        })
    }

    /// They are on the disk, or not.
    pub(crate) fn end(&mut self, stored: &Result<Stored, StoreError>) {
        self.is_storing = false;
        if let Ok(stored) = stored {
            self.cursors.extend(&stored.cursors);
        }
    }
}

impl Changes {
    fn new(store: &Store) -> Self {
        Self {
            batch: store.batch(),
            shards: BTreeSet::new(),
            turns: Vec::new(),
        }
    }
}

impl Storing {
    /// Writes them.
    pub(crate) async fn store(self) -> Result<Stored, StoreError> {
        self.batch.commit().await?;
        Ok(Stored {
            cursors: self.cursors,
            _turns: self.turns,
        })
    }
}

/// Lets the store make a change that nobody waits for; a failure is told.
pub(crate) fn later(
    change: impl Future<Output = Result<(), StoreError>> + 'static,
    failure: &'static str,
) {
    actix_rt::spawn(async move {
        if let Err(error) = change.await {
            tracing::error!(%error, "{failure}");
        }
    });
}
