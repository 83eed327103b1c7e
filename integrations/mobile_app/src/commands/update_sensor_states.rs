use std::collections::HashMap;
use std::fmt;

use hearth_core::event::Context;
use hearth_core::state::{StateWrite, WriteError};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Command;
use super::register_sensor::Icon;
use crate::answer::Answer;
use crate::attributes_text::is_readable;
use crate::phone::Phone;
use crate::registration::Done;
use crate::sensor::{self, DEFAULT_ICON, Reading, SensorKind};
use crate::text::{ObjectText, Text};
use problems::problems_of;

mod problems;

/// New values of sensors, each answered for itself.
pub(super) struct UpdateSensorStates<'a>(Vec<Item<'a>>);

/// One item: what says whose value it is, and the rest as it came.
struct Item<'a> {
    kind: SensorKind,
    unique_id: Text<'a>,
    raw: RawItem<'a>,
    json: &'a RawValue,
}

/// The keys of an item, not yet looked into.
#[derive(Default)]
struct RawItem<'a> {
    kind: Option<&'a RawValue>,
    unique_id: Option<&'a RawValue>,
    state: Option<&'a RawValue>,
    attributes: Option<&'a RawValue>,
    icon: Option<&'a RawValue>,
    has_others: bool,
}

/// A valid item.
struct Update<'a> {
    state: Reading<'a>,
    attributes: Option<&'a str>,
    icon: Option<Text<'a>>,
}

impl<'a> Command<'a> for UpdateSensorStates<'a> {
    /// One item without a valid type or id voids them all.
    fn parse(data: &'a str) -> Option<Self> {
        let items: Vec<&'a RawValue> = match data.trim_start().as_bytes().first()? {
            b'[' => serde_json::from_str(data).ok()?,
            _ => vec![serde_json::from_str(data).ok()?],
        };
        let items: Option<Vec<Item<'a>>> = items.into_iter().map(Item::parse).collect();
        items.map(Self)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        if self.0.len() > phone.hub.settings.mobile_app.sensors_per_device {
            tracing::warn!(
                webhook = phone.record.webhook_id.short(),
                "a phone reports more sensors at once than it may have"
            );
            return Done::Now(Answer::NOTHING);
        }
        let context = phone.context();
        let mut results = Results::new(self.0.len());
        for item in &self.0 {
            match item.apply(phone, context) {
                Ok(result) => results.set(item.unique_id.0.as_ref(), result),
                Err(Busy) => return Done::Now(Answer::BUSY),
            }
        }
        Done::Now(Answer::sealed(200, results.json()))
    }
}

/// Too many events are on their way.
struct Busy;

/// What became of one item.
enum Outcome {
    Done,
    Disabled,
    NotRegistered(SensorKind),
    Invalid(String),
}

impl<'a> Item<'a> {
    fn parse(json: &'a RawValue) -> Option<Self> {
        let raw: RawItem<'a> = serde_json::from_str(json.get()).ok()?;
        Some(Self {
            kind: serde_json::from_str(raw.kind?.get()).ok()?,
            unique_id: serde_json::from_str(raw.unique_id?.get()).ok()?,
            raw,
            json,
        })
    }

    fn apply(&self, phone: &mut Phone, context: Context) -> Result<Outcome, Busy> {
        let Some(sensor) = phone.sensor(self.kind, &self.unique_id) else {
            return Ok(Outcome::NotRegistered(self.kind));
        };
        let Some(update) = self.raw.update() else {
            return Ok(Outcome::Invalid(problems_of(self.json)));
        };
        if sensor.is_disabled() {
            return Ok(Outcome::Disabled);
        }
        let entry = &sensor.entry;
        let state = match update.state.state(self.kind, entry) {
            Some(state) => state,
            // Words for a sensor of numbers: taken, and not shown.
            None => return Ok(Outcome::Done),
        };
        let write = StateWrite {
            state,
            attributes: sensor::attributes(
                entry,
                sensor.name(),
                update.attributes,
                update.icon.as_deref(),
            ),
            force: false,
            context,
        };
        match phone.hub.states.try_set(&entry.entity_id, write) {
            Err(WriteError::Busy(_)) => Err(Busy),
            // Texts too long for a state were dealt with before.
            Ok(_) | Err(WriteError::TooLong { .. }) => Ok(Outcome::Done),
        }
    }
}

impl<'a> RawItem<'a> {
    /// `None` where a key or a value is not valid.
    fn update(&self) -> Option<Update<'a>> {
        if self.has_others {
            return None;
        }
        let attributes = match self.attributes {
            Some(raw) => {
                let ObjectText(attributes) = serde_json::from_str(raw.get()).ok()?;
                is_readable(attributes).then_some(Some(attributes))?
            }
            None => None,
        };
        let icon = match self.icon {
            Some(raw) => serde_json::from_str::<Option<Icon<'a>>>(raw.get()).ok()?,
            None => Some(Icon(Text(DEFAULT_ICON.into()))),
        };
        Some(Update {
            state: serde_json::from_str(self.state?.get()).ok()?,
            attributes,
            icon: icon.map(|icon| icon.0),
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawItem<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsItem;
        impl<'de> Visitor<'de> for AsItem {
            type Value = RawItem<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut item = RawItem::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    let slot = match &*key {
                        "type" => &mut item.kind,
                        "unique_id" => &mut item.unique_id,
                        "state" => &mut item.state,
                        "attributes" => &mut item.attributes,
                        "icon" => &mut item.icon,
                        _ => {
                            item.has_others = true;
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *slot = Some(map.next_value()?);
                }
                Ok(item)
            }
        }
        deserializer.deserialize_map(AsItem)
    }
}

/// The results by id, in the order of the items; an id that came twice shows its last.
struct Results<'a> {
    outcomes: Vec<(&'a str, Outcome)>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Results<'a> {
    fn new(items: usize) -> Self {
        Self {
            outcomes: Vec::with_capacity(items),
            places: HashMap::with_capacity(items),
        }
    }

    fn set(&mut self, unique_id: &'a str, outcome: Outcome) {
        match self.places.get(unique_id) {
            Some(place) => self.outcomes[*place].1 = outcome,
            None => {
                self.places.insert(unique_id, self.outcomes.len());
                self.outcomes.push((unique_id, outcome));
            }
        }
    }

    fn json(&self) -> String {
        let mut out = String::with_capacity(2 + self.outcomes.len() * 48);
        out.push('{');
        for (n, (unique_id, outcome)) in self.outcomes.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            out.push_str(&Value::from(*unique_id).to_string());
            out.push(':');
            match outcome {
                Outcome::Done => out.push_str("{\"success\":true}"),
                Outcome::Disabled => out.push_str("{\"success\":true,\"is_disabled\":true}"),
                Outcome::NotRegistered(kind) => {
                    let message = format!("{} {unique_id} is not registered", kind.domain());
                    out.push_str(&error("not_registered", &message));
                }
                Outcome::Invalid(problems) => out.push_str(&error("invalid_format", problems)),
            }
        }
        out.push('}');
        out
    }
}

fn error(code: &str, message: &str) -> String {
    json!({"success": false, "error": {"code": code, "message": message}}).to_string()
}
