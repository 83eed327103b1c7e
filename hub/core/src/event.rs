//! Events: something that happened, with its cause.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::context::Context;
use crate::ids::EntityId;
use crate::json::write_text;
use crate::state::value::State;
use crate::time::Timestamp;

/// Longest event type in characters (spec state-machine §0).
pub const EVENT_TYPE_MAX: usize = 64;

/// Whether an event was made inside the hub or came from outside (spec state-machine §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Origin {
    /// Made inside.
    Local,
    /// Fired by REST or by a native app.
    Remote,
}

impl Origin {
    fn as_str(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::Remote => "REMOTE",
        }
    }
}

/// The name of an event, at most [`EVENT_TYPE_MAX`] characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventType(Repr);

/// Types that the hub itself knows cost no allocation.
#[derive(Clone)]
enum Repr {
    Known(&'static str),
    Given(Arc<str>),
}

impl PartialEq for Repr {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Repr {}

impl std::hash::Hash for Repr {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Repr {
    fn as_str(&self) -> &str {
        match self {
            Self::Known(text) => text,
            Self::Given(text) => text,
        }
    }
}

/// An event type longer than the protocol allows.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the event type has {0} characters; at most {EVENT_TYPE_MAX} are allowed")]
pub struct EventTypeTooLong(pub usize);

impl EventType {
    /// A state changed, appeared or vanished.
    pub const STATE_CHANGED: Self = Self::known("state_changed");
    /// A state was written again with nothing new.
    pub const STATE_REPORTED: Self = Self::known("state_reported");
    /// A service was called.
    pub const CALL_SERVICE: Self = Self::known("call_service");

    /// A type named in the hub's own code.
    pub const fn known(name: &'static str) -> Self {
        Self(Repr::Known(name))
    }

    /// A type given from outside.
    pub fn parse(text: &str) -> Result<Self, EventTypeTooLong> {
        let length = text.chars().count();
        if length > EVENT_TYPE_MAX {
            return Err(EventTypeTooLong(length));
        }
        Ok(Self(Repr::Given(text.into())))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::borrow::Borrow<str> for EventType {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// What an event carries.
#[derive(Clone, Debug)]
pub enum EventData {
    /// An entity's state changed (`old` absent: new entity; `new` absent: removed).
    StateChanged {
        /// Whose state.
        entity_id: EntityId,
        /// The state before.
        old: Option<Arc<State>>,
        /// The state now.
        new: Option<Arc<State>>,
    },
    /// An entity reported the state that it already had.
    StateReported {
        /// When it was last reported before.
        old_last_reported: Timestamp,
        /// The state now.
        new: Arc<State>,
    },
    /// Anything else: a JSON object.
    Json(Value),
}

/// Something that happened. Shared as `Arc<Event>`; its JSON is made once.
#[derive(Debug)]
pub struct Event {
    /// Its name.
    pub event_type: EventType,
    /// What it carries.
    pub data: EventData,
    /// Inside or outside.
    pub origin: Origin,
    /// When.
    pub time_fired: Timestamp,
    /// Why.
    pub context: Context,
    json: OnceLock<Bytes>,
}

impl Event {
    /// A new event.
    pub fn new(
        event_type: EventType,
        data: EventData,
        origin: Origin,
        time_fired: Timestamp,
        context: Context,
    ) -> Self {
        Self {
            event_type,
            data,
            origin,
            time_fired,
            context,
            json: OnceLock::new(),
        }
    }

    /// An event of a type named in the hub's own code, that began here.
    pub fn local(
        event_type: &'static str,
        data: Value,
        time_fired: Timestamp,
        context: Context,
    ) -> Self {
        let event_type = EventType::known(event_type);
        Self::new(
            event_type,
            EventData::Json(data),
            Origin::Local,
            time_fired,
            context,
        )
    }

    /// The entity that this event speaks of, where it is about one state.
    pub fn entity_id(&self) -> Option<&EntityId> {
        match &self.data {
            EventData::StateChanged { entity_id, .. } => Some(entity_id),
            EventData::StateReported { new, .. } => Some(&new.entity_id),
            EventData::Json(_) => None,
        }
    }

    /// The event as clients see it, serialised at the first call and shared after:
    /// `{"event_type","data","origin","time_fired","context"}`.
    pub fn json(&self) -> &Bytes {
        self.json.get_or_init(|| {
            let mut out = String::with_capacity(1024);
            out.push_str("{\"event_type\":");
            write_text(self.event_type.as_str(), &mut out);
            out.push_str(",\"data\":");
            self.write_data(&mut out);
            out.push_str(",\"origin\":\"");
            out.push_str(self.origin.as_str());
            out.push_str("\",\"time_fired\":\"");
            self.time_fired.write_iso(&mut out);
            out.push_str("\",\"context\":");
            self.context.write_json(&mut out);
            out.push('}');
            Bytes::from(out)
        })
    }

    /// The data alone as a JSON value.
    pub fn data_value(&self) -> Value {
        if let EventData::Json(value) = &self.data {
            return value.clone();
        }
        let mut out = String::new();
        self.write_data(&mut out);
        // What we wrote ourselves parses.
        serde_json::from_str(&out).unwrap_or_default()
    }

    fn write_data(&self, out: &mut String) {
        let write_state = |state: &Option<Arc<State>>, out: &mut String| match state {
            Some(state) => state.write_json(out),
            None => out.push_str("null"),
        };
        match &self.data {
            EventData::StateChanged {
                entity_id,
                old,
                new,
            } => {
                out.push_str("{\"entity_id\":\"");
                out.push_str(entity_id.as_str());
                out.push_str("\",\"old_state\":");
                write_state(old, out);
                out.push_str(",\"new_state\":");
                write_state(new, out);
                out.push('}');
            }
            EventData::StateReported {
                old_last_reported,
                new,
            } => {
                out.push_str("{\"entity_id\":\"");
                out.push_str(new.entity_id.as_str());
                out.push_str("\",\"old_last_reported\":\"");
                old_last_reported.write_iso(out);
                out.push_str("\",\"new_state\":");
                new.write_json(out);
                out.push('}');
            }
            EventData::Json(value) => out.push_str(&value.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Env;

    #[test]
    fn the_json_of_an_event_is_valid_and_made_once() {
        let env = Env::deterministic(1, Timestamp::from_micros(0));
        let context = Context::new(&env);
        let event = Event::new(
            EventType::parse("a \"quoted\" type").unwrap(),
            EventData::Json(serde_json::json!({"x": 1})),
            Origin::Remote,
            env.now(),
            context,
        );
        let value: Value = serde_json::from_slice(event.json()).unwrap();
        assert_eq!(value["event_type"], "a \"quoted\" type");
        assert_eq!(value["origin"], "REMOTE");
        assert_eq!(value["context"], serde_json::to_value(context).unwrap());
        assert_eq!(event.json().as_ptr(), event.json().as_ptr());
    }

    #[test]
    fn an_event_type_may_have_64_characters_and_no_more() {
        assert!(EventType::parse(&"é".repeat(64)).is_ok());
        assert!(EventType::parse(&"e".repeat(65)).is_err());
    }
}
