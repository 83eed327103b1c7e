//! Sensors of a phone: what their values become and what their states show (spec mobile-app §5,
//! `register_sensor` and `update_sensor_states`).

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use hearth_core::attributes::Attributes;
use hearth_core::float;
use hearth_core::registry::EntityEntry;
use hearth_core::state::{STATE_MAX, UNAVAILABLE, UNKNOWN};
use hearth_core::time::Timestamp;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::attributes_text::{AttributesText, MembersText};
use crate::device_class::{self, DATE, TIMESTAMP};
use crate::text::{Text, bool_text, finite};

/// The icon of a sensor that names none.
pub(crate) const DEFAULT_ICON: &str = "mdi:cellphone";

/// Attributes that the hub writes itself; an app's own of these names are left out.
pub(crate) const OWN: [&str; 6] = [
    "state_class",
    "unit_of_measurement",
    "device_class",
    "icon",
    "friendly_name",
    "stale",
];

/// Which kind of entity a sensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SensorKind {
    /// Shows a value.
    Sensor,
    /// Shows `on` or `off`.
    BinarySensor,
}

impl SensorKind {
    /// The domain of its entities.
    pub(crate) fn domain(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::BinarySensor => "binary_sensor",
        }
    }

    /// The kind of an entity of this domain.
    pub(crate) fn of_domain(domain: &str) -> Option<Self> {
        [Self::Sensor, Self::BinarySensor]
            .into_iter()
            .find(|kind| kind.domain() == domain)
    }
}

/// What an app says a sensor's value is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Reading<'a> {
    #[default]
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(Cow<'a, str>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Reading<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Loose::deserialize(deserializer)? {
            Loose::Reading(reading) => Ok(reading),
            Loose::Structure => Err(D::Error::custom(
                "expected null, a boolean, a number or text",
            )),
        }
    }
}

/// Any JSON value, read as a [`Reading`] where it can be one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Loose<'a> {
    Reading(Reading<'a>),
    /// A list or an object.
    Structure,
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsLoose;
        impl<'de> Visitor<'de> for AsLoose {
            type Value = Loose<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Loose::Reading(Reading::Null))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
                Ok(Loose::Reading(Reading::Bool(truth)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Loose::Reading(Reading::Signed(number)))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Loose::Reading(Reading::Unsigned(number)))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Loose::Reading(Reading::Float(number)))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Loose::Reading(Reading::Text(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Loose::Reading(Reading::Text(Cow::Owned(text.to_owned()))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose::Structure)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Structure)
            }
        }
        deserializer.deserialize_any(AsLoose)
    }
}

impl<'a> Reading<'a> {
    /// As text, where the protocol takes it for that: all but null.
    pub(crate) fn into_text(self) -> Option<Text<'a>> {
        Some(Text(match self {
            Self::Null => return None,
            Self::Text(text) => text,
            Self::Bool(truth) => bool_text(truth).into(),
            Self::Signed(number) => number.to_string().into(),
            Self::Unsigned(number) => number.to_string().into(),
            Self::Float(number) => float::shortest(number).into(),
        }))
    }

    /// The state that this value stands for; `None` where the sensor cannot show it.
    pub(crate) fn state(&self, kind: SensorKind, entry: &EntityEntry) -> Option<Arc<str>> {
        match kind {
            SensorKind::Sensor => self.sensor_state(entry),
            SensorKind::BinarySensor => Some(self.binary_state()),
        }
    }

    fn binary_state(&self) -> Arc<str> {
        /// Most binary sensors show one of these.
        static ON_OFF: LazyLock<[Arc<str>; 2]> = LazyLock::new(|| ["off".into(), "on".into()]);
        let is_on = match self {
            Self::Null => return UNKNOWN.into(),
            Self::Text(text) if text == UNAVAILABLE => return UNAVAILABLE.into(),
            Self::Text(text) => !text.is_empty(),
            Self::Bool(truth) => *truth,
            Self::Signed(number) => *number != 0,
            Self::Unsigned(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
        };
        Arc::clone(&ON_OFF[usize::from(is_on)])
    }

    fn sensor_state(&self, entry: &EntityEntry) -> Option<Arc<str>> {
        let class = class_of(entry);
        let text: Cow<'_, str> = match self {
            Self::Null => return Some(UNKNOWN.into()),
            Self::Text(text) if text == UNKNOWN || text == UNAVAILABLE => {
                return Some((&**text).into());
            }
            Self::Text(text) => match class {
                Some(TIMESTAMP) => Cow::Owned(moment(text)?),
                Some(DATE) => Cow::Owned(day(text)?),
                _ if is_numeric(entry) && finite(text).is_none() => return None,
                _ => Cow::Borrowed(text),
            },
            // A number is no moment.
            _ if matches!(class, Some(DATE | TIMESTAMP)) => return None,
            Self::Bool(truth) => Cow::Borrowed(bool_text(*truth)),
            Self::Signed(number) => Cow::Owned(number.to_string()),
            Self::Unsigned(number) => Cow::Owned(number.to_string()),
            Self::Float(number) => Cow::Owned(float::state_text(*number)),
        };
        if text.len() > STATE_MAX && text.chars().count() > STATE_MAX {
            tracing::error!(entity = %entry.entity_id, "a sensor's value is too long for a state");
            return Some(UNKNOWN.into());
        }
        Some((&*text).into())
    }
}

