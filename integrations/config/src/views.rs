//! Registry entries as clients see them (spec websocket-api §6).

use std::collections::BTreeMap;

use hearth_core::hub::Hub;
use hearth_core::ids::{ConfigEntryId, DeviceId, EntityEntryId};
use hearth_core::integration::Health;
use hearth_core::prelude::*;
use hearth_core::registry::{
    Area, ConfigEntry, DeviceDisabledBy, DeviceEntry, DisabledBy, EntityCategory, EntityEntry,
    Floor, HiddenBy, Label,
};
use hearth_core::time::Timestamp;
use serde::{Serialize, Serializer};

pub(crate) fn area(area: &Area) -> Value {
    json!({
        "area_id": area.area_id,
        "name": area.name,
        "aliases": area.aliases,
        "floor_id": area.floor_id,
        "humidity_entity_id": area.humidity_entity_id,
        "icon": area.icon,
        "labels": area.labels,
        "picture": area.picture,
        "temperature_entity_id": area.temperature_entity_id,
        "created_at": area.created_at.as_seconds_f64(),
        "modified_at": area.modified_at.as_seconds_f64(),
    })
}

pub(crate) fn floor(floor: &Floor) -> Value {
    json!({
        "floor_id": floor.floor_id,
        "name": floor.name,
        "level": floor.level,
        "icon": floor.icon,
        "aliases": floor.aliases,
        "created_at": floor.created_at.as_seconds_f64(),
        "modified_at": floor.modified_at.as_seconds_f64(),
    })
}

pub(crate) fn label(label: &Label) -> Value {
    json!({
        "label_id": label.label_id,
        "name": label.name,
        "color": label.color,
        "icon": label.icon,
        "description": label.description,
        "created_at": label.created_at.as_seconds_f64(),
        "modified_at": label.modified_at.as_seconds_f64(),
    })
}

/// Seconds since the epoch.
fn seconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_seconds_f64())
}

/// A device.
#[derive(Serialize)]
pub(crate) struct DeviceView<'a> {
    area_id: Option<&'a str>,
    configuration_url: Option<&'a str>,
    config_entries: &'a [ConfigEntryId],
    config_entries_subentries: Subentries<'a>,
    connections: [(); 0],
    #[serde(serialize_with = "seconds")]
    created_at: Timestamp,
    disabled_by: Option<DeviceDisabledBy>,
    entry_type: Option<&'a str>,
    hw_version: Option<&'a str>,
    id: DeviceId,
    identifiers: &'a [(Arc<str>, Arc<str>)],
    labels: &'a [Arc<str>],
    manufacturer: Option<&'a str>,
    model: Option<&'a str>,
    model_id: Option<&'a str>,
    #[serde(serialize_with = "seconds")]
    modified_at: Timestamp,
    name: Option<&'a str>,
    name_by_user: Option<&'a str>,
    primary_config_entry: Option<&'a ConfigEntryId>,
    serial_number: Option<&'a str>,
    sw_version: Option<&'a str>,
    via_device_id: Option<&'a str>,
}

/// Config entry → its parts to which a device belongs; none has parts.
struct Subentries<'a>(&'a [ConfigEntryId]);

impl Serialize for Subentries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|id| (id, [None::<()>])))
    }
}

impl<'a> DeviceView<'a> {
    pub(crate) fn of(device: &'a DeviceEntry) -> Self {
        let described = &device.description;
        Self {
            area_id: device.area_id.as_deref(),
            configuration_url: None,
            config_entries: &device.config_entries,
            config_entries_subentries: Subentries(&device.config_entries),
            connections: [],
            created_at: device.created_at,
            disabled_by: device.disabled_by,
            entry_type: None,
            hw_version: described.hw_version.as_deref(),
            id: device.id,
            identifiers: &device.identifiers,
            labels: &device.labels,
            manufacturer: described.manufacturer.as_deref(),
            model: described.model.as_deref(),
            model_id: None,
            modified_at: device.modified_at,
            name: described.name.as_deref(),
            name_by_user: device.name_by_user.as_deref(),
            primary_config_entry: device.config_entries.first(),
            serial_number: None,
            sw_version: described.sw_version.as_deref(),
            via_device_id: None,
        }
    }
}

pub(crate) fn device(device: &DeviceEntry) -> Value {
    json!(DeviceView::of(device))
}

/// An entity as in lists.
#[derive(Serialize)]
pub(crate) struct EntityView<'a> {
    area_id: Option<&'a str>,
    categories: &'a BTreeMap<String, String>,
    config_entry_id: Option<ConfigEntryId>,
    config_subentry_id: Option<()>,
    #[serde(serialize_with = "seconds")]
    created_at: Timestamp,
    device_id: Option<DeviceId>,
    disabled_by: Option<DisabledBy>,
    entity_category: Option<EntityCategory>,
    entity_id: &'a str,
    has_entity_name: bool,
    hidden_by: Option<HiddenBy>,
    icon: Option<&'a str>,
    id: EntityEntryId,
    labels: &'a [String],
    #[serde(serialize_with = "seconds")]
    modified_at: Timestamp,
    name: Option<&'a str>,
    options: &'a Map<String, Value>,
    original_name: Option<&'a str>,
    platform: &'a str,
    translation_key: Option<&'a str>,
    unique_id: &'a str,
}

