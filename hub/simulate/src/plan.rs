//! What a run is to do.

use std::time::Duration;

use crate::{Kind, Phone, Secret, SimulateError, Target};

/// Most phones in one run: their requests are kept in memory, about 1 kB a phone and kind.
const MOST_DEVICES: usize = 1_000_000;
const MOST_CONNECTIONS: usize = 50_000;
const HIGHEST_RATE: f64 = 10_000_000.0;

/// What the phones send once they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Location and sensor updates by turns, after registration of phones and sensors.
    All,
    /// Nothing: the run registers the phones and ends.
    Register,
    /// `update_location` only.
    Location,
    /// `get_zones` only.
    Zones,
    /// `update_sensor_states` only, after registration of the sensors.
    Sensors,
}

impl Mix {
    /// The kinds of message that are sent by turns.
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::All => &[Kind::Location, Kind::Sensors],
            Self::Register => &[],
            Self::Location => &[Kind::Location],
            Self::Zones => &[Kind::Zones],
            Self::Sensors => &[Kind::Sensors],
        }
    }

    /// Whether the phones need their sensors registered.
    pub(crate) fn needs_sensors(self) -> bool {
        self.kinds().contains(&Kind::Sensors)
    }
}

/// A load to put on a server. [`Plan::new`] gives defaults for all but the first two fields.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `http://host[:port][/path]`; `/api/…` is appended.
    pub url: String,
    /// Bearer token for the registrations. Not needed if `phones` is given.
    pub token: Secret,
    /// How many phones to register. Default 100. Passed over if `phones` is given.
    pub devices: usize,
    /// Phones that are registered already. Nothing is registered for them, neither they
    /// themselves nor their sensors. Default none.
    pub phones: Vec<Phone>,
    /// Messages a second in total, all phones together; 0 (the default) is as fast as the server
    /// answers. Registrations always go as fast as they are answered.
    pub rate: f64,
    /// How long messages are sent. Default 10 s. For [`Mix::Register`] the longest time that
    /// registering may take.
    pub duration: Duration,
    /// Whether phones register with encryption and then seal all that they send. Default no.
    pub encrypted: bool,
    /// Connections that the phones share. Default 16.
    pub connections: usize,
    /// What is sent. Default [`Mix::All`].
    pub mix: Mix,
    /// How long an answer may take. Default 10 s.
    pub timeout: Duration,
    /// Whether messages go through the hub's relay, by the order of the field's apps: the
    /// cloudhook's address, the remote pages, the hub itself. Default no.
    pub via_relay: bool,
    /// First word of the phones' names and device ids, of letters, digits, `-` and `_`. Default
    /// `simulated`. Phones of the same label and number replace each other on the server, so a
    /// second run does not add phones to those of the first.
    pub label: String,
}

impl Plan {
    /// A plan with the defaults above.
    #[must_use]
    pub fn new(url: impl Into<String>, token: impl Into<Secret>) -> Self {
        Self {
            url: url.into(),
            token: token.into(),
            devices: 100,
            phones: Vec::new(),
            rate: 0.0,
            duration: Duration::from_secs(10),
            encrypted: false,
            connections: 16,
            mix: Mix::All,
            timeout: Duration::from_secs(10),
            via_relay: false,
            label: "simulated".to_owned(),
        }
    }

    /// Checks every field and parses the URL.
    ///
    /// # Errors
    /// [`SimulateError::Plan`] with the first field that cannot be used.
    pub fn validate(&self) -> Result<Target, SimulateError> {
        let target = Target::parse(&self.url)?;
        let registers = self.phones.is_empty();
        let visible = |byte: u8| byte.is_ascii_graphic();
        let label_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let token = self.token.reveal();
        let checks = [
            (
                "token",
                !registers || (!token.is_empty() && token.bytes().all(visible)),
                "must be visible ASCII characters without spaces".to_owned(),
            ),
            (
                "devices",
                !registers || (1..=MOST_DEVICES).contains(&self.devices),
                format!("must be 1 to {MOST_DEVICES}, is {}", self.devices),
            ),
            (
                "phones",
                registers || self.mix != Mix::Register,
                "must be empty if phones are to be registered only".to_owned(),
            ),
            (
                "rate",
                (0.0..=HIGHEST_RATE).contains(&self.rate),
                format!("must be 0 (no limit) to {HIGHEST_RATE}, is {}", self.rate),
            ),
            (
                "duration",
                !self.duration.is_zero(),
                "must be longer than 0".to_owned(),
            ),
            (
                "connections",
                (1..=MOST_CONNECTIONS).contains(&self.connections),
                format!("must be 1 to {MOST_CONNECTIONS}, is {}", self.connections),
            ),
            (
                "timeout",
                !self.timeout.is_zero(),
                "must be longer than 0".to_owned(),
            ),
            (
                "label",
                !self.label.is_empty() && self.label.bytes().all(label_byte),
                format!(
                    "must be letters, digits, `-` and `_`, is `{}`",
                    self.label.escape_default()
                ),
            ),
        ];
        for (field, sound, problem) in checks {
            if !sound {
                return Err(SimulateError::Plan { field, problem });
            }
        }
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert!(Plan::new("http://hub", "token").validate().is_ok());
    }

    #[test]
    fn each_field_that_cannot_be_used_is_named() {
        let plan = || Plan::new("http://hub", "token");
        let phone = || Phone::new("id".to_owned(), None).unwrap();
        let cases = [
            (
                "token",
                Plan {
                    token: Secret::from(""),
                    ..plan()
                },
            ),
            (
                "token",
                Plan {
                    token: Secret::from("a\r\nb"),
                    ..plan()
                },
            ),
            (
                "devices",
                Plan {
                    devices: 0,
                    ..plan()
                },
            ),
            (
                "devices",
                Plan {
                    devices: MOST_DEVICES + 1,
                    ..plan()
                },
            ),
            (
                "phones",
                Plan {
                    phones: vec![phone()],
                    mix: Mix::Register,
                    ..plan()
                },
            ),
            (
                "rate",
                Plan {
                    rate: -1.0,
                    ..plan()
                },
            ),
            (
                "rate",
                Plan {
                    rate: f64::NAN,
                    ..plan()
                },
            ),
            (
                "rate",
                Plan {
                    rate: f64::INFINITY,
                    ..plan()
                },
            ),
            (
                "duration",
                Plan {
                    duration: Duration::ZERO,
                    ..plan()
                },
            ),
            (
                "connections",
                Plan {
                    connections: 0,
                    ..plan()
                },
            ),
            (
                "timeout",
                Plan {
                    timeout: Duration::ZERO,
                    ..plan()
                },
            ),
            (
                "label",
                Plan {
                    label: "a\"b".to_owned(),
                    ..plan()
                },
            ),
            (
                "url",
                Plan {
                    url: "https://hub".to_owned(),
                    ..plan()
                },
            ),
        ];
        for (expected, plan) in cases {
            match plan.validate() {
                Err(SimulateError::Plan { field, .. }) => assert_eq!(field, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }

    #[test]
    fn phones_that_are_given_need_no_token_and_no_number() {
        let plan = Plan {
            token: Secret::from(""),
            devices: 0,
            phones: vec![Phone::new("id".to_owned(), None).unwrap()],
            ..Plan::new("http://hub", "")
        };
        assert!(plan.validate().is_ok());
    }

    #[test]
    fn a_plan_does_not_show_its_token() {
        assert!(!format!("{:?}", Plan::new("http://hub", "t0ken")).contains("t0ken"));
    }
}
