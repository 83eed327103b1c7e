//! What an app registers itself with (spec mobile-app §2), and why it may be refused.

use hearth_core::env::Env;
use hearth_core::json::is_too_deep;
use hearth_core::settings::Settings;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::text::Text;

/// A valid registration body.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) app_id: String,
    pub(crate) app_name: String,
    pub(crate) app_version: String,
    pub(crate) device_name: String,
    pub(crate) manufacturer: String,
    pub(crate) model: String,
    pub(crate) os_name: String,
    pub(crate) os_version: Option<String>,
    pub(crate) device_id: String,
    /// The app gave no device id: registering again makes another device.
    pub(crate) is_device_id_made: bool,
    pub(crate) supports_encryption: bool,
    /// An object; `None` where empty.
    pub(crate) app_data: Option<Box<RawValue>>,
}

/// How big a body may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How deep its JSON may nest.
    pub(crate) depth: usize,
    /// Bytes of `app_data`.
    pub(crate) app_data: usize,
    /// Bytes of each text.
    pub(crate) text: usize,
}

impl Limits {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            depth: settings.http.json_depth,
            app_data: settings.mobile_app.app_data_limit,
            text: settings.mobile_app.text_limit,
        }
    }
}

/// Why a body is refused, in the protocol's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    #[error("Invalid JSON.")]
    NotJson,
    #[error("Message format incorrect: {0}")]
    Format(String),
}

impl Form {
    /// Reads a body, whatever its content type.
    pub(crate) fn parse(body: &[u8], limits: Limits, env: &Env) -> Result<Self, FormError> {
        if is_too_deep(body, limits.depth) {
            return Err(FormError::NotJson);
        }
        let body: Value = serde_json::from_slice(body).map_err(|_| FormError::NotJson)?;
        let Value::Object(body) = body else {
            return Err(FormError::Format("expected a dictionary".to_owned()));
        };
        Self::from_map(&body, limits, env).map_err(FormError::Format)
    }

    fn from_map(body: &Map<String, Value>, limits: Limits, env: &Env) -> Result<Self, String> {
        let given_id = text(body, "device_id", limits)?.filter(|id| !id.is_empty());
        let is_device_id_made = given_id.is_none();
        let device_id = given_id.unwrap_or_else(|| env.hex::<16>());
        let device_name = required(body, "device_name", limits)?;
        Ok(Self {
            app_id: required(body, "app_id", limits)?,
            app_name: required(body, "app_name", limits)?,
            app_version: required(body, "app_version", limits)?,
            device_name: match device_name.is_empty() {
                true => device_id.clone(),
                false => device_name,
            },
            manufacturer: required(body, "manufacturer", limits)?,
            model: required(body, "model", limits)?,
            os_name: required(body, "os_name", limits)?,
            os_version: text(body, "os_version", limits)?,
            device_id,
            is_device_id_made,
            supports_encryption: match body.get("supports_encryption") {
                Some(value) => {
                    boolean(value).map_err(|why| problem(&why, "['supports_encryption']"))?
                }
                None => false,
            },
            app_data: match body.get("app_data") {
                Some(value) => {
                    let data = app_data(value)?;
                    fits(data.as_deref(), limits.app_data)?;
                    data
                }
                None => None,
            },
        })
    }
}

fn problem(why: &str, path: &str) -> String {
    format!("{why} for dictionary value @ data{path}")
}

fn required(body: &Map<String, Value>, key: &str, limits: Limits) -> Result<String, String> {
    text(body, key, limits)?.ok_or_else(|| format!("required key not provided @ data['{key}']"))
}

fn text(body: &Map<String, Value>, key: &str, limits: Limits) -> Result<Option<String>, String> {
    let Some(value) = body.get(key) else {
        return Ok(None);
    };
    let text = as_text(value).map_err(|why| problem(why, &format!("['{key}']")))?;
    is_short(key, &text, limits.text)?;
    Ok(Some(text))
}

/// Whether a text may be kept; else what is wrong with it.
pub(crate) fn is_short(key: &str, text: &str, limit: usize) -> Result<(), String> {
    let bytes = text.len();
    if bytes <= limit {
        return Ok(());
    }
    Err(format!(
        "expected at most {limit} bytes (setting mobile_app.text_limit) \
         @ data['{key}']. Got {bytes} bytes"
    ))
}

fn as_text(value: &Value) -> Result<String, &'static str> {
    match serde_json::from_value::<TextValue>(value.clone()) {
        Ok(TextValue(text)) => Ok(text),
        Err(_) if value.is_null() => Err("string value is None"),
        Err(_) => Err("value should be a string"),
    }
}

/// [`Text`] from a tree, which nothing can be borrowed from.
struct TextValue(String);

impl<'de> serde::Deserialize<'de> for TextValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(|Text(text)| Self(text.into_owned()))
    }
}

