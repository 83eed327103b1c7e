use serde::{Deserialize, Serialize};

use super::named::{Named, NamedRegistry};
use crate::time::Timestamp;

/// The registry of storeys.
pub type FloorRegistry = NamedRegistry<Floor>;

/// A storey of the home.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Floor {
    /// Made from the name, stays when it changes.
    pub floor_id: String,
    /// Unique.
    pub name: String,
    /// Other names by which people call it.
    pub aliases: Vec<String>,
    /// `mdi:…`
    pub icon: Option<String>,
    /// 0 is the ground floor.
    pub level: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
}

impl Named for Floor {
    const COLLECTION: &'static str = "core.floors";
    const EVENT: &'static str = "floor_registry_updated";
    const ID_KEY: &'static str = "floor_id";

    fn id(&self) -> &str {
        &self.floor_id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn created(self, id: String, at: Timestamp) -> Self {
        Self {
            floor_id: id,
            created_at: at,
            modified_at: at,
            ..self
        }
    }

    fn modified(self, at: Timestamp) -> Self {
        Self {
            modified_at: at,
            ..self
        }
    }
}
