//! `config/device_registry/*`.

use hearth_core::ids::{ConfigEntryId, DeviceId};
use hearth_core::prelude::*;
use hearth_core::registry::{DeviceDisabledBy, DeviceEntry, DisabledBy};
use hearth_core::store::StoreError;

use super::{Call, by_user, check_name, write};
use crate::entity_edits::EntityEdits;
use crate::views::{self, DeviceView};
use crate::{Config, failed};

pub(crate) async fn list(config: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let mut devices = config.hub().registries.devices.list();
    devices.sort_unstable_by_key(|device| (device.created_at, device.id));
    let listed: Vec<DeviceView<'_>> = devices
        .iter()
        .map(|device| DeviceView::of(device))
        .collect();
    write(&call.command, &listed)
}

pub(crate) async fn update(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let fields = &mut call.fields;
    let id = fields.text("device_id")?;
    // Nothing is no area, and no name.
    let set = |text: Option<String>| text.filter(|text| !text.is_empty());
    let area = fields.nullable_text("area_id")?.map(set);
    let name = fields.nullable_text("name_by_user")?.map(set);
    if let Some(Some(name)) = &name {
        check_name(name)?;
    }
    let labels = fields.texts("labels")?;
    let disabled = by_user(fields, "disabled_by", DeviceDisabledBy::User)?;
    call.fields.finish()?;
    let devices = &config.hub().registries.devices;
    // The protocol's own answer to an unknown device.
    let id: DeviceId = id.parse().map_err(|_| CommandError::unknown())?;
    let mut edits = EntityEdits::new(config.hub());
    let edit = |device: &mut DeviceEntry| {
        if let Some(area) = area {
            device.area_id = area.map(Into::into);
        }
        if let Some(name) = name {
            device.name_by_user = name.map(Into::into);
        }
        if let Some(labels) = labels {
            device.labels = labels.into_iter().map(Into::into).collect();
        }
        if let Some(disabled) = disabled {
            device.disabled_by = disabled;
        }
    };
    let device = devices
        .update(&mut edits.changes, id, edit)
        .map_err(failed)?
        .ok_or_else(CommandError::unknown)?;
    if disabled.is_some() {
        disable_entities(config.hub(), &mut edits, &device).map_err(failed)?;
    }
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(views::device(&device))
}

/// Entities of a disabled device are disabled by it, and come back with it.
pub(super) fn disable_entities(
    hub: &Hub,
    edits: &mut EntityEdits,
    device: &DeviceEntry,
) -> Result<(), StoreError> {
    let by_device = Some(DisabledBy::Device);
    let (from, to) = match device.disabled_by {
        Some(_) => (None, by_device),
        None => (by_device, None),
    };
    for entity in hub.registries.entities.of_device(device.id) {
        if entity.disabled_by == from {
            edits.edit_one(&entity, |entity| entity.disabled_by = to)?;
        }
    }
    Ok(())
}

/// Asks the integration that owns the config entry; then the device no longer belongs to it, and
/// is removed where it belongs to no other.
pub(crate) async fn remove_config_entry(
    config: &mut Config,
    mut call: Call,
) -> Result<Value, CommandError> {
    let entry_id = call.fields.text("config_entry_id")?;
    let device_id = call.fields.text("device_id")?;
    call.fields.finish()?;
    let hub = config.hub();
    let registries = &hub.registries;
    let entry_id: Option<ConfigEntryId> = entry_id.parse().ok();
    let entry = entry_id.and_then(|id| registries.config_entries.get(id));
    let entry = entry.ok_or_else(|| CommandError::failed("Unknown config entry"))?;
    let command = views::remove_device_command(&entry.domain);
    if !hub.commands.contains(&command) {
        let message = "Config entry does not support device removal";
        return Err(CommandError::failed(message));
    }
    let device_id: Option<DeviceId> = device_id.parse().ok();
    let device = device_id.and_then(|id| registries.devices.get(id));
    let device = device.ok_or_else(|| CommandError::failed("Unknown device"))?;
    if !device.config_entries.contains(&entry.entry_id) {
        return Err(CommandError::failed("Config entry not in device"));
    }
    let data = [
        ("entry_id", entry.entry_id.to_string()),
        ("device_id", device.id.to_string()),
    ];
    let data = data.map(|(key, id)| (key.to_owned(), Value::from(id)));
    let asked = hub
        .commands
        .call(&command, data.into_iter().collect(), call.caller)
        .await;
    if asked? == Value::Bool(false) {
        let message = "Failed to remove device entry, rejected by integration";
        return Err(CommandError::failed(message));
    }
    let mut edits = EntityEdits::new(hub);
    for entity in registries.entities.of_device(device.id) {
        if entity.config_entry_id == Some(entry.entry_id) {
            edits.remove(&entity);
        }
    }
    let others = device.config_entries.iter().copied();
    let others: Box<[_]> = others.filter(|id| *id != entry.entry_id).collect();
    let left = if others.is_empty() {
        registries.devices.remove(&mut edits.changes, device.id);
        None
    } else {
        let leave = |device: &mut DeviceEntry| device.config_entries = others;
        registries
            .devices
            .update(&mut edits.changes, device.id, leave)
            .map_err(failed)?
    };
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(left.map_or(Value::Null, |device| views::device(&device)))
}
