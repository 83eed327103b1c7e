//! The envelope around every command (spec mobile-app §3): pure, in one pass over the body.

use std::fmt;

use hearth_core::json::is_too_deep;
use memchr::memchr;
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::text::Text;

/// A well-formed envelope.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Envelope<'a> {
    /// In clear; `data` is JSON, `{}` where there was none.
    Plain {
        /// Which command.
        kind: Text<'a>,
        /// Its data: an array or an object.
        data: &'a str,
    },
    /// Sealed.
    Sealed {
        /// Which command.
        kind: Text<'a>,
        /// The frame; absent where the key was.
        frame: Option<Text<'a>>,
    },
}

/// Why a body is not an envelope, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// It is not JSON.
    NotJson,
    /// JSON of a kind that cannot even be asked for a key: numbers, booleans, null.
    Scalar,
    /// The key `encrypted` is absent and encryption is on.
    EncryptionRequired,
    /// The keys or their values are not those of an envelope.
    Invalid,
}

/// Reads a body. `depth`: how deep JSON may nest.
pub(crate) fn parse(
    body: &str,
    encryption_on: bool,
    depth: usize,
) -> Result<Envelope<'_>, Rejected> {
    if is_too_deep(body.as_bytes(), depth) {
        return Err(Rejected::NotJson);
    }
    let mut json = serde_json::Deserializer::from_str(body);
    let shape = json
        .deserialize_any(AsShape)
        .map_err(|_| Rejected::NotJson)?;
    json.end().map_err(|_| Rejected::NotJson)?;
    let keys = match shape {
        Shape::Scalar => return Err(Rejected::Scalar),
        Shape::Other => None,
        Shape::Object(keys) => Some(keys),
    };
    if encryption_on && keys.as_ref().is_none_or(|keys| keys.encrypted.is_none()) {
        return Err(Rejected::EncryptionRequired);
    }
    keys.and_then(Keys::envelope).ok_or(Rejected::Invalid)
}

/// What the body is, before its keys are looked at.
enum Shape<'a> {
    Object(Keys<'a>),
    /// Text or an array: nothing to validate.
    Other,
    Scalar,
}

#[derive(Default)]
struct Keys<'a> {
    kind: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
    encrypted: Option<&'a RawValue>,
    encrypted_data: Option<&'a RawValue>,
    others: bool,
}

impl<'a> Keys<'a> {
    fn envelope(self) -> Option<Envelope<'a>> {
        if self.others {
            return None;
        }
        let kind = text(self.kind?)?;
        let Some(encrypted) = self.encrypted else {
            let data = self.data.map_or("{}", RawValue::get);
            let is_plain = self.encrypted_data.is_none() && data.starts_with(['{', '[']);
            return is_plain.then_some(Envelope::Plain { kind, data });
        };
        if encrypted.get() != "true" || self.data.is_some() {
            return None;
        }
        let frame = match self.encrypted_data {
            Some(frame) => Some(text(frame)?),
            None => None,
        };
        Some(Envelope::Sealed { kind, frame })
    }
}

fn text(raw: &RawValue) -> Option<Text<'_>> {
    let json = raw.get();
    // It was read once: text without escapes, such as a long frame, is what stands in its quotes.
    let quoted = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'));
    match quoted {
        Some(text) if memchr(b'\\', text.as_bytes()).is_none() => Some(Text(text.into())),
        _ => serde_json::from_str(json).ok(),
    }
}

struct AsShape;

