//! Functions that read the state machine.

use std::collections::HashSet;

use hearth_core::hub::Hub;
use hearth_core::state::{UNAVAILABLE, UNKNOWN};
use minijinja::{Environment, Error, Value};

use crate::arguments::{bind, filter, global, split, test};
use crate::budget::{self, DEPTH_MAX, allocate_items, work};
use crate::error::too_deep;
use crate::operators::equal;
use crate::states::{AllStates, StateObject, find, state_text};
use crate::text::to_text;

type Function = fn(&Hub, &[Value]) -> Result<Value, Error>;

/// Registers the functions for a home.
pub(crate) fn install(env: &mut Environment<'static>, hub: &Hub) {
    let functions: [(&'static str, Function, bool); 5] = [
        ("state_attr", state_attr, false),
        ("is_state", is_state, true),
        ("is_state_attr", is_state_attr, true),
        ("has_value", has_value, true),
        ("expand", expand, false),
    ];
    for (name, function, is_test) in functions {
        let home = hub.clone();
        global(env, name, move |args| function(&home, args));
        let home = hub.clone();
        filter(env, name, move |args| function(&home, args));
        if is_test {
            let home = hub.clone();
            test(env, name, move |args| function(&home, args));
        }
    }
    env.add_global("states", Value::from_object(AllStates { hub: hub.clone() }));
    let home = hub.clone();
    filter(env, "states", move |args| state_text(&home, args));
}

/// One attribute of an entity; `None` where either is absent.
fn attribute(hub: &Hub, entity: &Value, name: &Value) -> Result<Option<Value>, Error> {
    let Some(state) = find(hub, entity)? else {
        return Ok(None);
    };
    work(state.attributes.as_json().len() as u64 / 64)?;
    let name = to_text(name)?;
    Ok(state
        .attributes
        .get(&name)
        .map(|value| crate::json::from_json(&value)))
}

fn state_attr(hub: &Hub, args: &[Value]) -> Result<Value, Error> {
    let [entity, name] = bind("state_attr", ["entity_id", "name"], 2, args)?;
    let found = attribute(hub, &entity.unwrap_or_default(), &name.unwrap_or_default())?;
    Ok(found.unwrap_or_else(|| Value::from(())))
}

/// Whether the state is the value, or one of a list of values.
fn is_state(hub: &Hub, args: &[Value]) -> Result<Value, Error> {
    let [entity, wanted] = bind("is_state", ["entity_id", "state"], 2, args)?;
    let Some(state) = find(hub, &entity.unwrap_or_default())? else {
        return Ok(false.into());
    };
    let wanted = wanted.unwrap_or_default();
    if crate::text::type_name(&wanted) != "list" {
        return Ok((wanted.as_str() == Some(&state.state)).into());
    }
    let any = budget::items(&wanted)?
        .iter()
        .any(|wanted| wanted.as_str() == Some(&state.state));
    Ok(any.into())
}

fn is_state_attr(hub: &Hub, args: &[Value]) -> Result<Value, Error> {
    let names = ["entity_id", "name", "value"];
    let [entity, name, wanted] = bind("is_state_attr", names, 3, args)?;
    match attribute(hub, &entity.unwrap_or_default(), &name.unwrap_or_default())? {
        Some(value) => equal(&value, &wanted.unwrap_or_default()).map(Value::from),
        None => Ok(false.into()),
    }
}

fn has_value(hub: &Hub, args: &[Value]) -> Result<Value, Error> {
    let [entity] = bind("has_value", ["entity_id"], 1, args)?;
    let state = find(hub, &entity.unwrap_or_default())?;
    let known = state.is_some_and(|state| !matches!(state.state.as_ref(), UNKNOWN | UNAVAILABLE));
    Ok(known.into())
}

/// The states of entities, groups and zones named in any nesting of lists.
///
/// Walks from the end, so the last argument comes first. A group is opened once: groups may
/// contain each other.
fn expand(hub: &Hub, args: &[Value]) -> Result<Value, Error> {
    let (positional, _) = split(args)?;
    let mut waiting: Vec<(Value, usize)> =
        positional.iter().map(|value| (value.clone(), 0)).collect();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    while let Some((value, depth)) = waiting.pop() {
        work(1)?;
        if depth > DEPTH_MAX {
            return Err(too_deep());
        }
        let is_entity =
            value.as_str().is_some() || value.downcast_object_ref::<StateObject>().is_some();
        if !is_entity {
            if value.as_object().is_some() {
                waiting.extend(
                    budget::items(&value)?
                        .into_iter()
                        .map(|item| (item, depth + 1)),
                );
                allocate_items(waiting.len())?;
            }
            continue;
        }
        let Some(state) = find(hub, &value)? else {
            continue;
        };
        if !seen.insert(state.entity_id.clone()) {
            continue;
        }
        let members = match state.entity_id.domain() {
            "group" => state.attributes.get("entity_id"),
            "zone" => state.attributes.get("persons"),
            _ => None,
        };
        match members {
            Some(serde_json::Value::Array(members)) => {
                let members = members
                    .iter()
                    .map(|member| (crate::json::from_json(member), depth + 1));
                waiting.extend(members);
                allocate_items(waiting.len())?;
            }
            _ => found.push(Value::from_object(StateObject::new(hub.clone(), state))),
        }
    }
    allocate_items(found.len())?;
    Ok(Value::from(found))
}
