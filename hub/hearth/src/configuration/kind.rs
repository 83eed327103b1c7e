//! Which values a key takes. Nothing is turned from one kind into another in silence: a name in
//! a file that is a number is a mistake. Only the environment, where all is text, is parsed.

use hearth_core::settings::{SecretText, Settings};
use serde_json::{Map, Value, json};

use super::Wrong;

/// What a key's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Whole,
    Number,
    Text,
    Texts,
    /// A text, or where to find it.
    Secret,
    /// Tables, which stand in files only.
    Tables,
}

impl Kind {
    /// The kind that the default value shows.
    pub(super) fn of(section: &str, key: &str, default: &Value) -> Self {
        match default {
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Number(_) => Self::Whole,
            Value::Array(_) if section == "provision" => Self::Tables,
            Value::Array(_) => Self::Texts,
            Value::Null if key == "seed" => Self::Whole,
            Value::Null if key == "token" => Self::Secret,
            Value::Null | Value::String(_) => Self::Text,
            Value::Object(_) => Self::Tables,
        }
    }

    /// What such a value is called, as the end of a sentence.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Whole => "a whole number",
            Self::Number => "a number",
            Self::Text => "a text in quotes",
            Self::Texts => "a list of texts",
            Self::Secret => "a text in quotes, { file = \"…\" } or { env = \"…\" }",
            Self::Tables => "tables in a file; it cannot be given in the environment",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Bool => value.is_boolean(),
            Self::Whole => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Text => value.is_string(),
            Self::Texts => value
                .as_array()
                .is_some_and(|items| items.iter().all(Value::is_string)),
            Self::Secret => serde_json::from_value::<SecretText>(value.clone()).is_ok(),
            Self::Tables => true,
        }
    }

    /// The value that a text from the environment stands for.
    pub(super) fn parse(self, text: &str) -> Option<Value> {
        Some(match self {
            Self::Bool => Value::from(text.parse::<bool>().ok()?),
            Self::Whole => match text.parse::<u64>() {
                Ok(number) => number.into(),
                Err(_) => text.parse::<i64>().ok()?.into(),
            },
            Self::Number => {
                let number = text.parse::<f64>().ok()?;
                number.is_finite().then(|| number.into())?
            }
            Self::Text | Self::Secret => text.into(),
            Self::Texts => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(Value::from)
                .collect(),
            Self::Tables => return None,
        })
    }
}

/// Checks one value of a section.
pub(super) fn check(section: &str, key: &str, default: &Value, value: &Value) -> Result<(), Wrong> {
    let kind = Kind::of(section, key, default);
    let wrong = |expected: &str| {
        let given = (kind != Kind::Secret).then(|| shown(value));
        Err(Wrong::new(format!("{section}.{key}"), given, expected))
    };
    if value.is_null() && default.is_null() {
        return Ok(());
    }
    if !kind.fits(value) {
        return wrong(kind.expected());
    }
    // Words of a list, and numbers below zero or beyond 64 bits: the settings' own types tell.
    let alone = json!({section: Map::from_iter([(key.to_owned(), value.clone())])});
    match serde_json::from_value::<Settings>(alone) {
        Ok(_) => Ok(()),
        Err(_) if kind == Kind::Whole => wrong("a whole number, 0 or more"),
        Err(error) => {
            let told = error.to_string();
            // "unknown variant `x`, expected `a` or `b`"
            match told.split_once(", expected ") {
                Some((_, expected)) => wrong(expected),
                None => wrong(&told),
            }
        }
    }
}

/// A value as it was written, no longer than a line.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(100) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}
