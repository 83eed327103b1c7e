//! Messages of the command phase, taken apart (spec websocket-api §2).
//!
//! A message is checked whole, without building anything of it, and then handed out command by
//! command, so that a batch of a million tiny elements costs no more than its text.

use std::borrow::Cow;
use std::fmt;

use bytestring::ByteString;
use hearth_core::json::is_too_deep;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Longest id that a refusal repeats, in bytes; of longer ones it says `null`.
const LONGEST_ECHO: usize = 64;

/// What one text message holds: a command, or an array of them.
pub(super) struct Batch {
    text: ByteString,
    /// Where the rest begins.
    position: usize,
    is_array: bool,
}

impl Batch {
    /// `None` for what is no JSON, or nests deeper than `depth`.
    pub(super) fn read(text: ByteString, depth: usize) -> Option<Self> {
        if is_too_deep(text.as_bytes(), depth) {
            return None;
        }
        serde_json::from_str::<IgnoredAny>(&text).ok()?;
        let start = skip_space(text.as_bytes(), 0);
        let is_array = text.as_bytes().get(start) == Some(&b'[');
        Some(Self {
            position: start + usize::from(is_array),
            text,
            is_array,
        })
    }

    /// The next element's text.
    pub(super) fn next(&mut self) -> Option<ByteString> {
        let bytes = self.text.as_bytes();
        let mut start = skip_space(bytes, self.position);
        if bytes.get(start) == Some(&b',') {
            start = skip_space(bytes, start + 1);
        }
        if start >= bytes.len() || (self.is_array && bytes[start] == b']') {
            return None;
        }
        let end = if self.is_array {
            end_of_element(bytes, start)
        } else {
            bytes.len()
        };
        self.position = end;
        // Both ends lie beside ASCII characters of valid JSON.
        self.text
            .get(start..end)
            .map(|element| self.text.slice_ref(element))
    }
}

fn skip_space(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let space = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    from + space.count()
}

/// Where an element of an array ends; the text is known to be valid JSON.
fn end_of_element(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut position = start;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'"' => position = end_of_text(bytes, position + 1),
            b'[' | b'{' => depth += 1,
            b']' | b'}' | b',' if depth == 0 => break,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        position += 1;
    }
    position
}

/// The position of the quote that ends a text.
fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut position = start;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'"' => break,
            b'\\' => position += 2,
            _ => position += 1,
        }
    }
    position
}

/// What every command begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Envelope<'a> {
    pub(super) id: u64,
    pub(super) kind: Cow<'a, str>,
}

/// No command; the refusal carries this as its id, JSON text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed<'a>(pub(super) &'a str);

