//! Where a phone says it is, and what its tracker shows of that (spec mobile-app §5,
//! `update_location`).

use hearth_core::event::Context;
use hearth_core::hub::Hub;
use hearth_core::location::{Position, tracker_state};
use hearth_core::state::{STATE_MAX, StateWrite, UNKNOWN};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::attributes_text::AttributesText;
use crate::text::{Float, Text, Whole, given, object};

/// One report. It replaces everything that was reported before.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Location<'a> {
    #[serde(borrow, deserialize_with = "given")]
    location_name: Option<Text<'a>>,
    #[serde(deserialize_with = "given")]
    gps: Option<Gps>,
    #[serde(deserialize_with = "given")]
    gps_accuracy: Option<Whole>,
    #[serde(deserialize_with = "given")]
    battery: Option<Whole>,
    #[serde(deserialize_with = "given")]
    speed: Option<Whole>,
    #[serde(deserialize_with = "given")]
    altitude: Option<Float>,
    #[serde(deserialize_with = "given")]
    course: Option<Whole>,
    #[serde(deserialize_with = "given")]
    vertical_accuracy: Option<Whole>,
}

/// Degrees north and east.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Gps {
    latitude: f64,
    longitude: f64,
}

impl<'de> Deserialize<'de> for Gps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [Float(latitude), Float(longitude)] = <[Float; 2]>::deserialize(deserializer)?;
        if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 {
            return Ok(Self {
                latitude,
                longitude,
            });
        }
        Err(D::Error::custom("not a place on Earth"))
    }
}

impl<'a> Location<'a> {
    /// From the data of a message; `None` where it is not valid.
    pub(crate) fn parse(data: &'a str) -> Option<Self> {
        let location: Self = object(data)?;
        (location.gps.is_none() || location.gps_accuracy.is_some()).then_some(location)
    }

    /// From what a tracker showed when the hub last ran: all but the name.
    pub(crate) fn restored(attributes: &str) -> Self {
        /// Lenient: a store may hold what an older hub wrote.
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Shown {
            latitude: Option<f64>,
            longitude: Option<f64>,
            gps_accuracy: Option<u64>,
            battery_level: Option<u64>,
            speed: Option<u64>,
            altitude: Option<f64>,
            course: Option<u64>,
            vertical_accuracy: Option<u64>,
        }
        let shown: Shown = serde_json::from_str(attributes).unwrap_or_default();
        let gps = match (shown.latitude, shown.longitude) {
            (Some(latitude), Some(longitude)) => Some(Gps {
                latitude,
                longitude,
            }),
            _ => None,
        };
        Self {
            location_name: None,
            gps,
            gps_accuracy: shown.gps_accuracy.map(Whole),
            battery: shown.battery_level.map(Whole),
            speed: shown.speed.map(Whole),
            altitude: shown.altitude.map(Float),
            course: shown.course.map(Whole),
            vertical_accuracy: shown.vertical_accuracy.map(Whole),
        }
    }

    /// What the tracker shows from now on. Forced: every report is a change.
    pub(crate) fn write(&self, hub: &Hub, name: &str, context: Context) -> StateWrite {
        let accuracy = self.gps_accuracy.map(|Whole(metres)| metres);
        let position = self.gps.map(|gps| Position {
            latitude: gps.latitude,
            longitude: gps.longitude,
            accuracy: accuracy.unwrap_or(0) as f64,
        });
        let given = self.location_name.as_deref();
        let state = match given {
            Some(name) if name.len() > STATE_MAX && name.chars().count() > STATE_MAX => {
                tracing::error!("a phone's location name is too long for a state");
                UNKNOWN.into()
            }
            given => tracker_state(&hub.zones, given, position),
        };
        let mut attributes = AttributesText::new();
        attributes.text("source_type", "gps");
        attributes.whole_if("battery_level", self.battery.map(|Whole(percent)| percent));
        attributes.float_if("latitude", self.gps.map(|gps| gps.latitude));
        attributes.float_if("longitude", self.gps.map(|gps| gps.longitude));
        attributes.whole_if("gps_accuracy", accuracy.filter(|_| self.gps.is_some()));
        attributes.float_if("altitude", self.altitude.map(|Float(metres)| metres));
        attributes.whole_if("course", self.course.map(|Whole(degrees)| degrees));
        attributes.whole_if("speed", self.speed.map(|Whole(speed)| speed));
        attributes.whole_if(
            "vertical_accuracy",
            self.vertical_accuracy.map(|Whole(metres)| metres),
        );
        attributes.text("friendly_name", name);
        StateWrite {
            state,
            attributes: attributes.finish(),
            force: true,
            context,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_cut_and_ranges_kept() {
        let data = r#"{"gps":[90,"-180"],"gps_accuracy":12.7,"battery":0,"altitude":-4.5}"#;
        let location = Location::parse(data).unwrap();
        assert_eq!(location.gps_accuracy, Some(Whole(12)));
        assert_eq!(location.altitude, Some(Float(-4.5)));
        assert!(Location::parse("{}").is_some());
        for bad in [
            r#"{"gps":[1,2]}"#,
            r#"{"gps":[90.5,0],"gps_accuracy":1}"#,
            r#"{"gps":[0,-180.5],"gps_accuracy":1}"#,
            r#"{"gps":[0],"gps_accuracy":1}"#,
            r#"{"gps":[0,0,0],"gps_accuracy":1}"#,
            r#"{"gps":"0,0","gps_accuracy":1}"#,
            r#"{"gps":null}"#,
            r#"{"battery":-1}"#,
            r#"{"altitude":null}"#,
            r#"{"altitude":"high"}"#,
            r#"{"location_name":null}"#,
            r#"{"bogus":1}"#,
            "[]",
            "5",
        ] {
            assert_eq!(Location::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(data in ".*") {
            let _ = Location::parse(&data);
            let _ = Location::restored(&data);
        }
    }
}
