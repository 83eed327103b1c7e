//! The data of a command: its fields taken out one by one, with the protocol's words for what is
//! wrong (spec websocket-api §2).
//!
//! ```
//! use hearth_core::fields::Fields;
//! use serde_json::json;
//!
//! let data = json!({"name": "Attic", "bogus": 1});
//! let mut fields = Fields::new(data.as_object().unwrap().clone());
//! assert_eq!(fields.text("name").unwrap(), "Attic");
//! assert_eq!(
//!     fields.finish().unwrap_err().message,
//!     "extra keys not allowed @ data['bogus']. Got 1"
//! );
//! ```

use std::fmt::Write;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::command::CommandError;
use crate::state::STATE_MAX;

/// How much of a wrong value a refusal repeats, in characters.
const LONGEST_ECHO: usize = 200;

/// The data of a command. What is taken is gone, so that [`Fields::finish`] finds what nobody
/// asked for. All errors are `invalid_format`.
#[derive(Debug)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// The fields of this data.
    pub fn new(data: Map<String, Value>) -> Self {
        Self(data)
    }

    /// Refuses data that is longer than `most` bytes as JSON.
    pub fn check_length(&self, most: usize) -> Result<(), CommandError> {
        let length = serde_json::to_string(&self.0).map_or(0, |json| json.len());
        if length <= most {
            return Ok(());
        }
        Err(CommandError::invalid(format!(
            "expected at most {most} bytes as JSON, not {length}"
        )))
    }

    /// Refuses what is left.
    pub fn finish(self) -> Result<(), CommandError> {
        match self.0.iter().next() {
            None => Ok(()),
            Some((key, value)) => Err(wrong("extra keys not allowed", key, value)),
        }
    }

    /// Any value, where it is given.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    /// All that is left.
    pub fn take_all(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.0)
    }

    /// Any value, which must be given.
    pub fn required(&mut self, key: &str) -> Result<Value, CommandError> {
        self.take(key).ok_or_else(|| missing(key))
    }

    /// A text that must be given.
    pub fn text(&mut self, key: &str) -> Result<String, CommandError> {
        self.optional_text(key)?.ok_or_else(|| missing(key))
    }

    /// A text.
    pub fn optional_text(&mut self, key: &str) -> Result<Option<String>, CommandError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_kind("str", key, &other)),
        }
    }

    /// A text or null: `None` where it is not given, `Some(None)` for null.
    pub fn nullable_text(&mut self, key: &str) -> Result<Option<Option<String>>, CommandError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(Value::String(text)) => Ok(Some(Some(text))),
            Some(other) => Err(wrong_kind("str", key, &other)),
        }
    }

    /// A text that must be given and that `T` is parsed from.
    pub fn parsed<T: FromStr>(&mut self, key: &str, expected: &str) -> Result<T, CommandError> {
        let value = self.required(key)?;
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        parsed.ok_or_else(|| wrong_value(expected, key, &value))
    }

    /// A whole number or null.
    pub fn nullable_integer(&mut self, key: &str) -> Result<Option<Option<i64>>, CommandError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Some(Some(number))),
                None => Err(wrong_kind("int", key, &value)),
            },
        }
    }

    /// True or false.
    pub fn flag(&mut self, key: &str) -> Result<Option<bool>, CommandError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(wrong_kind("bool", key, &other)),
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, CommandError> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let Value::Array(items) = value else {
            return Err(wrong_kind("list", key, &value));
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::String(text) => texts.push(text),
                other => return Err(wrong_kind("str", key, &other)),
            }
        }
        Ok(Some(texts))
    }

    /// A text, or a list of texts.
    pub fn text_or_texts(&mut self, key: &str) -> Result<Option<Vec<String>>, CommandError> {
        match self.0.get(key) {
            Some(Value::String(_)) => Ok(self.optional_text(key)?.map(|text| vec![text])),
            _ => self.texts(key),
        }
    }

    /// An object.
    pub fn object(&mut self, key: &str) -> Result<Option<Map<String, Value>>, CommandError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(other) => Err(wrong_kind("dict", key, &other)),
        }
    }

    /// One of these texts.
    pub fn one_of<T: Copy>(
        &mut self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, CommandError> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let chosen = choices
            .iter()
            .find(|(choice, _)| value.as_str() == Some(choice));
        match chosen {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let texts: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
                let expected = format!("value must be one of ['{}']", texts.join("', '"));
                Err(wrong_value(&expected, key, &value))
            }
        }
    }
}

/// Refuses what is no name for a person to read: names become parts of states and ids, and are as
/// long as a state at most.
pub fn check_name(key: &str, name: &str) -> Result<(), CommandError> {
    let problem = if name.trim().is_empty() {
        "length of value must be at least 1".to_owned()
    } else if name.chars().count() > STATE_MAX {
        format!("length of value must be at most {STATE_MAX}")
    } else {
        return Ok(());
    };
    let message = format!("{problem} for dictionary value @ data['{key}']");
    Err(CommandError::invalid(message))
}

/// A field has a value that is not expected there.
pub fn wrong_value(expected: &str, key: &str, value: &Value) -> CommandError {
    wrong(&format!("{expected} for dictionary value"), key, value)
}

/// A field that must be given is not.
pub fn missing(key: &str) -> CommandError {
    CommandError::invalid(format!("required key not provided @ data['{key}']"))
}

fn wrong_kind(expected: &str, key: &str, value: &Value) -> CommandError {
    wrong_value(&format!("expected {expected}"), key, value)
}

fn wrong(what: &str, key: &str, value: &Value) -> CommandError {
    let mut message = format!("{what} @ data['{key}']. Got ");
    let text = match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    };
    let mut echo = text.chars();
    message.extend(echo.by_ref().take(LONGEST_ECHO));
    if echo.next().is_some() {
        // Writing to a String does not fail.
        let _ = write!(message, "…");
    }
    CommandError::invalid(message)
}
