//! `config/area_registry/*`.

use hearth_core::fields::Fields;
use hearth_core::prelude::*;
use hearth_core::registry::{Area, NameTaken};

use super::{Call, check_name, invalid_info};
use crate::entity_edits::{EntityEdits, set};
use crate::{Config, failed, views};

const UNKNOWN: &str = "Area ID doesn't exist";

pub(crate) async fn list(config: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let areas = config.hub().registries.areas.list();
    Ok(areas.iter().map(|area| views::area(area)).collect())
}

pub(crate) async fn create(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let mut area = Area {
        name: call.fields.text("name")?,
        ..Area::default()
    };
    config.edit(&mut area, call.fields)?;
    let areas = &config.hub().registries.areas;
    config.check_room(areas.list().len())?;
    let mut edits = EntityEdits::new(config.hub());
    let area = areas.create(&mut edits.changes, area).map_err(taken)?;
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(views::area(&area))
}

pub(crate) async fn update(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let id = call.fields.text("area_id")?;
    let areas = &config.hub().registries.areas;
    let known = areas.get(&id).ok_or_else(|| invalid_info(UNKNOWN))?;
    let mut area = Area::clone(&known);
    if let Some(name) = call.fields.optional_text("name")? {
        area.name = name;
    }
    config.edit(&mut area, call.fields)?;
    if area == *known {
        return Ok(views::area(&area));
    }
    let mut edits = EntityEdits::new(config.hub());
    let area = areas.update(&mut edits.changes, area).map_err(taken)?;
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(views::area(&area))
}

/// Devices and entities that stood there stand nowhere.
pub(crate) async fn delete(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let id = call.fields.text("area_id")?;
    call.fields.finish()?;
    let registries = &config.hub().registries;
    let mut edits = EntityEdits::new(config.hub());
    if registries.areas.remove(&mut edits.changes, &id).is_none() {
        return Err(invalid_info(UNKNOWN));
    }
    for device in registries.devices.list() {
        if device.area_id.as_deref() == Some(&id) {
            let leave = |device: &mut hearth_core::registry::DeviceEntry| device.area_id = None;
            let devices = &registries.devices;
            devices
                .update(&mut edits.changes, device.id, leave)
                .map_err(failed)?;
        }
    }
    edits
        .edit_all(
            |entity| entity.settings().area_id.as_deref() == Some(&id),
            |entity| set(entity, |settings| settings.area_id = None),
        )
        .map_err(failed)?;
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok("success".into())
}

impl Config {
    /// Takes over what is given of an area.
    fn edit(&self, area: &mut Area, mut fields: Fields) -> Result<(), CommandError> {
        check_name(&area.name)?;
        if let Some(aliases) = fields.texts("aliases")? {
            area.aliases = aliases;
        }
        if let Some(labels) = fields.texts("labels")? {
            area.labels = labels;
        }
        let texts = [
            ("floor_id", &mut area.floor_id),
            ("icon", &mut area.icon),
            ("picture", &mut area.picture),
        ];
        for (key, place) in texts {
            if let Some(text) = fields.nullable_text(key)? {
                *place = text;
            }
        }
        let sensors = [
            ("humidity", &mut area.humidity_entity_id),
            ("temperature", &mut area.temperature_entity_id),
        ];
        for (class, place) in sensors {
            if let Some(sensor) = fields.nullable_text(&format!("{class}_entity_id"))? {
                if let Some(sensor) = &sensor {
                    self.check_sensor(sensor, class)?;
                }
                *place = sensor;
            }
        }
        fields.finish()
    }

    /// Refuses what is no sensor of this device class.
    fn check_sensor(&self, entity_id: &str, class: &str) -> Result<(), CommandError> {
        let Some(state) = self.hub().states.get(entity_id) else {
            return Err(invalid_info(format!("Entity {entity_id} does not exist")));
        };
        let is_fitting = state.entity_id.domain() == "sensor"
            && state.attributes.text("device_class").as_deref() == Some(class);
        if is_fitting {
            return Ok(());
        }
        Err(invalid_info(format!(
            "Entity {entity_id} is not a {class} sensor"
        )))
    }
}

pub(super) fn taken(error: NameTaken) -> CommandError {
    match error {
        NameTaken::Taken { .. } => invalid_info(error),
        NameTaken::Store(error) => failed(error),
    }
}
