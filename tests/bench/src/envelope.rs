//! The native-app protocol's envelopes, parsed in the plainest way that serde has: the cost that
//! no server can do without.

use std::borrow::Cow;

use hearth_simulate::sealing::Key;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// `{"type": "update_location", "data": {…}}`.
#[derive(Debug, Deserialize)]
pub struct PlainLocation<'a> {
    /// The command.
    #[serde(rename = "type", borrow)]
    pub command: Cow<'a, str>,
    /// Its data.
    #[serde(borrow)]
    pub data: Location<'a>,
}

/// The data of `update_location`.
#[derive(Debug, Deserialize)]
pub struct Location<'a> {
    /// Name of the place, if the phone knows one.
    #[serde(borrow)]
    pub location_name: Option<Cow<'a, str>>,
    /// Latitude and longitude, in degrees.
    pub gps: Option<[f64; 2]>,
    /// Radius of uncertainty, in metres.
    pub gps_accuracy: Option<f64>,
    /// Charge, in per cent.
    pub battery: Option<f64>,
    /// In metres a second.
    pub speed: Option<f64>,
    /// In metres.
    pub altitude: Option<f64>,
    /// In degrees from north.
    pub course: Option<f64>,
    /// In metres.
    pub vertical_accuracy: Option<f64>,
}

/// `{"type": …, "encrypted": true, "encrypted_data": "…"}`.
#[derive(Debug, Deserialize)]
pub struct Sealed<'a> {
    /// The command.
    #[serde(rename = "type", borrow)]
    pub command: Cow<'a, str>,
    /// Always true.
    pub encrypted: bool,
    /// Base64 of nonce, authenticator and ciphertext.
    #[serde(borrow)]
    pub encrypted_data: Cow<'a, str>,
}

/// One item of `update_sensor_states`.
#[derive(Debug, Deserialize)]
pub struct SensorState<'a> {
    /// `sensor` or `binary_sensor`.
    #[serde(rename = "type", borrow)]
    pub platform: Cow<'a, str>,
    /// The app's id of the sensor.
    #[serde(borrow)]
    pub unique_id: Cow<'a, str>,
    /// Null, boolean, number or text.
    pub state: Value,
    /// Anything.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// `mdi:…`.
    #[serde(borrow)]
    pub icon: Option<Cow<'a, str>>,
}

/// Opens a sealed request and parses what is in it; the command's name if both succeed.
#[must_use]
pub fn open_and_parse<'a>(body: &'a [u8], key: &Key) -> Option<Cow<'a, str>> {
    let envelope: Sealed<'a> = serde_json::from_slice(body).ok()?;
    let plain = key.open(envelope.encrypted_data.as_bytes())?;
    if envelope.command == "update_sensor_states" {
        serde_json::from_slice::<Vec<SensorState<'_>>>(&plain).ok()?;
    } else {
        serde_json::from_slice::<IgnoredAny>(&plain).ok()?;
    }
    Some(envelope.command)
}

/// A sealed answer: `{"encrypted": true, "encrypted_data": "…"}`.
#[must_use]
pub fn seal_answer(plain: &[u8], key: &Key) -> String {
    let sealed = key.seal(plain);
    let mut answer = String::with_capacity(sealed.len() + SEALED_OVERHEAD);
    answer.push_str(r#"{"encrypted":true,"encrypted_data":""#);
    answer.push_str(&sealed);
    answer.push_str(r#""}"#);
    answer
}

/// Bytes of a sealed answer around its base64.
const SEALED_OVERHEAD: usize = r#"{"encrypted":true,"encrypted_data":""}"#.len();
/// Nonce and authenticator.
const FRAME_OVERHEAD: usize = 24 + 16;

/// How long the plain text of a sealed answer of `answer` bytes is, to within base64's rounding.
#[must_use]
pub fn plain_length(answer: usize) -> usize {
    (answer.saturating_sub(SEALED_OVERHEAD) / 4 * 3).saturating_sub(FRAME_OVERHEAD)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key() -> Key {
        Key::from_hex(&"0f".repeat(32)).unwrap().unwrap()
    }

    #[test]
    fn a_sealed_request_opens_to_its_command_and_a_wrong_one_does_not() {
        let data = r#"[{"type":"sensor","unique_id":"b","state":1}]"#;
        for (command, plain, opens) in [
            ("update_sensor_states", data, true),
            ("update_sensor_states", "{}", false),
            ("get_zones", "{}", true),
            ("get_zones", "{", false),
        ] {
            let sealed = key().seal(plain.as_bytes());
            let body =
                format!(r#"{{"type":"{command}","encrypted":true,"encrypted_data":"{sealed}"}}"#);
            let opened = open_and_parse(body.as_bytes(), &key());
            assert_eq!(opened.as_deref(), opens.then_some(command), "{plain}");
        }
    }

    #[test]
    fn the_plain_length_follows_from_the_length_of_the_answer() {
        for length in [2, 77, 400, 2_000] {
            let answer = seal_answer(&vec![b' '; length], &key());
            let found = plain_length(answer.len());
            assert!((length..length + 3).contains(&found), "{length}: {found}");
        }
    }
}
