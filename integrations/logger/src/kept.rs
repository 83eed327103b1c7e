//! Levels that outlive the hub's stop.

use std::collections::BTreeMap;

use hearth_core::store::{Collection, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::Persistence;
use crate::level::Level;

const COLLECTION: &str = "logger.levels";

/// Levels on the disk, by module.
pub(crate) struct Kept(Collection<KeptLevel>);

#[derive(Serialize, Deserialize)]
struct KeptLevel {
    level: Level,
    persistence: Persistence,
}

impl Kept {
    /// Reads what counts now; what was kept for one start is forgotten.
    pub(crate) async fn load(store: &Store) -> Result<(Self, BTreeMap<String, Level>), StoreError> {
        let collection = store.collection::<KeptLevel>(COLLECTION);
        let mut levels = BTreeMap::new();
        for (module, kept) in collection.load_valid()? {
            if kept.persistence == Persistence::Once {
                collection.delete(&module).await?;
            }
            levels.insert(module, kept.level);
        }
        Ok((Self(collection), levels))
    }

    /// Notes a level, or that there is none; returns once it is on the disk.
    pub(crate) async fn note(
        &self,
        module: &str,
        level: Option<Level>,
        persistence: Persistence,
    ) -> Result<(), StoreError> {
        match level.filter(|_| persistence != Persistence::None) {
            Some(level) => self.0.put(module, &KeptLevel { level, persistence }).await,
            None => self.0.delete(module).await,
        }
    }
}
