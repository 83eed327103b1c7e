use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::index::Index;
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
    /// Set: its entities are disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_by: Option<DeviceDisabledBy>,
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

/// Who disabled a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceDisabledBy {
    /// A person.
    User,
    /// Its config entry is disabled.
    ConfigEntry,
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

struct Devices {
    by_id: Index<DeviceEntry>,
    by_identifier: HashTable<Identified>,
    hasher: RandomState,
}

/// A device as one of its identifiers finds it.
struct Identified {
    device: Arc<DeviceEntry>,
    /// Which of them.
    which: usize,
}

impl Identified {
    fn is(&self, domain: &str, id: &str) -> bool {
        let identifier = self.device.identifiers.get(self.which);
        identifier.is_some_and(|(own_domain, own_id)| (&**own_domain, &**own_id) == (domain, id))
    }
}

fn identifier_hash(hasher: &RandomState, identified: &Identified) -> u64 {
    match identified.device.identifiers.get(identified.which) {
        Some((domain, id)) => hasher.hash_one((&**domain, &**id)),
        None => 0,
    }
}

impl Devices {
    fn new() -> Self {
        Self {
            by_id: Index::new(|hasher, device: &DeviceEntry| hasher.hash_one(device.id)),
            by_identifier: HashTable::new(),
            hasher: RandomState::default(),
        }
    }

    fn get(&self, id: DeviceId) -> Option<&Arc<DeviceEntry>> {
        self.by_id.find(id, |device| device.id == id)
    }

    fn find(&self, domain: &str, id: &str) -> Option<&Arc<DeviceEntry>> {
        let hash = self.hasher.hash_one((domain, id));
        let found = self
            .by_identifier
            .find(hash, |other| other.is(domain, id))?;
        Some(&found.device)
    }

    /// Adds a device, in the place of the one with its id.
    fn insert(&mut self, device: Arc<DeviceEntry>) {
        self.remove(device.id);
        for which in 0..device.identifiers.len() {
            let identified = Identified {
                device: Arc::clone(&device),
                which,
            };
            let hash_of = |identified: &Identified| identifier_hash(&self.hasher, identified);
            self.by_identifier
                .insert_unique(hash_of(&identified), identified, hash_of);
        }
        self.by_id.insert(device);
    }

    fn remove(&mut self, id: DeviceId) -> Option<Arc<DeviceEntry>> {
        let device = Arc::clone(self.get(id)?);
        for identifier in &device.identifiers {
            let hash = self.hasher.hash_one((&*identifier.0, &*identifier.1));
            let is_it = |other: &Identified| Arc::ptr_eq(&other.device, &device);
            if let Ok(found) = self.by_identifier.find_entry(hash, is_it) {
                found.remove();
            }
        }
        self.by_id.remove(&device);
        Some(device)
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
        let mut devices = Devices::new();
        store
            .collection::<DeviceEntry>(COLLECTION)
            .visit_valid(|_, mut entry| {
                share(&names, &mut entry);
                devices.insert(Arc::new(entry));
            })?;
        Ok(Self {
            env: env.clone(),
            names,
            devices: Arc::new(RwLock::new(devices)),
        })
    }

    /// One device.
    pub fn get(&self, id: DeviceId) -> Option<Arc<DeviceEntry>> {
        self.devices.read().get(id).cloned()
    }

    /// The device that an integration knows by this identifier.
    pub fn find(&self, domain: &str, id: &str) -> Option<Arc<DeviceEntry>> {
        self.devices.read().find(domain, id).cloned()
    }

    /// Every device, in no order.
    pub fn list(&self) -> Vec<Arc<DeviceEntry>> {
        self.devices.read().by_id.all()
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
                disabled_by: None,
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
        changes.on_failure(move || devices.write().insert(kept));
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
                None => _ = devices.remove(id),
            }
        });
        Ok(entry)
    }
}

/// Phones of one kind share their manufacturer, model and versions in memory, and each phone its
/// id and name with its entities.
fn share(names: &Interner, entry: &mut DeviceEntry) {
    for (domain, id) in &mut entry.identifiers {
        *domain = names.intern(domain);
        names.share_own(id);
    }
    if let Some(name) = &mut entry.description.name {
        names.share_own(name);
    }
    names.share(&mut entry.description.manufacturer);
    names.share(&mut entry.description.model);
    names.share(&mut entry.description.sw_version);
    names.share(&mut entry.description.hw_version);
}
