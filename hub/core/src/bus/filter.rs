//! What subscribers want to hear: by type, then by entity.

use std::collections::{HashMap, HashSet};

use crate::event::{Event, EventType};
use crate::ids::EntityId;

/// Which event types a subscriber wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Types {
    /// Every type but `state_reported` and `homeassistant_close` (spec state-machine §3).
    All,
    /// These types.
    Only(Vec<EventType>),
}

/// Which entities' events a subscriber wants. Events that are about no entity always pass.
#[derive(Clone, Debug)]
pub enum Entities {
    /// Any.
    Any,
    /// Those of these domains.
    Domains(Vec<Box<str>>),
    /// These.
    Ids(HashSet<EntityId>),
}

/// What a subscriber wants to hear.
#[derive(Clone, Debug)]
pub struct Filter {
    /// By type.
    pub types: Types,
    /// Then by entity.
    pub entities: Entities,
}

impl Filter {
    /// Every event.
    pub fn all() -> Self {
        Self {
            types: Types::All,
            entities: Entities::Any,
        }
    }

    /// Events of types named in the hub's own code.
    pub fn of_types<const N: usize>(names: [&'static str; N]) -> Self {
        Self {
            types: Types::Only(names.map(EventType::known).into()),
            entities: Entities::Any,
        }
    }

    /// The same, of these entities only.
    pub fn of_entities(self, entities: Entities) -> Self {
        Self { entities, ..self }
    }
}

impl Entities {
    pub(super) fn contain(&self, event: &Event) -> bool {
        event
            .entity_id()
            .is_none_or(|entity_id| self.contain_id(entity_id))
    }

    fn contain_id(&self, entity_id: &EntityId) -> bool {
        match self {
            Self::Any => true,
            Self::Domains(domains) => domains.iter().any(|d| **d == *entity_id.domain()),
            Self::Ids(ids) => ids.contains(entity_id),
        }
    }
}

/// What the subscribers want, all together.
#[derive(Default)]
pub(super) struct Wanted {
    by_type: HashMap<EventType, Vec<Entities>>,
    of_all: Vec<Entities>,
    of_states: StatesWanted,
}

/// Whose states somebody wants to hear of: looked at with every write of a state.
#[derive(Default)]
struct StatesWanted {
    any: bool,
    domains: Vec<Box<str>>,
    ids: HashSet<EntityId, foldhash::quality::RandomState>,
    /// Of the ids: most states are of none of these, and cost no look into the set.
    id_domains: Vec<Box<str>>,
}

impl StatesWanted {
    fn add(&mut self, wish: &Entities) {
        match wish {
            Entities::Any => self.any = true,
            Entities::Domains(domains) => {
                for domain in domains {
                    if !self.domains.contains(domain) {
                        self.domains.push(domain.clone());
                    }
                }
            }
            Entities::Ids(ids) => {
                for id in ids {
                    if !self.id_domains.iter().any(|known| **known == *id.domain()) {
                        self.id_domains.push(id.domain().into());
                    }
                }
                self.ids.extend(ids.iter().cloned());
            }
        }
    }

    fn contain(&self, entity_id: &EntityId) -> bool {
        let domain = entity_id.domain();
        let is_of = |domains: &[Box<str>]| domains.iter().any(|wanted| **wanted == *domain);
        self.any
            || is_of(&self.domains)
            || (is_of(&self.id_domains) && self.ids.contains(entity_id))
    }
}

impl Wanted {
    pub(super) fn new(by_type: HashMap<EventType, Vec<Entities>>, of_all: Vec<Entities>) -> Self {
        let mut of_states = StatesWanted::default();
        let of_types = ["state_changed", "state_reported"];
        let wishes = of_types.iter().filter_map(|name| by_type.get(*name));
        for wish in wishes.flatten().chain(&of_all) {
            of_states.add(wish);
        }
        Self {
            by_type,
            of_all,
            of_states,
        }
    }

    pub(super) fn contains_state_of(&self, entity_id: &EntityId) -> bool {
        self.of_states.contain(entity_id)
    }

    pub(super) fn contains(&self, event: &Event) -> bool {
        let any = |wishes: &[Entities]| wishes.iter().any(|wish| wish.contain(event));
        any(&self.of_all)
            || self
                .by_type
                .get(event.event_type.as_str())
                .is_some_and(|wishes| any(wishes))
    }
}
