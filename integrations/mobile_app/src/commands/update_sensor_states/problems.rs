//! What is wrong with an item, in the protocol's words.

use hearth_core::float;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::text::bool_text;

/// Longest text of a value in a problem, in characters.
const SHOWN_MAX: usize = 500;

/// Every problem of an item that is known to have one, a line each.
pub(super) fn problems_of(item: &RawValue) -> String {
    let Ok(item) = serde_json::from_str::<Map<String, Value>>(item.get()) else {
        return "expected a dictionary".to_owned();
    };
    let mut problems: Vec<String> = item
        .iter()
        .filter_map(|(key, value)| {
            let why = problem(key, value)?;
            Some(format!("{why} @ data['{key}']. Got {}", shown(value)))
        })
        .collect();
    if !item.contains_key("state") {
        problems.push("required key not provided @ data['state']. Got None".to_owned());
    }
    problems.sort_unstable();
    problems.join("\n")
}

/// What is wrong with attributes of so many bytes.
pub(super) fn too_big(bytes: usize, limit: usize) -> String {
    format!(
        "expected at most {limit} bytes of JSON (setting mobile_app.attributes_limit) \
         @ data['attributes']. Got {bytes} bytes"
    )
}

fn problem(key: &str, value: &Value) -> Option<&'static str> {
    match (key, value) {
        ("type" | "unique_id", _) => None,
        ("state", Value::Array(_) | Value::Object(_)) => Some("expected str for dictionary value"),
        ("attributes", value) if !value.is_object() => Some("expected dict for dictionary value"),
        ("icon", value) => {
            let is_icon = match value {
                Value::Null => true,
                Value::String(text) => text.contains(':'),
                _ => false,
            };
            (!is_icon).then_some(
                "Icons should be specified in the form \"prefix:name\" for dictionary value",
            )
        }
        ("state" | "attributes", _) => None,
        _ => Some("extra keys not allowed"),
    }
}

fn shown(value: &Value) -> String {
    let text = python_text(value);
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    let kept: String = text.chars().take(SHOWN_MAX - 3).collect();
    format!("{kept}...")
}

/// The value as Python shows it.
fn python_text(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(truth) => bool_text(*truth).to_owned(),
        Value::Number(number) => match number.as_f64() {
            Some(fraction) if number.is_f64() => float::shortest(fraction),
            _ => number.to_string(),
        },
        Value::String(text) if text.contains('\'') && !text.contains('"') => format!("\"{text}\""),
        Value::String(text) => {
            format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python_text).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let members: Vec<String> = map
                .iter()
                .map(|(key, value)| {
                    let key = python_text(&Value::from(key.as_str()));
                    format!("{key}: {}", python_text(value))
                })
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(item: &Value) -> String {
        problems_of(&serde_json::value::to_raw_value(item).unwrap())
    }

    #[test]
    fn each_problem_names_its_key_and_what_came() {
        for (item, expected) in [
            (
                json!({"state": 1, "bogus": 1}),
                "extra keys not allowed @ data['bogus']. Got 1",
            ),
            (
                json!({}),
                "required key not provided @ data['state']. Got None",
            ),
            (
                json!({"state": [1, "a", null, {"b": 1.5}]}),
                "expected str for dictionary value @ data['state']. Got [1, 'a', None, {'b': 1.5}]",
            ),
            (
                json!({"state": 1, "icon": "phone"}),
                "Icons should be specified in the form \"prefix:name\" for dictionary value @ data['icon']. Got 'phone'",
            ),
            (
                json!({"state": 1, "b": true, "a": "it's"}),
                "extra keys not allowed @ data['a']. Got \"it's\"\nextra keys not allowed @ data['b']. Got True",
            ),
        ] {
            assert_eq!(problems(&item), expected);
        }
        let long = problems(&json!({"state": 1, "a": "x".repeat(1000)}));
        assert!(long.ends_with("...") && long.len() < 600);
    }
}
