//! What the hub must not forget: one SQLite file, or the same in memory.
//!
//! Two kinds of things are kept:
//!
//! * **Documents** – registrations, tokens, registry entries: any serde type, found by
//!   collection and id. [`Collection::put`] and [`Batch::commit`] resolve once the change is on
//!   the disk, so what is acknowledged after them outlives a power cut.
//! * **States** – the last state of each entity. [`Store::save_states`] writes many at once and
//!   does not wait for the disk: they outlive the process, and reach the disk with the next
//!   synced write or checkpoint.
//!
//! One thread writes. Callers put their changes into a bounded queue; the thread commits all
//! that it finds there in one transaction and then answers each caller, so a sync is paid once
//! for all who wait. A batch that fails does so alone. Reads block, and are meant for the start
//! of an integration: what is needed while the hub runs is held in memory by its owner. What is
//! too much for that, such as messages that wait, is read piece by piece with
//! [`Collection::range`], on a blocking thread.
//!
//! ```
//! use hearth_core::store::{Location, Store, StoreSettings};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Area { name: String }
//!
//! # fn main() -> Result<(), hearth_core::store::StoreError> {
//! actix::System::new().block_on(async {
//!     let store = Store::open(&Location::Memory, StoreSettings::default())?;
//!     let areas = store.collection::<Area>("area");
//!     areas.put("kitchen", &Area { name: "Kitchen".into() }).await?;
//!
//!     // Both or neither:
//!     let mut batch = store.batch();
//!     batch.put("area", "garden", &Area { name: "Garden".into() })?;
//!     batch.delete("area", "kitchen");
//!     batch.commit().await?;
//!
//!     let all = areas.load_all()?;
//!     assert_eq!(all.len(), 1);
//!     assert_eq!(all[0].0, "garden");
//!     assert_eq!(all[0].1.name, "Garden");
//!     store.close().await
//! })
//! # }
//! ```
//!
//! Start reading at [`Store::open`], then `queue.rs` and `writer.rs`. SQL is named in this
//! module only; the schema stands in `migrations/`.

mod batch;
mod collection;
mod connection;
mod error;
mod queue;
mod schema;
mod state;
#[cfg(test)]
mod tests;
mod writer;

use std::{fmt, path::PathBuf, sync::Arc, thread, time::Duration};

use actix::{Addr, SyncArbiter, System};
use parking_lot::MutexGuard;
use rusqlite::Connection;
use serde::{Serialize, de::DeserializeOwned};

pub use self::{
    batch::Batch,
    collection::{Collection, Range, RangeLimits},
    error::StoreError,
    state::{StateRow, StoredState},
};
use self::{
    batch::Change,
    connection::Connections,
    queue::{Durability, WriteQueue},
    writer::{Flush, Writer},
};

/// Where a store lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In memory, gone with the last handle: for labs and tests. Behaves like a file otherwise.
    Memory,
    /// In a file, which is made with mode 0600, in a folder made with mode 0700 where missing.
    File(PathBuf),
}

/// The store's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// The most changes (puts, deletes, states) that wait for the disk at once; further callers
    /// wait for room.
    pub queue: usize,
    /// How long a commit waits for another program that holds the file's write lock, such as a
    /// command-line tool, before it fails with [`StoreError::Busy`].
    pub lock_wait: Duration,
}

impl Default for StoreSettings {
    /// 65,536 changes, 5 seconds.
    fn default() -> Self {
        Self {
            queue: 65_536,
            lock_wait: Duration::from_secs(5),
        }
    }
}

/// A handle to the store; cheap to clone, usable from any thread.
///
/// When the last handle (also a [`Collection`] or [`Batch`] is one) is dropped, the writer
/// stores what is still queued and ends. A process that is about to exit calls
/// [`close`](Store::close), which waits for that.
#[derive(Clone)]
pub struct Store {
    connections: Arc<Connections>,
    queue: Arc<WriteQueue>,
    writer: Addr<Writer>,
}

