//! Typed documents of one kind.

use std::{fmt, marker::PhantomData};

use rusqlite::{OptionalExtension, types::ValueRef};
use serde::{Serialize, de::DeserializeOwned};

use super::{Store, error::StoreError};

/// The documents of one kind: JSON bodies of type `T`, found by id. A cheap handle.
pub struct Collection<T> {
    store: Store,
    name: &'static str,
    // `fn() -> T`: the handle holds no `T`, so it is Send and Sync whatever `T` is.
    document: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Collection<T> {
    pub(super) fn new(store: Store, name: &'static str) -> Self {
        Self {
            store,
            name,
            document: PhantomData,
        }
    }

    /// Stores a document under `id`, in place of the one that was there; resolves when it is
    /// on the disk. `doc` is encoded before this returns its future, which borrows nothing.
    ///
    /// Writes are applied in the order in which their futures are first polled.
    ///
    /// # Errors
    /// [`StoreError::Encode`] if `doc` has no JSON form, else as [`Batch::commit`](super::Batch::commit).
    pub fn put(
        &self,
        id: &str,
        doc: &T,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static + use<T> {
        let mut batch = self.store.batch();
        let encoded = batch.put(self.name, id, doc);
        async move {
            encoded?;
            batch.commit().await
        }
    }

    /// Removes the document under `id`, if there is one; resolves when that is on the disk.
    ///
    /// # Errors
    /// As [`Batch::commit`](super::Batch::commit).
    pub fn delete(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static + use<T> {
        let mut batch = self.store.batch();
        batch.delete(self.name, id);
        batch.commit()
    }

    /// Reads every document, in the order of their ids. Blocks: for the start, or a blocking thread.
    ///
    /// # Errors
    /// [`StoreError::Decode`] names the first document that is not a `T`; else what SQLite met.
    pub fn load_all(&self) -> Result<Vec<(String, T)>, StoreError> {
        let mut documents = Vec::new();
        self.visit_all(|id, document| documents.push((id.to_owned(), document)))?;
        Ok(documents)
    }

    /// Reads every document, in the order of their ids, and hands each on before it reads the
    /// next: a big collection is never in memory twice. Blocks, and other reads wait for it, so
    /// `visit` must not read the store.
    ///
    /// # Errors
    /// As [`Collection::load_all`]; documents before the bad one have been visited.
    pub fn visit_all(&self, mut visit: impl FnMut(&str, T)) -> Result<(), StoreError> {
        let connection = self.store.reader();
        let sqlite = |source| self.store.sqlite_error(source);
        let mut statement = connection
            .prepare_cached("SELECT id, body FROM document WHERE collection = ?1 ORDER BY id")
            .map_err(sqlite)?;
        let mut rows = statement.query([self.name]).map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            // The column is text; SQLite lends it until the next row.
            let id = row.get_ref(0).map_err(sqlite)?.as_str().unwrap_or_default();
            let document = self.decode(id, row.get_ref(1).map_err(sqlite)?)?;
            visit(id, document);
        }
        Ok(())
    }

    /// Reads one document. Blocks for the time of one lookup, or while a `load_all` runs.
    ///
    /// # Errors
    /// [`StoreError::Decode`] if it is not a `T`; else what SQLite met.
    pub fn get(&self, id: &str) -> Result<Option<T>, StoreError> {
        let connection = self.store.reader();
        let sqlite = |source| self.store.sqlite_error(source);
        let mut statement = connection
            .prepare_cached("SELECT body FROM document WHERE collection = ?1 AND id = ?2")
            .map_err(sqlite)?;
        statement
            .query_row([self.name, id], |row| {
                row.get_ref(0).map(|body| self.decode(id, body))
            })
            .optional()
            .map_err(sqlite)?
            .transpose()
    }

    /// Parses a body where SQLite holds it, without a copy.
    fn decode(&self, id: &str, body: ValueRef<'_>) -> Result<T, StoreError> {
        let body = body.as_bytes().unwrap_or_default();
        serde_json::from_slice(body).map_err(|e| StoreError::decode(self.name, id, &e))
    }
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            name: self.name,
            document: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Collection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collection")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
