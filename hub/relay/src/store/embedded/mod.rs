//! The store of a relay that is one node: a file beside it, written by hearth-core's store, which
//! commits all that has gathered at once.

mod appending;
mod dead_letters;
mod upkeep;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hearth_core::env::{Env, from_hex, to_hex};
use hearth_core::store::{Batch, Collection, RangeLimits, Store, StoreError};
use hearth_core::time::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::queue::{self, Entry, Queue, QueueLimits};
use super::seen::Seen;
use super::{
    Append, Appended, Delivery, Kind, Page, Position, Queued, ReadLimits, RecordChange, RelayStore,
    SeenKey, Seq, Usage,
};
use crate::ids::{DeliveryId, HubId};

const QUEUE: &str = "relay.queue";
const BURIED: &str = "relay.buried";
const POSITIONS: &str = "relay.positions";
const SEEN: &str = "relay.seen";
const NUMBERS: &str = "relay.numbers";

/// Messages of one hub that are set aside at most; the oldest goes.
const BURIED_MAX: usize = 100;

/// The embedded store. A cheap handle.
#[derive(Clone)]
pub struct Embedded(Arc<Inner>);

struct Inner {
    env: Env,
    store: Store,
    limits: QueueLimits,
    queues: DashMap<HubId, Queue>,
    seen: Mutex<Seen>,
    /// Held from drawing numbers until their write stands in the store's queue, so that messages
    /// are stored in the order of their numbers.
    numbers: Mutex<Numbers>,
    /// Hubs whose acknowledgements are not written.
    unwritten: Mutex<HashSet<HubId>>,
    expired: AtomicU64,
    displaced: AtomicU64,
    dead_letters: AtomicU64,
}

struct Numbers {
    next: Seq,
    /// The first number that is not reserved.
    reserved: Seq,
}

#[derive(Serialize, Deserialize)]
struct PositionDocument {
    acked: Seq,
    lost: Seq,
}

#[derive(Serialize, Deserialize)]
struct SeenDocument {
    delivery: DeliveryId,
    until: Timestamp,
}

impl Embedded {
    /// Reads where everything is. Blocks: for the start.
    ///
    /// # Errors
    /// What the store met.
    pub fn open(
        store: Store,
        env: Env,
        limits: QueueLimits,
        seen: usize,
    ) -> Result<Self, StoreError> {
        let queues: DashMap<HubId, Queue> = DashMap::new();
        let positions = store.collection::<PositionDocument>(POSITIONS);
        positions.visit_valid(|id, at| {
            if let Ok(hub) = id.parse() {
                queues.insert(hub, Queue::new(at.acked, at.lost));
            }
        })?;
        let mut greatest = queues
            .iter()
            .map(|queue| queue.position().newest)
            .max()
            .unwrap_or(0);
        store
            .collection::<Delivery>(QUEUE)
            .visit_ids("", queue::END, |id| {
                if let Some((hub, entry)) = Entry::of_document_id(id) {
                    queues.entry(hub).or_default().push(entry);
                    greatest = greatest.max(entry.seq);
                }
            })?;
        let reserved = store.collection::<Seq>(NUMBERS).get("next")?.unwrap_or(0);
        let next = reserved.max(greatest + 1);
        let now = env.now();
        let mut sights = Vec::new();
        store
            .collection::<SeenDocument>(SEEN)
            .visit_valid(|id, sight| {
                if let Some(bytes) = from_hex(id).filter(|_| now < sight.until) {
                    sights.push((sight.until, u128::from_be_bytes(bytes), sight.delivery));
                }
            })?;
        sights.sort_unstable();
        let mut table = Seen::new(seen);
        for (until, key, delivery) in sights {
            table.insert(SeenKey(key), delivery, until);
        }
        Ok(Self(Arc::new(Inner {
            env,
            store,
            limits,
            queues,
            seen: Mutex::new(table),
            numbers: Mutex::new(Numbers {
                next,
                reserved: next,
            }),
            unwritten: Mutex::default(),
            expired: AtomicU64::new(0),
            displaced: AtomicU64::new(0),
            dead_letters: AtomicU64::new(0),
        })))
    }

    /// Reads a page of a collection on a blocking thread.
    fn read_page(
        &self,
        collection: Collection<Delivery>,
        after: String,
        before: String,
        limits: RangeLimits,
    ) -> BoxFuture<'static, Result<Page, StoreError>> {
        let now = self.0.env.now().as_seconds();
        let reading =
            tokio::task::spawn_blocking(move || collection.range(&after, &before, limits));
        async move {
            let range = reading.await.map_err(|_| StoreError::Closed)??;
            let messages = range.documents.into_iter().filter_map(|(id, delivery)| {
                let (_, entry) = Entry::of_document_id(&id)?;
                (i64::from(entry.expires_s) > now).then(|| Queued {
                    seq: entry.seq,
                    delivery: Arc::new(delivery),
                })
            });
            Ok(Page {
                messages: messages.collect(),
                has_more: range.has_more,
            })
        }
        .boxed()
    }
}

impl Inner {
    fn collection(&self, name: &'static str) -> Collection<Delivery> {
        self.store.collection(name)
    }
}

