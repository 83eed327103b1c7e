use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Changes, Interner, differing};
use crate::env::Env;
use crate::ids::{ConfigEntryId, DeviceId};
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

const COLLECTION: &str = "core.devices";
const EVENT: &str = "device_registry_updated";

/// A device: a phone, a lamp, a bridge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceEntry {
    /// Names it.
    pub id: DeviceId,
    /// `(domain, id within it)`; how its integration knows it.
    pub identifiers: Box<[(Arc<str>, Arc<str>)]>,
    /// The config entries that it belongs to.
    pub config_entries: Box<[ConfigEntryId]>,
    /// What its integration says of it.
    #[serde(flatten)]
    pub description: DeviceDescription,
    /// In which area it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_id: Option<Arc<str>>,
    /// What a person calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_by_user: Option<Arc<str>>,
    /// Labels that a person put on it.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub labels: Box<[Arc<str>]>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
}

/// What an integration says of a device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceDescription {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Who makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<Arc<str>>,
    /// Which model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<str>>,
    /// Its software's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sw_version: Option<Arc<str>>,
    /// Its hardware's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hw_version: Option<Arc<str>>,
}

impl DeviceEntry {
    /// What a person sees as its name.
    pub fn display_name(&self) -> Option<&str> {
        self.name_by_user
            .as_deref()
            .or(self.description.name.as_deref())
    }
}

type Identifier = (Arc<str>, Arc<str>);

#[derive(Default)]
struct Devices {
    by_id: HashMap<DeviceId, Arc<DeviceEntry>>,
    by_identifier: HashMap<Identifier, DeviceId>,
}

impl Devices {
    fn insert(&mut self, entry: Arc<DeviceEntry>) -> Option<Arc<DeviceEntry>> {
        for identifier in &entry.identifiers {
            self.by_identifier.insert(identifier.clone(), entry.id);
        }
        self.by_id.insert(entry.id, entry)
    }

    fn remove(&mut self, id: DeviceId) -> Option<Arc<DeviceEntry>> {
        let entry = self.by_id.remove(&id)?;
        for identifier in &entry.identifiers {
            self.by_identifier.remove(identifier);
        }
        Some(entry)
    }
}

/// All devices.
pub struct DeviceRegistry {
    env: Env,
    names: Arc<Interner>,
    devices: Arc<RwLock<Devices>>,
}

impl DeviceRegistry {
    pub(super) fn load(store: &Store, env: &Env, names: Arc<Interner>) -> Result<Self, StoreError> {
        let mut devices = Devices::default();
        for (_, mut entry) in store.collection::<DeviceEntry>(COLLECTION).load_all()? {
            share(&names, &mut entry);
            devices.insert(Arc::new(entry));
        }
        Ok(Self {
            env: env.clone(),
            names,
            devices: Arc::new(RwLock::new(devices)),
        })
    }

    /// One device.
    pub fn get(&self, id: DeviceId) -> Option<Arc<DeviceEntry>> {
        self.devices.read().by_id.get(&id).cloned()
    }

    /// The device that an integration knows by this identifier.
    pub fn find(&self, domain: &str, id: &str) -> Option<Arc<DeviceEntry>> {
        let devices = self.devices.read();
        let found = devices.by_identifier.get(&(domain.into(), id.into()))?;
        devices.by_id.get(found).cloned()
    }

    /// Every device, in no order.
    pub fn list(&self) -> Vec<Arc<DeviceEntry>> {
        self.devices.read().by_id.values().cloned().collect()
    }

    /// Adds a device, or brings the one with this identifier up to date and links it to the
    /// config entry.
    pub fn register(
        &self,
        changes: &mut Changes,
        config_entry: Option<ConfigEntryId>,
        identifier: (&str, &str),
        description: DeviceDescription,
    ) -> Result<Arc<DeviceEntry>, StoreError> {
        let known = self.find(identifier.0, identifier.1);
        let now = self.env.now();
        let action = if known.is_some() { "update" } else { "create" };
        let mut entry = match &known {
            Some(known) => DeviceEntry::clone(known),
            None => DeviceEntry {
                id: DeviceId::generate(&self.env),
                identifiers: [(self.names.intern(identifier.0), identifier.1.into())].into(),
                config_entries: Box::default(),
                description: DeviceDescription::default(),
                area_id: None,
                name_by_user: None,
                labels: Box::default(),
                created_at: now,
                modified_at: now,
            },
        };
        entry.description = description;
        if let Some(config_entry) = config_entry
            && !entry.config_entries.contains(&config_entry)
        {
            entry.config_entries = [&entry.config_entries, &[config_entry][..]].concat().into();
        }
        self.put(changes, entry, known, action)
    }

    /// Changes a device; `None` where there is none.
    pub fn update(
        &self,
        changes: &mut Changes,
        id: DeviceId,
        edit: impl FnOnce(&mut DeviceEntry),
    ) -> Result<Option<Arc<DeviceEntry>>, StoreError> {
        let Some(old) = self.get(id) else {
            return Ok(None);
        };
        let mut entry = DeviceEntry::clone(&old);
        edit(&mut entry);
        if entry == *old {
            return Ok(Some(old));
        }
        self.put(changes, entry, Some(old), "update").map(Some)
    }

    /// Removes a device; `None` where there was none.
    pub fn remove(&self, changes: &mut Changes, id: DeviceId) -> Option<Arc<DeviceEntry>> {
        let old = self.devices.write().remove(id)?;
        changes.delete(COLLECTION, &id.to_string());
        changes.event(
            EVENT,
            json!({"action": "remove", "device_id": id, "device": &*old}),
        );
        let (devices, kept) = (Arc::clone(&self.devices), Arc::clone(&old));
        changes.on_failure(move || {
            devices.write().insert(kept);
        });
        Some(old)
    }

    fn put(
        &self,
        changes: &mut Changes,
        mut entry: DeviceEntry,
        old: Option<Arc<DeviceEntry>>,
        action: &str,
    ) -> Result<Arc<DeviceEntry>, StoreError> {
        entry.modified_at = self.env.now();
        share(&self.names, &mut entry);
        let entry = Arc::new(entry);
        let id = entry.id;
        changes.put(COLLECTION, &id.to_string(), &*entry)?;
        let event = match &old {
            Some(old) => {
                json!({"action": action, "device_id": id, "changes": differing(&**old, &*entry)})
            }
            None => json!({"action": action, "device_id": id}),
        };
        changes.event(EVENT, event);
        self.devices.write().insert(Arc::clone(&entry));
        let devices = Arc::clone(&self.devices);
        changes.on_failure(move || {
            let mut devices = devices.write();
            match old {
                Some(old) => devices.insert(old),
                None => devices.remove(id),
            };
        });
        Ok(entry)
    }
}

/// Phones of one kind share their manufacturer, model and versions in memory.
fn share(names: &Interner, entry: &mut DeviceEntry) {
    for (domain, _) in &mut entry.identifiers {
        *domain = names.intern(domain);
    }
    names.share(&mut entry.description.manufacturer);
    names.share(&mut entry.description.model);
    names.share(&mut entry.description.sw_version);
    names.share(&mut entry.description.hw_version);
}
