//! Opens SQLite connections the way the store needs them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};

use super::{
    Location, StoreSettings,
    error::StoreError,
    schema::{self, MIGRATIONS},
};

/// The writer's page cache in KiB; SQLite takes it as pages are touched, and keeps it. The
/// operating system caches the file as well, so a miss costs a copy.
const WRITER_CACHE_KIB: i64 = 2 * 1024;

/// The reader's page cache in KiB: it reads collections from end to end, each page once.
const READER_CACHE_KIB: i64 = 256;

/// Pages that the write-ahead log may hold before a commit moves them into the file.
const CHECKPOINT_PAGES: i64 = 4_000;

/// The log's file is cut to this many bytes after a checkpoint, so that one burst does not
/// hold disk space for ever.
const LOG_BYTES_KEPT: i64 = 32 * 1024 * 1024;

/// The connections of one store. An in-memory database lives in a single connection, so there
/// both are the same; a file is read beside its writer, which never waits for a reader.
pub(super) struct Connections {
    /// The file, or `:memory:`; for error messages.
    pub(super) path: PathBuf,
    /// Used by the writer thread.
    pub(super) writer: Arc<Mutex<Connection>>,
    /// Used by blocking reads.
    pub(super) reader: Arc<Mutex<Connection>>,
    /// Why the last write failed; `None` where it did not.
    pub(super) trouble: Mutex<Option<StoreError>>,
}

impl Connections {
    pub(super) fn open(location: &Location, settings: &StoreSettings) -> Result<Self, StoreError> {
        match location {
            Location::Memory => Self::in_memory(),
            Location::File(path) => Self::of_file(path, settings.lock_wait),
        }
    }

    fn in_memory() -> Result<Self, StoreError> {
        let path = PathBuf::from(":memory:");
        let mut connection = Connection::open_in_memory().map_err(|e| unopened(&path, e))?;
        schema::migrate(&mut connection, &path, MIGRATIONS)?;
        let only = Arc::new(Mutex::new(connection));
        Ok(Self {
            path,
            writer: Arc::clone(&only),
            reader: only,
            trouble: Mutex::default(),
        })
    }

    fn of_file(path: &Path, lock_wait: Duration) -> Result<Self, StoreError> {
        refuse_lost(path)?;
        create_private(path)?;
        let mut writer = connect(path, lock_wait)?;
        // Before the first change of any kind: a file that is not ours stays as it is.
        schema::check(&writer, path, MIGRATIONS)?;
        make_private(path)?;
        configure_writer(&writer).map_err(|e| StoreError::from_sqlite(path, e))?;
        schema::keep_copy(&writer, path, MIGRATIONS)?;
        schema::migrate(&mut writer, path, MIGRATIONS)?;

        let reader = connect(path, lock_wait)?;
        reader
            .pragma_update(None, "query_only", true)
            .and_then(|()| reader.pragma_update(None, "cache_size", -READER_CACHE_KIB))
            .map_err(|e| unopened(path, e))?;
        Ok(Self {
            path: path.to_path_buf(),
            writer: Arc::new(Mutex::new(writer)),
            reader: Arc::new(Mutex::new(reader)),
            trouble: Mutex::default(),
        })
    }
}

/// Refuses a file that is empty or missing while its log is not: SQLite would take it for a new
/// one and throw the log away, and with it what can still be saved.
fn refuse_lost(path: &Path) -> Result<(), StoreError> {
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if length(path) == 0 && length(Path::new(&log)) > 0 {
        return Err(StoreError::Lost {
            path: path.to_path_buf(),
            log: log.into(),
        });
    }
    Ok(())
}

fn connect(path: &Path, lock_wait: Duration) -> Result<Connection, StoreError> {
    // No URI: a path with a `?` in it is a path. No CREATE: the file exists, with our mode.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| unopened(path, e))?;
    connection
        .busy_timeout(lock_wait)
        .and_then(|()| connection.pragma_update(None, "trusted_schema", false))
        .map_err(|e| unopened(path, e))?;
    Ok(connection)
}

fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    // The pragma answers with the mode that holds; a file system without shared memory would
    // keep another one, which is as durable and only slower.
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        tracing::warn!(
            mode,
            "the store's file system does not allow a write-ahead log"
        );
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    // On macOS a plain fsync does not reach the platter; elsewhere this changes nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_KEPT, |_| Ok(()))
}

/// Creates the folder (0700) and an empty file (0600) where they are missing. SQLite gives its
/// log and shared-memory files the mode of the file.
pub(super) fn create_private(path: &Path) -> Result<(), StoreError> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty())
        && !folder.exists()
    {
        create_folder(folder).map_err(|e| uncreated(folder, e))?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(uncreated(path, e)),
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    // SQLite syncs the folder that holds its files; that the folder itself outlives a power
    // cut is up to us.
    #[cfg(unix)]
    if let Some(parent) = folder.canonicalize()?.parent() {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Takes other people's access away from a store that was restored or copied with it.
#[cfg(unix)]
fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(|e| uncreated(path, e))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .map_err(|e| uncreated(path, e))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}

pub(super) fn uncreated(path: &Path, source: io::Error) -> StoreError {
    StoreError::Create {
        path: path.to_path_buf(),
        source: Arc::new(source),
    }
}

fn unopened(path: &Path, source: rusqlite::Error) -> StoreError {
    StoreError::Open {
        path: path.to_path_buf(),
        source: Arc::new(source),
    }
}
