//! What can go wrong with the store, in words for the person who has to mend it.
//!
//! No variant carries a document's content: a registration's body holds secrets, and its id
//! alone opens a door. Ids are therefore cut to their first eight characters.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::ErrorCode;

/// Why the store could not be opened, read or written.
///
/// Cheap to clone: when a whole group of writes fails together, each caller gets the same error.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file's folder, or the file itself, could not be created or given its access mode.
    #[error("the store's file {path} cannot be created: {source}")]
    Create {
        /// The folder or file concerned.
        path: PathBuf,
        /// What the operating system answered.
        source: Arc<io::Error>,
    },
    /// SQLite could not open the file.
    #[error("the store {path} cannot be opened: {source}")]
    Open {
        /// The store's file.
        path: PathBuf,
        /// What SQLite answered.
        source: Arc<rusqlite::Error>,
    },
    /// The file is empty or missing, and a log of it is there. Both were left as they are.
    #[error(
        "the store {path} is empty or missing, but its log {log} is not: its content was lost. \
         Put a copy of the store in its place, or move the log away to begin anew"
    )]
    Lost {
        /// The store's file.
        path: PathBuf,
        /// Its log.
        log: PathBuf,
    },
    /// The file exists and is not a Hearth store. It was left as it is.
    #[error("{path} is not a Hearth store and was left as it is; choose another data folder")]
    Foreign {
        /// The file that was refused.
        path: PathBuf,
    },
    /// The file's schema is newer than this program. It was left as it is.
    #[error(
        "the store {path} was written by a newer Hearth (schema {found}; this one knows {known}); \
         run that version, or restore a copy made before the upgrade"
    )]
    NewerSchema {
        /// The store's file.
        path: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The newest schema version that this program knows.
        known: i64,
    },
    /// Bringing the file to this program's schema failed; it still has its old schema.
    #[error("the store {path} could not be brought to schema {version}: {source}")]
    Migrate {
        /// The store's file.
        path: PathBuf,
        /// The schema version that could not be reached.
        version: i64,
        /// What SQLite answered.
        source: Arc<rusqlite::Error>,
    },
    /// The file is damaged.
    #[error("the store {path} is damaged ({source}); restore it from a backup")]
    Corrupt {
        /// The store's file.
        path: PathBuf,
        /// What SQLite answered.
        source: Arc<rusqlite::Error>,
    },
    /// There is no room left for the write.
    #[error("the disk that holds the store {path} is full")]
    DiskFull {
        /// The store's file.
        path: PathBuf,
    },
    /// Another program held the file's write lock for longer than
    /// [`StoreSettings::lock_wait`](super::StoreSettings::lock_wait).
    #[error("the store is busy: another program holds its write lock; try again")]
    Busy,
    /// The store was closed, or its writer has ended with the actor system.
    #[error("the store is closed")]
    Closed,
    /// [`Store::open`](super::Store::open) was called outside a running actix system.
    #[error("the store needs a running actix system")]
    NoSystem,
    /// The writer thread panicked on this write. It was not stored; later writes go on.
    #[error("the store's writer panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// A document could not be turned into JSON.
    #[error("the document {id}… of {collection} cannot be encoded: {source}")]
    Encode {
        /// The document's collection.
        collection: &'static str,
        /// The first eight characters of the document's id.
        id: String,
        /// What serde_json answered.
        source: Arc<serde_json::Error>,
    },
    /// A stored document is not what its collection expects.
    ///
    /// serde_json's own message is left out on purpose: it quotes the value that it met.
    #[error("the document {id}… of {collection} is not valid ({problem}, column {column})")]
    Decode {
        /// The document's collection.
        collection: &'static str,
        /// The first eight characters of the document's id.
        id: String,
        /// What kind of problem it is.
        problem: &'static str,
        /// Where in the one-line body it was noticed, counted in bytes from 1.
        column: usize,
    },
    /// Any other failure of SQLite.
    #[error("the store failed: {0}")]
    Sql(#[source] Arc<rusqlite::Error>),
}

impl StoreError {
    /// Names what SQLite answered while working on the file at `path`.
    pub(super) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::NotADatabase) => Self::Foreign { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt {
                path,
                source: Arc::new(source),
            },
            _ => Self::Sql(Arc::new(source)),
        }
    }

    pub(super) fn encode(collection: &'static str, id: &str, source: serde_json::Error) -> Self {
        Self::Encode {
            collection,
            id: shortened(id),
            source: Arc::new(source),
        }
    }

    pub(super) fn decode(collection: &'static str, id: &str, source: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        Self::Decode {
            collection,
            id: shortened(id),
            problem: match source.classify() {
                Category::Io => "it could not be read",
                Category::Syntax => "it is not JSON",
                Category::Data => "a field is missing or has the wrong type",
                Category::Eof => "it ends too early",
            },
            column: source.column(),
        }
    }

    /// Whether the cause lies outside the batch that met it, so that trying other batches
    /// now would fail, or wait for the lock, again.
    pub(super) fn concerns_every_batch(&self) -> bool {
        match self {
            Self::Busy | Self::Closed | Self::Corrupt { .. } | Self::Foreign { .. } => true,
            Self::Sql(source) => matches!(
                source.sqlite_error_code(),
                Some(ErrorCode::SystemIoFailure | ErrorCode::ReadOnly | ErrorCode::CannotOpen)
            ),
            _ => false,
        }
    }
}

fn shortened(id: &str) -> String {
    id.chars().take(8).collect()
}
