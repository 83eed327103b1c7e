//! By which ids an integration knows its entities. People rename entities while the hub runs; an
//! integration goes on with the id that it was given, and its host translates.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ids::{EntityEntryId, EntityId};
use crate::registry::{EntityEntry, EntityRegistry};

/// The entities that an integration provides.
#[derive(Default)]
pub(super) struct OwnEntities {
    /// By the id under which the integration knows them; `None` for those without an entry.
    known: HashMap<EntityId, Option<Known>>,
    own_ids: HashMap<EntityEntryId, EntityId>,
}

/// A registered entity as it was when the registry had this version.
struct Known {
    entry: Arc<EntityEntry>,
    version: u64,
}

/// Where an entity stands now.
pub(super) enum Place {
    /// In the registry.
    Registered(Arc<EntityEntry>),
    /// It was in the registry, and a person took it out.
    Removed,
    /// It never was in the registry.
    Unregistered,
}

impl OwnEntities {
    /// Adds an entity; returns the id under which the integration knows it: the one that it was
    /// given first.
    pub(super) fn add(&mut self, entry: Arc<EntityEntry>) -> EntityId {
        if let Some(own) = self.own_ids.get(&entry.id) {
            return own.clone();
        }
        let mut own = entry.entity_id.clone();
        if let Some(Some(known)) = self.known.get_mut(&own)
            && known.entry.unique_id == entry.unique_id
        {
            // A person took it out of the registry, and here it is again.
            self.own_ids.remove(&known.entry.id);
            self.own_ids.insert(entry.id, own.clone());
            *known = Known { entry, version: 0 };
            return own;
        }
        // Another entity was given this id before it was renamed, and still goes by it.
        for number in 2u64.. {
            if !self.known.contains_key(&own) {
                break;
            }
            let object_id = format!("{}_{number}", entry.id);
            own = EntityId::from_parts(entry.entity_id.domain(), &object_id);
        }
        self.own_ids.insert(entry.id, own.clone());
        // Version 0 is none that a registry with entries has: it is looked up at the first write.
        self.known
            .insert(own.clone(), Some(Known { entry, version: 0 }));
        own
    }

    /// Adds an entity that has no entry.
    pub(super) fn add_unregistered(&mut self, entity_id: &EntityId) {
        self.known.entry(entity_id.clone()).or_default();
    }

    /// Forgets an entity.
    pub(super) fn remove(&mut self, own: &EntityId) {
        if let Some(Some(known)) = self.known.remove(own) {
            self.own_ids.remove(&known.entry.id);
        }
    }

    /// Where the entity that the integration knows by this id stands.
    pub(super) fn place(&mut self, own: &EntityId, entities: &EntityRegistry) -> Place {
        let Some(Some(known)) = self.known.get_mut(own) else {
            return Place::Unregistered;
        };
        let version = entities.version();
        if known.version != version {
            let entry = &known.entry;
            let (domain, platform) = (entry.entity_id.domain(), &entry.platform);
            match entities.find(domain, platform, &entry.unique_id) {
                Some(entry) => *known = Known { entry, version },
                None => return Place::Removed,
            }
        }
        Place::Registered(Arc::clone(&known.entry))
    }

    /// By which id the integration knows the entity that people know by this one; `None` where
    /// that is the same, or the entity is not its own.
    pub(super) fn own_id(&self, now: &EntityId, entities: &EntityRegistry) -> Option<EntityId> {
        let entry = entities.get(now.as_str())?;
        self.own_ids
            .get(&entry.id)
            .filter(|own| *own != now)
            .cloned()
    }

    /// The ids under which people know these entities; of removed ones the last.
    pub(super) fn ids_now(mut self, entities: &EntityRegistry) -> Vec<EntityId> {
        let own: Vec<EntityId> = self.known.keys().cloned().collect();
        own.into_iter()
            .map(|own| match self.place(&own, entities) {
                Place::Registered(entry) => entry.entity_id.clone(),
                Place::Removed | Place::Unregistered => own,
            })
            .collect()
    }
}
