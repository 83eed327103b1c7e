//! The walk through a request to the value that a path names (spec relay §4.2 and §4.3).
//!
//! The request's JSON is read as text, one step of the path at a time. That keeps every digit of
//! its numbers, and nothing is built of what the path does not touch.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::{Key, KeyPath, Root};

/// What a path is resolved in; each part is JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Any JSON.
    pub body: &'a str,
    /// An object of texts; names in lower case.
    pub headers: &'a str,
    /// An object of texts and arrays of texts.
    pub query: &'a str,
}

/// Which spellings of a header's name a path may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderCase {
    /// Any: upper and lower case are the same.
    #[default]
    Any,
    /// All lower case, or each word between hyphens capitalised.
    Canonical,
}

impl KeyPath {
    /// The value at this path; none where there is nothing, or nothing that can be a key. Text that
    /// is no JSON holds nothing.
    pub fn resolve(&self, request: &Request<'_>, case: HeaderCase) -> Option<Key> {
        let mut names = self.names.iter().map(|name| &**name);
        let json = match self.root {
            Root::Body => request.body,
            Root::Query => request.query,
            Root::Headers => request.headers,
        };
        let mut here = Here::Json(serde_json::from_str(json).ok()?);
        if self.root == Root::Headers {
            match names.next() {
                Some(name) => here = here.step(&header_name(name, case)?)?,
                None => return None,
            }
        }
        for name in names {
            here = here.step(name)?;
        }
        here.key()
    }
}

/// The name as requests have it; none where its spelling is not allowed.
fn header_name(name: &str, case: HeaderCase) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let is_allowed = match case {
        HeaderCase::Any => true,
        HeaderCase::Canonical => name == lower || name == capitalised(&lower),
    };
    is_allowed.then_some(lower)
}

fn capitalised(lower: &str) -> String {
    let mut starts_word = true;
    lower
        .chars()
        .map(|letter| {
            let capital = if starts_word {
                letter.to_ascii_uppercase()
            } else {
                letter
            };
            starts_word = letter == '-';
            capital
        })
        .collect()
}

/// The key that a scalar is.
pub(crate) fn key_of(value: &RawValue) -> Option<Key> {
    Here::Json(value).key()
}

/// The member of that name, of an object; of several the last.
pub(crate) fn member_of<'a>(object: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    let mut reader = serde_json::Deserializer::from_str(object.get());
    reader.deserialize_map(Member(name)).ok()?
}

/// Where the walk is.
enum Here<'a> {
    Json(&'a RawValue),
    /// A length: no text of the request.
    Length(usize),
    /// A character of a text.
    Character(char),
}

impl<'a> Here<'a> {
    fn step(self, name: &str) -> Option<Self> {
        let json = match self {
            Self::Json(json) => json,
            Self::Character(character) => return step_into_text(&character.to_string(), name),
            Self::Length(_) => return None,
        };
        match json.get().as_bytes().first()? {
            b'{' => member_of(json, name).map(Self::Json),
            b'[' => {
                let mut reader = serde_json::Deserializer::from_str(json.get());
                let elements = Elements(index(name));
                let (count, found) = reader.deserialize_seq(elements).ok()?;
                if name == "length" {
                    return Some(Self::Length(count));
                }
                found.map(Self::Json)
            }
            b'"' => step_into_text(&serde_json::from_str::<String>(json.get()).ok()?, name),
            _ => None,
        }
    }

    fn key(self) -> Option<Key> {
        let json = match self {
            Self::Json(json) => json.get(),
            Self::Length(length) => return Some(Key::Integer(i128::try_from(length).ok()?)),
            Self::Character(character) => return Some(Key::Text(character.to_string().into())),
        };
        match json.as_bytes().first()? {
            b'"' => Some(Key::Text(serde_json::from_str(json).ok()?)),
            b't' => Some(Key::Bool(true)),
            b'f' => Some(Key::Bool(false)),
            b'-' | b'0'..=b'9' => Key::of_number(json),
            _ => None,
        }
    }
}

/// A text's length and units are those of UTF-16; half a pair is nothing.
fn step_into_text<'a>(text: &str, name: &str) -> Option<Here<'a>> {
    if name == "length" {
        return Some(Here::Length(text.encode_utf16().count()));
    }
    let index = index(name)?;
    let mut at = 0;
    for character in text.chars() {
        if at == index {
            return (character.len_utf16() == 1).then_some(Here::Character(character));
        }
        at += character.len_utf16();
    }
    None
}

/// The index that a name is, where it is one: digits without leading zeros.
fn index(name: &str) -> Option<usize> {
    let is_index =
        name == "0" || (!name.starts_with('0') && name.bytes().all(|digit| digit.is_ascii_digit()));
    is_index.then(|| name.parse().ok()).flatten()
}

/// Finds a member by its name; of several the last.
struct Member<'n>(&'n str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Counts the elements and finds one of them.
struct Elements(Option<usize>);

