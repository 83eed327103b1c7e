//! Typed documents of one kind.

use std::{fmt, marker::PhantomData};

use rusqlite::{OptionalExtension, types::ValueRef};
use serde::{Serialize, de::DeserializeOwned};

use super::{Store, error::StoreError};

/// How much one [`Collection::range`] reads at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeLimits {
    /// Documents.
    pub documents: usize,
    /// Bytes of their bodies. The first document is read whatever its size.
    pub bytes: usize,
}

/// What a [`Collection::range`] has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range<T> {
    /// In the order of their ids.
    pub documents: Vec<(String, T)>,
    /// Whether the limits left some out.
    pub has_more: bool,
}

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
        self.visit(|id, document| {
            visit(id, document?);
            Ok(())
        })
    }

    /// As [`Collection::visit_all`], where one bad document must not hide the others: it is handed
    /// on as its [`StoreError::Decode`], and stays in the store as it is.
    ///
    /// # Errors
    /// What SQLite met.
    pub fn visit_each(
        &self,
        mut visit: impl FnMut(&str, Result<T, StoreError>),
    ) -> Result<(), StoreError> {
        self.visit(|id, document| {
            visit(id, document);
            Ok(())
        })
    }

    /// As [`Collection::visit_all`], without the documents that are not a `T`: each is named in
    /// the log and stays in the store as it is, for a later version or a person to mend.
    ///
    /// # Errors
    /// What SQLite met.
    pub fn visit_valid(&self, mut visit: impl FnMut(&str, T)) -> Result<(), StoreError> {
        self.visit_each(|id, document| match document {
            Ok(document) => visit(id, document),
            Err(error) => tracing::error!(%error, "left out what the store holds; it stays there"),
        })
    }

    /// As [`Collection::load_all`], without the documents that are not a `T`; see
    /// [`Collection::visit_valid`].
    ///
    /// # Errors
    /// What SQLite met.
    pub fn load_valid(&self) -> Result<Vec<(String, T)>, StoreError> {
        let mut documents = Vec::new();
        self.visit_valid(|id, document| documents.push((id.to_owned(), document)))?;
        Ok(documents)
    }

    fn visit(
        &self,
        mut visit: impl FnMut(&str, Result<T, StoreError>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let connection = self.store.reader();
        let sqlite = |source| self.store.sqlite_error(source);
        let mut statement = connection
            .prepare_cached("SELECT id, body FROM document WHERE collection = ?1 ORDER BY id")
            .map_err(sqlite)?;
        let mut rows = statement.query([self.name]).map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            // The column is text; SQLite lends it until the next row.
            let id = row.get_ref(0).map_err(sqlite)?.as_str().unwrap_or_default();
            visit(id, self.decode(id, row.get_ref(1).map_err(sqlite)?))?;
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

    /// As [`Collection::get`], where a document that is not a `T` must not be in the way: it is
    /// named in the log, and counts as none.
    ///
    /// # Errors
    /// What SQLite met.
    pub fn get_valid(&self, id: &str) -> Result<Option<T>, StoreError> {
        match self.get(id) {
            Err(error @ StoreError::Decode { .. }) => {
                tracing::error!(%error, "passed over what the store holds");
                Ok(None)
            }
            other => other,
        }
    }

    /// Reads the documents whose ids stand between these two, which are left out, in the order of
    /// their ids and no more than the limits say. Ids are compared as bytes, so numbers in them
    /// want leading zeros. Blocks.
    ///
    /// # Errors
    /// As [`Collection::load_all`].
    pub fn range(
        &self,
        after: &str,
        before: &str,
        limits: RangeLimits,
    ) -> Result<Range<T>, StoreError> {
        let connection = self.store.reader();
        let sqlite = |source| self.store.sqlite_error(source);
        let mut statement = connection
            .prepare_cached(
                "SELECT id, body FROM document WHERE collection = ?1 AND id > ?2 AND id < ?3
                 ORDER BY id",
            )
            .map_err(sqlite)?;
        let mut rows = statement
            .query([self.name, after, before])
            .map_err(sqlite)?;
        let mut documents = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next().map_err(sqlite)? {
            let id = row.get_ref(0).map_err(sqlite)?.as_str().unwrap_or_default();
            let body = row.get_ref(1).map_err(sqlite)?;
            bytes += body.as_bytes().unwrap_or_default().len();
            let is_full = documents.len() >= limits.documents || bytes > limits.bytes;
            if is_full && !documents.is_empty() {
                return Ok(Range {
                    documents,
                    has_more: true,
                });
            }
            documents.push((id.to_owned(), self.decode(id, body)?));
        }
        Ok(Range {
            documents,
            has_more: false,
        })
    }

    /// Hands on every id between these two, which are left out, in their order and without reading
    /// a document. Blocks, and other reads wait for it, so `visit` must not read the store.
    ///
    /// # Errors
    /// What SQLite met.
    pub fn visit_ids(
        &self,
        after: &str,
        before: &str,
        mut visit: impl FnMut(&str),
    ) -> Result<(), StoreError> {
        let connection = self.store.reader();
        let sqlite = |source| self.store.sqlite_error(source);
        let mut statement = connection
            .prepare_cached(
                "SELECT id FROM document WHERE collection = ?1 AND id > ?2 AND id < ?3
                 ORDER BY id",
            )
            .map_err(sqlite)?;
        let mut rows = statement
            .query([self.name, after, before])
            .map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            visit(row.get_ref(0).map_err(sqlite)?.as_str().unwrap_or_default());
        }
        Ok(())
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
