//! Conditions on how entities stand: `state`, `numeric_state`, `zone`.

use std::time::Duration;

use hearth_core::command::CommandError;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::prelude::{Arc, Caller, Map, Value};
use hearth_core::state::State;

use crate::render::render;
use crate::trigger::{entity_ids, hold, is_in_zone, range::Range};

/// `state`: entities are in one of some states.
pub(crate) struct StateCondition {
    entities: Vec<EntityId>,
    states: Vec<Value>,
    attribute: Option<String>,
    /// For at least this long.
    hold: Option<Duration>,
    /// One of the entities is enough.
    any: bool,
}

impl StateCondition {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, CommandError> {
        let entities = entity_ids(fields, "entity_id")?;
        let attribute = fields.optional_text("attribute")?;
        let states = match fields.required("state")? {
            Value::Array(states) => states,
            one => vec![one],
        };
        let is_state = |state: &Value| {
            state.is_string() || (attribute.is_some() && !state.is_object() && !state.is_array())
        };
        if let Some(wrong) = states.iter().find(|state| !is_state(state)) {
            return Err(wrong_value("expected str", "state", wrong));
        }
        Ok(Self {
            entities,
            states,
            attribute,
            hold: hold(fields)?,
            any: fields
                .one_of("match", &[("all", false), ("any", true)])?
                .unwrap_or(false),
        })
    }

    pub(super) fn holds(&self, hub: &Hub) -> bool {
        let holds = |id: &EntityId| {
            hub.states
                .get(id.as_str())
                .is_some_and(|state| self.holds_for(&state, hub))
        };
        match self.any {
            true => self.entities.iter().any(holds),
            false => self.entities.iter().all(holds),
        }
    }

    fn holds_for(&self, state: &State, hub: &Hub) -> bool {
        let value = match &self.attribute {
            Some(attribute) => state.attributes.get(attribute),
            None => Some(Value::from(&*state.state)),
        };
        let is_one = value.is_some_and(|value| {
            self.states.iter().any(|wanted| {
                // A state may also be that of the entity that is named.
                let named = wanted
                    .as_str()
                    .filter(|text| text.starts_with("input_"))
                    .and_then(|id| hub.states.get(id));
                *wanted == value || named.is_some_and(|named| value == *named.state)
            })
        });
        let since = match self.attribute {
            Some(_) => state.last_updated,
            None => state.last_changed,
        };
        let lasted = hub.env.now().as_micros() - since.as_micros();
        let is_long_enough = self.hold.is_none_or(|hold| {
            u64::try_from(lasted).is_ok_and(|lasted| Duration::from_micros(lasted) >= hold)
        });
        is_one && is_long_enough
    }
}

/// `numeric_state`: the numbers of entities are in a range.
pub(crate) struct NumberCondition {
    entities: Vec<EntityId>,
    range: Range,
}

impl NumberCondition {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, CommandError> {
        Ok(Self {
            entities: entity_ids(fields, "entity_id")?,
            range: Range::read(fields)?,
        })
    }

    pub(super) async fn holds(
        &self,
        hub: &Hub,
        caller: Caller,
        variables: &Map<String, Value>,
    ) -> Result<bool, CommandError> {
        for id in &self.entities {
            let state = hub.states.get(id.as_str());
            let holds = match (self.range.value_template(), &state) {
                (Some(template), Some(state)) => {
                    let mut variables = variables.clone();
                    variables.insert("state".to_owned(), state.to_value());
                    let value = render(hub, template, &variables, caller).await?;
                    self.range.contains_value(&value, hub)
                }
                _ => self.range.contains(state.as_ref(), hub),
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// `zone`: all entities are in one of some zones.
pub(crate) struct ZoneCondition {
    entities: Vec<EntityId>,
    zones: Vec<EntityId>,
}

impl ZoneCondition {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, CommandError> {
        Ok(Self {
            entities: entity_ids(fields, "entity_id")?,
            zones: entity_ids(fields, "zone")?,
        })
    }

    pub(super) fn holds(&self, hub: &Hub) -> bool {
        let zones = hub.zones.current();
        let is_in_one = |state: Arc<State>| {
            zones
                .iter()
                .filter(|zone| self.zones.contains(&zone.entity_id))
                .any(|zone| is_in_zone(&state, zone) == Some(true))
        };
        self.entities
            .iter()
            .all(|id| hub.states.get(id.as_str()).is_some_and(is_in_one))
    }
}
