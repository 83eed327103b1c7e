use serde::{Deserialize, Serialize};

use super::named::{NamedRegistry, named};
use crate::time::Timestamp;

/// The registry of rooms.
pub type AreaRegistry = NamedRegistry<Area>;

/// A room or another part of the home.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Area {
    /// Made from the name, stays when it changes.
    pub area_id: String,
    /// Unique.
    pub name: String,
    /// Other names by which people call it.
    pub aliases: Vec<String>,
    /// On which floor.
    pub floor_id: Option<String>,
    /// `mdi:…`
    pub icon: Option<String>,
    /// Labels.
    pub labels: Vec<String>,
    /// URL of a picture.
    pub picture: Option<String>,
    /// The sensor that tells its humidity.
    pub humidity_entity_id: Option<String>,
    /// The sensor that tells its temperature.
    pub temperature_entity_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
}

named!(Area, area_id, "core.areas", "area_registry_updated");
