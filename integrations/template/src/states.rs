//! `states`: the state machine as templates see it.
//!
//! Three views, all read lazily: every state, the states of one domain, and one state. The
//! order of iteration is that in which the entities appeared.

use std::fmt;
use std::sync::{Arc, OnceLock};

use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::state::{State, UNAVAILABLE, UNKNOWN};
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, Value};

use crate::budget::{allocate, work};
use crate::error::{Exception, raise};
use crate::text::to_text;
use crate::time::DateTime;
use crate::tracking;

/// What a lookup of one state costs, in units of work.
const LOOKUP: u64 = 4;

/// Whether the value is a view of the state machine, which nothing walks through to measure it.
pub(crate) fn is_view(value: &Value) -> bool {
    value.downcast_object_ref::<StateObject>().is_some()
        || value.downcast_object_ref::<DomainStates>().is_some()
        || value.downcast_object_ref::<AllStates>().is_some()
}

/// The state of `entity_id`, which may be anything that a template gives.
pub(crate) fn find(hub: &Hub, entity_id: &Value) -> Result<Option<Arc<State>>, Error> {
    work(LOOKUP)?;
    if let Some(state) = entity_id.downcast_object_ref::<StateObject>() {
        tracking::entity(state.state.entity_id.as_str());
        return Ok(hub.states.get(state.state.entity_id.as_str()));
    }
    let Some(id) = entity_id.as_str() else {
        return Ok(None);
    };
    tracking::entity(id);
    Ok(hub.states.get(id).or_else(|| {
        // Ids are lower case; a template may write them otherwise.
        id.bytes()
            .any(|byte| byte.is_ascii_uppercase())
            .then(|| hub.states.get(&id.to_ascii_lowercase()))?
    }))
}

/// The global `states`: callable, a map of domains, and all states.
pub(crate) struct AllStates {
    pub(crate) hub: Hub,
}

impl AllStates {
    /// `states.name` or `states['name']`: a domain, or with a dot in it an entity.
    pub(crate) fn attribute(&self, name: &str) -> Result<Value, Error> {
        if name.contains('.') {
            return entity(&self.hub, name);
        }
        if name.starts_with('_') {
            return Ok(Value::UNDEFINED);
        }
        let is_domain = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !name.ends_with('_')
            && !name.contains("__");
        if !is_domain {
            return Err(raise(
                Exception::TemplateError,
                format!("Invalid domain name '{name}'"),
            ));
        }
        Ok(Value::from_object(DomainStates {
            hub: self.hub.clone(),
            domain: name.into(),
        }))
    }
}

/// The state object of an entity, `None` where it has no state.
fn entity(hub: &Hub, id: &str) -> Result<Value, Error> {
    work(LOOKUP)?;
    let id: EntityId = id.parse().map_err(|_| {
        raise(
            Exception::TemplateError,
            format!("Invalid entity ID '{id}'"),
        )
    })?;
    Ok(match hub.states.get(id.as_str()) {
        Some(state) => Value::from_object(StateObject {
            is_named: true,
            ..StateObject::new(hub.clone(), state)
        }),
        None => {
            tracking::entity(id.as_str());
            Value::from(())
        }
    })
}

/// State objects for iteration, in the order of creation.
fn state_objects(hub: &Hub, mut states: Vec<Arc<State>>) -> Enumerator {
    states.sort_unstable_by_key(|state| state.created);
    // A home of more entities than the budget allows ends the render, not the hub.
    if allocate(states.len() * 64)
        .and_then(|()| work(states.len() as u64))
        .is_err()
    {
        return Enumerator::Values(vec![Value::from(crate::error::limit(
            "Template exceeded its memory budget",
        ))]);
    }
    let hub = hub.clone();
    let objects = states
        .into_iter()
        .map(move |state| Value::from_object(StateObject::new(hub.clone(), state)));
    Enumerator::Iter(Box::new(objects))
}

impl fmt::Debug for AllStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<template AllStates>")
    }
}

