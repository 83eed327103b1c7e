//! What a phone is, and what it says: the bodies of its requests and how their answers are read.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::routes::{Addresses, Prefer, Routes};
use crate::sealing::Key;
use crate::{Secret, SimulateError};

/// The kinds of request that a phone sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `POST /api/mobile_app/registrations`.
    Register,
    /// The webhook command `register_sensor`.
    RegisterSensor,
    /// The webhook command `update_location`.
    Location,
    /// The webhook command `update_sensor_states`, both sensors in one.
    Sensors,
    /// The webhook command `get_zones`.
    Zones,
}

impl Kind {
    /// All kinds, in the order in which a run sends them.
    pub const ALL: [Self; 5] = [
        Self::Register,
        Self::RegisterSensor,
        Self::Location,
        Self::Sensors,
        Self::Zones,
    ];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::RegisterSensor => "register_sensor",
            Self::Location => "location",
            Self::Sensors => "sensors",
            Self::Zones => "zones",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A registered phone.
///
/// Read from JSON it is `{"webhook_id": text, "secret": 64 hex characters or null}`, with the
/// `cloudhook_url` and `remote_ui_url` of a registration's answer where it has them; other keys are
/// passed over.
#[derive(Clone, Deserialize)]
#[serde(try_from = "Registration")]
pub struct Phone {
    webhook_id: String,
    secret: Option<Secret>,
    key: Option<Key>,
    cloudhook_url: Option<Box<str>>,
    remote_ui_url: Option<Box<str>>,
}

#[derive(Deserialize)]
struct Registration {
    webhook_id: String,
    #[serde(default)]
    secret: Option<Secret>,
    #[serde(default)]
    cloudhook_url: Option<Box<str>>,
    #[serde(default)]
    remote_ui_url: Option<Box<str>>,
}

impl TryFrom<Registration> for Phone {
    type Error = SimulateError;

    fn try_from(answer: Registration) -> Result<Self, SimulateError> {
        Ok(Self {
            cloudhook_url: answer.cloudhook_url,
            remote_ui_url: answer.remote_ui_url,
            ..Self::new(answer.webhook_id, answer.secret)?
        })
    }
}

impl Phone {
    /// A phone with a webhook id and, if it encrypts, its secret. A phone with a secret seals
    /// all that it sends, under the current key.
    ///
    /// # Errors
    /// [`SimulateError::Plan`] if the id does not fit a path as it is or the secret is not 64 hex
    /// characters; [`SimulateError::Sodium`].
    pub fn new(webhook_id: String, secret: Option<Secret>) -> Result<Self, SimulateError> {
        let fits_a_path =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        if webhook_id.is_empty() || !webhook_id.bytes().all(fits_a_path) {
            return Err(SimulateError::Plan {
                field: "phones",
                problem: "a webhook id must be of letters, digits, `-`, `_`, `.` and `~`"
                    .to_owned(),
            });
        }
        let key = match &secret {
            None => None,
            Some(secret) => {
                let key = Key::from_hex(secret.reveal())?;
                Some(key.ok_or_else(|| SimulateError::Plan {
                    field: "phones",
                    problem: "a secret must be 64 hex characters".to_owned(),
                })?)
            }
        };
        Ok(Self {
            webhook_id,
            secret,
            key,
            cloudhook_url: None,
            remote_ui_url: None,
        })
    }

    /// The ways to its webhook.
    pub(crate) fn routes(&self, instance_url: &str) -> Routes {
        let addresses = Addresses {
            cloudhook_url: self.cloudhook_url.as_deref(),
            remote_ui_url: self.remote_ui_url.as_deref(),
            instance_url,
            local_url: None,
        };
        Routes::new(&self.webhook_id, addresses, Prefer::SeedOrder)
    }

    /// Where its webhook is reached through the relay.
    pub(crate) fn cloudhook_url(&self) -> Option<&str> {
        self.cloudhook_url.as_deref()
    }

    /// The webhook id: who knows it can speak for the phone.
    #[must_use]
    pub fn webhook_id(&self) -> &str {
        &self.webhook_id
    }

