//! A range of numbers, as triggers and conditions know it.

use hearth_core::command::CommandError;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::prelude::{Arc, Value, json};
use hearth_core::state::State;

/// Above something, below something, or both; of the state or of an attribute.
pub(crate) struct Range {
    above: Option<Bound>,
    below: Option<Bound>,
    attribute: Option<String>,
    /// Makes the number of a state, in place of the attribute.
    value_template: Option<Arc<str>>,
}

/// Where a range begins or ends.
enum Bound {
    Number(f64),
    /// At this entity's state.
    Entity(EntityId),
}

impl Bound {
    fn read(fields: &mut Fields, key: &str) -> Result<Option<Self>, CommandError> {
        let Some(given) = fields.take(key) else {
            return Ok(None);
        };
        let bound = match &given {
            Value::Number(given) => given.as_f64().map(Self::Number),
            Value::String(text) => match number(text) {
                Some(number) => Some(Self::Number(number)),
                None => text.parse().ok().map(Self::Entity),
            },
            _ => None,
        };
        match bound {
            Some(bound) => Ok(Some(bound)),
            None => Err(wrong_value("expected float", key, &given)),
        }
    }

    fn value(&self, hub: &Hub) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Entity(id) => number(&hub.states.get(id.as_str())?.state),
        }
    }

    fn shown(&self) -> Value {
        match self {
            Self::Number(number) => hearth_core::json::number(*number),
            Self::Entity(id) => json!(id),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    number.is_finite().then_some(number)
}

fn number_in(value: &Value) -> Option<f64> {
    match value {
        Value::Number(given) => given.as_f64(),
        Value::String(text) => number(text),
        _ => None,
    }
}

impl Range {
    pub(crate) fn read(fields: &mut Fields) -> Result<Self, CommandError> {
        let range = Self {
            above: Bound::read(fields, "above")?,
            below: Bound::read(fields, "below")?,
            attribute: fields.optional_text("attribute")?,
            value_template: fields.optional_text("value_template")?.map(Arc::from),
        };
        match (&range.above, &range.below) {
            (None, None) => {
                let message = "must contain at least one of below, above.";
                Err(CommandError::invalid(message))
            }
            (Some(Bound::Number(above)), Some(Bound::Number(below))) if above > below => {
                let message = format!(
                    "A value can never be above {above} and below {below} at the same time. You probably want two different triggers."
                );
                Err(CommandError::invalid(message))
            }
            _ => Ok(range),
        }
    }

    /// Strictly inside; what is no number is outside.
    pub(crate) fn contains(&self, state: Option<&Arc<State>>, hub: &Hub) -> bool {
        let value = state.and_then(|state| match &self.attribute {
            Some(attribute) => number_in(&state.attributes.get(attribute)?),
            None => number(&state.state),
        });
        value.is_some_and(|value| self.is_between(value, hub))
    }

    /// The same for what the template has made of a state.
    pub(crate) fn contains_value(&self, value: &Value, hub: &Hub) -> bool {
        number_in(value).is_some_and(|value| self.is_between(value, hub))
    }

    pub(crate) fn value_template(&self) -> Option<&Arc<str>> {
        self.value_template.as_ref()
    }

    fn is_between(&self, value: f64, hub: &Hub) -> bool {
        let is_right_side = |bound: &Option<Bound>, holds: fn(f64, f64) -> bool| match bound {
            None => true,
            Some(bound) => bound.value(hub).is_some_and(|bound| holds(value, bound)),
        };
        is_right_side(&self.above, |value, above| value > above)
            && is_right_side(&self.below, |value, below| value < below)
    }

    /// The ends as payloads show them.
    pub(crate) fn shown(&self) -> (Value, Value) {
        let shown = |bound: &Option<Bound>| bound.as_ref().map_or(Value::Null, Bound::shown);
        (shown(&self.above), shown(&self.below))
    }
}
