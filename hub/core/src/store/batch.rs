//! Changes that become durable together.

use std::fmt;

use serde::Serialize;

use super::{Store, StoredState, error::StoreError, queue::Durability};

/// One change to the database; bodies are compact JSON.
pub(super) enum Change {
    PutDocument {
        collection: &'static str,
        id: String,
        body: String,
    },
    DeleteDocument {
        collection: &'static str,
        id: String,
    },
    DeleteDocuments {
        collection: &'static str,
        after: String,
        before: String,
    },
    SaveState(StoredState),
    RemoveState(String),
    /// Stands for a defect in the writer, to show what callers then see.
    #[cfg(test)]
    Panic,
}

/// Several puts and deletes that become durable together, or not at all.
///
/// They are applied in the order in which they were added. Nothing happens until
/// [`commit`](Batch::commit); a batch that is dropped leaves no trace.
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    store: Store,
    changes: Vec<Change>,
}

impl Batch {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            changes: Vec::new(),
        }
    }

    /// Adds a document, which replaces the one with the same id.
    ///
    /// # Errors
    /// [`StoreError::Encode`] if `doc` has no JSON form; the batch is then as it was.
    pub fn put<T: Serialize>(
        &mut self,
        collection: &'static str,
        id: &str,
        doc: &T,
    ) -> Result<(), StoreError> {
        let body = serde_json::to_string(doc).map_err(|e| StoreError::encode(collection, id, e))?;
        self.changes.push(Change::PutDocument {
            collection,
            id: id.to_owned(),
            body,
        });
        Ok(())
    }

    /// Adds the removal of a document; one that does not exist is no error.
    pub fn delete(&mut self, collection: &'static str, id: &str) {
        self.changes.push(Change::DeleteDocument {
            collection,
            id: id.to_owned(),
        });
    }

    /// Adds the removal of all documents whose ids stand between these two, which are spared.
    pub fn delete_range(&mut self, collection: &'static str, after: &str, before: &str) {
        self.changes.push(Change::DeleteDocuments {
            collection,
            after: after.to_owned(),
            before: before.to_owned(),
        });
    }

    /// Adds the changes of another batch behind this one's.
    pub fn append(&mut self, mut other: Batch) {
        self.changes.append(&mut other.changes);
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Resolves when all changes are on the disk; an empty batch does so at once.
    ///
    /// While the queue is full this waits for room. A future that is dropped while it waits
    /// for room writes nothing; dropped later, the changes are stored all the same.
    ///
    /// # Errors
    /// None of the changes was stored: [`StoreError::Closed`], [`StoreError::Busy`],
    /// [`StoreError::DiskFull`], or what else SQLite met.
    pub fn commit(self) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        self.store.write(self.changes, Durability::Synced)
    }

    #[cfg(test)]
    pub(super) fn panic(&mut self) {
        self.changes.push(Change::Panic);
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bodies hold secrets, ids open doors: only the number is shown.
        f.debug_struct("Batch")
            .field("changes", &self.changes.len())
            .finish_non_exhaustive()
    }
}