fn boolean(value: &Value) -> Result<bool, String> {
    let refused = |shown: &str| Err(format!("invalid boolean value {shown}"));
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::Number(number) => Ok(number.as_f64() != Some(0.0)),
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "1" | "true" | "yes" | "on" | "enable" => Ok(true),
            "0" | "false" | "no" | "off" | "disable" => Ok(false),
            _ => refused(text),
        },
        Value::Null => refused("None"),
        other => refused(&other.to_string()),
    }
}

/// The app's own data: any keys; those that the hub reads are checked. `None` where empty.
pub(crate) fn app_data(value: &Value) -> Result<Option<Box<RawValue>>, String> {
    let Value::Object(map) = value else {
        return Err("expected a dictionary for dictionary value @ data['app_data']".to_owned());
    };
    let mut map = map.clone();
    for key in ["push_token", "push_url"] {
        if let Some(value) = map.get(key) {
            let path = format!("['app_data']['{key}']");
            let text = as_text(value).map_err(|why| problem(why, &path))?;
            if key == "push_url" && !is_http_url(&text) {
                return Err(problem("invalid url", &path));
            }
            map.insert(key.to_owned(), text.into());
        }
    }
    if map.contains_key("push_token") != map.contains_key("push_url") {
        return Err(
            "some but not all values in the same group of inclusion 'push_cloud' @ data['app_data'][<push_cloud>]"
                .to_owned(),
        );
    }
    if let Some(value) = map.get("push_websocket_channel") {
        let path = "['app_data']['push_websocket_channel']";
        let truth = boolean(value).map_err(|why| problem(&why, path))?;
        map.insert("push_websocket_channel".to_owned(), truth.into());
    }
    if map.is_empty() {
        return Ok(None);
    }
    // A map of JSON values always serialises.
    Ok(serde_json::value::to_raw_value(&map).ok())
}

/// Whether it may be kept; else what is wrong with it.
pub(crate) fn fits(app_data: Option<&RawValue>, limit: usize) -> Result<(), String> {
    let bytes = app_data.map_or(0, |data| data.get().len());
    if bytes <= limit {
        return Ok(());
    }
    Err(format!(
        "expected at most {limit} bytes of JSON (setting mobile_app.app_data_limit) \
         @ data['app_data']. Got {bytes} bytes"
    ))
}

fn is_http_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !text.contains(char::is_whitespace)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn body() -> Value {
        json!({
            "app_id": "a", "app_name": "b", "app_version": 1.5, "device_name": "", "device_id": "d",
            "manufacturer": "m", "model": true, "os_name": "o", "unknown": [1],
        })
    }

    fn limits() -> Limits {
        Limits {
            depth: 64,
            app_data: 40,
            text: 20,
        }
    }

    fn parse(body: &Value) -> Result<Form, FormError> {
        Form::parse(body.to_string().as_bytes(), limits(), &Env::system())
    }

    #[test]
    fn a_body_is_taken_with_pythons_leniency() {
        let form = parse(&body()).unwrap();
        assert_eq!(form.app_version, "1.5");
        assert_eq!(form.model, "True");
        assert_eq!(form.device_name, "d");
        assert!(!form.supports_encryption && form.os_version.is_none() && form.app_data.is_none());
    }

    #[test]
    fn each_problem_is_told_in_the_protocols_words() {
        for (key, value, reason) in [
            (
                "model",
                json!(null),
                "string value is None for dictionary value @ data['model']",
            ),
            (
                "model",
                json!([]),
                "value should be a string for dictionary value @ data['model']",
            ),
            (
                "supports_encryption",
                json!("perhaps"),
                "invalid boolean value perhaps for dictionary value @ data['supports_encryption']",
            ),
            (
                "app_data",
                json!({"push_token": "t"}),
                "some but not all values in the same group of inclusion 'push_cloud' @ data['app_data'][<push_cloud>]",
            ),
            (
                "app_data",
                json!({"push_token": "t", "push_url": "ftp://x"}),
                "invalid url for dictionary value @ data['app_data']['push_url']",
            ),
            (
                "device_name",
                json!("x".repeat(21)),
                "expected at most 20 bytes (setting mobile_app.text_limit) @ data['device_name']. Got 21 bytes",
            ),
            (
                "app_data",
                json!({"a": "x".repeat(33)}),
                "expected at most 40 bytes of JSON (setting mobile_app.app_data_limit) @ data['app_data']. Got 41 bytes",
            ),
        ] {
            let mut body = body();
            body[key] = value;
            assert_eq!(
                parse(&body).unwrap_err(),
                FormError::Format(reason.to_owned())
            );
        }
        let mut without = body();
        without.as_object_mut().unwrap().remove("app_version");
        assert_eq!(
            parse(&without).unwrap_err().to_string(),
            "Message format incorrect: required key not provided @ data['app_version']"
        );
        assert_eq!(
            parse(&json!([])).unwrap_err().to_string(),
            "Message format incorrect: expected a dictionary"
        );
        let garbage = Form::parse(b"{", limits(), &Env::system()).unwrap_err();
        assert_eq!(garbage.to_string(), "Invalid JSON.");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Form::parse(&body, limits(), &Env::system());
        }
    }
}