/// What a sensor's state shows beside its value. `members`: the app's attributes, compact, without
/// those of the hub.
pub(crate) fn attributes(
    entry: &EntityEntry,
    name: &str,
    members: &str,
    icon: Option<&str>,
) -> Attributes {
    Frame::new(entry, name).attributes(entry, members, icon)
}

/// The attributes that stay the same from report to report, as text.
pub(crate) struct Frame {
    before: String,
    between: String,
    behind: String,
}

impl Frame {
    /// `name`: what the state shows as its name.
    pub(crate) fn new(entry: &EntityEntry, name: &str) -> Self {
        let mut before = MembersText::default();
        before.text_if("state_class", entry.state_class.as_deref());
        let mut between = MembersText::default();
        between.text_if("unit_of_measurement", entry.unit_of_measurement.as_deref());
        between.text_if("device_class", class_of(entry));
        let mut behind = MembersText::default();
        behind.text_if("friendly_name", Some(name));
        Self {
            before: before.finish(),
            between: between.finish(),
            behind: behind.finish(),
        }
    }

    /// As [`attributes`], for the entry that the frame was made of.
    pub(crate) fn attributes(
        &self,
        entry: &EntityEntry,
        members: &str,
        icon: Option<&str>,
    ) -> Attributes {
        let mut attributes = AttributesText::new();
        attributes.members(&self.before);
        attributes.members(members);
        attributes.members(&self.between);
        attributes.text_if("icon", entry.settings().icon.as_deref().or(icon));
        attributes.members(&self.behind);
        attributes.finish()
    }
}

/// Whether the sensor shows numbers only.
pub(crate) fn is_numeric(entry: &EntityEntry) -> bool {
    let has_unit = entry.unit_of_measurement.is_some() || entry.state_class.is_some();
    device_class::is_numeric(class_of(entry), has_unit)
}

/// The class that a person chose, else the app's.
fn class_of(entry: &EntityEntry) -> Option<&str> {
    let chosen = entry.settings().device_class.as_deref();
    chosen.or(entry.original_device_class.as_deref())
}

/// A moment in UTC without a fraction, from ISO text with an offset.
fn moment(text: &str) -> Option<String> {
    let moment: Timestamp = text.parse().ok()?;
    let iso = moment.to_string();
    // `2026-01-31T08:05:09` of `2026-01-31T08:05:09.000120+00:00`.
    Some(format!("{}+00:00", iso.get(..19)?))
}

