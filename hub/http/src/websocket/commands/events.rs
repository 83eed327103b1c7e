//! Events: hearing them and firing them (spec websocket-api §3 and §4).

use std::rc::Rc;

use futures_util::FutureExt;
use hearth_core::command::{Access, CommandError, Translation};
use hearth_core::event::{EVENT_TYPE_MAX, Event, EventData, EventType, Origin};
use serde_json::{Map, Value, json};

use super::{Act, Command, Done, Then};
use crate::websocket::fan_out::{self, Subscriber, Topic};
use crate::websocket::fields::Fields;
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;
use crate::websocket::subscriptions::Subscription;

/// What users who are no administrators may hear; of `state_changed` what they may read.
const OPEN_TO_ALL: [&str; 18] = [
    "area_registry_updated",
    "category_registry_updated",
    "component_loaded",
    "core_config_updated",
    "device_registry_updated",
    "entity_registry_updated",
    "floor_registry_updated",
    "label_registry_updated",
    "lovelace_updated",
    "panels_updated",
    "recorder_5min_statistics_generated",
    "recorder_hourly_statistics_generated",
    "repairs_issue_registry_updated",
    "service_registered",
    "service_removed",
    "shopping_list_updated",
    "state_changed",
    "themes_updated",
];

/// Hears events, of one type or all.
pub(super) struct Subscribe {
    event_type: Option<String>,
}

impl Command for Subscribe {
    const TYPE: &'static str = "subscribe_events";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let event_type = fields.optional_text("event_type")?;
        fields.finish()?;
        Ok(Self {
            event_type: event_type.filter(|event_type| event_type != "*"),
        })
    }

    fn act(self, id: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let is_open = |event_type: &String| OPEN_TO_ALL.contains(&event_type.as_str());
        if !session.user.is_admin() && !self.event_type.as_ref().is_some_and(is_open) {
            return Err(CommandError::unauthorized());
        }
        let topic = match self.event_type.as_deref() {
            None => Topic::All,
            Some("state_reported") => {
                return Err(CommandError::failed(
                    "Event filter is required for event state_reported",
                ));
            }
            Some(given) => Topic::Type(event_type(given)?),
        };
        let limit = session.door.websocket().subscriptions;
        session.subscriptions.check_room(limit)?;
        let subscribed = fan_out::Subscription::new(
            Rc::clone(&session.sockets),
            Subscriber::of_all(Rc::clone(&session.socket)),
            id,
            topic,
        );
        let subscribed = async {
            Ok(Done {
                then: Then::Keep(Subscription::Events(subscribed.await)),
                answer: Answer::Nothing,
            })
        };
        Ok(Act::First(subscribed.boxed_local()))
    }
}

/// Fires an event.
pub(super) struct Fire {
    event_type: EventType,
    data: Map<String, Value>,
}

impl Command for Fire {
    const TYPE: &'static str = "fire_event";
    const ACCESS: Access = Access::Admin;

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let given = fields.text("event_type")?;
        let data = fields.object("event_data")?;
        fields.finish()?;
        Ok(Self {
            event_type: event_type(&given)?,
            data,
        })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let hub = &session.door.hub;
        let context = session.context();
        let data = EventData::Json(Value::Object(self.data));
        let event = Event::new(self.event_type, data, Origin::Local, hub.env.now(), context);
        hub.bus
            .try_publish(event)
            .map_err(|_| CommandError::busy())?;
        Ok(Act::Done(Answer::Value(json!({ "context": context }))))
    }
}

fn event_type(given: &str) -> Result<EventType, CommandError> {
    EventType::parse(given).map_err(|_| {
        let message = format!(
            "Value {given} for property event_type has a maximum length of {EVENT_TYPE_MAX} characters"
        );
        let placeholders = json!({
            "value": given, "property_name": "event_type", "max_length": EVENT_TYPE_MAX.to_string(),
        });
        let Value::Object(placeholders) = placeholders else {
            return CommandError::failed(message);
        };
        CommandError {
            translation: Some(Box::new(Translation {
                domain: "homeassistant".into(),
                key: "max_length_exceeded".into(),
                placeholders,
            })),
            ..CommandError::failed(message)
        }
    })
}
