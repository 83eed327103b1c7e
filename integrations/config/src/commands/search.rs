//! `search/related`: what belongs together.

use std::collections::{BTreeMap, BTreeSet};

use hearth_core::ids::{ConfigEntryId, DeviceId};
use hearth_core::prelude::*;
use hearth_core::registry::{DeviceEntry, EntityEntry};

use super::Call;
use crate::Config;

/// What may be asked for, in the protocol's words.
const ITEM_TYPES: [(&str, &str); 13] = [
    ("area", "area"),
    ("automation", "automation"),
    ("automation_blueprint", "automation_blueprint"),
    ("config_entry", "config_entry"),
    ("device", "device"),
    ("entity", "entity"),
    ("floor", "floor"),
    ("group", "group"),
    ("label", "label"),
    ("person", "person"),
    ("scene", "scene"),
    ("script", "script"),
    ("script_blueprint", "script_blueprint"),
];

pub(crate) async fn related(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let kind = call.fields.one_of("item_type", &ITEM_TYPES)?;
    let kind =
        kind.ok_or_else(|| CommandError::invalid("required key not provided @ data['item_type']"))?;
    let id = call.fields.text("item_id")?;
    call.fields.finish()?;
    let mut related = Related {
        hub: config.hub(),
        found: BTreeMap::new(),
    };
    match kind {
        "area" => related.of_area(&id),
        "config_entry" => related.of_config_entry(&id),
        "device" => related.of_device(&id),
        "floor" => related.of_floor(&id),
        "label" => related.of_label(&id),
        "automation_blueprint" | "script_blueprint" => {}
        // Everything else is an entity.
        _ => related.of_entity(&id),
    }
    // What was asked for is not related to itself.
    if let Some(same) = related.found.get_mut(kind) {
        same.remove(&id);
    }
    related.found.retain(|_, ids| !ids.is_empty());
    Ok(json!(related.found))
}

