//! What a hub registers: its `data`, with `$key` and `$keys` (spec relay §3).

use serde_json::value::RawValue;

use crate::Key;
use crate::resolve::{key_of, member_of};

/// The most keys of one registration.
pub const KEYS_MAX: usize = 1000;
/// The longest text that is a key, in bytes.
pub const KEY_BYTES_MAX: usize = 1024;

/// Why `data` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadData {
    /// It is no JSON object.
    #[error("data: expected a JSON object")]
    NotAnObject,
    /// A member is not what it may be.
    #[error("data.{member}: expected {expected}")]
    Member {
        /// `$key` or `$keys`, with the index of the element.
        member: String,
        /// What it may be.
        expected: &'static str,
    },
}

const SCALAR: &str = "a text, a number or a boolean";

/// The keys in a registration's `data`, in order and without repeats. A `$key` that is an array
/// counts as `$keys`, and a `$keys` that is none as `$key`; with both, either matches.
///
/// A number that can match nothing is left out.
///
/// # Errors
/// Names the member and what was expected.
pub fn registered_keys(data: &str) -> Result<Vec<Key>, BadData> {
    let data: &RawValue = serde_json::from_str(data).map_err(|_| BadData::NotAnObject)?;
    if !data.get().starts_with('{') {
        return Err(BadData::NotAnObject);
    }
    let mut keys = Vec::new();
    for member in ["$key", "$keys"] {
        let Some(value) = member_of(data, member) else {
            continue;
        };
        if !value.get().starts_with('[') {
            keys.extend(scalar(member.to_owned(), value)?);
            continue;
        }
        let bad = |expected| BadData::Member {
            member: member.to_owned(),
            expected,
        };
        let values: Vec<&RawValue> =
            serde_json::from_str(value.get()).map_err(|_| bad("an array"))?;
        if values.len() > KEYS_MAX {
            return Err(bad("at most 1000 keys"));
        }
        for (index, value) in values.into_iter().enumerate() {
            keys.extend(scalar(format!("{member}[{index}]"), value)?);
        }
    }
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(key.clone()));
    Ok(keys)
}

fn scalar(member: String, value: &RawValue) -> Result<Option<Key>, BadData> {
    let is_number = value
        .get()
        .starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let expected = match key_of(value) {
        Some(Key::Text(text)) if text.is_empty() => "a text that is not empty",
        Some(Key::Text(text)) if text.len() > KEY_BYTES_MAX => "a text of at most 1024 bytes",
        None if !is_number => SCALAR,
        key => return Ok(key),
    };
    Err(BadData::Member { member, expected })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn text(text: &str) -> Key {
        Key::Text(text.into())
    }

    #[test]
    fn key_and_keys_stand_for_each_other() {
        for (data, expected) in [
            ("{}", vec![]),
            (r#"{"other": {"$key": 1}}"#, vec![]),
            (r#"{"$key": "a"}"#, vec![text("a")]),
            (r#"{"$key": ["a", 1]}"#, vec![text("a"), Key::Integer(1)]),
            (r#"{"$keys": true}"#, vec![Key::Bool(true)]),
            (
                r#"{"$keys": ["a", "a"], "$key": "b"}"#,
                vec![text("b"), text("a")],
            ),
            (r#"{"$keys": []}"#, vec![]),
            (r#"{"$key": 1e23}"#, vec![]),
            (r#"{"$key": 1, "$key": 2}"#, vec![Key::Integer(2)]),
        ] {
            assert_eq!(registered_keys(data), Ok(expected), "{data}");
        }
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_by_name() {
        let long = format!(r#"{{"$key": "{}"}}"#, "x".repeat(KEY_BYTES_MAX + 1));
        let many = format!(r#"{{"$keys": [{}]}}"#, vec!["1"; KEYS_MAX + 1].join(","));
        for (data, message) in [
            ("[]", "data: expected a JSON object"),
            ("{", "data: expected a JSON object"),
            (
                r#"{"$key": null}"#,
                "data.$key: expected a text, a number or a boolean",
            ),
            (
                r#"{"$key": {}}"#,
                "data.$key: expected a text, a number or a boolean",
            ),
            (
                r#"{"$keys": [1, [2]]}"#,
                "data.$keys[1]: expected a text, a number or a boolean",
            ),
            (
                r#"{"$key": ""}"#,
                "data.$key: expected a text that is not empty",
            ),
            (&long, "data.$key: expected a text of at most 1024 bytes"),
            (&many, "data.$keys: expected at most 1000 keys"),
        ] {
            assert_eq!(registered_keys(data).unwrap_err().to_string(), message);
        }
    }
}
