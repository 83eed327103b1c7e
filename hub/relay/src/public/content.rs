//! What a body is, by its content type and by nothing else (spec relay §5.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use hearth_core::json::is_too_deep;
use serde_json::value::RawValue;

use super::json::text;
use super::{multipart, query};

/// How deep JSON may nest.
const DEPTH_MAX: usize = 128;

/// A body that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// `json`, `form`, `multipart`, `text`, `binary` or `none`.
    pub(crate) kind: &'static str,
    /// JSON text.
    pub(crate) json: String,
    /// Why it is not what it said it would be.
    pub(crate) error: Option<&'static str>,
}

/// Reads a body.
pub(crate) async fn read(content_type: Option<&str>, body: &Bytes) -> Content {
    if body.is_empty() {
        return of("none", "null".to_owned());
    }
    let Some(full) = content_type else {
        return match std::str::from_utf8(body) {
            Ok(plain) => of("text", text(plain)),
            Err(_) => binary(body),
        };
    };
    let kind = full.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    match kind.split_once('/') {
        Some(("application", "json")) => json(full, body),
        Some((_, subtype)) if subtype.ends_with("+json") => json(full, body),
        Some(("application", "x-www-form-urlencoded")) => of("form", query::to_json(body)),
        Some(("multipart", "form-data")) => match multipart::to_json(full, body.clone()).await {
            Some(json) => of("multipart", json),
            None => Content {
                error: Some("invalid_multipart"),
                ..binary(body)
            },
        },
        Some(("text", _) | ("application", "xml")) => of("text", text(&decoded(full, body))),
        Some((_, subtype)) if subtype.ends_with("+xml") => of("text", text(&decoded(full, body))),
        _ => binary(body),
    }
}

fn of(kind: &'static str, json: String) -> Content {
    Content {
        kind,
        json,
        error: None,
    }
}

fn binary(body: &[u8]) -> Content {
    of(
        "binary",
        format!(r#"{{"$base64":"{}"}}"#, STANDARD.encode(body)),
    )
}

/// It is passed on as it was written, digit by digit.
fn json(content_type: &str, body: &[u8]) -> Content {
    let without_mark = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let parsed = std::str::from_utf8(without_mark)
        .ok()
        .filter(|text| !is_too_deep(text.as_bytes(), DEPTH_MAX))
        .and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
    match parsed {
        Some(value) => of("json", value.get().to_owned()),
        None => Content {
            error: Some("invalid_json"),
            ..of("text", text(&decoded(content_type, body)))
        },
    }
}

fn decoded<'b>(content_type: &str, body: &'b [u8]) -> std::borrow::Cow<'b, str> {
    let charset = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    });
    let encoding = charset
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        .unwrap_or(UTF_8);
    encoding.decode_with_bom_removal(body).0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::FutureExt;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read_now(content_type: Option<&str>, body: &[u8]) -> Content {
        let body = Bytes::copy_from_slice(body);
        // The body is whole, so nothing is waited for.
        read(content_type, &body).now_or_never().unwrap()
    }

    fn check(content_type: Option<&str>, body: &[u8], kind: &str, expected: Value) {
        let content = read_now(content_type, body);
        let shown = (content_type, String::from_utf8_lossy(body).into_owned());
        assert_eq!(content.kind, kind, "{shown:?}");
        let value: Value = serde_json::from_str(&content.json).unwrap();
        assert_eq!(value, expected, "{shown:?}");
    }

    #[test]
    fn the_content_type_says_what_a_body_is() {
        let json = Some("application/json");
        check(json, br#" {"a":1} "#, "json", json!({"a": 1}));
        check(json, "\u{feff}[1]".as_bytes(), "json", json!([1]));
        check(json, b"", "none", Value::Null);
        check(Some("Application/JSON; charset=x"), b"1", "json", json!(1));
        check(Some("application/cloudevents+json"), b"1", "json", json!(1));
        let form = Some("application/x-www-form-urlencoded");
        check(
            form,
            b"a=1&a=2&b",
            "form",
            json!({"a": ["1", "2"], "b": ""}),
        );
        check(
            Some("text/plain"),
            br#"{"a":1}"#,
            "text",
            json!(r#"{"a":1}"#),
        );
        check(Some("text/plain"), b"a\xff", "text", json!("a\u{fffd}"));
        let latin = Some("text/plain; Charset=\"ISO-8859-1\"");
        check(latin, b"\xe9", "text", json!("é"));
        check(Some("application/xml"), b"<a/>", "text", json!("<a/>"));
        check(Some("image/svg+xml"), b"<a/>", "text", json!("<a/>"));
        check(None, "é".as_bytes(), "text", json!("é"));
        check(None, b"\xff", "binary", json!({"$base64": "/w=="}));
        check(
            Some("image/png"),
            b"abc",
            "binary",
            json!({"$base64": "YWJj"}),
        );
        check(
            Some("nonsense"),
            b"abc",
            "binary",
            json!({"$base64": "YWJj"}),
        );
    }

    #[test]
    fn json_that_is_none_becomes_text() {
        let deep = "[".repeat(129) + &"]".repeat(129);
        for body in ["{", "nul", "1 2", deep.as_str()] {
            let content = read_now(Some("application/json"), body.as_bytes());
            assert_eq!(content.kind, "text", "{body}");
            assert_eq!(content.error, Some("invalid_json"), "{body}");
            let value: String = serde_json::from_str(&content.json).unwrap();
            assert_eq!(value, body);
        }
        let fits = "[".repeat(128) + &"]".repeat(128);
        assert_eq!(
            read_now(Some("application/json"), fits.as_bytes()).kind,
            "json"
        );
    }

    #[test]
    fn numbers_keep_every_digit() {
        let content = read_now(Some("application/json"), b"18446744073709551617");
        assert_eq!(content.json, "18446744073709551617");
    }

    #[test]
    fn parts_are_texts_and_files() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
            --x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n2\r\n\
            --x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.png\"\r\n\
            Content-Type: image/png\r\n\r\nabc\r\n--x--\r\n";
        check(
            Some("multipart/form-data; boundary=x"),
            body.as_bytes(),
            "multipart",
            json!({
                "a": ["1", "2"],
                "f": {"filename": "f.png", "content_type": "image/png", "size": 3, "base64": "YWJj"},
            }),
        );
        for (content_type, body) in [
            ("multipart/form-data", body),
            ("multipart/form-data; boundary=x", "--x\r\nbroken"),
        ] {
            let content = read_now(Some(content_type), body.as_bytes());
            assert_eq!(content.kind, "binary");
            assert_eq!(content.error, Some("invalid_multipart"));
        }
    }

    proptest! {
        #[test]
        fn every_body_becomes_json(
            content_type in "application/json|text/plain; charset=(utf-16le|shift_jis|gb18030)|\
                multipart/form-data; boundary=x|application/x-www-form-urlencoded|a/b",
            body in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                "(--x|\r\n|Content-Disposition: form-data; name=\"a\"|[a-z]|\r\n\r\n|--){0,20}"
                    .prop_map(String::into_bytes),
            ],
        ) {
            let content = read_now(Some(&content_type), &body);
            let parsed = serde_json::from_str::<&RawValue>(&content.json);
            prop_assert!(parsed.is_ok(), "{}", content.json);
        }
    }
}
