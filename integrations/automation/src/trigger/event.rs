//! `event`: something happens on the bus; and two platforms that are events of certain types,
//! `tag` and `homeassistant`.

use hearth_core::command::CommandError;
use hearth_core::event::{Event, EventType};
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::prelude::{Map, Value, json};

use super::Kind;

/// Most event types of one trigger.
const MOST: usize = 100;

/// Events of some types, with some data.
pub(crate) struct EventTrigger {
    types: Vec<EventType>,
    data: Map<String, Value>,
    context: Map<String, Value>,
    look: Look,
}

/// What the payload says.
enum Look {
    Event,
    Tag,
    /// `start` or `shutdown`.
    Hub(&'static str),
}

pub(super) fn parse(fields: &mut Fields) -> Result<Kind, CommandError> {
    let given = fields.required("event_type")?;
    let names: Option<Vec<&str>> = match &given {
        Value::String(name) => Some(vec![name]),
        Value::Array(names) => names.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let types = names
        .filter(|names| (1..=MOST).contains(&names.len()))
        .and_then(|names| {
            names
                .iter()
                .map(|name| EventType::parse(name).ok())
                .collect()
        });
    let Some(types) = types else {
        return Err(wrong_value("expected str", "event_type", &given));
    };
    Ok(Kind::Event(EventTrigger {
        types,
        data: fields.object("event_data")?.unwrap_or_default(),
        context: fields.object("context")?.unwrap_or_default(),
        look: Look::Event,
    }))
}

pub(super) fn parse_tag(fields: &mut Fields) -> Result<Kind, CommandError> {
    let Some(tags) = fields.text_or_texts("tag_id")? else {
        let message = "required key not provided @ data['tag_id']";
        return Err(CommandError::invalid(message));
    };
    let mut data = Map::from_iter([("tag_id".to_owned(), json!(tags))]);
    if let Some(devices) = fields.text_or_texts("device_id")? {
        data.insert("device_id".to_owned(), json!(devices));
    }
    Ok(Kind::Event(EventTrigger {
        types: vec![EventType::known("tag_scanned")],
        data,
        context: Map::new(),
        look: Look::Tag,
    }))
}

pub(super) fn parse_homeassistant(fields: &mut Fields) -> Result<Kind, CommandError> {
    let events = [("start", true), ("shutdown", false)];
    let Some(is_start) = fields.one_of("event", &events)? else {
        let message = "required key not provided @ data['event']";
        return Err(CommandError::invalid(message));
    };
    let (event_type, look) = match is_start {
        true => ("homeassistant_start", Look::Hub("start")),
        false => ("homeassistant_stop", Look::Hub("shutdown")),
    };
    Ok(Kind::Event(EventTrigger {
        types: vec![EventType::known(event_type)],
        data: Map::new(),
        context: Map::new(),
        look,
    }))
}

impl EventTrigger {
    pub(crate) fn types(&self) -> &[EventType] {
        &self.types
    }

    /// What the payload says of an event that is waited for.
    pub(crate) fn event(&self, event: &Event) -> Option<Value> {
        if !self.types.contains(&event.event_type) {
            return None;
        }
        let has = |wanted: &Map<String, Value>, given: &Value, may_list: bool| {
            wanted.iter().all(|(key, wanted)| {
                let given = given.get(key);
                match wanted {
                    Value::Array(any) if may_list => given.is_some_and(|given| any.contains(given)),
                    one => given == Some(one),
                }
            })
        };
        let is_tag = matches!(self.look, Look::Tag);
        if !self.data.is_empty() && !has(&self.data, &event.data_value(), is_tag) {
            return None;
        }
        if !self.context.is_empty() && !has(&self.context, &json!(event.context), true) {
            return None;
        }
        // What the bus wrote parses.
        let shown: Value = serde_json::from_slice(event.json()).unwrap_or_default();
        Some(match self.look {
            Look::Event => {
                let description = format!("event '{}'", event.event_type.as_str());
                json!({"event": shown, "description": description})
            }
            Look::Tag => json!({"event": shown, "description": "Tag scanned"}),
            Look::Hub("start") => {
                json!({"event": "start", "description": "Home Assistant starting"})
            }
            Look::Hub(event) => json!({"event": event, "description": "Home Assistant stopping"}),
        })
    }
}