impl Object for AllStates {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = self.attribute(key.as_str()?);
        Some(found.unwrap_or_else(Value::from))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        tracking::every_state();
        state_objects(&self.hub, self.hub.states.all())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        tracking::number_of_states();
        Some(self.hub.states.len())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call(
        self: &Arc<Self>,
        _: &mut minijinja::State<'_, '_>,
        args: &[Value],
    ) -> Result<Value, Error> {
        state_text(&self.hub, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// `states(entity_id, rounded=False, with_unit=False)`
pub(crate) fn state_text(hub: &Hub, args: &[Value]) -> Result<Value, Error> {
    let names = ["entity_id", "rounded", "with_unit"];
    let [id, _rounded, with_unit] = crate::arguments::bind("states", names, 1, args)?;
    let id = id.unwrap_or_default();
    let Some(state) = find(hub, &id)? else {
        return Ok(Value::from(UNKNOWN));
    };
    // Rounding needs a display precision in the registry, which no integration gives yet.
    if with_unit.is_some_and(|with_unit| with_unit.is_true()) {
        return with_unit_text(&state);
    }
    Ok(Value::from(Arc::clone(&state.state)))
}

fn with_unit_text(state: &State) -> Result<Value, Error> {
    match state.attributes.get("unit_of_measurement") {
        Some(serde_json::Value::String(unit))
            if state.state.as_ref() != UNAVAILABLE && state.state.as_ref() != UNKNOWN =>
        {
            Ok(Value::from(format!("{} {unit}", state.state)))
        }
        _ => Ok(Value::from(Arc::clone(&state.state))),
    }
}

/// `states.light`: the states of one domain.
pub(crate) struct DomainStates {
    hub: Hub,
    domain: Arc<str>,
}

impl DomainStates {
    /// `states.light.kitchen`
    pub(crate) fn attribute(&self, object_id: &str) -> Result<Value, Error> {
        if object_id.starts_with("__") {
            return Ok(Value::UNDEFINED);
        }
        entity(&self.hub, &format!("{}.{object_id}", self.domain))
    }
}

impl fmt::Debug for DomainStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<template DomainStates('{}')>", self.domain)
    }
}

impl Object for DomainStates {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = self.attribute(key.as_str()?);
        Some(found.unwrap_or_else(Value::from))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        tracking::domain(&self.domain);
        state_objects(&self.hub, self.hub.states.of_domain(&self.domain))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        tracking::number_in_domain(&self.domain);
        Some(self.hub.states.of_domain(&self.domain).len())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One state.
pub(crate) struct StateObject {
    hub: Hub,
    pub(crate) state: Arc<State>,
    attributes: OnceLock<Value>,
    /// The template has named it; one that it came across in a view counts as part of the view.
    is_named: bool,
}

impl StateObject {
    pub(crate) fn new(hub: Hub, state: Arc<State>) -> Self {
        Self {
            hub,
            state,
            attributes: OnceLock::new(),
            is_named: false,
        }
    }

    /// Equal in entity, value, attributes and context.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let (one, other) = (&self.state, &other.state);
        one.entity_id == other.entity_id
            && one.state == other.state
            && one.attributes == other.attributes
            && one.context.id == other.context.id
    }

    fn attributes(&self) -> &Value {
        self.attributes.get_or_init(|| {
            crate::json::from_text(self.state.attributes.as_json()).unwrap_or_default()
        })
    }

    fn field(&self, name: &str) -> Option<Value> {
        let state = &self.state;
        if self.is_named && name != "entity_id" {
            tracking::entity(state.entity_id.as_str());
        }
        let time =
            |at: hearth_core::time::Timestamp| DateTime::from_timestamp(at).map(Value::from_object);
        Some(match name {
            "entity_id" => Value::from(state.entity_id.as_str()),
            "domain" => Value::from(state.entity_id.domain()),
            "object_id" => Value::from(state.entity_id.object_id()),
            "state" => Value::from(Arc::clone(&state.state)),
            "name" => Value::from(state.name()),
            "attributes" => self.attributes().clone(),
            "last_changed" => time(state.last_changed)?,
            "last_updated" => time(state.last_updated)?,
            "last_reported" => time(state.last_reported)?,
            "context" => {
                let text = serde_json::to_value(state.context).unwrap_or_default();
                crate::json::from_json(&text)
            }
            "state_with_unit" => with_unit_text(state).ok()?,
            _ => return None,
        })
    }
}

impl fmt::Debug for StateObject {
    /// As a person sees it: `<template TemplateState(<state light.a=on; … @ time>)>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = &self.state;
        write!(
            f,
            "<template TemplateState(<state {}={}",
            state.entity_id, state.state
        )?;
        let pairs = self
            .attributes()
            .as_object()
            .and_then(|object| object.try_iter_pairs());
        for (index, (key, value)) in pairs.into_iter().flatten().enumerate() {
            let value = to_text(&value).map_err(|_| fmt::Error)?;
            write!(f, "{}{key}={value}", if index == 0 { "; " } else { ", " })?;
        }
        match DateTime::from_timestamp(state.last_changed) {
            Some(time) => {
                let local = time.in_zone(&crate::time::local_zone(&self.hub));
                write!(f, " @ {}>)>", local.isoformat('T'))
            }
            None => f.write_str(">)>"),
        }
    }
}

impl Object for StateObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.field(key.as_str()?)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