    /// The secret, if the phone encrypts.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// The body of a webhook request, sealed if the phone has a secret.
    pub(crate) fn body(&self, command: &Command) -> Vec<u8> {
        let data = command.data.to_string();
        match &self.key {
            None => format!(r#"{{"type":"{}","data":{data}}}"#, command.name),
            Some(key) => format!(
                r#"{{"type":"{}","encrypted":true,"encrypted_data":"{}"}}"#,
                command.name,
                key.seal(data.as_bytes())
            ),
        }
        .into_bytes()
    }

    /// Whether a 2xx answer says that the request did what it should: the protocol answers 200
    /// to much that it ignores. A sealed answer is opened only if `thorough`, because opening
    /// every one would cost the generator as much as it costs the server.
    pub(crate) fn accepts(&self, kind: Kind, body: &[u8], thorough: bool) -> bool {
        let sealed = self.key.as_ref().filter(|_| kind != Kind::Location);
        match sealed {
            None => says_done(kind, body),
            Some(_) if !thorough => body.len() > b"{}".len(),
            Some(key) => {
                let envelope: Option<SealedAnswer<'_>> = serde_json::from_slice(body).ok();
                envelope
                    .filter(|envelope| envelope.encrypted)
                    .and_then(|envelope| key.open(envelope.encrypted_data.as_bytes()))
                    .is_some_and(|plain| says_done(kind, &plain))
            }
        }
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phone")
            .field("webhook_id", &self.webhook_id.get(..8).unwrap_or("***"))
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct SealedAnswer<'a> {
    encrypted: bool,
    encrypted_data: &'a str,
}

fn says_done(kind: Kind, body: &[u8]) -> bool {
    match kind {
        Kind::Register => true,
        Kind::Location => body == b"{}",
        Kind::RegisterSensor | Kind::Sensors => {
            body.len() > b"{}".len() && !body.windows(5).any(|word| word == b"false")
        }
        Kind::Zones => body.first() == Some(&b'['),
    }
}

/// A webhook command in the clear.
pub(crate) struct Command {
    name: &'static str,
    data: Value,
}

/// How many different requests of a kind a phone takes turns with.
pub(crate) const VARIANTS: usize = 2;

/// The registration of phone number `number`.
pub(crate) fn registration(label: &str, number: usize, encrypted: bool) -> Vec<u8> {
    json!({
        "device_id": format!("{label}-{number}"),
        "app_id": "org.hearth.simulate",
        "app_name": "Hearth simulate",
        "app_version": env!("CARGO_PKG_VERSION"),
        "device_name": format!("{label} {number}"),
        "manufacturer": "Hearth",
        "model": "Simulated phone",
        "os_name": "simulated",
        "os_version": "1",
        "supports_encryption": encrypted,
        "app_data": {},
    })
    .to_string()
    .into_bytes()
}

/// The two sensors of a phone: its battery and whether it is in use.
pub(crate) fn sensor_registrations() -> [Command; 2] {
    [
        Command {
            name: "register_sensor",
            data: json!({
                "type": "sensor", "unique_id": "battery_level", "name": "Battery level",
                "state": 80, "attributes": {}, "icon": "mdi:battery-80",
                "device_class": "battery", "unit_of_measurement": "%",
                "state_class": "measurement", "entity_category": "diagnostic",
            }),
        },
        Command {
            name: "register_sensor",
            data: json!({
                "type": "binary_sensor", "unique_id": "is_active", "name": "Active",
                "state": true, "attributes": {}, "icon": "mdi:cellphone",
                "device_class": "motion",
            }),
        },
    ]
}

/// What phone `number` says when it sends `kind` in its turn `variant`.
///
/// A phone walks to and fro over some 15 metres in a place of its own, so its tracker changes with
/// every message and zones are not entered and left all the time.
pub(crate) fn message(kind: Kind, number: usize, variant: usize) -> Command {
    let step = |of: f64| variant as f64 * of;
    match kind {
        Kind::Location => Command {
            name: "update_location",
            data: json!({
                "gps": [
                    rounded(-60.0 + (number % 1_000) as f64 * 0.12 + step(0.0001)),
                    rounded(-170.0 + (number / 1_000 % 1_000) as f64 * 0.34 + step(0.0001)),
                ],
                "gps_accuracy": 12, "battery": 80 - variant, "speed": 1, "altitude": 23.5,
                "course": 90, "vertical_accuracy": 4,
            }),
        },
        Kind::Zones => Command {
            name: "get_zones",
            data: json!({}),
        },
        // Registrations are not messages; their bodies are made above.
        Kind::Sensors | Kind::Register | Kind::RegisterSensor => Command {
            name: "update_sensor_states",
            data: json!([
                {
                    "type": "sensor", "unique_id": "battery_level", "state": 80 - variant,
                    "attributes": {"charging": false}, "icon": "mdi:battery-80",
                },
                {
                    "type": "binary_sensor", "unique_id": "is_active", "state": variant == 0,
                    "attributes": {}, "icon": "mdi:cellphone",
                },
            ]),
        },
    }
}

/// Degrees to six places, a tenth of a metre: what phones send.
fn rounded(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn phone(secret: Option<&str>) -> Phone {
        Phone::new("abc123".to_owned(), secret.map(Secret::from)).unwrap()
    }

    #[test]
    fn a_plain_phone_sends_type_and_data_only() {
        let body = phone(None).body(&message(Kind::Location, 3, 1));
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["type"], "update_location");
        assert_eq!(value["data"]["gps"], json!([-59.6399, -169.9999]));
        assert_eq!(value.as_object().unwrap().len(), 2);
    }

    #[test]
    fn a_phone_with_a_secret_sends_an_envelope_that_opens_to_the_data() {
        let secret = "0f".repeat(32);
        let body = phone(Some(&secret)).body(&message(Kind::Zones, 0, 0));
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["encrypted"], true);
        assert_eq!(value.as_object().unwrap().len(), 3);
        let key = Key::from_hex(&secret).unwrap().unwrap();
        let plain = key.open(value["encrypted_data"].as_str().unwrap().as_bytes());
        assert_eq!(plain.unwrap(), b"{}");
    }

