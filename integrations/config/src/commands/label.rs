//! `config/label_registry/*`.

use hearth_core::fields::Fields;
use hearth_core::prelude::*;
use hearth_core::registry::{Area, Label};

use super::area::taken;
use super::{Call, check_name, invalid_info};
use crate::entity_edits::{EntityEdits, set};
use crate::{Config, failed, views};

const UNKNOWN: &str = "Label ID doesn't exist";

pub(crate) async fn list(config: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let labels = config.hub().registries.labels.list();
    Ok(labels.iter().map(|label| views::label(label)).collect())
}

pub(crate) async fn create(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let mut label = Label {
        name: call.fields.text("name")?,
        ..Label::default()
    };
    edit(&mut label, call.fields)?;
    let labels = &config.hub().registries.labels;
    config.check_room(labels.list().len())?;
    let mut edits = EntityEdits::new(config.hub());
    let label = labels.create(&mut edits.changes, label).map_err(taken)?;
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(views::label(&label))
}

pub(crate) async fn update(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let id = call.fields.text("label_id")?;
    let labels = &config.hub().registries.labels;
    let known = labels.get(&id).ok_or_else(|| invalid_info(UNKNOWN))?;
    let mut label = Label::clone(&known);
    if let Some(name) = call.fields.optional_text("name")? {
        label.name = name;
    }
    edit(&mut label, call.fields)?;
    if label == *known {
        return Ok(views::label(&label));
    }
    let mut edits = EntityEdits::new(config.hub());
    let label = labels.update(&mut edits.changes, label).map_err(taken)?;
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(views::label(&label))
}

/// Areas, devices and entities lose it.
pub(crate) async fn delete(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let id = call.fields.text("label_id")?;
    call.fields.finish()?;
    let registries = &config.hub().registries;
    let mut edits = EntityEdits::new(config.hub());
    if registries.labels.remove(&mut edits.changes, &id).is_none() {
        return Err(invalid_info(UNKNOWN));
    }
    for area in registries.areas.list() {
        if area.labels.contains(&id) {
            let mut area = Area::clone(&area);
            area.labels.retain(|label| *label != id);
            let areas = &registries.areas;
            areas.update(&mut edits.changes, area).map_err(taken)?;
        }
    }
    for device in registries.devices.list() {
        if device.labels.iter().any(|label| **label == *id) {
            let others = device.labels.iter().filter(|label| ***label != *id);
            let others = others.cloned().collect();
            let devices = &registries.devices;
            devices
                .update(&mut edits.changes, device.id, |device| {
                    device.labels = others
                })
                .map_err(failed)?;
        }
    }
    edits
        .edit_all(
            |entity| entity.settings().labels.contains(&id),
            |entity| {
                set(entity, |settings| {
                    settings.labels.retain(|label| *label != id)
                })
            },
        )
        .map_err(failed)?;
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(Value::Null)
}

fn edit(label: &mut Label, mut fields: Fields) -> Result<(), CommandError> {
    check_name(&label.name)?;
    let texts = [
        ("color", &mut label.color),
        ("description", &mut label.description),
        ("icon", &mut label.icon),
    ];
    for (key, place) in texts {
        if let Some(text) = fields.nullable_text(key)? {
            *place = text;
        }
    }
    fields.finish()
}
