//! What the hub keeps of an entity.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{ConfigEntryId, DeviceId, EntityEntryId, EntityId};
use crate::time::Timestamp;

/// Who disabled an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledBy {
    /// A person.
    User,
    /// Its integration, such as a phone's app.
    Integration,
    /// Its config entry is disabled.
    ConfigEntry,
    /// Its device is disabled.
    Device,
}

/// Who hid an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HiddenBy {
    /// A person.
    User,
    /// Its integration.
    Integration,
}

/// Entities that are not a device's main purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityCategory {
    /// Configures the device.
    Config,
    /// Tells of the device itself.
    Diagnostic,
}

/// What a person set for an entity; most have nothing set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntitySettings {
    /// The name that a person gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The icon that a person chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Its own area, where it differs from its device's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area_id: Option<String>,
    /// The device class that a person chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_class: Option<String>,
    /// Labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Other names by which people call it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Category id by scope.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, String>,
    /// Options by domain.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
}

/// What the hub keeps of an entity, whether it has a state now or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityEntry {
    /// Stays when the entity id changes.
    pub id: EntityEntryId,
    /// Under which id its state stands.
    pub entity_id: EntityId,
    /// Unique within domain and platform.
    pub unique_id: Arc<str>,
    /// The integration that provides it.
    pub platform: Arc<str>,
    /// The config entry that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_entry_id: Option<ConfigEntryId>,
    /// The device that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    /// The name that its integration gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_name: Option<Arc<str>>,
    /// The icon that its integration gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_icon: Option<Arc<str>>,
    /// The device class that its integration gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_device_class: Option<Arc<str>>,
    /// The unit of its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_of_measurement: Option<Arc<str>>,
    /// `measurement`, `total`, `total_increasing`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_class: Option<Arc<str>>,
    /// Whether it is beside its device's main purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_category: Option<EntityCategory>,
    /// Set: it has no state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_by: Option<DisabledBy>,
    /// Set: it is left out of area, device and label targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_by: Option<HiddenBy>,
    /// Its name is only the part behind the device's name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_entity_name: bool,
    /// What a person set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Box<EntitySettings>>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
}

impl EntityEntry {
    /// What a person set, defaults where nothing is.
    pub fn settings(&self) -> &EntitySettings {
        static NOTHING: LazyLock<EntitySettings> = LazyLock::new(EntitySettings::default);
        self.settings.as_deref().unwrap_or(&NOTHING)
    }

    /// The name that a person gave, else the integration's.
    pub fn name(&self) -> Option<&str> {
        self.settings()
            .name
            .as_deref()
            .or(self.original_name.as_deref())
    }
}

/// What an integration registers an entity with.
#[derive(Clone, Debug)]
pub struct NewEntity<'a> {
    /// `sensor`, `light`, …
    pub domain: &'a str,
    /// The integration.
    pub platform: &'a str,
    /// Unique within domain and platform.
    pub unique_id: &'a str,
    /// From which the object id of a new entity is made.
    pub suggested_object_id: &'a str,
    /// The config entry that it belongs to.
    pub config_entry_id: Option<ConfigEntryId>,
    /// The device that it belongs to.
    pub device_id: Option<DeviceId>,
    /// The name that the integration gives.
    pub original_name: Option<&'a str>,
    /// Whether it is beside its device's main purpose.
    pub entity_category: Option<EntityCategory>,
    /// Registered without a state.
    pub disabled_by: Option<DisabledBy>,
}
