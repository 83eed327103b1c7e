//! The state machine: every entity's current state, and the `state_changed` events.
//!
//! A [`State`] is an immutable snapshot; writing swaps the entity's `Arc<State>` and hands the
//! event to the bus under that entity's lock, so every subscriber sees one entity's changes in
//! the order in which they were written. Readers take the `Arc` and never wait for a writer
//! longer than a swap.

pub(crate) mod value;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::quality::RandomState;
use parking_lot::{Mutex, RwLock};

pub use value::{STATE_MAX, State, UNAVAILABLE, UNKNOWN};

use crate::attributes::Attributes;
use crate::bus::{Bus, Busy, Permit};
use crate::env::Env;
use crate::event::{Context, Event, EventData, EventType, Origin};
use crate::ids::{ContextId, EntityId};
use crate::registry::Overrides;
use crate::time::Timestamp;

/// One write to the state machine. Replaces value and attributes whole.
#[derive(Clone, Debug)]
pub struct StateWrite {
    /// The new value.
    pub state: Arc<str>,
    /// The new attributes.
    pub attributes: Attributes,
    /// Fire `state_changed` and move `last_changed` even where nothing differs.
    pub force: bool,
    /// Why.
    pub context: Context,
}

/// What a write did.
#[derive(Clone, Debug)]
pub enum Written {
    /// The entity is new.
    Created(Arc<State>),
    /// Something differed, or the write was forced.
    Changed(Arc<State>),
    /// Nothing differed: only `last_reported` moved.
    Reported(Arc<State>),
}

impl Written {
    /// The state as it is after the write.
    pub fn state(&self) -> &Arc<State> {
        match self {
            Self::Created(state) | Self::Changed(state) | Self::Reported(state) => state,
        }
    }
}

/// Why a write was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// Too many events are on their way.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The value is longer than [`STATE_MAX`] characters.
    #[error("the state of {entity_id} has {length} characters; at most {STATE_MAX} are allowed")]
    TooLong {
        /// Whose.
        entity_id: EntityId,
        /// How long it was.
        length: usize,
    },
}

/// Entities with their newest state; `None` stands for a removed one.
pub type Unsaved = HashMap<EntityId, Option<Arc<State>>, RandomState>;

/// All current states. Shared by `Arc`.
pub struct StateMachine {
    env: Env,
    bus: Bus,
    overrides: Arc<Overrides>,
    states: DashMap<EntityId, Arc<State>, RandomState>,
    /// Entities of each domain in the order of their creation.
    domains: RwLock<HashMap<Box<str>, BTreeMap<u64, EntityId>>>,
    created: AtomicU64,
    /// See [`StateMachine::version`].
    version: AtomicU64,
    watched: AtomicUsize,
    watches: DashMap<ContextId, Arc<Mutex<Vec<Arc<State>>>>>,
    /// Entities written since the store last took them.
    unsaved: Mutex<Unsaved>,
}

impl StateMachine {
    /// An empty state machine that publishes on `bus`. What people set for how entities show
    /// themselves stands in `overrides`.
    pub fn new(env: Env, bus: Bus, overrides: Arc<Overrides>) -> Self {
        Self {
            env,
            bus,
            overrides,
            states: DashMap::default(),
            domains: RwLock::default(),
            created: AtomicU64::new(0),
            version: AtomicU64::new(0),
            watched: AtomicUsize::new(0),
            watches: DashMap::new(),
            unsaved: Mutex::default(),
        }
    }

    /// The state of `entity_id` now.
    pub fn get(&self, entity_id: &str) -> Option<Arc<State>> {
        self.states.get(entity_id).map(|state| Arc::clone(&state))
    }

    /// Every state, in no order.
    pub fn all(&self) -> Vec<Arc<State>> {
        self.states.iter().map(|state| Arc::clone(&state)).collect()
    }

    /// The states of one domain in the order of their creation.
    pub fn of_domain(&self, domain: &str) -> Vec<Arc<State>> {
        let ids: Vec<EntityId> = match self.domains.read().get(domain) {
            Some(ids) => ids.values().cloned().collect(),
            None => return Vec::new(),
        };
        ids.iter().filter_map(|id| self.get(id.as_str())).collect()
    }

