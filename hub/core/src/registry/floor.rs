use serde::{Deserialize, Serialize};

use super::named::{NamedRegistry, named};
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

named!(Floor, floor_id, "core.floors", "floor_registry_updated");