impl<'de> Visitor<'de> for AsShape {
    type Value = Shape<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let slot = match &*key {
                "type" => &mut keys.kind,
                "data" => &mut keys.data,
                "encrypted" => &mut keys.encrypted,
                "encrypted_data" => &mut keys.encrypted_data,
                _ => {
                    keys.others = true;
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *slot = Some(map.next_value()?);
        }
        Ok(Shape::Object(keys))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Shape::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Shape::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Shape::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Shape::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Shape::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Shape::Scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::borrow::Cow;

    const DEPTH: usize = 64;

    fn plain<'a>(kind: &'a str, data: &'a str) -> Result<Envelope<'a>, Rejected> {
        let kind = Text(Cow::Borrowed(kind));
        Ok(Envelope::Plain { kind, data })
    }

    #[test]
    fn plain_envelopes_give_type_and_data() {
        for (body, expected) in [
            (r#"{"type":"a"}"#, plain("a", "{}")),
            (
                r#" {"type": "a", "data": {"b": 1} } "#,
                plain("a", r#"{"b": 1}"#),
            ),
            (r#"{"data":[1],"type":"a"}"#, plain("a", "[1]")),
            (r#"{"type":5}"#, plain("5", "{}")),
        ] {
            assert_eq!(parse(body, false, DEPTH), expected, "{body}");
        }
    }

    #[test]
    fn sealed_envelopes_give_their_frame() {
        let body = r#"{"type":"a","encrypted":true,"encrypted_data":"AA=="}"#;
        for on in [false, true] {
            let Ok(Envelope::Sealed { kind, frame }) = parse(body, on, DEPTH) else {
                panic!("{body}");
            };
            assert_eq!((&*kind, frame.as_deref()), ("a", Some("AA==")));
        }
        let body = r#"{"type":"a","encrypted":true}"#;
        assert!(matches!(
            parse(body, true, DEPTH),
            Ok(Envelope::Sealed { frame: None, .. })
        ));
    }

    #[test]
    fn every_other_body_is_rejected_for_its_first_reason() {
        use Rejected::{EncryptionRequired, Invalid, NotJson, Scalar};
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        for (body, off, on) in [
            ("", NotJson, NotJson),
            ("garbage", NotJson, NotJson),
            (r#"{"type":"a""#, NotJson, NotJson),
            (r#"{"type":"a"} x"#, NotJson, NotJson),
            (&deep, NotJson, NotJson),
            ("5", Scalar, Scalar),
            ("-1.5", Scalar, Scalar),
            ("null", Scalar, Scalar),
            ("true", Scalar, Scalar),
            ("[]", Invalid, EncryptionRequired),
            (r#""text""#, Invalid, EncryptionRequired),
            ("{}", Invalid, EncryptionRequired),
            (r#"{"type":null}"#, Invalid, EncryptionRequired),
            (r#"{"type":"a","data":null}"#, Invalid, EncryptionRequired),
            (r#"{"type":"a","data":5}"#, Invalid, EncryptionRequired),
            (r#"{"type":"a","more":1}"#, Invalid, EncryptionRequired),
            (
                r#"{"type":"a","encrypted_data":"AA=="}"#,
                Invalid,
                EncryptionRequired,
            ),
            (r#"{"type":"a","encrypted":false}"#, Invalid, Invalid),
            (r#"{"encrypted":true}"#, Invalid, Invalid),
            (
                r#"{"type":"a","encrypted":true,"encrypted_data":null}"#,
                Invalid,
                Invalid,
            ),
            (
                r#"{"type":"a","encrypted":true,"encrypted_data":"","data":{}}"#,
                Invalid,
                Invalid,
            ),
        ] {
            assert_eq!(parse(body, false, DEPTH), Err(off), "{body}");
            assert_eq!(parse(body, true, DEPTH), Err(on), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(body in ".*", on: bool) {
            let _ = parse(&body, on, DEPTH);
        }

        #[test]
        fn json_is_never_called_not_json(value in json(), on: bool) {
            let body = value.to_string();
            prop_assert_ne!(parse(&body, on, DEPTH), Err(Rejected::NotJson));
        }

        #[test]
        fn cut_envelopes_are_not_json(cut in 1usize..50) {
            let body = r#"{"type":"a","encrypted":true,"encrypted_data":"A"}"#;
            prop_assert_eq!(parse(&body[..body.len() - cut.min(body.len())], true, DEPTH), Err(Rejected::NotJson));
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let key = prop_oneof!["type", "data", "encrypted", "encrypted_data", "[a-z]{0,3}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(key.clone(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