    /// The domains that have at least one entity.
    pub fn domains(&self) -> Vec<String> {
        self.domains.read().keys().map(|d| d.to_string()).collect()
    }

    /// Grows with every write and removal. Whoever reads it and then the states may keep what is
    /// made of them for as long as it stays the same.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Called when a write can be seen, and before anybody is told of it: what is made of the
    /// states before that has the older version.
    fn has_moved(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// How many entities have a state.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether no entity has a state.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Writes a state; waits while too many events are on their way. For work inside the hub.
    pub async fn set(
        &self,
        entity_id: &EntityId,
        write: StateWrite,
    ) -> Result<Written, WriteError> {
        let permit = self.bus.reserve().await;
        self.write(entity_id, write, permit)
    }

    /// Writes a state, or says [`WriteError::Busy`]. For requests from outside.
    pub fn try_set(&self, entity_id: &EntityId, write: StateWrite) -> Result<Written, WriteError> {
        let permit = self.bus.try_reserve_for(entity_id)?;
        self.write(entity_id, write, permit)
    }

    /// Replaces the attributes of a state that nobody has written since it was read; `None` where
    /// somebody has. Waits while too many events are on their way.
    pub async fn amend(
        &self,
        read: &Arc<State>,
        attributes: Attributes,
        context: Context,
    ) -> Option<Written> {
        let mut write = StateWrite {
            state: Arc::clone(&read.state),
            attributes,
            force: false,
            context,
        };
        self.overrides
            .lay_over(&read.entity_id, &mut write.attributes);
        let permit = self.bus.reserve().await;
        match self.states.entry(read.entity_id.clone()) {
            Entry::Occupied(mut slot) if Arc::ptr_eq(slot.get(), read) => {
                Some(self.overwrite(&mut slot, write, permit))
            }
            _ => None,
        }
    }

    /// Removes a state; `None` where there was none.
    pub async fn remove(&self, entity_id: &EntityId, context: Context) -> Option<Arc<State>> {
        let permit = self.bus.reserve().await;
        let Entry::Occupied(slot) = self.states.entry(entity_id.clone()) else {
            return None;
        };
        let old = Arc::clone(slot.get());
        let event = Event::new(
            EventType::STATE_CHANGED,
            EventData::StateChanged {
                entity_id: entity_id.clone(),
                old: Some(Arc::clone(&old)),
                new: None,
            },
            Origin::Local,
            self.env.now(),
            context,
        );
        if let Some(ids) = self.domains.write().get_mut(entity_id.domain()) {
            ids.remove(&old.created);
        }
        self.unsaved.lock().insert(entity_id.clone(), None);
        // Still under the entity's lock: see the module's guide.
        self.bus.publish_reserved(event, permit);
        slot.remove();
        self.has_moved();
        Some(old)
    }

    /// Collects every state that is changed under `context` until the guard is dropped.
    pub fn watch_context(self: &Arc<Self>, context: ContextId) -> ContextWatch {
        let changed = Arc::default();
        self.watches.insert(context, Arc::clone(&changed));
        self.watched.fetch_add(1, Ordering::AcqRel);
        ContextWatch {
            machine: Arc::clone(self),
            context,
            changed,
        }
    }

    /// Takes what was written since the last call; `None` stands for a removed entity.
    pub fn take_unsaved(&self) -> Unsaved {
        std::mem::take(&mut self.unsaved.lock())
    }

    fn write(
        &self,
        entity_id: &EntityId,
        mut write: StateWrite,
        permit: Permit,
    ) -> Result<Written, WriteError> {
        self.overrides.lay_over(entity_id, &mut write.attributes);
        // Bytes first: counting characters is only needed for long ones.
        if write.state.len() > STATE_MAX {
            let length = write.state.chars().count();
            if length > STATE_MAX {
                return Err(WriteError::TooLong {
                    entity_id: entity_id.clone(),
                    length,
                });
            }
        }
        match self.states.entry(entity_id.clone()) {
            Entry::Occupied(mut slot) => Ok(self.overwrite(&mut slot, write, permit)),
            Entry::Vacant(slot) => {
                let now = self.env.now();
                let state = Arc::new(State {
                    entity_id: entity_id.clone(),
                    state: write.state,
                    attributes: write.attributes,
                    last_changed: now,
                    last_updated: now,
                    last_reported: now,
                    context: write.context,
                    created: self.created.fetch_add(1, Ordering::Relaxed),
                });
                self.domains
                    .write()
                    .entry(entity_id.domain().into())
                    .or_default()
                    .insert(state.created, entity_id.clone());
                let guard = slot.insert(Arc::clone(&state));
                self.has_moved();
                self.announce(None, &state, now, permit);
                drop(guard);
                Ok(Written::Created(state))
            }
        }
    }

    fn overwrite(
        &self,
        slot: &mut dashmap::mapref::entry::OccupiedEntry<'_, EntityId, Arc<State>>,
        write: StateWrite,
        permit: Permit,
    ) -> Written {
        let now = self.env.now();
        let old = Arc::clone(slot.get());
        let same_state = old.state == write.state;
        // Comparing by value costs a parse of both: only where the answer decides something.
        let same_attributes = if same_state && !write.force {
            old.attributes == write.attributes
        } else {
            old.attributes.as_json() == write.attributes.as_json()
        };
        if same_state && same_attributes && !write.force {
            let state = Arc::new(State {
                last_reported: now,
                ..State::clone(&old)
            });
            slot.insert(Arc::clone(&state));
            self.has_moved();
            let event = Event::new(
                EventType::STATE_REPORTED,
                EventData::StateReported {
                    old_last_reported: old.last_reported,
                    new: Arc::clone(&state),
                },
                Origin::Local,
                now,
                write.context,
            );
            self.bus.publish_reserved(event, permit);
            return Written::Reported(state);
        }
        let state = Arc::new(State {
            entity_id: old.entity_id.clone(),
            state: if same_state {
                Arc::clone(&old.state)
            } else {
                write.state
            },
            attributes: if same_attributes {
                old.attributes.clone()
            } else {
                write.attributes
            },
            last_changed: if same_state && !write.force {
                old.last_changed
            } else {
                now
            },
            last_updated: now,
            last_reported: now,
            context: write.context,
            created: old.created,
        });
        slot.insert(Arc::clone(&state));
        self.has_moved();
        self.announce(Some(old), &state, now, permit);
        Written::Changed(state)
    }

    /// Called under the entity's lock: see the module's guide.
    fn announce(&self, old: Option<Arc<State>>, new: &Arc<State>, now: Timestamp, permit: Permit) {
        if self.watched.load(Ordering::Acquire) > 0
            && let Some(changed) = self.watches.get(&new.context.id)
        {
            changed.lock().push(Arc::clone(new));
        }
        self.unsaved
            .lock()
            .insert(new.entity_id.clone(), Some(Arc::clone(new)));
        if !self.bus.wants_state_of(&new.entity_id) {
            return;
        }
        let event = Event::new(
            EventType::STATE_CHANGED,
            EventData::StateChanged {
                entity_id: new.entity_id.clone(),
                old,
                new: Some(Arc::clone(new)),
            },
            Origin::Local,
            now,
            new.context,
        );
        self.bus.publish_reserved(event, permit);
    }
}

/// Collects the states changed under one context; see [`StateMachine::watch_context`].
pub struct ContextWatch {
    machine: Arc<StateMachine>,
    context: ContextId,
    changed: Arc<Mutex<Vec<Arc<State>>>>,
}

impl ContextWatch {
    /// What has changed so far, in order.
    pub fn changed(&self) -> Vec<Arc<State>> {
        self.changed.lock().clone()
    }
}

impl Drop for ContextWatch {
    fn drop(&mut self) {
        self.machine.watches.remove(&self.context);
        self.machine.watched.fetch_sub(1, Ordering::AcqRel);
    }
}
