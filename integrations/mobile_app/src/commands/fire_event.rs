use hearth_core::event::{Event, EventData, EventType, Origin};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Command;
use crate::answer::Answer;
use crate::phone::Phone;
use crate::registration::Done;
use crate::text::{Text, object};

/// Fires an event as the registering user.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FireEvent<'a> {
    #[serde(borrow)]
    event_type: Text<'a>,
    #[serde(default)]
    event_data: Map<String, Value>,
}

impl<'a> Command<'a> for FireEvent<'a> {
    fn parse(data: &'a str) -> Option<Self> {
        object(data)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let Ok(event_type) = EventType::parse(&self.event_type) else {
            return Done::Now(Answer::EMPTY);
        };
        let event = Event::new(
            event_type,
            EventData::Json(Value::Object(self.event_data)),
            Origin::Remote,
            phone.hub.env.now(),
            phone.context(),
        );
        Done::Now(match phone.hub.bus.try_publish(event) {
            Ok(()) => Answer::NOTHING,
            Err(_) => Answer::BUSY,
        })
    }
}
