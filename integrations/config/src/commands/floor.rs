//! `config/floor_registry/*`.

use hearth_core::fields::Fields;
use hearth_core::prelude::*;
use hearth_core::registry::{Area, Floor};

use super::area::taken;
use super::{Call, check_name, invalid_info};
use crate::entity_edits::EntityEdits;
use crate::{Config, failed, views};

const UNKNOWN: &str = "Floor ID doesn't exist";

pub(crate) async fn list(config: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let floors = config.hub().registries.floors.list();
    Ok(floors.iter().map(|floor| views::floor(floor)).collect())
}

pub(crate) async fn create(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let mut floor = Floor {
        name: call.fields.text("name")?,
        ..Floor::default()
    };
    edit(&mut floor, call.fields)?;
    let floors = &config.hub().registries.floors;
    config.check_room(floors.list().len())?;
    let mut edits = EntityEdits::new(config.hub());
    let floor = floors.create(&mut edits.changes, floor).map_err(taken)?;
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(views::floor(&floor))
}

pub(crate) async fn update(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let id = call.fields.text("floor_id")?;
    let floors = &config.hub().registries.floors;
    let known = floors.get(&id).ok_or_else(|| invalid_info(UNKNOWN))?;
    let mut floor = Floor::clone(&known);
    if let Some(name) = call.fields.optional_text("name")? {
        floor.name = name;
    }
    edit(&mut floor, call.fields)?;
    if floor == *known {
        return Ok(views::floor(&floor));
    }
    let mut edits = EntityEdits::new(config.hub());
    let floor = floors.update(&mut edits.changes, floor).map_err(taken)?;
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(views::floor(&floor))
}

/// Its areas are on no floor.
pub(crate) async fn delete(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let id = call.fields.text("floor_id")?;
    call.fields.finish()?;
    let registries = &config.hub().registries;
    let mut edits = EntityEdits::new(config.hub());
    if registries.floors.remove(&mut edits.changes, &id).is_none() {
        return Err(invalid_info(UNKNOWN));
    }
    for area in registries.areas.list() {
        if area.floor_id.as_deref() == Some(&id) {
            let area = Area {
                floor_id: None,
                ..Area::clone(&area)
            };
            let areas = &registries.areas;
            areas.update(&mut edits.changes, area).map_err(taken)?;
        }
    }
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(Value::Null)
}

fn edit(floor: &mut Floor, mut fields: Fields) -> Result<(), CommandError> {
    check_name(&floor.name)?;
    if let Some(aliases) = fields.texts("aliases")? {
        floor.aliases = aliases;
    }
    if let Some(icon) = fields.nullable_text("icon")? {
        floor.icon = icon;
    }
    if let Some(level) = fields.nullable_integer("level")? {
        floor.level = level;
    }
    fields.finish()
}
