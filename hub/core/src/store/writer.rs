//! The one thread that writes. It commits whatever has gathered while it was busy with the
//! group before, so the cost of a sync is shared by all who wait for it.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
    sync::Arc,
    time::Duration,
};

use actix::{Actor, Handler, Message, SyncContext};
use rusqlite::{Transaction, TransactionBehavior, params};

use super::{
    batch::Change,
    connection::Connections,
    error::StoreError,
    queue::{Durability, Waiting, Write, WriteQueue},
};

/// How long a closing store waits for another program that is reading the file.
const CHECKPOINT_WAIT: Duration = Duration::from_secs(1);

/// Tells the writer to look into its queue. Sent when the queue stops being unattended, so at
/// most one is on its way.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Flush;

pub(super) struct Writer {
    connections: Arc<Connections>,
    queue: Arc<WriteQueue>,
    /// What SQLite was last told about syncing; `None` before the first commit.
    syncing: Option<Durability>,
}

impl Writer {
    pub(super) fn new(connections: Arc<Connections>, queue: Arc<WriteQueue>) -> Self {
        Self {
            connections,
            queue,
            syncing: None,
        }
    }

    fn serve(&mut self, waiting: Waiting) {
        self.commit_group(waiting.writes);
        if waiting.closers.is_empty() {
            return;
        }
        let outcome = self.checkpoint();
        for closer in waiting.closers {
            let _gone = closer.send(outcome.clone());
        }
    }

    /// Commits all in one transaction; if that fails, finds out whose fault it was.
    fn commit_group(&mut self, writes: Vec<Write>) {
        if writes.is_empty() {
            return;
        }
        match self.attempt(&writes) {
            Err(error) if writes.len() > 1 && !error.concerns_every_batch() => {
                self.commit_each(writes);
            }
            outcome => {
                if let Err(error) = &outcome {
                    tracing::error!(%error, writes = writes.len(), "writes were not stored");
                }
                answer_all(writes, &outcome);
            }
        }
    }

    /// Each write in a transaction of its own, so that a bad one fails alone.
    fn commit_each(&mut self, writes: Vec<Write>) {
        let mut writes = writes.into_iter();
        while let Some(write) = writes.next() {
            let outcome = self.attempt(slice::from_ref(&write));
            let _gone = write.reply.send(outcome.clone());
            if let Err(error) = outcome {
                tracing::error!(%error, "a write was not stored");
                if error.concerns_every_batch() {
                    return answer_all(writes, &Err(error));
                }
            }
        }
    }

    /// One transaction; on any error, also a panic, nothing of it is stored.
    fn attempt(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        // What a panic leaves behind is sound: the transaction is rolled back as it unwinds,
        // and `syncing` is set only after SQLite has been told.
        match catch_unwind(AssertUnwindSafe(|| self.transact(writes))) {
            Ok(outcome) => {
                let outcome = outcome
                    .map_err(|source| StoreError::from_sqlite(&self.connections.path, source));
                *self.connections.trouble.lock() = outcome.as_ref().err().cloned();
                outcome
            }
            Err(payload) => Err(StoreError::Panicked {
                message: panic_message(payload.as_ref()),
            }),
        }
    }

    fn transact(&mut self, writes: &[Write]) -> rusqlite::Result<()> {
        let mut connection = self.connections.writer.lock();
        let durability = if writes.iter().any(|w| w.durability == Durability::Synced) {
            Durability::Synced
        } else {
            Durability::WrittenBehind
        };
        if self.syncing != Some(durability) {
            let level = match durability {
                Durability::Synced => "full",
                Durability::WrittenBehind => "normal",
            };
            connection.pragma_update(None, "synchronous", level)?;
            self.syncing = Some(durability);
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in writes.iter().flat_map(|write| &write.changes) {
            apply(&transaction, change)?;
        }
        transaction.commit()
    }

    /// Moves the write-ahead log into the file and empties it.
    fn checkpoint(&self) -> Result<(), StoreError> {
        let connection = self.connections.writer.lock();
        connection
            .busy_timeout(CHECKPOINT_WAIT)
            .and_then(|()| {
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            })
            .map(|blocked: bool| {
                if blocked {
                    // Nothing is lost: the next start reads the log.
                    tracing::info!("the store's log stays: another program is reading it");
                }
            })
            .map_err(|source| StoreError::from_sqlite(&self.connections.path, source))
    }
}

impl Actor for Writer {
    type Context = SyncContext<Self>;
}

impl Handler<Flush> for Writer {
    type Result = ();

    fn handle(&mut self, _: Flush, _: &mut Self::Context) {
        let waiting = self.queue.take();
        self.serve(waiting);
    }
}

impl Drop for Writer {
    /// The last handle has gone, or the actor system ends: what was queued is still stored.
    fn drop(&mut self) {
        let waiting = self.queue.end();
        self.serve(waiting);
    }
}

fn answer_all(writes: impl IntoIterator<Item = Write>, outcome: &Result<(), StoreError>) {
    for write in writes {
        let _gone = write.reply.send(outcome.clone());
    }
}

fn apply(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
    match change {
        Change::PutDocument {
            collection,
            id,
            body,
        } => transaction
            .prepare_cached(
                "INSERT INTO document (collection, id, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (collection, id) DO UPDATE SET body = excluded.body",
            )?
            .execute(params![collection, id, body]),
        Change::DeleteDocument { collection, id } => transaction
            .prepare_cached("DELETE FROM document WHERE collection = ?1 AND id = ?2")?
            .execute(params![collection, id]),
        Change::DeleteDocuments {
            collection,
            after,
            before,
        } => transaction
            .prepare_cached("DELETE FROM document WHERE collection = ?1 AND id > ?2 AND id < ?3")?
            .execute(params![collection, after, before]),
        Change::SaveState(state) => transaction
            .prepare_cached(
                "INSERT INTO state (entity_id, state, attributes, last_changed, last_updated)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (entity_id) DO UPDATE SET
                     state = excluded.state, attributes = excluded.attributes,
                     last_changed = excluded.last_changed, last_updated = excluded.last_updated",
            )?
            .execute(params![
                state.entity_id,
                state.state,
                state.attributes,
                state.last_changed,
                state.last_updated
            ]),
        Change::RemoveState(entity_id) => transaction
            .prepare_cached("DELETE FROM state WHERE entity_id = ?1")?
            .execute(params![entity_id]),
        #[cfg(test)]
        Change::Panic => panic!("a defect"),
    }
    .map(|_rows| ())
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
