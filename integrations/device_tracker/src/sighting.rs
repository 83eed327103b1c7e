//! One call of `device_tracker.see`.

use std::time::Duration;

use hearth_core::location::{HOME, Position, Zones, tracker_state};
use hearth_core::prelude::*;
use hearth_core::slug::slugify;
use serde::Deserialize;

/// How long a device that was seen without a position counts as at home.
pub(crate) const CONSIDER_HOME: Duration = Duration::from_secs(180);
/// Longest `attributes` as JSON, in bytes.
const ATTRIBUTES_MAX: usize = 16 * 1024;
/// Longest name, id or address in bytes.
const TEXT_MAX: usize = 255;

/// What was seen.
#[derive(Default)]
pub(crate) struct Sighting {
    /// Upper case.
    pub(crate) mac: Option<String>,
    /// A slug.
    pub(crate) dev_id: Option<String>,
    pub(crate) host_name: Option<String>,
    location_name: Option<String>,
    pub(crate) gps: Option<(f64, f64)>,
    /// Metres.
    pub(crate) gps_accuracy: i64,
    pub(crate) battery: Option<i64>,
    pub(crate) attributes: Map<String, Value>,
    source_type: Option<String>,
    pub(crate) consider_home: Duration,
}

#[derive(Deserialize)]
struct Given {
    mac: Option<String>,
    dev_id: Option<String>,
    host_name: Option<String>,
    location_name: Option<String>,
    gps: Option<(f64, f64)>,
    gps_accuracy: Option<i64>,
    battery: Option<i64>,
    attributes: Option<Map<String, Value>>,
    source_type: Option<String>,
    consider_home: Option<u64>,
}

pub(crate) fn schema() -> Schema {
    let sources = ["router", "bluetooth", "bluetooth_le", "gps"].map(Into::into);
    let text = |name, description| Field::optional(name, Kind::Text, description);
    let metres = Kind::Integer {
        min: 0,
        max: 100_000_000,
    };
    let percent = Kind::Integer { min: 0, max: 100 };
    let seconds = Kind::Integer {
        min: 0,
        max: 31_536_000,
    };
    let degrees = Kind::Number {
        min: -180.0,
        max: 180.0,
    };
    Schema::Fields(vec![
        text("mac", "The device's network address."),
        text("dev_id", "The device's id, as in its entity id."),
        text("host_name", "The device's name."),
        text("location_name", "Where it is."),
        Field::optional(
            "gps",
            Kind::List(Box::new(degrees), 2),
            "Latitude and longitude.",
        ),
        Field::optional(
            "gps_accuracy",
            metres,
            "How exact the position is, in metres.",
        ),
        Field::optional("battery", percent, "Percent."),
        Field::optional("attributes", Kind::Object, "More attributes."),
        Field::optional(
            "source_type",
            Kind::Choice(sources.to_vec().into()),
            "What saw it.",
        ),
        Field::optional("consider_home", seconds, "Seconds until it counts as gone."),
    ])
}

impl Sighting {
    /// From data that the schema has checked.
    pub(crate) fn parse(data: Map<String, Value>) -> Result<Self, ServiceError> {
        let given: Given = serde_json::from_value(Value::Object(data))
            .map_err(|error| ServiceError::Invalid(error.to_string()))?;
        let dev_id = given
            .dev_id
            .as_deref()
            .map(slugify)
            .filter(|id| !id.is_empty());
        let mac = given
            .mac
            .map(|mac| mac.trim().to_uppercase())
            .filter(|mac| !mac.is_empty());
        if dev_id.is_none() && mac.is_none() {
            return Err(ServiceError::Invalid(
                "must contain at least one of mac, dev_id.".to_owned(),
            ));
        }
        for (key, text) in [
            ("mac", &mac),
            ("dev_id", &dev_id),
            ("host_name", &given.host_name),
            ("location_name", &given.location_name),
        ] {
            if text.as_ref().is_some_and(|text| text.len() > TEXT_MAX) {
                return Err(wrong(
                    &format!("length of value must be at most {TEXT_MAX}"),
                    key,
                ));
            }
        }
        if given.gps.is_some_and(|(latitude, _)| latitude.abs() > 90.0) {
            return Err(wrong("value must be at most 90", "gps"));
        }
        let attributes = given.attributes.unwrap_or_default();
        if Value::Object(attributes.clone()).to_string().len() > ATTRIBUTES_MAX {
            return Err(wrong(
                &format!("expected at most {ATTRIBUTES_MAX} bytes"),
                "attributes",
            ));
        }
        Ok(Self {
            mac,
            dev_id,
            host_name: given.host_name.filter(|name| !name.is_empty()),
            location_name: given.location_name.filter(|name| !name.is_empty()),
            gps: given.gps,
            gps_accuracy: given.gps_accuracy.unwrap_or(0),
            battery: given.battery,
            attributes,
            source_type: given.source_type,
            consider_home: given
                .consider_home
                .map_or(CONSIDER_HOME, Duration::from_secs),
        })
    }

    /// What saw it.
    pub(crate) fn source_type(&self) -> &str {
        let default = if self.gps.is_some() { "gps" } else { "router" };
        self.source_type.as_deref().unwrap_or(default)
    }

    /// Whether all that is known is that it is near.
    pub(crate) fn is_presence_only(&self) -> bool {
        self.location_name.is_none() && self.gps.is_none()
    }

    /// What seen there means: seen without a position is seen at home.
    pub(crate) fn state(&self, zones: &Zones) -> Arc<str> {
        if self.is_presence_only() {
            return HOME.into();
        }
        let position = self.gps.map(|(latitude, longitude)| Position {
            latitude,
            longitude,
            // Below 2^53, so the cast is exact.
            accuracy: self.gps_accuracy as f64,
        });
        tracker_state(zones, self.location_name.as_deref(), position)
    }
}

fn wrong(expected: &str, key: &str) -> ServiceError {
    ServiceError::Invalid(format!("{expected} for dictionary value @ data['{key}']"))
}
