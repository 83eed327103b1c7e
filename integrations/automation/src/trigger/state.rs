//! `state`: an entity's state, or one of its attributes, becomes something else.

use std::collections::HashMap;
use std::time::Duration;

use hearth_core::command::CommandError;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::prelude::{Arc, Value, json};
use hearth_core::state::State;

use super::{Change, Kind, Match, OnChange, Reaction, entity_ids, hold, shown, shown_span};

struct StateTrigger {
    entities: Vec<EntityId>,
    from: Option<Wanted>,
    to: Option<Wanted>,
    attribute: Option<String>,
    hold: Option<Duration>,
    /// What must stay so, of the entities that it is holding for.
    held: HashMap<EntityId, Held>,
}

/// Values that are wanted, or that are not.
struct Wanted {
    /// None: all.
    values: Option<Vec<Value>>,
    is_listed: bool,
}

struct Held {
    old: Option<Value>,
    new: Option<Value>,
}

impl Wanted {
    fn contains(&self, value: Option<&Value>) -> bool {
        match &self.values {
            None => true,
            Some(values) => value.is_some_and(|value| values.contains(value)) == self.is_listed,
        }
    }
}

pub(super) fn parse(fields: &mut Fields) -> Result<Kind, CommandError> {
    let entities = entity_ids(fields, "entity_id")?;
    let attribute = fields.optional_text("attribute")?;
    let from = wanted(fields, "from", attribute.is_some())?;
    let to = wanted(fields, "to", attribute.is_some())?;
    Ok(Kind::Changes(Box::new(StateTrigger {
        entities,
        from,
        to,
        attribute,
        hold: hold(fields)?,
        held: HashMap::new(),
    })))
}

/// `from` or `not_from`, `to` or `not_to`. Null stands for everything, but for a change of the
/// value.
fn wanted(
    fields: &mut Fields,
    key: &str,
    of_attribute: bool,
) -> Result<Option<Wanted>, CommandError> {
    let unwanted_key = format!("not_{key}");
    let (given, unwanted) = (fields.take(key), fields.take(&unwanted_key));
    let (given, is_listed, key) = match (given, unwanted) {
        (None, None) => return Ok(None),
        (Some(given), None) => (given, true, key),
        (None, Some(unwanted)) => (unwanted, false, &*unwanted_key),
        (Some(_), Some(given)) => {
            let reason = format!("two or more values in the same group of exclusion '{key}'");
            return Err(wrong_value(&reason, &unwanted_key, &given));
        }
    };
    let is_value = |value: &Value| {
        value.is_string() || (of_attribute && (value.is_boolean() || value.is_number()))
    };
    let values = match &given {
        Value::Null => None,
        Value::Array(values) if values.iter().all(is_value) => Some(values.clone()),
        one if is_value(one) => Some(vec![one.clone()]),
        _ => return Err(wrong_value("expected str", key, &given)),
    };
    Ok(Some(Wanted { values, is_listed }))
}

impl StateTrigger {
    fn value(&self, state: Option<&Arc<State>>) -> Option<Value> {
        let state = state?;
        match &self.attribute {
            Some(attribute) => state.attributes.get(attribute),
            None => Some(Value::from(&*state.state)),
        }
    }

    fn is_what_is_wanted(&self, old: &Option<Value>, new: &Option<Value>) -> bool {
        let wants = |wanted: &Option<Wanted>, value: &Option<Value>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted.contains(value.as_ref()))
        };
        // Without any wish every change counts, also one of attributes alone.
        let is_any_change = self.from.is_none() && self.to.is_none() && self.attribute.is_none();
        (is_any_change || old != new) && wants(&self.from, old) && wants(&self.to, new)
    }

    /// Whether what it holds is over.
    fn is_over(&self, held: &Held, now: &Option<Value>) -> bool {
        if self.from.is_some() && self.to.is_none() {
            return *now == held.old;
        }
        *now != held.new
    }
}

impl OnChange for StateTrigger {
    fn entities(&self) -> &[EntityId] {
        &self.entities
    }

    fn still_holds(&self, entity_id: &EntityId, hub: &Hub) -> bool {
        let Some(state) = hub.states.get(entity_id.as_str()) else {
            return false;
        };
        self.held
            .get(entity_id)
            .is_none_or(|held| !self.is_over(held, &self.value(Some(&state))))
    }

    fn change(&mut self, change: &Change<'_>, _: &Hub) -> Reaction {
        let (old, new) = (self.value(change.old), self.value(change.new));
        let releases = self
            .held
            .get(change.entity_id)
            .is_some_and(|held| change.new.is_none() || self.is_over(held, &new));
        if releases {
            self.held.remove(change.entity_id);
        }
        if !self.is_what_is_wanted(&old, &new) {
            return Reaction {
                releases,
                matched: None,
            };
        }
        if self.hold.is_some() {
            let held = Held { old, new };
            self.held.insert(change.entity_id.clone(), held);
        }
        let (from, to) = (change.old.cloned(), change.new.cloned());
        let (entity_id, hold) = (change.entity_id.clone(), self.hold);
        let attribute = self.attribute.clone();
        let payload = move || {
            json!({
                "entity_id": entity_id,
                "from_state": shown(from.as_ref()),
                "to_state": shown(to.as_ref()),
                "for": shown_span(hold),
                "attribute": attribute,
                "description": format!("state of {entity_id}"),
            })
        };
        Reaction {
            releases,
            matched: Some(Match {
                payload: Box::new(payload),
                hold: self.hold,
            }),
        }
    }
}
