//! Enters the home into the registries: all of it at the first start, later only what is new.

use std::collections::BTreeSet;

use hearth_core::prelude::*;
use hearth_core::registry::{Area, Changes, DeviceDescription, Floor, NameTaken, NewEntity};
use hearth_core::slug::slugify;
use hearth_core::store::StoreError;

use crate::home::{AREAS, Device, Entity, FLOORS};
use crate::thing::Thing;

/// A thing with its entity id.
pub(crate) struct Registered {
    pub(crate) entity_id: EntityId,
    pub(crate) name: String,
    pub(crate) thing: Box<dyn Thing>,
}

const COLLECTION: &str = "demo.created";
const DOCUMENT: &str = "home";
const DOMAIN: &str = "demo";

/// Registers what was not registered before, together with floors and areas at the first start.
/// What was, and is gone, was deleted by a person.
pub(crate) async fn register(hub: &Hub, home: Vec<Device>) -> Result<Vec<Registered>, StoreError> {
    let known = hub
        .store
        .collection::<BTreeSet<String>>(COLLECTION)
        .get_valid(DOCUMENT)?;
    let mut changes = Changes::new(&hub.store);
    if known.is_none() {
        create_rooms(hub, &mut changes)?;
    }
    let known = known.unwrap_or_default();
    let mut created = known.clone();
    let mut registered = Vec::new();
    for device in home {
        for entity in register_device(hub, &mut changes, device, &known)? {
            created.insert(entity.unique_id);
            registered.push(entity.registered);
        }
    }
    if created != known {
        changes.put(COLLECTION, DOCUMENT, &created)?;
    }
    changes
        .commit(&hub.bus, &hub.env, Context::new(&hub.env))
        .await?;
    Ok(registered)
}

/// Floors and areas, unless a person made some before.
fn create_rooms(hub: &Hub, changes: &mut Changes) -> Result<(), StoreError> {
    let registries = &hub.registries;
    if !registries.floors.list().is_empty() || !registries.areas.list().is_empty() {
        return Ok(());
    }
    for (name, level, icon) in FLOORS {
        let floor = Floor {
            name: name.to_owned(),
            level: Some(level),
            icon: Some(icon.to_owned()),
            ..Floor::default()
        };
        created(registries.floors.create(changes, floor))?;
    }
    for (name, floor, icon) in AREAS {
        let area = Area {
            name: name.to_owned(),
            floor_id: registries
                .floors
                .by_name(floor)
                .map(|floor| floor.floor_id.clone()),
            icon: Some(icon.to_owned()),
            ..Area::default()
        };
        created(registries.areas.create(changes, area))?;
    }
    Ok(())
}

/// A name that is taken needs no second entry.
fn created<T>(outcome: Result<T, NameTaken>) -> Result<(), StoreError> {
    match outcome {
        Ok(_) | Err(NameTaken::Taken { .. }) => Ok(()),
        Err(NameTaken::Store(error)) => Err(error),
    }
}

struct RegisteredAs {
    unique_id: String,
    registered: Registered,
}

fn register_device(
    hub: &Hub,
    changes: &mut Changes,
    device: Device,
    known: &BTreeSet<String>,
) -> Result<Vec<RegisteredAs>, StoreError> {
    let registries = &hub.registries;
    let wanted = |entity: &Entity| {
        let unique_id = unique_id(entity);
        let is_there = registries
            .entities
            .find(entity.domain, DOMAIN, &unique_id)
            .is_some();
        is_there || !known.contains(&unique_id)
    };
    let entities: Vec<Entity> = device.entities.into_iter().filter(wanted).collect();
    if entities.is_empty() {
        return Ok(Vec::new());
    }
    let key = slugify(device.name);
    let device_id = match registries.devices.find(DOMAIN, &key) {
        Some(entry) => Some(entry.id),
        // Its entities are known but it is not: a person deleted it.
        None if entities
            .iter()
            .any(|entity| known.contains(&unique_id(entity))) =>
        {
            None
        }
        None => {
            let description = DeviceDescription {
                name: Some(device.name.into()),
                manufacturer: Some("Hearth".into()),
                model: Some(device.model.into()),
                ..DeviceDescription::default()
            };
            let entry = registries
                .devices
                .register(changes, None, (DOMAIN, &key), description)?;
            let area = registries.areas.by_name(device.area);
            registries.devices.update(changes, entry.id, |entry| {
                entry.area_id = area.map(|area| area.area_id.as_str().into());
            })?;
            Some(entry.id)
        }
    };
    let mut registered = Vec::new();
    for entity in entities {
        let unique_id = unique_id(&entity);
        let new = NewEntity {
            domain: entity.domain,
            platform: DOMAIN,
            unique_id: &unique_id,
            suggested_object_id: entity.name,
            config_entry_id: None,
            device_id,
            original_name: Some(entity.name),
            entity_category: None,
            disabled_by: None,
        };
        let taken = |id: &EntityId| hub.states.get(id.as_str()).is_some();
        let entry = registries.entities.register(changes, new, taken, |entry| {
            let measures = entity.thing.measures();
            entry.original_device_class = entity.thing.device_class().map(Into::into);
            entry.unit_of_measurement = measures.map(|(unit, _)| unit.into());
            entry.state_class = measures.map(|(_, class)| class.into());
        })?;
        registered.push(RegisteredAs {
            unique_id,
            registered: Registered {
                entity_id: entry.entity_id.clone(),
                name: entity.name.to_owned(),
                thing: entity.thing,
            },
        });
    }
    Ok(registered)
}

fn unique_id(entity: &Entity) -> String {
    format!("{}_{}", entity.domain, slugify(entity.name))
}
