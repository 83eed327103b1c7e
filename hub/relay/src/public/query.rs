//! Queries and forms: pairs of names and values (spec relay §5.2).

use percent_encoding::percent_decode;

use super::json::Members;

/// The pairs, in their order. A name without `=` has the value `""`; brackets mean nothing.
pub(crate) fn pairs(text: &[u8]) -> impl Iterator<Item = (String, String)> + '_ {
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (decode(&pair[..at]), decode(&pair[at + 1..])),
            None => (decode(pair), String::new()),
        })
}

/// As a JSON object; repeated names make arrays.
pub(crate) fn to_json(text: &[u8]) -> String {
    let mut members = Members::default();
    for (name, value) in pairs(text) {
        members.add_text(name, &value);
    }
    members.to_json()
}

fn decode(part: &[u8]) -> String {
    let spaced: Vec<u8> = part
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(&to_json(text.as_bytes())).unwrap()
    }

    #[test]
    fn queries_are_objects_of_texts() {
        for (text, expected) in [
            ("", json!({})),
            ("&&", json!({})),
            ("a=1", json!({"a": "1"})),
            ("a", json!({"a": ""})),
            ("a=", json!({"a": ""})),
            ("=1", json!({"": "1"})),
            ("a=1=2", json!({"a": "1=2"})),
            ("a=1&b=2&a=3", json!({"a": ["1", "3"], "b": "2"})),
            ("a[b]=1&a[]=2", json!({"a[b]": "1", "a[]": "2"})),
            ("a+b=c+d", json!({"a b": "c d"})),
            ("a%2Bb=%2B", json!({"a+b": "+"})),
            ("a=%C3%A9", json!({"a": "é"})),
            ("a=%FF", json!({"a": "\u{fffd}"})),
            ("a=%zz%2", json!({"a": "%zz%2"})),
            ("__proto__=1", json!({"__proto__": "1"})),
            ("a=%22%5C%00", json!({"a": "\"\\\u{0}"})),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_object(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let value: Value = serde_json::from_str(&to_json(&bytes)).unwrap();
            prop_assert!(value.is_object());
        }

        #[test]
        fn what_was_encoded_is_read(
            given in prop::collection::vec(("\\PC{1,5}", "\\PC{0,5}"), 1..6),
        ) {
            let encode = |text: &str| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            };
            let text: Vec<_> =
                given.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
            let read: Vec<_> = pairs(text.join("&").as_bytes()).collect();
            prop_assert_eq!(read, given);
        }
    }
}
