//! The store's schema: whose file it is, which version it has, and how it reaches ours.
//!
//! To change the schema, add a file to `migrations/` and one line to [`MIGRATIONS`]; a
//! migration that was released is never edited again.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, TransactionBehavior};

use super::connection::{create_private, uncreated};
use super::error::StoreError;

/// Written into SQLite's header ("HRTH"), so that a Hearth store is told from other SQLite files.
pub(super) const APPLICATION_ID: i32 = 0x4852_5448;

/// In order; the schema version is the number of migrations applied.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_documents_and_states.sql")];

/// What stands at the store's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Nothing yet.
    Empty,
    /// A Hearth store of this schema version.
    Hearth(i64),
    /// Someone else's data.
    Foreign,
}

/// Refuses a foreign file and one with a schema newer than `migrations`; changes nothing.
pub(super) fn check(
    connection: &Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let content = inspect(connection).map_err(|source| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::CannotOpen) => StoreError::Open {
            path: path.to_path_buf(),
            source: Arc::new(source),
        },
        _ => StoreError::from_sqlite(path, source),
    })?;
    version_of(content, path, migrations).map(|_| ())
}

/// Copies a store that is to be migrated, once for each schema version that it leaves behind:
/// `hearth.db` of schema 1 to `hearth.db.schema-1`. The copy is kept; a migration that did harm
/// is undone by putting it back.
pub(super) fn keep_copy(
    connection: &Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let sqlite = |source| StoreError::from_sqlite(path, source);
    let content = inspect(connection).map_err(sqlite)?;
    let version = version_of(content, path, migrations)?;
    if version == 0 || version == migrations.len() {
        return Ok(());
    }
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".schema-{version}{ending}"));
        PathBuf::from(name)
    };
    let (copy, part) = (beside(""), beside(".part"));
    // What an earlier attempt left, which a power cut ended.
    let _ = fs::remove_file(&part);
    create_private(&part)?;
    connection
        .execute("VACUUM INTO ?1", [part.to_string_lossy()])
        .map_err(sqlite)?;
    fs::File::open(&part)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&part, &copy))
        .map_err(|error| uncreated(&copy, error))?;
    tracing::info!(copy = %copy.display(), "kept a copy of the store before changing its schema");
    Ok(())
}

/// Applies the migrations that the file lacks, all of them or none.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let sqlite = |source| StoreError::from_sqlite(path, source);
    // Most starts find nothing to do and need not wait for a running hub's write lock.
    let content = inspect(connection).map_err(sqlite)?;
    if version_of(content, path, migrations)? == migrations.len() {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(sqlite)?;
    // Looked at again under the write lock: another process may just have migrated.
    let content = inspect(&transaction).map_err(sqlite)?;
    let applied = version_of(content, path, migrations)?;
    for (index, migration) in migrations.iter().enumerate().skip(applied) {
        let version = index as i64 + 1;
        transaction
            .execute_batch(migration)
            .and_then(|()| transaction.pragma_update(None, "user_version", version))
            .map_err(|source| StoreError::Migrate {
                path: path.to_path_buf(),
                version,
                source: Arc::new(source),
            })?;
    }
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(sqlite)?;
    transaction.commit().map_err(sqlite)
}

fn inspect(connection: &Connection) -> rusqlite::Result<Content> {
    let (application, version, objects): (i32, i64, i64) = connection.query_row(
        "SELECT (SELECT application_id FROM pragma_application_id),
                (SELECT user_version FROM pragma_user_version),
                (SELECT count(*) FROM sqlite_schema)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    Ok(match (application, version, objects) {
        (APPLICATION_ID, 1.., _) => Content::Hearth(version),
        (0, 0, 0) => Content::Empty,
        _ => Content::Foreign,
    })
}

/// How many of `migrations` the file has had.
fn version_of(content: Content, path: &Path, migrations: &[&str]) -> Result<usize, StoreError> {
    let known = migrations.len();
    match content {
        Content::Empty => Ok(0),
        Content::Foreign => Err(StoreError::Foreign {
            path: path.to_path_buf(),
        }),
        Content::Hearth(found) => match usize::try_from(found) {
            Ok(version) if version <= known => Ok(version),
            _ => Err(StoreError::NewerSchema {
                path: path.to_path_buf(),
                found,
                known: known as i64,
            }),
        },
    }
}