impl RelayStore for Embedded {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Vec<Appended>, StoreError>> {
        let inner = Arc::clone(&self.0);
        async move { inner.append(append).await }.boxed()
    }

    fn read(
        &self,
        hub: HubId,
        after: Seq,
        limits: ReadLimits,
    ) -> BoxFuture<'static, Result<Page, StoreError>> {
        let limits = RangeLimits {
            documents: limits.messages,
            bytes: limits.bytes,
        };
        let queue = self.0.collection(QUEUE);
        self.read_page(queue, queue::behind(hub, after), queue::end(hub), limits)
    }

    fn position(&self, hub: HubId) -> Position {
        let queue = self.0.queues.get(&hub);
        queue.map(|queue| queue.position()).unwrap_or_default()
    }

    fn acked(&self, hub: HubId, through: Seq) {
        let Some(mut queue) = self.0.queues.get_mut(&hub) else {
            return;
        };
        if queue.ack(through).is_some() {
            self.0.unwritten.lock().insert(hub);
        }
    }

    fn flush(&self) -> BoxFuture<'static, Result<(), StoreError>> {
        let inner = Arc::clone(&self.0);
        async move { inner.flush().await }.boxed()
    }

    fn bury(&self, hub: HubId, seq: Seq) -> BoxFuture<'static, Result<(), StoreError>> {
        Arc::clone(&self.0).bury(hub, seq).boxed()
    }

    fn buried(&self, hub: HubId) -> BoxFuture<'static, Result<Vec<Queued>, StoreError>> {
        let limits = RangeLimits {
            documents: BURIED_MAX,
            bytes: self.0.limits.bytes,
        };
        let (after, before) = (hub.to_string(), queue::end(hub));
        let page = self.read_page(self.0.collection(BURIED), after, before, limits);
        async move { Ok(page.await?.messages) }.boxed()
    }

    fn replay(
        &self,
        hub: HubId,
        seq: Seq,
    ) -> BoxFuture<'static, Result<Option<Appended>, StoreError>> {
        Arc::clone(&self.0).replay(hub, seq).boxed()
    }

    fn forget(&self, hub: HubId) -> BoxFuture<'static, Result<(), StoreError>> {
        let mut batch = self.0.store.batch();
        for collection in [QUEUE, BURIED] {
            batch.delete_range(collection, &hub.to_string(), &queue::end(hub));
        }
        batch.delete(POSITIONS, &hub.to_string());
        self.0.queues.remove(&hub);
        batch.commit().boxed()
    }

    fn sweep(&self) -> BoxFuture<'static, Result<(), StoreError>> {
        let inner = Arc::clone(&self.0);
        async move {
            let collecting = tokio::task::spawn_blocking(move || inner.collect_expired());
            let batch = collecting.await.map_err(|_| StoreError::Closed)??;
            batch.commit().await
        }
        .boxed()
    }

    fn seen(&self, key: SeenKey) -> Option<DeliveryId> {
        self.0.seen.lock().get(key, self.0.env.now())
    }

    fn change(&self, changes: Vec<RecordChange>) -> BoxFuture<'static, Result<(), StoreError>> {
        let mut batch = self.0.store.batch();
        for change in changes {
            match change {
                RecordChange::Put(kind, id, record) => {
                    if let Err(error) = batch.put(records(kind), &id, &record) {
                        return std::future::ready(Err(error)).boxed();
                    }
                }
                RecordChange::Delete(kind, id) => batch.delete(records(kind), &id),
            }
        }
        batch.commit().boxed()
    }

    fn load(
        &self,
        kind: Kind,
        visit: &mut dyn FnMut(&str, Box<RawValue>),
    ) -> Result<(), StoreError> {
        let records = self.0.store.collection::<Box<RawValue>>(records(kind));
        records.visit_valid(|id, record| visit(id, record))
    }

    fn usage(&self) -> Usage {
        let (mut messages, mut bytes) = (0, 0);
        for queue in &self.0.queues {
            let size = queue.size();
            messages += size.0;
            bytes += size.1;
        }
        Usage {
            messages,
            bytes,
            expired: self.0.expired.load(Ordering::Relaxed),
            displaced: self.0.displaced.load(Ordering::Relaxed),
            dead_letters: self.0.dead_letters.load(Ordering::Relaxed),
        }
    }

    fn is_up(&self) -> bool {
        self.0.store.trouble().is_none()
    }

    fn close(&self) -> BoxFuture<'static, Result<(), StoreError>> {
        let inner = Arc::clone(&self.0);
        async move {
            inner.flush().await?;
            inner.store.close().await
        }
        .boxed()
    }
}

fn records(kind: Kind) -> &'static str {
    match kind {
        Kind::Webhook => "relay.webhooks",
        Kind::Hub => "relay.hubs",
        Kind::Registration => "relay.registrations",
        Kind::Cloudhook => "relay.cloudhooks",
    }
}

fn put_position(batch: &mut Batch, hub: HubId, queue: &Queue) -> Result<(), StoreError> {
    let position = PositionDocument {
        acked: queue.acked,
        lost: queue.lost,
    };
    batch.put(POSITIONS, &hub.to_string(), &position)
}

fn document_id(key: SeenKey) -> String {
    to_hex(&key.0.to_be_bytes())
}
