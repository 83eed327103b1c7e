//! The registries: what the hub knows of devices, entities, areas, floors, labels and config
//! entries, kept in memory for readers and in the store for ever.
//!
//! A change is made through [`Changes`]: registries apply it in memory and note what the store
//! must write and which events tell of it; [`Changes::commit`] makes it durable, then fires the
//! events. If the store fails, memory is put back as it was.
//!
//! Whoever changes an entity's entry on behalf of a person calls [`follow`] after that: the state
//! moves, goes or comes back, and its integration need not know.

mod area;
mod config_entry;
mod device;
mod entity;
mod entity_registry;
mod floor;
mod follow;
mod index;
mod intern;
mod label;
mod named;
mod overrides;

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

pub use area::{Area, AreaRegistry};
pub use config_entry::{ConfigEntries, ConfigEntry, NewConfigEntry};
pub use device::{DeviceDescription, DeviceDisabledBy, DeviceEntry, DeviceRegistry};
pub use entity::{DisabledBy, EntityCategory, EntityEntry, EntitySettings, HiddenBy, NewEntity};
pub use entity_registry::{EntityRegistry, EntityUpdateError};
pub use floor::{Floor, FloorRegistry};
pub(crate) use follow::unprovided;
pub use follow::{Muted, follow};
pub use intern::Interner;
pub use label::{Label, LabelRegistry};
pub use named::{NameTaken, NamedRegistry};
pub use overrides::Overrides;

use crate::bus::Bus;
use crate::env::Env;
use crate::event::{Context, Event};
use crate::ids::{ConfigEntryId, DeviceId};
use crate::store::{Batch, Store, StoreError};

/// All registries of a hub.
pub struct Registries {
    /// What was set up, and by what.
    pub config_entries: ConfigEntries,
    /// Devices.
    pub devices: DeviceRegistry,
    /// Entities.
    pub entities: EntityRegistry,
    /// Rooms.
    pub areas: AreaRegistry,
    /// Storeys.
    pub floors: FloorRegistry,
    /// Labels.
    pub labels: LabelRegistry,
}

impl Registries {
    /// Reads everything from the store; blocking, at start.
    pub fn load(store: &Store, env: &Env) -> Result<Self, StoreError> {
        let names = Arc::new(Interner::loading());
        let registries = Self {
            config_entries: ConfigEntries::load(store, env, Arc::clone(&names))?,
            devices: DeviceRegistry::load(store, env, Arc::clone(&names))?,
            entities: EntityRegistry::load(store, env, Arc::clone(&names))?,
            areas: AreaRegistry::load(store, env)?,
            floors: FloorRegistry::load(store, env)?,
            labels: LabelRegistry::load(store, env)?,
        };
        names.loaded();
        Ok(registries)
    }
}

impl Registries {
    /// What keeps a new entity from being shown: its config entry or its device is disabled, or
    /// people want new ones of that entry left out.
    pub fn disables(
        &self,
        config_entry_id: Option<ConfigEntryId>,
        device_id: Option<DeviceId>,
    ) -> Option<DisabledBy> {
        let entry = config_entry_id.and_then(|id| self.config_entries.get(id));
        let device = device_id.and_then(|id| self.devices.get(id));
        match (entry, device) {
            (Some(entry), _) if entry.is_disabled => Some(DisabledBy::ConfigEntry),
            (_, Some(device)) if device.disabled_by.is_some() => Some(DisabledBy::Device),
            (Some(entry), _) if entry.pref_disable_new_entities => Some(DisabledBy::Integration),
            _ => None,
        }
    }
}

/// Changes to registries that become durable together; see the module's guide.
pub struct Changes {
    batch: Batch,
    events: Vec<(&'static str, Value)>,
    undo: Vec<Box<dyn FnOnce() + Send>>,
}

impl Changes {
    /// Nothing changed yet.
    pub fn new(store: &Store) -> Self {
        Self {
            batch: store.batch(),
            events: Vec::new(),
            undo: Vec::new(),
        }
    }

    /// Notes a document to write.
    pub fn put<T: Serialize>(
        &mut self,
        collection: &'static str,
        id: &str,
        document: &T,
    ) -> Result<(), StoreError> {
        self.batch.put(collection, id, document)
    }

    /// Notes a document to delete.
    pub fn delete(&mut self, collection: &'static str, id: &str) {
        self.batch.delete(collection, id);
    }

    /// Notes an event to fire once the change is durable.
    pub fn event(&mut self, event_type: &'static str, data: Value) {
        self.events.push((event_type, data));
    }

    /// Notes how to put memory back if the store fails.
    pub fn on_failure(&mut self, undo: impl FnOnce() + Send + 'static) {
        self.undo.push(Box::new(undo));
    }

    /// Makes the changes durable, then fires their events.
    pub async fn commit(
        mut self,
        bus: &Bus,
        env: &Env,
        context: Context,
    ) -> Result<(), StoreError> {
        if !self.batch.is_empty()
            && let Err(error) = self.batch.commit().await
        {
            while let Some(undo) = self.undo.pop() {
                undo();
            }
            return Err(error);
        }
        for (event_type, data) in self.events {
            bus.publish(Event::local(event_type, data, env.now(), context))
                .await;
        }
        Ok(())
    }
}

/// The old values of the fields in which two documents differ: `changes` of an update event.
fn differing(old: &impl Serialize, new: &impl Serialize) -> Map<String, Value> {
    let object = |document: Result<Value, _>| match document {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let old = object(serde_json::to_value(old));
    let new = object(serde_json::to_value(new));
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter(|key| *key != "modified_at" && old.get(*key) != new.get(*key))
        .map(|key| (key.clone(), old.get(key).cloned().unwrap_or(Value::Null)))
        .collect()
}
