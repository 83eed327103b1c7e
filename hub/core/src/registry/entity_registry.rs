//! The registry of entities, and how it finds them.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use serde_json::{Value, json};

use super::entity::{EntityEntry, NewEntity};
use super::follow::Muted;
use super::index::Index;
use super::overrides::Overrides;
use super::{Changes, Interner, differing};
use crate::env::Env;
use crate::ids::{ConfigEntryId, DeviceId, EntityEntryId, EntityId};
use crate::store::{Store, StoreError};

const COLLECTION: &str = "core.entities";
const EVENT: &str = "entity_registry_updated";

struct Entities {
    by_entity_id: Index<EntityEntry>,
    by_unique: Index<EntityEntry>,
    /// Only those that belong to one.
    by_config_entry: Index<EntityEntry>,
    /// Only those that belong to one.
    by_device: Index<EntityEntry>,
    /// Where the search for a free `name_2`, `name_3` … starts: many phones have one name.
    next_number: HashMap<EntityId, u32>,
    /// See [`EntityRegistry::version`].
    version: Arc<AtomicU64>,
    overrides: Arc<Overrides>,
}

impl Entities {
    fn new() -> Self {
        Self {
            by_entity_id: Index::new(|hasher, entry: &EntityEntry| {
                hasher.hash_one(entry.entity_id.as_str())
            }),
            by_unique: Index::new(|hasher, entry: &EntityEntry| hasher.hash_one(unique_key(entry))),
            by_config_entry: Index::new(|hasher, entry: &EntityEntry| {
                hasher.hash_one(entry.config_entry_id)
            }),
            by_device: Index::new(|hasher, entry: &EntityEntry| hasher.hash_one(entry.device_id)),
            next_number: HashMap::new(),
            version: Arc::default(),
            overrides: Arc::default(),
        }
    }

    fn get(&self, entity_id: &str) -> Option<&Arc<EntityEntry>> {
        self.by_entity_id
            .find(entity_id, |entry| entry.entity_id.as_str() == entity_id)
    }

    fn find(&self, domain: &str, platform: &str, unique_id: &str) -> Option<&Arc<EntityEntry>> {
        let key = (domain, platform, unique_id);
        self.by_unique.find(key, |entry| unique_key(entry) == key)
    }

    /// Adds an entity, in the place of the one with its entity id.
    fn insert(&mut self, entry: Arc<EntityEntry>) {
        self.remove(entry.entity_id.as_str());
        self.overrides.added(&entry);
        self.version.fetch_add(1, Ordering::Release);
        self.by_unique.insert(Arc::clone(&entry));
        if entry.config_entry_id.is_some() {
            self.by_config_entry.insert(Arc::clone(&entry));
        }
        if entry.device_id.is_some() {
            self.by_device.insert(Arc::clone(&entry));
        }
        self.by_entity_id.insert(entry);
    }

    fn remove(&mut self, entity_id: &str) -> Option<Arc<EntityEntry>> {
        let entry = Arc::clone(self.get(entity_id)?);
        self.overrides.removed(&entry);
        self.version.fetch_add(1, Ordering::Release);
        self.by_entity_id.remove(&entry);
        self.by_unique.remove(&entry);
        if entry.config_entry_id.is_some() {
            self.by_config_entry.remove(&entry);
        }
        if entry.device_id.is_some() {
            self.by_device.remove(&entry);
        }
        Some(entry)
    }

    fn free_id(
        &mut self,
        domain: &str,
        object_id: &str,
        taken: impl Fn(&EntityId) -> bool,
    ) -> EntityId {
        let wanted = EntityId::from_parts(domain, object_id);
        let is_free = |id: &EntityId| self.get(id.as_str()).is_none() && !taken(id);
        if is_free(&wanted) {
            return wanted;
        }
        let first = self.next_number.get(&wanted).copied().unwrap_or(2);
        let (number, id) = (first..u32::MAX)
            .map(|number| {
                // Cut so that the number always fits and always changes the id.
                let kept: String = wanted.object_id().chars().take(180).collect();
                (
                    number,
                    EntityId::from_parts(domain, &format!("{kept}_{number}")),
                )
            })
            .find(|(_, id)| is_free(id))
            // Four thousand million entities of one name do not fit into memory.
            .unwrap_or((first, wanted.clone()));
        self.next_number.insert(wanted, number + 1);
        id
    }
}