impl Store {
    /// Opens or creates the store, brings its schema up to date and starts its writer.
    ///
    /// Blocks while it works. Another process may have the same file open; both may write.
    ///
    /// # Errors
    /// [`StoreError::NoSystem`] outside a running actix system. A file that is not a Hearth
    /// store ([`StoreError::Foreign`]) or has a newer schema ([`StoreError::NewerSchema`]) is
    /// left as it is.
    pub fn open(location: &Location, settings: StoreSettings) -> Result<Self, StoreError> {
        if System::try_current().is_none() {
            return Err(StoreError::NoSystem);
        }
        let connections = Arc::new(Connections::open(location, &settings)?);
        let queue = Arc::new(WriteQueue::new(settings.queue));
        let writer = SyncArbiter::start_with_thread_builder(
            1,
            || thread::Builder::new().name("store-writer".to_owned()),
            {
                let (connections, queue) = (Arc::clone(&connections), Arc::clone(&queue));
                move || Writer::new(Arc::clone(&connections), Arc::clone(&queue))
            },
        );
        Ok(Self {
            connections,
            queue,
            writer,
        })
    }

    /// The documents of one kind. Two types under one name would meet each other's documents:
    /// a name belongs to one owner.
    pub fn collection<T: Serialize + DeserializeOwned>(&self, name: &'static str) -> Collection<T> {
        Collection::new(self.clone(), name)
    }

    /// An empty batch.
    pub fn batch(&self) -> Batch {
        Batch::new(self.clone())
    }

    /// Stores entity states, then forgets the `removed` entities, together; resolves when the
    /// operating system has them. Batches that were committed before come first.
    ///
    /// # Errors
    /// As [`Batch::commit`].
    pub fn save_states(
        &self,
        changed: Vec<StoredState>,
        removed: Vec<String>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let changes = changed
            .into_iter()
            .map(Change::SaveState)
            .chain(removed.into_iter().map(Change::RemoveState))
            .collect();
        self.clone().write(changes, Durability::WrittenBehind)
    }

    /// Reads every stored state, in the order of entity ids. Blocks: for the start.
    ///
    /// # Errors
    /// What SQLite met.
    pub fn load_states(&self) -> Result<Vec<StoredState>, StoreError> {
        let mut states = Vec::new();
        self.visit_states(|row| states.push(row.into()))?;
        Ok(states)
    }

    /// Reads every stored state, in the order of entity ids, and hands each on before it reads
    /// the next. Blocks, and other reads wait for it, so `visit` must not read the store.
    ///
    /// # Errors
    /// What SQLite met.
    pub fn visit_states(&self, visit: impl FnMut(StateRow<'_>)) -> Result<(), StoreError> {
        state::visit_all(&self.reader(), visit).map_err(|e| self.sqlite_error(e))
    }

    /// Why the last write failed; `None` where it did not. A hub that finds trouble calls
    /// [`Store::try_again`] now and then, since nothing else may be written for long.
    pub fn trouble(&self) -> Option<StoreError> {
        self.connections.trouble.lock().clone()
    }

    /// Writes a document that nobody reads, to see whether writes succeed again.
    ///
    /// # Errors
    /// As [`Batch::commit`].
    pub async fn try_again(&self) -> Result<(), StoreError> {
        let trials = self.collection::<()>("core.trials");
        trials.put("last", &()).await
    }

    /// Stores all that is queued, moves the write-ahead log into the file, and from now on
    /// answers writes with [`StoreError::Closed`]. Reads go on. Closing twice is no error.
    ///
    /// To be awaited before the actix system is stopped: the writer is reached through it.
    ///
    /// # Errors
    /// What SQLite met while emptying the log; what was acknowledged is safe all the same.
    pub fn close(&self) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let store = self.clone();
        async move {
            let Some(queued) = store.queue.close().await else {
                return Ok(());
            };
            store.answer(queued).await
        }
    }

    async fn write(self, changes: Vec<Change>, durability: Durability) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let queued = self.queue.push(changes, durability).await?;
        self.answer(queued).await
    }

    async fn answer(&self, queued: queue::Queued) -> Result<(), StoreError> {
        if queued.wake {
            // Past the mailbox limit, which does not matter: at most one is on its way. Should
            // the writer be ending, it looks into the queue once more as it goes.
            self.writer.do_send(Flush);
        }
        queued.answer.await.unwrap_or(Err(StoreError::Closed))
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.connections.reader.lock()
    }

    fn sqlite_error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(&self.connections.path, source)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.connections.path)
            .finish_non_exhaustive()
    }
}