    #[test]
    fn every_place_on_the_walk_lies_on_the_globe() {
        for number in [0, 999, 1_000, 99_999, 999_999, 1_000_000] {
            let data = message(Kind::Location, number, 1).data;
            let (latitude, longitude) = (&data["gps"][0], &data["gps"][1]);
            assert!(latitude.as_f64().unwrap().abs() <= 90.0, "{latitude}");
            assert!(longitude.as_f64().unwrap().abs() <= 180.0, "{longitude}");
        }
    }

    #[test]
    fn a_200_that_did_nothing_is_not_accepted() {
        let plain = phone(None);
        assert!(plain.accepts(Kind::Location, b"{}", true));
        assert!(!plain.accepts(Kind::Location, b"", true));
        assert!(plain.accepts(Kind::Sensors, br#"{"a":{"success":true}}"#, true));
        assert!(!plain.accepts(Kind::Sensors, br#"{"a":{"success":false}}"#, true));
        assert!(!plain.accepts(Kind::Sensors, b"{}", true));
        assert!(plain.accepts(Kind::Zones, b"[]", true));
        assert!(!plain.accepts(Kind::Zones, b"{}", true));
    }

    #[test]
    fn a_sealed_answer_is_accepted_only_if_it_opens_and_says_so() {
        let secret = "0f".repeat(32);
        let phone = phone(Some(&secret));
        let key = Key::from_hex(&secret).unwrap().unwrap();
        let answer = |plain: &str| {
            json!({"encrypted": true, "encrypted_data": key.seal(plain.as_bytes())}).to_string()
        };
        let accepts = |body: &str| phone.accepts(Kind::Sensors, body.as_bytes(), true);
        assert!(accepts(&answer(r#"{"a":{"success":true}}"#)));
        assert!(!accepts(&answer(r#"{"a":{"success":false}}"#)));
        assert!(!accepts(r#"{"encrypted":true,"encrypted_data":"AAAA"}"#));
        assert!(!accepts("{}"));
        assert!(!phone.accepts(Kind::Sensors, b"{}", false));
    }

    #[test]
    fn ids_that_would_break_a_request_are_refused() {
        for id in ["", "a b", "a/b", "a\r\nx: y", "é"] {
            assert!(Phone::new(id.to_owned(), None).is_err(), "{id:?}");
        }
        assert!(Phone::new("ok".to_owned(), Some(Secret::from("short"))).is_err());
    }

    #[test]
    fn a_phone_reads_from_a_registration_answer_and_hides_its_secret() {
        let secret = "ab".repeat(32);
        let text = json!({
            "cloudhook_url": null, "remote_ui_url": null,
            "secret": secret, "webhook_id": "f".repeat(64),
        });
        let phone: Phone = serde_json::from_value(text).unwrap();
        assert_eq!(phone.secret().unwrap().reveal(), secret);
        let shown = format!("{phone:?}");
        assert!(
            !shown.contains(&secret) && !shown.contains(&"f".repeat(9)),
            "{shown}"
        );
    }
}