impl<'de> Visitor<'de> for Elements {
    type Value = (usize, Option<&'de RawValue>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut count = 0;
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if self.0 == Some(count) {
                found = Some(element);
            }
            count += 1;
        }
        Ok((count, found))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn resolve(path: &str, body: &str) -> Option<Key> {
        let request = Request {
            body,
            headers: r#"{"x-device-id":"D1","host":"h"}"#,
            query: r#"{"id":["1","2"],"one":"1"}"#,
        };
        let path = KeyPath::parse(path).unwrap();
        path.resolve(&request, HeaderCase::Any)
    }

    fn text(text: &str) -> Option<Key> {
        Some(Key::Text(text.into()))
    }

    #[test]
    fn members_elements_and_lengths_are_found() {
        let body = r#" {"a":{"b":[10,{"c":"x😀y"}]},"a ":1,"n":null,"t":true,"dup":1,"dup":2,"\u0065":"e"} "#;
        for (path, expected) in [
            ("body.a.b[0]", Some(Key::Integer(10))),
            ("body.a.b['0']", Some(Key::Integer(10))),
            ("body.a.b['00']", None),
            ("body.a.b.length", Some(Key::Integer(2))),
            ("body.a.b[1].c", text("x😀y")),
            ("body.a.b[1].c[0]", text("x")),
            ("body.a.b[1].c[0][0]", text("x")),
            ("body.a.b[1].c[1]", None),
            ("body.a.b[1].c[2]", None),
            ("body.a.b[1].c[3]", text("y")),
            ("body.a.b[1].c.length", Some(Key::Integer(4))),
            ("body.a.b[2]", None),
            ("body.A", None),
            ("body['a ']", Some(Key::Integer(1))),
            ("body.n", None),
            ("body.n.x.y", None),
            ("body.t", Some(Key::Bool(true))),
            ("body.t.x", None),
            ("body.dup", Some(Key::Integer(2))),
            ("body.e", text("e")),
            ("body.a", None),
            ("body.__proto__", None),
            ("body.constructor.name", None),
            ("query.id[1]", text("2")),
            ("query.one", text("1")),
            ("query.id", None),
            ("headers['X-Device-Id']", text("D1")),
            ("headers['x-DEVICE-id'].length", Some(Key::Integer(2))),
            ("headers", None),
        ] {
            assert_eq!(resolve(path, body), expected, "{path}");
        }
        assert_eq!(resolve("body", "\"whole\""), text("whole"));
        assert_eq!(
            resolve("body.__proto__", r#"{"__proto__":1}"#),
            Some(Key::Integer(1))
        );
        assert_eq!(resolve("body.a", "not json"), None);
    }

    #[test]
    fn types_are_told_apart() {
        assert_ne!(
            resolve("body.a", r#"{"a":"1"}"#),
            resolve("body.a", r#"{"a":1}"#)
        );
        assert_ne!(
            resolve("body.a", r#"{"a":true}"#),
            resolve("body.a", r#"{"a":1}"#)
        );
        assert_eq!(
            resolve("body.a", r#"{"a":1.0}"#),
            resolve("body.a", r#"{"a":1}"#)
        );
    }

    #[test]
    fn headers_may_be_narrowed_to_two_spellings() {
        let request = Request {
            body: "null",
            headers: r#"{"x-device-id":"D1"}"#,
            query: "{}",
        };
        for (name, is_found) in [
            ("x-device-id", true),
            ("X-Device-Id", true),
            ("X-DEVICE-ID", false),
            ("X-Device-id", false),
        ] {
            let path = KeyPath::parse(&format!("headers['{name}']")).unwrap();
            let found = path.resolve(&request, HeaderCase::Canonical);
            assert_eq!(found.is_some(), is_found, "{name}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-c0-9]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c]|length", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_a_walk_through_the_tree_finds(
            value in json(),
            names in prop::collection::vec("[a-c]|[0-3]", 0..5),
        ) {
            let step = |value: Value, name: &String| match value {
                Value::Object(members) => members.get(name).cloned(),
                Value::Array(elements) => elements.get(name.parse::<usize>().ok()?).cloned(),
                // All its characters are ASCII.
                Value::String(text) => {
                    let at: usize = name.parse().ok()?;
                    text.get(at..=at).map(Value::from)
                }
                _ => None,
            };
            let expected = names.iter().try_fold(value.clone(), step);
            let expected = expected.and_then(|value| match value {
                Value::Bool(value) => Some(Key::Bool(value)),
                Value::Number(value) => value.as_i64().map(|value| Key::Integer(value.into())),
                Value::String(value) => Some(Key::Text(value.as_str().into())),
                _ => None,
            });
            let path: String = names.iter().map(|name| format!("['{name}']")).collect();
            prop_assert_eq!(resolve(&format!("body{path}"), &value.to_string()), expected);
        }
    }
}
