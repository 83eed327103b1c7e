//! The folder that holds everything a hub must not forget, and the lock that gives it one owner.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// A data folder.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder(PathBuf);

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// It cannot be made or written.
    #[error("cannot use the data folder {path}: {source}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing of a hub is in it.
    #[error("there is no hub in the data folder {0}; `hearth run --data-dir DIR` makes one")]
    NoHub(PathBuf),
    /// Nothing of a relay is in it.
    #[error(
        "there is no relay in the data folder {0}; `hearth relay run --data-dir DIR` makes one"
    )]
    NoRelay(PathBuf),
    /// Another process owns it.
    #[error("another hub already runs on the data folder {0}")]
    InUse(PathBuf),
}

impl DataFolder {
    /// Makes the folder where it is missing, for its owner alone.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable {
            path: path.to_owned(),
            source,
        };
        if !path.exists() {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(path).map_err(unusable)?;
        }
        // Absolute, so that the socket's path stays right whatever happens to the working folder.
        path.canonicalize().map(Self).map_err(unusable)
    }

    /// The folder of a hub that ran before; makes nothing.
    pub(crate) fn existing(path: &Path) -> Result<Self, DataDirError> {
        let found = path.canonicalize().map(Self);
        found
            .ok()
            .filter(|folder| folder.store().exists() || folder.control_socket().exists())
            .ok_or_else(|| DataDirError::NoHub(path.to_owned()))
    }

    /// The folder of a relay that ran before; makes nothing.
    pub(crate) fn existing_relay(path: &Path) -> Result<Self, DataDirError> {
        let found = path.canonicalize().map(Self);
        found
            .ok()
            .filter(|folder| folder.relay_store().exists() || folder.control_socket().exists())
            .ok_or_else(|| DataDirError::NoRelay(path.to_owned()))
    }

    /// Where the store is.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("hearth.db")
    }

    /// Where the store is, if it is a relay's folder.
    pub(crate) fn relay_store(&self) -> PathBuf {
        self.0.join("relay.db")
    }

    /// Where a running hub hears the command line.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// Takes the folder for this process until the lock is dropped.
    pub(crate) fn lock(&self) -> Result<Lock, DataDirError> {
        let unusable = |source| DataDirError::Unusable {
            path: self.0.clone(),
            source,
        };
        let file = File::create(self.0.join("hearth.lock")).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(self.0.clone())),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }
}

/// Holds a data folder; the system gives it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}