impl<'a> Envelope<'a> {
    /// Reads `id` and `type` of an element and nothing else.
    pub(super) fn read(element: &'a str) -> Result<Self, Malformed<'a>> {
        if !element.starts_with('{') {
            return Err(Malformed("0"));
        }
        let head: Head<'_> = serde_json::from_str(element).map_err(|_| Malformed("null"))?;
        let given = head.id.map_or("null", RawValue::get);
        let malformed = Malformed(if given.len() > LONGEST_ECHO {
            "null"
        } else {
            given
        });
        // JSON knows no leading zeros or plus sign, so what parses is a whole number.
        let id = given.parse().ok().filter(|id| *id > 0);
        let kind = head
            .kind
            .and_then(|kind| serde_json::from_str::<Text<'_>>(kind.get()).ok())
            .filter(|kind| !kind.0.is_empty());
        match (id, kind) {
            (Some(id), Some(kind)) => Ok(Self { id, kind: kind.0 }),
            _ => Err(malformed),
        }
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// `id` and `type` as they were written. Of a key that is given twice the last one counts.
#[derive(Default)]
struct Head<'a> {
    id: Option<&'a RawValue>,
    kind: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Head<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadVisitor;

        impl<'de> Visitor<'de> for HeadVisitor {
            type Value = Head<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut head = Head::default();
                while let Some(Text(key)) = map.next_key()? {
                    match &*key {
                        "id" => head.id = Some(map.next_value()?),
                        "type" => head.kind = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(head)
            }
        }

        deserializer.deserialize_map(HeadVisitor)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn elements(text: &str) -> Option<Vec<String>> {
        let mut batch = Batch::read(text.into(), 64)?;
        Some(std::iter::from_fn(|| batch.next().map(|element| element.to_string())).collect())
    }

    #[test]
    fn a_batch_is_handed_out_element_by_element() {
        for (text, expected) in [
            (r#" {"id":1} "#, vec![r#"{"id":1} "#]),
            ("[]", vec![]),
            (
                " [ 1 , \"]\\\"\" ,{\"a\":[1,2]}, [3,[4]] ]",
                vec!["1 ", "\"]\\\"\" ", "{\"a\":[1,2]}", "[3,[4]] "],
            ),
            ("7", vec!["7"]),
        ] {
            assert_eq!(elements(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_or_nests_too_deep_is_no_batch() {
        for text in ["", "{", "{]", "[1,]", "nonsense", "{\"id\":1}x"] {
            assert_eq!(elements(text), None, "{text}");
        }
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(elements(&deep(64)).is_some());
        assert_eq!(elements(&deep(65)), None);
    }

    #[test]
    fn an_envelope_needs_a_whole_positive_id_and_a_type() {
        let ok = |id, kind: &'static str| {
            Ok(Envelope {
                id,
                kind: kind.into(),
            })
        };
        for (element, expected) in [
            (r#"{"id":1,"type":"ping"}"#, ok(1, "ping")),
            (
                r#"{"type":"a\n","x":[{}],"id":18446744073709551615}"#,
                ok(u64::MAX, "a\n"),
            ),
            (r#"{"id":1,"type":"a","id":2,"type":"b"}"#, ok(2, "b")),
            (r#"{"id":0,"type":"ping"}"#, Err(Malformed("0"))),
            (r#"{"id":-3,"type":"ping"}"#, Err(Malformed("-3"))),
            (r#"{"id":1.5,"type":"ping"}"#, Err(Malformed("1.5"))),
            (r#"{"id":1e2,"type":"ping"}"#, Err(Malformed("1e2"))),
            (r#"{"id":"7","type":"ping"}"#, Err(Malformed("\"7\""))),
            (r#"{"id":true,"type":"ping"}"#, Err(Malformed("true"))),
            (r#"{"type":"ping"}"#, Err(Malformed("null"))),
            (r#"{"id":4}"#, Err(Malformed("4"))),
            (r#"{"id":4,"type":""}"#, Err(Malformed("4"))),
            (r#"{"id":4,"type":5}"#, Err(Malformed("4"))),
            ("{}", Err(Malformed("null"))),
            ("[1]", Err(Malformed("0"))),
            ("\"id\"", Err(Malformed("0"))),
        ] {
            assert_eq!(Envelope::read(element), expected, "{element}");
        }
        let long = format!(r#"{{"id":"{}","type":"ping"}}"#, "9".repeat(100));
        assert_eq!(Envelope::read(&long), Err(Malformed("null")));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[\\PC\"\\\\,\\]\\}]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("(id|type|[a-z\"]{1,3})", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[\\[\\]\\{\\},:\"\\\\0-9a-z \\PC]{0,60}") {
            for element in elements(&text).unwrap_or_default() {
                let _ = Envelope::read(&element);
            }
        }

        #[test]
        fn every_element_of_an_array_comes_once_and_in_order(array in prop::collection::vec(json(), 0..6)) {
            let text = serde_json::to_string_pretty(&array).unwrap();
            let read: Vec<Value> = elements(&text).unwrap()
                .iter().map(|element| serde_json::from_str(element).unwrap()).collect();
            prop_assert_eq!(read, array);
        }

        #[test]
        fn an_envelope_is_read_just_where_id_and_type_are_good(value in json()) {
            let text = value.to_string();
            let id = value.get("id").and_then(Value::as_u64).filter(|id| *id > 0);
            let kind = value.get("type").and_then(Value::as_str).filter(|kind| !kind.is_empty());
            match Envelope::read(&text) {
                Ok(envelope) => {
                    prop_assert_eq!(Some(envelope.id), id);
                    prop_assert_eq!(Some(&*envelope.kind), kind);
                }
                Err(Malformed(reply_id)) => {
                    prop_assert!(id.is_none() || kind.is_none());
                    prop_assert!(serde_json::from_str::<Value>(reply_id).is_ok());
                }
            }
        }
    }
}