/// What was found, by type.
struct Related<'a> {
    hub: &'a Hub,
    found: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Related<'_> {
    fn add(&mut self, kind: &'static str, id: impl ToString) {
        self.found.entry(kind).or_default().insert(id.to_string());
    }

    /// An entity, and what it is besides.
    fn add_entity(&mut self, entity_id: &EntityId) {
        self.add("entity", entity_id);
        for kind in ["automation", "group", "person", "scene", "script"] {
            if entity_id.domain() == kind {
                self.add(kind, entity_id);
            }
        }
    }

    fn of_entity(&mut self, id: &str) {
        if let Some(entry) = self.hub.registries.entities.get(id) {
            self.above_entity(&entry);
            if let Some(device) = entry.device_id {
                self.add("device", device);
                if let Some(device) = self.hub.registries.devices.get(device) {
                    self.above_device(&device, entry.settings().area_id.is_none());
                }
            }
        }
        self.linked_with(id);
    }

    /// Where an entity stands, what it belongs to.
    fn above_entity(&mut self, entry: &EntityEntry) {
        self.add("integration", &entry.platform);
        if let Some(config_entry) = entry.config_entry_id {
            self.add("config_entry", config_entry);
        }
        for label in &entry.settings().labels {
            self.add("label", label);
        }
        if let Some(area) = &entry.settings().area_id {
            self.above_area(area);
        }
    }

    fn above_device(&mut self, device: &DeviceEntry, with_area: bool) {
        for id in &device.config_entries {
            self.add("config_entry", id);
            if let Some(entry) = self.hub.registries.config_entries.get(*id) {
                self.add("integration", &entry.domain);
            }
        }
        for label in &device.labels {
            self.add("label", label);
        }
        if let Some(area) = device.area_id.as_deref().filter(|_| with_area) {
            self.above_area(area);
        }
    }

    fn above_area(&mut self, id: &str) {
        self.add("area", id);
        if let Some(area) = self.hub.registries.areas.get(id)
            && let Some(floor) = &area.floor_id
        {
            self.add("floor", floor);
        }
    }

    /// Persons, groups and scenes whose state names this entity, and those that it names.
    fn linked_with(&mut self, id: &str) {
        for (kind, attribute) in [
            ("person", "device_trackers"),
            ("group", "entity_id"),
            ("scene", "entity_id"),
        ] {
            for state in self.hub.states.of_domain(kind) {
                let named = state.attributes.get(attribute);
                let named = named.as_ref().and_then(Value::as_array);
                let names = |other: &str| {
                    named.is_some_and(|named| named.iter().any(|named| named == other))
                };
                if names(id) {
                    self.add_entity(&state.entity_id);
                } else if state.entity_id.as_str() == id {
                    let named = named.into_iter().flatten();
                    for other in named.filter_map(Value::as_str) {
                        self.add("entity", other);
                    }
                }
            }
        }
    }

    fn of_device(&mut self, id: &str) {
        let device: Option<DeviceId> = id.parse().ok();
        let device = device.and_then(|id| self.hub.registries.devices.get(id));
        let Some(device) = device else { return };
        self.above_device(&device, true);
        for entry in self.hub.registries.entities.of_device(device.id) {
            self.add_entity(&entry.entity_id);
        }
    }

    fn of_config_entry(&mut self, id: &str) {
        let entry: Option<ConfigEntryId> = id.parse().ok();
        let entry = entry.and_then(|id| self.hub.registries.config_entries.get(id));
        let Some(entry) = entry else { return };
        self.add("integration", &entry.domain);
        for device in self.hub.registries.devices.list() {
            if device.config_entries.contains(&entry.entry_id) {
                self.add("device", device.id);
                if let Some(area) = &device.area_id {
                    self.above_area(area);
                }
            }
        }
        for entity in self.hub.registries.entities.of_config_entry(entry.entry_id) {
            self.add_entity(&entity.entity_id);
            if let Some(area) = &entity.settings().area_id {
                self.above_area(area);
            }
        }
    }

    fn of_area(&mut self, id: &str) {
        self.above_area(id);
        self.within(
            |device| device.area_id.as_deref() == Some(id),
            |entity| {
                let area = entity.settings().area_id.as_ref();
                area.map(|area| area == id)
            },
        );
    }

    fn of_floor(&mut self, id: &str) {
        let areas = self.hub.registries.areas.list();
        for area in areas {
            if area.floor_id.as_deref() == Some(id) {
                self.of_area(&area.area_id);
            }
        }
    }

    fn of_label(&mut self, id: &str) {
        let has = |labels: &[String]| labels.iter().any(|label| label == id);
        for area in self.hub.registries.areas.list() {
            if has(&area.labels) {
                self.add("area", &area.area_id);
            }
        }
        for device in self.hub.registries.devices.list() {
            if device.labels.iter().any(|label| &**label == id) {
                self.add("device", device.id);
            }
        }
        for entity in self.hub.registries.entities.list() {
            if has(&entity.settings().labels) {
                self.add_entity(&entity.entity_id);
            }
        }
    }

    /// Devices, their entities unless these say otherwise of themselves, and single entities.
    fn within(
        &mut self,
        has_device: impl Fn(&DeviceEntry) -> bool,
        has_entity: impl Fn(&EntityEntry) -> Option<bool>,
    ) {
        let devices = self.hub.registries.devices.list();
        let devices: BTreeMap<DeviceId, Arc<DeviceEntry>> = devices
            .into_iter()
            .filter(|device| has_device(device))
            .map(|device| (device.id, device))
            .collect();
        for device in devices.values() {
            self.add("device", device.id);
            self.above_device(device, false);
        }
        for entity in self.hub.registries.entities.list() {
            let by_device = entity.device_id.is_some_and(|id| devices.contains_key(&id));
            if has_entity(&entity).unwrap_or(by_device) {
                self.add_entity(&entity.entity_id);
                self.above_entity(&entity);
            }
        }
    }
}
