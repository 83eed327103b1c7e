//! What people set for how entities show themselves: name, icon, device class.

use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use foldhash::quality::RandomState;

use super::entity::EntityEntry;
use crate::attributes::Attributes;
use crate::ids::EntityId;

/// The names of the attributes that people may set, in the order of [`Override`].
pub(super) const OVERRIDDEN: [&str; 3] = ["friendly_name", "icon", "device_class"];

/// A value, where one is set, for each of [`OVERRIDDEN`].
type Override = [Option<Box<str>>; 3];

/// What people set for how entities show themselves. The state machine lays it over whatever an
/// integration writes, so that no integration needs to know of it.
pub struct Overrides {
    by_entity: DashMap<EntityId, Override, RandomState>,
    /// Most homes have none: then a write looks no further than here.
    count: AtomicUsize,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            // The map's own default makes four tables a core.
            by_entity: DashMap::with_hasher_and_shard_amount(RandomState::default(), 4),
            count: AtomicUsize::new(0),
        }
    }
}

impl Overrides {
    /// Lays what is set for `entity_id` over `attributes`.
    pub fn lay_over(&self, entity_id: &EntityId, attributes: &mut Attributes) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let Some(set) = self.by_entity.get(entity_id) else {
            return;
        };
        let set = OVERRIDDEN.iter().zip(set.value());
        let set: Vec<(&str, Option<&str>)> = set
            .filter_map(|(name, text)| Some((*name, Some(text.as_deref()?))))
            .collect();
        *attributes = attributes.with_texts(&set);
    }

    /// Notes what is set in an entry that the registry now has.
    pub(super) fn added(&self, entry: &EntityEntry) {
        let Some(settings) = &entry.settings else {
            return;
        };
        let boxed = |text: &Option<String>| text.as_deref().map(Into::into);
        let set = [&settings.name, &settings.icon, &settings.device_class].map(boxed);
        if set.iter().all(Option::is_none) {
            return;
        }
        if self
            .by_entity
            .insert(entry.entity_id.clone(), set)
            .is_none()
        {
            self.count.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Forgets what is set in an entry that the registry no longer has.
    pub(super) fn removed(&self, entry: &EntityEntry) {
        if entry.settings.is_some() && self.by_entity.remove(&entry.entity_id).is_some() {
            self.count.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