impl<'a> EntityView<'a> {
    pub(crate) fn of(entry: &'a EntityEntry) -> Self {
        let set = entry.settings();
        Self {
            area_id: set.area_id.as_deref(),
            categories: &set.categories,
            config_entry_id: entry.config_entry_id,
            config_subentry_id: None,
            created_at: entry.created_at,
            device_id: entry.device_id,
            disabled_by: entry.disabled_by,
            entity_category: entry.entity_category,
            entity_id: entry.entity_id.as_str(),
            has_entity_name: entry.has_entity_name,
            hidden_by: entry.hidden_by,
            icon: set.icon.as_deref(),
            id: entry.id,
            labels: &set.labels,
            modified_at: entry.modified_at,
            name: set.name.as_deref(),
            options: &set.options,
            original_name: entry.original_name.as_deref(),
            platform: &entry.platform,
            translation_key: None,
            unique_id: &entry.unique_id,
        }
    }
}

/// An entity in all detail.
#[derive(Serialize)]
struct ExtendedEntityView<'a> {
    #[serde(flatten)]
    entity: EntityView<'a>,
    aliases: &'a [String],
    capabilities: Option<Value>,
    device_class: Option<&'a str>,
    original_device_class: Option<&'a str>,
    original_icon: Option<&'a str>,
}

pub(crate) fn extended_entity(entry: &EntityEntry) -> Value {
    let set = entry.settings();
    let class = entry.state_class.as_deref();
    json!(ExtendedEntityView {
        entity: EntityView::of(entry),
        aliases: &set.aliases,
        capabilities: class.map(|class| json!({"state_class": class})),
        device_class: set.device_class.as_deref(),
        original_device_class: entry.original_device_class.as_deref(),
        original_icon: entry.original_icon.as_deref(),
    })
}

/// An entity as `list_for_display` shows it: keys of two letters, and only what is there.
#[derive(Serialize)]
pub(crate) struct DisplayedEntityView<'a> {
    ei: &'a str,
    pl: &'a str,
    lb: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    ai: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    di: Option<DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ec: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hb: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hn: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    en: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dp: Option<&'a Value>,
}

impl<'a> DisplayedEntityView<'a> {
    pub(crate) fn of(entry: &'a EntityEntry) -> Self {
        let set = entry.settings();
        let options = set.options.get("sensor");
        let option = |key: &str| options.and_then(|options| options.get(key));
        let precision = option("display_precision").filter(|precision| precision.is_number());
        let suggested = || option("suggested_display_precision");
        Self {
            ei: entry.entity_id.as_str(),
            pl: &entry.platform,
            lb: &set.labels,
            ai: set.area_id.as_deref(),
            di: entry.device_id,
            ic: set.icon.as_deref(),
            ec: entry.entity_category.map(category_index),
            hb: entry.hidden_by.map(|_| true),
            hn: entry.has_entity_name.then_some(true),
            en: entry.name(),
            dp: precision
                .or_else(suggested)
                .filter(|precision| precision.is_number()),
        }
    }
}

/// The place of a category in `entity_categories` of `list_for_display`.
fn category_index(category: EntityCategory) -> u8 {
    match category {
        EntityCategory::Config => 0,
        EntityCategory::Diagnostic => 1,
    }
}

/// A config entry; its state is that of the integration that owns it.
pub(crate) fn config_entry(hub: &Hub, entry: &ConfigEntry) -> Value {
    let status = hub.integrations.list();
    let owner = status
        .iter()
        .find(|status| status.manifest.domain == entry.domain);
    let state = match owner.map(|owner| owner.health) {
        _ if entry.is_disabled => "not_loaded",
        Some(Health::Running) => "loaded",
        Some(Health::Starting) => "setup_in_progress",
        Some(Health::Backoff) => "setup_retry",
        Some(Health::Failed) => "setup_error",
        Some(Health::Stopped) | None => "not_loaded",
    };
    let reason = owner
        .filter(|owner| matches!(owner.health, Health::Backoff | Health::Failed))
        .and_then(|owner| owner.last_error.as_deref());
    json!({
        "entry_id": entry.entry_id,
        "domain": entry.domain,
        "title": entry.title,
        "source": entry.source,
        "state": state,
        "supports_options": false,
        "supports_remove_device": hub.commands.contains(&remove_device_command(&entry.domain)),
        "supports_unload": true,
        "supports_reconfigure": false,
        "supported_subentry_types": {},
        "pref_disable_new_entities": entry.pref_disable_new_entities,
        "pref_disable_polling": entry.pref_disable_polling,
        "disabled_by": entry.is_disabled.then_some("user"),
        "reason": reason,
        "error_reason_translation_key": null,
        "error_reason_translation_placeholders": null,
        "num_subentries": 0,
        "created_at": entry.created_at.as_seconds_f64(),
        "modified_at": entry.modified_at.as_seconds_f64(),
    })
}

/// The command by which an integration lets a device of its config entry be removed.
pub(crate) fn remove_device_command(domain: &str) -> String {
    format!("{domain}/config_entry/remove_device")
}