/// `(domain, platform, unique id)`.
fn unique_key(entry: &EntityEntry) -> (&str, &str, &str) {
    (entry.entity_id.domain(), &entry.platform, &entry.unique_id)
}

/// The oldest first.
fn in_order(mut entries: Vec<Arc<EntityEntry>>) -> Vec<Arc<EntityEntry>> {
    entries.sort_unstable_by_key(|entry| (entry.created_at, entry.id));
    entries
}

/// All registered entities.
pub struct EntityRegistry {
    env: Env,
    names: Arc<Interner>,
    version: Arc<AtomicU64>,
    overrides: Arc<Overrides>,
    muted: Muted,
    entities: Arc<RwLock<Entities>>,
}

/// Why an entity was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EntityUpdateError {
    /// No entity of that id.
    #[error("Entity not found")]
    NotFound,
    /// The new id belongs to another entity.
    #[error("Entity with this ID is already registered")]
    IdTaken,
    /// The new id is of another domain.
    #[error("New entity ID should be same domain")]
    OtherDomain,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EntityRegistry {
    pub(super) fn load(store: &Store, env: &Env, names: Arc<Interner>) -> Result<Self, StoreError> {
        let mut entities = Entities::new();
        store
            .collection::<EntityEntry>(COLLECTION)
            .visit_valid(|_, mut entry| {
                share(&names, &mut entry);
                entities.insert(Arc::new(entry));
            })?;
        Ok(Self {
            env: env.clone(),
            names,
            version: Arc::clone(&entities.version),
            overrides: Arc::clone(&entities.overrides),
            muted: Muted::default(),
            entities: Arc::new(RwLock::new(entities)),
        })
    }

    /// Grows with every change: while it stays the same, so does every entry.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What people set for how entities show themselves.
    pub fn overrides(&self) -> Arc<Overrides> {
        Arc::clone(&self.overrides)
    }

    /// What disabled entities would show.
    pub fn muted(&self) -> &Muted {
        &self.muted
    }

    /// One entity.
    pub fn get(&self, entity_id: &str) -> Option<Arc<EntityEntry>> {
        self.entities.read().get(entity_id).cloned()
    }

    /// The entity that an integration knows by this unique id.
    pub fn find(&self, domain: &str, platform: &str, unique_id: &str) -> Option<Arc<EntityEntry>> {
        let entities = self.entities.read();
        entities.find(domain, platform, unique_id).cloned()
    }

    /// Every entity, in no order.
    pub fn list(&self) -> Vec<Arc<EntityEntry>> {
        self.entities.read().by_entity_id.all()
    }

    /// How many are registered.
    pub fn len(&self) -> usize {
        self.entities.read().by_entity_id.len()
    }

    /// Whether none is registered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entities of a config entry, the oldest first.
    pub fn of_config_entry(&self, id: ConfigEntryId) -> Vec<Arc<EntityEntry>> {
        let entities = self.entities.read();
        let id = Some(id);
        in_order(
            entities
                .by_config_entry
                .find_all(id, |entry| entry.config_entry_id == id),
        )
    }

    /// The entities of a device, the oldest first.
    pub fn of_device(&self, id: DeviceId) -> Vec<Arc<EntityEntry>> {
        let entities = self.entities.read();
        let id = Some(id);
        in_order(
            entities
                .by_device
                .find_all(id, |entry| entry.device_id == id),
        )
    }

    /// Registers an entity, or brings the one with this unique id up to date; its entity id stays.
    /// `taken` tells of ids that states without a registry entry use.
    pub fn register(
        &self,
        changes: &mut Changes,
        new: NewEntity<'_>,
        taken: impl Fn(&EntityId) -> bool,
        edit: impl FnOnce(&mut EntityEntry),
    ) -> Result<Arc<EntityEntry>, StoreError> {
        let now = self.env.now();
        // One lock over the search for a free id and its use: two phones of one name that
        // register at the same moment get two ids.
        let mut entities = self.entities.write();
        let known = entities
            .find(new.domain, new.platform, new.unique_id)
            .cloned();
        let mut entry = match &known {
            Some(known) => EntityEntry::clone(known),
            None => EntityEntry {
                id: EntityEntryId::generate(&self.env),
                entity_id: entities.free_id(new.domain, new.suggested_object_id, taken),
                unique_id: new.unique_id.into(),
                platform: new.platform.into(),
                config_entry_id: None,
                device_id: None,
                original_name: None,
                original_icon: None,
                original_device_class: None,
                unit_of_measurement: None,
                state_class: None,
                entity_category: None,
                disabled_by: new.disabled_by,
                hidden_by: None,
                has_entity_name: false,
                settings: None,
                created_at: now,
                modified_at: now,
            },
        };
        entry.config_entry_id = new.config_entry_id.or(entry.config_entry_id);
        entry.device_id = new.device_id.or(entry.device_id);
        entry.original_name = new.original_name.map(Into::into).or(entry.original_name);
        entry.entity_category = new.entity_category.or(entry.entity_category);
        edit(&mut entry);
        if let Some(known) = known.as_ref().filter(|known| ***known == entry) {
            return Ok(Arc::clone(known));
        }
        self.put(&mut entities, changes, entry, known)
    }

    /// Changes an entity. A new entity id must be free and of the same domain.
    pub fn update(
        &self,
        changes: &mut Changes,
        entity_id: &str,
        edit: impl FnOnce(&mut EntityEntry),
    ) -> Result<Arc<EntityEntry>, EntityUpdateError> {
        let mut entities = self.entities.write();
        let old = entities
            .get(entity_id)
            .cloned()
            .ok_or(EntityUpdateError::NotFound)?;
        let mut entry = EntityEntry::clone(&old);
        edit(&mut entry);
        if entry.entity_id != old.entity_id {
            if entities.get(entry.entity_id.as_str()).is_some() {
                return Err(EntityUpdateError::IdTaken);
            }
            if entry.entity_id.domain() != old.entity_id.domain() {
                return Err(EntityUpdateError::OtherDomain);
            }
        }
        if entry == *old {
            return Ok(old);
        }
        Ok(self.put(&mut entities, changes, entry, Some(old))?)
    }

    /// Removes an entity; `None` where there was none.
    pub fn remove(&self, changes: &mut Changes, entity_id: &EntityId) -> Option<Arc<EntityEntry>> {
        let old = self.entities.write().remove(entity_id.as_str())?;
        self.muted.take(old.id);
        changes.delete(COLLECTION, &old.id.to_string());
        changes.event(EVENT, json!({"action": "remove", "entity_id": entity_id}));
        let (entities, kept) = (Arc::clone(&self.entities), Arc::clone(&old));
        changes.on_failure(move || entities.write().insert(kept));
        Some(old)
    }

    fn put(
        &self,
        entities: &mut Entities,
        changes: &mut Changes,
        mut entry: EntityEntry,
        old: Option<Arc<EntityEntry>>,
    ) -> Result<Arc<EntityEntry>, StoreError> {
        entry.modified_at = self.env.now();
        share(&self.names, &mut entry);
        let entry = Arc::new(entry);
        changes.put(COLLECTION, &entry.id.to_string(), &*entry)?;
        changes.event(EVENT, update_event(old.as_deref(), &entry));
        if let Some(old) = &old {
            if old.disabled_by.is_none() {
                // From before its integration enabled it by itself.
                self.muted.take(old.id);
            }
            entities.remove(old.entity_id.as_str());
        }
        entities.insert(Arc::clone(&entry));
        let (all, id) = (Arc::clone(&self.entities), entry.entity_id.clone());
        changes.on_failure(move || {
            let mut all = all.write();
            all.remove(id.as_str());
            if let Some(old) = old {
                all.insert(old);
            }
        });
        Ok(entry)
    }
}

fn update_event(old: Option<&EntityEntry>, new: &EntityEntry) -> Value {
    let Some(old) = old else {
        return json!({"action": "create", "entity_id": new.entity_id});
    };
    let mut event = json!({
        "action": "update",
        "entity_id": new.entity_id,
        "changes": differing(old, new),
    });
    if old.entity_id != new.entity_id {
        event["old_entity_id"] = json!(old.entity_id);
    }
    event
}

fn share(names: &Interner, entry: &mut EntityEntry) {
    entry.platform = names.intern(&entry.platform);
    names.share_own(&mut entry.unique_id);
    if let Some(name) = &mut entry.original_name {
        names.share_own(name);
    }
    names.share(&mut entry.original_icon);
    names.share(&mut entry.original_device_class);
    names.share(&mut entry.unit_of_measurement);
    names.share(&mut entry.state_class);
}
