//! A command's parameters: taken out one by one, with the protocol's words for what is wrong.

use std::fmt::Write;

use hearth_core::command::CommandError;
use serde_json::{Map, Value};

/// How much of a wrong value a refusal repeats, in characters.
const LONGEST_ECHO: usize = 200;

/// The parameters of a command, without `id` and `type`. What is taken is gone, so that
/// [`Fields::finish`] finds what nobody asked for.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn new(mut message: Map<String, Value>) -> Self {
        message.remove("id");
        message.remove("type");
        Self(message)
    }

    /// All that is left.
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// Refuses what is left.
    pub(super) fn finish(self) -> Result<(), CommandError> {
        match self.0.iter().next() {
            None => Ok(()),
            Some((key, value)) => Err(wrong(
                "extra keys not allowed",
                &format!("['{key}']"),
                value,
            )),
        }
    }

    /// Any value, where it is given.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, key: &str) -> Result<String, CommandError> {
        self.optional_text(key)?.ok_or_else(|| missing(key))
    }

    /// A text.
    pub(super) fn optional_text(&mut self, key: &str) -> Result<Option<String>, CommandError> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_kind("str", key, &other)),
        }
    }

    /// One of a few texts, which must be there.
    pub(super) fn one_of<T>(
        &mut self,
        key: &str,
        choices: &[&str],
        find: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, CommandError> {
        let value = self.0.remove(key).ok_or_else(|| missing(key))?;
        value.as_str().and_then(find).ok_or_else(|| {
            let expected = format!(
                "value must be one of ['{}'] for dictionary value",
                choices.join("', '")
            );
            wrong(&expected, &format!("['{key}']"), &value)
        })
    }

    /// A whole number that must be there.
    pub(super) fn integer(&mut self, key: &str) -> Result<i64, CommandError> {
        let value = self.0.remove(key).ok_or_else(|| missing(key))?;
        value.as_i64().ok_or_else(|| wrong_kind("int", key, &value))
    }

    /// Yes or no; no where it is not given.
    pub(super) fn flag(&mut self, key: &str) -> Result<bool, CommandError> {
        match self.0.remove(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(wrong_kind("bool", key, &other)),
        }
    }

    /// An object; an empty one where it is not given.
    pub(super) fn object(&mut self, key: &str) -> Result<Map<String, Value>, CommandError> {
        match self.0.remove(key) {
            None => Ok(Map::new()),
            Some(Value::Object(object)) => Ok(object),
            Some(other) => Err(wrong_kind("dict", key, &other)),
        }
    }
}

/// `required key not provided @ data['key']. Got None`
pub(super) fn missing(key: &str) -> CommandError {
    wrong(
        "required key not provided",
        &format!("['{key}']"),
        &Value::Null,
    )
}

/// `expected str for dictionary value @ data['key']. Got …`
pub(super) fn wrong_kind(expected: &str, key: &str, value: &Value) -> CommandError {
    wrong(
        &format!("expected {expected} for dictionary value"),
        &format!("['{key}']"),
        value,
    )
}

/// `<reason> @ data<path>. Got <value>`; the path is like `['target']['entity_id']`.
pub(super) fn wrong(reason: &str, path: &str, value: &Value) -> CommandError {
    CommandError::invalid(format!("{reason} @ data{path}. Got {}", shown(value)))
}

/// A value as the protocol's messages show it: Python's way, cut where it gets long.
pub(super) fn shown(value: &Value) -> String {
    let mut out = String::new();
    show(value, &mut out);
    if let Some((end, _)) = out.char_indices().nth(LONGEST_ECHO) {
        out.truncate(end);
        out.push_str("...");
    }
    out
}

fn show(value: &Value, out: &mut String) {
    // What would be cut off need not be written.
    if out.len() > 4 * LONGEST_ECHO {
        return;
    }
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => {
            // Writing into a String does not fail.
            let _ = write!(out, "{number}");
        }
        Value::String(text) => show_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().take(LONGEST_ECHO).enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                show(item, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (index, (key, item)) in object.iter().take(LONGEST_ECHO).enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                show_text(key, out);
                out.push_str(": ");
                show(item, out);
            }
            out.push('}');
        }
    }
}

fn show_text(text: &str, out: &mut String) {
    out.push('\'');
    out.extend(text.chars().take(LONGEST_ECHO + 1));
    out.push('\'');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        Fields::new(value.as_object().unwrap().clone())
    }

    #[test]
    fn a_refusal_names_the_key_and_what_was_given() {
        let cases: [(&str, Result<(), CommandError>); 6] = [
            (
                "required key not provided @ data['a']. Got None",
                fields(json!({"id": 1, "type": "x"})).text("a").map(drop),
            ),
            (
                "expected str for dictionary value @ data['a']. Got 1",
                fields(json!({"a": 1})).text("a").map(drop),
            ),
            (
                "expected int for dictionary value @ data['a']. Got True",
                fields(json!({"a": true})).integer("a").map(drop),
            ),
            (
                "expected dict for dictionary value @ data['a']. Got ['x', None]",
                fields(json!({"a": ["x", null]})).object("a").map(drop),
            ),
            (
                "extra keys not allowed @ data['b']. Got {'c': 1.5}",
                fields(json!({"b": {"c": 1.5}})).finish(),
            ),
            (
                "value must be one of ['GET', 'PUT'] for dictionary value @ data['m']. Got 'DELETE'",
                fields(json!({"m": "DELETE"})).one_of("m", &["GET", "PUT"], |_| None::<()>),
            ),
        ];
        for (expected, result) in cases {
            let error = result.unwrap_err();
            assert_eq!(
                (error.code.as_str(), &*error.message),
                ("invalid_format", expected)
            );
        }
    }

    #[test]
    fn a_long_value_is_cut() {
        let shown = shown(&json!(["é".repeat(10_000), 1]));
        assert_eq!(shown.chars().count(), LONGEST_ECHO + 3);
    }
}
