//! Conditions: whether something may go on (spec state-machine §7).
//!
//! A condition is read whole before it is checked, so that what means nothing is found at once.

mod clock;
mod states;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hearth_core::command::CommandError;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::prelude::{Caller, Hub, Map, Value};

use crate::render::{is_template, render};
use crate::truth::is_true;
use clock::ClockCondition;
use states::{NumberCondition, StateCondition, ZoneCondition};

/// Most conditions in all, nested ones too.
const MOST: usize = 1000;

/// One condition.
pub(crate) enum Condition {
    /// It is switched off: it never stands in the way.
    Off,
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Vec<Condition>),
    State(StateCondition),
    Number(NumberCondition),
    Clock(ClockCondition),
    Zone(ZoneCondition),
    Template(String),
    /// One of the triggers of these ids has fired.
    Trigger(Vec<String>),
}

/// Which list a condition is made of.
type Combine = fn(Vec<Condition>) -> Condition;

const COMBINED: [(&str, Combine); 3] = [
    ("and", Condition::And),
    ("or", Condition::Or),
    ("not", Condition::Not),
];

impl Condition {
    /// Reads one, or a list of which all must hold.
    ///
    /// # Errors
    /// `invalid_format`, which names the key.
    pub(crate) fn read(given: Value) -> Result<Self, CommandError> {
        read(given, &mut 0)
    }

    /// Whether it holds now. What fails, such as a template, is an error; in a list it counts as
    /// false where that decides nothing.
    pub(crate) fn check<'a>(
        &'a self,
        hub: &'a Hub,
        caller: Caller,
        variables: &'a Map<String, Value>,
    ) -> LocalBoxFuture<'a, Result<bool, CommandError>> {
        async move {
            match self {
                Self::Off => Ok(true),
                Self::State(state) => Ok(state.holds(hub)),
                Self::Number(number) => number.holds(hub, caller, variables).await,
                Self::Clock(clock) => Ok(clock.holds(hub)),
                Self::Zone(zone) => Ok(zone.holds(hub)),
                Self::Trigger(ids) => {
                    let fired = variables
                        .get("trigger")
                        .and_then(|trigger| trigger.get("id"));
                    let fired = fired.and_then(Value::as_str);
                    Ok(fired.is_some_and(|fired| ids.iter().any(|id| id == fired)))
                }
                Self::Template(template) => {
                    let rendered = render(hub, template, variables, caller).await?;
                    Ok(is_true(&rendered))
                }
                Self::And(all) => {
                    for condition in all {
                        if !condition.check(hub, caller, variables).await? {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                }
                Self::Or(any) => {
                    let mut failure = None;
                    for condition in any {
                        match condition.check(hub, caller, variables).await {
                            Ok(true) => return Ok(true),
                            Ok(false) => {}
                            Err(error) => failure = Some(error),
                        }
                    }
                    failure.map_or(Ok(false), Err)
                }
                Self::Not(none) => {
                    for condition in none {
                        if condition.check(hub, caller, variables).await? {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                }
            }
        }
        .boxed_local()
    }
}

/// The doors bound how deep JSON nests, and `count` how much of it there is.
fn read(given: Value, count: &mut usize) -> Result<Condition, CommandError> {
    *count += 1;
    if *count > MOST {
        let message = format!("expected at most {MOST} conditions @ data['condition']");
        return Err(CommandError::invalid(message));
    }
    let given = match given {
        Value::String(text) if is_template(&text) => return Ok(Condition::Template(text)),
        Value::Array(all) => return read_all(all, count).map(Condition::And),
        Value::Object(given) => given,
        other => {
            let expected = "expected a condition or a template";
            return Err(wrong_value(expected, "condition", &other));
        }
    };
    let mut fields = Fields::new(given);
    fields.optional_text("alias")?;
    let is_on = fields.flag("enabled")?.unwrap_or(true);
    let condition = read_object(&mut fields, count)?;
    fields.finish()?;
    Ok(if is_on { condition } else { Condition::Off })
}

fn read_object(fields: &mut Fields, count: &mut usize) -> Result<Condition, CommandError> {
    // Shorthand: `and: [...]`.
    for (key, combine) in COMBINED {
        if let Some(given) = fields.take(key) {
            return list(given, key, count).map(combine);
        }
    }
    let kind = fields.text("condition")?;
    if let Some((_, combine)) = COMBINED.iter().find(|(key, _)| *key == kind) {
        let given = fields.required("conditions")?;
        return list(given, "conditions", count).map(combine);
    }
    match kind.as_str() {
        "state" => StateCondition::read(fields).map(Condition::State),
        "numeric_state" => NumberCondition::read(fields).map(Condition::Number),
        "time" => ClockCondition::read(fields).map(Condition::Clock),
        "zone" => ZoneCondition::read(fields).map(Condition::Zone),
        "template" => fields.text("value_template").map(Condition::Template),
        "trigger" => match fields.text_or_texts("id")? {
            Some(ids) => Ok(Condition::Trigger(ids)),
            None => fields.text("id").map(|id| Condition::Trigger(vec![id])),
        },
        "device" | "sun" => {
            let message = format!(
                "Conditions of the kind '{kind}' are not supported yet @ data['condition']"
            );
            Err(CommandError::invalid(message))
        }
        _ => {
            let message = format!("Invalid condition \"{kind}\" specified @ data['condition']");
            Err(CommandError::invalid(message))
        }
    }
}

fn list(given: Value, key: &str, count: &mut usize) -> Result<Vec<Condition>, CommandError> {
    match given {
        Value::Array(list) => read_all(list, count),
        one @ (Value::Object(_) | Value::String(_)) => read_all(vec![one], count),
        other => Err(wrong_value("expected list", key, &other)),
    }
}

fn read_all(list: Vec<Value>, count: &mut usize) -> Result<Vec<Condition>, CommandError> {
    list.into_iter().map(|given| read(given, count)).collect()
}
