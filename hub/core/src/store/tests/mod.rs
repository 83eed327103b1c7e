//! What the store promises. `promises` holds on a file and in memory alike; `files` is about
//! what stands on the disk; `failures` about writes that cannot be stored.

#![allow(clippy::unwrap_used, clippy::await_holding_lock)]

mod failures;
mod files;
mod promises;

use std::{path::PathBuf, time::Instant};

use futures_util::future::join_all;
use serde::Deserialize;
use tempfile::TempDir;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Note {
    text: String,
}

fn note(text: impl ToString) -> Note {
    Note {
        text: text.to_string(),
    }
}

fn named(id: &str, text: &str) -> (String, Note) {
    (id.to_owned(), note(text))
}

fn state(entity_id: &str, value: &str) -> StoredState {
    StoredState {
        entity_id: entity_id.to_owned(),
        state: value.to_owned(),
        attributes: r#"{"unit":"%"}"#.to_owned(),
        last_changed: 1_700_000_000_000_001,
        last_updated: 1_700_000_000_000_002,
    }
}

/// A place for a store, gone at the end of the test.
struct Place {
    location: Location,
    folder: TempDir,
}

impl Place {
    fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            location: Location::File(folder.path().join("data/hearth.db")),
            folder,
        }
    }

    fn memory() -> Self {
        Self {
            location: Location::Memory,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn both() -> [Self; 2] {
        [Self::file(), Self::memory()]
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("data/hearth.db")
    }

    fn open(&self) -> Store {
        self.open_with(StoreSettings::default())
    }

    fn open_with(&self, settings: StoreSettings) -> Store {
        Store::open(&self.location, settings).unwrap()
    }
}

/// Lets other tasks run until the condition holds.
async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::task::yield_now().await;
    }
}

/// Commits the batches in one group: they gather while the writer is kept from its connection.
async fn commit_as_one_group(store: &Store, batches: Vec<Batch>) -> Vec<Result<(), StoreError>> {
    let connection = store.connections.writer.lock();
    let mut batch = store.batch();
    batch.put("warm-up", "w", &note("w")).unwrap();
    let mut tasks = vec![actix_rt::spawn(batch.commit())];
    until(|| store.queue.taken_but_unanswered() == 1).await;
    let expected = batches.len();
    tasks.extend(batches.into_iter().map(|b| actix_rt::spawn(b.commit())));
    until(|| store.queue.waiting() == expected).await;
    drop(connection);
    let mut outcomes = join_all(tasks).await.into_iter().map(Result::unwrap);
    outcomes.next().unwrap().unwrap();
    outcomes.collect()
}