/// A day, from ISO text of a day or of a moment.
fn day(text: &str) -> Option<String> {
    let day = text.get(..10)?;
    let is_day = format!("{day}T00:00:00Z").parse::<Timestamp>().is_ok();
    let rest = &text[10..];
    let is_moment =
        || text.parse::<Timestamp>().is_ok() || format!("{text}Z").parse::<Timestamp>().is_ok();
    (is_day && (rest.is_empty() || is_moment())).then(|| day.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_core::env::Env;
    use hearth_core::ids::{EntityEntryId, EntityId};

    fn entry(class: Option<&str>, unit: Option<&str>) -> EntityEntry {
        let env = Env::deterministic(1, Timestamp::from_micros(0));
        EntityEntry {
            id: EntityEntryId::generate(&env),
            entity_id: EntityId::from_parts("sensor", "x"),
            unique_id: "x".into(),
            platform: "mobile_app".into(),
            config_entry_id: None,
            device_id: None,
            original_name: None,
            original_icon: None,
            original_device_class: class.map(Into::into),
            unit_of_measurement: unit.map(Into::into),
            state_class: None,
            entity_category: None,
            disabled_by: None,
            hidden_by: None,
            has_entity_name: false,
            settings: None,
            created_at: env.now(),
            modified_at: env.now(),
        }
    }

    fn state(json: &str, kind: SensorKind, entry: &EntityEntry) -> Option<String> {
        let reading: Reading<'_> = serde_json::from_str(json).unwrap();
        reading.state(kind, entry).map(|state| state.to_string())
    }

    #[test]
    fn a_sensor_shows_its_value_as_text() {
        let plain = entry(None, None);
        for (json, expected) in [
            ("null", "unknown"),
            ("\"unknown\"", "unknown"),
            ("\"unavailable\"", "unavailable"),
            ("\"wifi\"", "wifi"),
            ("5", "5"),
            ("-5", "-5"),
            ("5.50", "5.5"),
            ("5.0", "5.0"),
            ("true", "True"),
            ("false", "False"),
        ] {
            let shown = state(json, SensorKind::Sensor, &plain);
            assert_eq!(shown.as_deref(), Some(expected), "{json}");
        }
        let long = format!("\"{}\"", "x".repeat(256));
        let shown = state(&long, SensorKind::Sensor, &plain);
        assert_eq!(shown.as_deref(), Some("unknown"));
    }

    #[test]
    fn a_binary_sensor_shows_whether_its_value_is_true() {
        let plain = entry(None, None);
        for (json, expected) in [
            ("null", "unknown"),
            ("\"unavailable\"", "unavailable"),
            ("true", "on"),
            ("0", "off"),
            ("0.5", "on"),
            ("\"\"", "off"),
            ("\"off\"", "on"),
            ("\"unknown\"", "on"),
        ] {
            let shown = state(json, SensorKind::BinarySensor, &plain);
            assert_eq!(shown.as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn a_numeric_sensor_shows_no_words() {
        for numeric in [entry(None, Some("km")), entry(Some("battery"), None)] {
            assert_eq!(state("\"far\"", SensorKind::Sensor, &numeric), None);
            assert_eq!(state("\"\"", SensorKind::Sensor, &numeric), None);
            let shown = state("\"12.5\"", SensorKind::Sensor, &numeric);
            assert_eq!(shown.as_deref(), Some("12.5"));
        }
    }

    #[test]
    fn days_and_moments_are_read_from_iso_text() {
        let moments = entry(Some("timestamp"), None);
        let days = entry(Some("date"), None);
        for (json, moment, day) in [
            (
                "\"2025-04-01T12:00:00+02:00\"",
                Some("2025-04-01T10:00:00+00:00"),
                Some("2025-04-01"),
            ),
            (
                "\"2025-04-01T23:30:00.5-02:00\"",
                Some("2025-04-02T01:30:00+00:00"),
                Some("2025-04-01"),
            ),
            ("\"2025-04-01T12:00:00\"", None, Some("2025-04-01")),
            ("\"2025-04-01\"", None, Some("2025-04-01")),
            ("\"2025-13-01\"", None, None),
            ("\"soon\"", None, None),
            ("\"20250401é\"", None, None),
            ("5", None, None),
        ] {
            assert_eq!(
                state(json, SensorKind::Sensor, &moments).as_deref(),
                moment,
                "{json}"
            );
            assert_eq!(
                state(json, SensorKind::Sensor, &days).as_deref(),
                day,
                "{json}"
            );
        }
    }
}
