//! JSON texts and values as template values and back.

use std::fmt;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::arguments::{bind, filter, or};
use crate::budget::{self, DEPTH_MAX, admit};
use crate::error::{Exception, raise, too_deep, type_error};
use crate::numbers::Number;
use crate::text::{TextWriter, float_text, type_name};

/// A template value from JSON text; the order of an object's keys is kept.
pub(crate) fn from_text(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str::<Parsed>(text).map(|parsed| parsed.0)
}

/// A template value from a JSON value.
pub(crate) fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(value) => (*value).into(),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(whole)) => whole.into(),
            _ => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        serde_json::Value::String(text) => text.as_str().into(),
        serde_json::Value::Array(items) => items.iter().map(from_json).collect(),
        serde_json::Value::Object(map) => Value::from_pairs(
            map.iter()
                .map(|(key, value)| (key.as_str(), from_json(value))),
        ),
    }
}

struct Parsed(Value);

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Build).map(Self)
    }
}

struct Build;

impl<'de> Visitor<'de> for Build {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::from(()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(crate::numbers::int(i128::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Parsed(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::from(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut pairs: Vec<(String, Value)> = Vec::new();
        while let Some((key, Parsed(value))) = map.next_entry()? {
            pairs.push((key, value));
        }
        Ok(Value::from_pairs(pairs))
    }
}

/// How JSON text is laid out.
#[derive(Clone, Copy)]
struct Style {
    /// After `,` and `:`.
    space: &'static str,
    /// Spaces for each level; nothing: on one line.
    indent: Option<usize>,
    ascii: bool,
    sort_keys: bool,
    /// Jinja's `tojson`: safe within HTML.
    html: bool,
}

fn write(value: &Value, style: Style, depth: usize, out: &mut TextWriter) -> Result<(), Error> {
    if depth > DEPTH_MAX {
        return Err(too_deep());
    }
    budget::work(1)?;
    match value.kind() {
        ValueKind::None => out.push("null"),
        ValueKind::Bool => out.push(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => match Number::of(value) {
            Some(Number::Float(number)) if !number.is_finite() => out.push(if style.html {
                if number.is_nan() {
                    "NaN"
                } else if number > 0.0 {
                    "Infinity"
                } else {
                    "-Infinity"
                }
            } else {
                "null"
            }),
            Some(Number::Float(number)) => out.push(&float_text(number)),
            _ => out.push(&value.to_string()),
        },
        ValueKind::String => write_string(value.as_str().unwrap_or_default(), style, out),
        ValueKind::Seq | ValueKind::Iterable if !crate::states::is_view(value) => {
            let items = budget::items(value)?;
            write_list('[', ']', items.len(), style, depth, out, |index, out| {
                write(&items[index], style, depth + 1, out)
            })
        }
        ValueKind::Map => {
            let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
            let mut pairs: Vec<(Value, Value)> = pairs.into_iter().flatten().collect();
            budget::allocate_items(pairs.len())?;
            if style.sort_keys {
                pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
            }
            write_list('{', '}', pairs.len(), style, depth, out, |index, out| {
                let (key, value) = &pairs[index];
                match key.as_str() {
                    Some(key) => write_string(key, style, out)?,
                    None => {
                        let mut text = TextWriter::default();
                        write(
                            key,
                            Style {
                                indent: None,
                                ..style
                            },
                            depth + 1,
                            &mut text,
                        )?;
                        write_string(&text.finish()?, style, out)?;
                    }
                }
                out.push(if style.indent.is_some() { ": " } else { ":" })?;
                if style.indent.is_none() {
                    out.push(style.space)?;
                }
                write(value, style, depth + 1, out)
            })
        }
        _ => Err(type_error(if style.html {
            format!(
                "Object of type {} is not JSON serializable",
                type_name(value)
            )
        } else {
            format!("Type is not JSON serializable: {}", type_name(value))
        })),
    }
}

fn write_list(
    open: char,
    close: char,
    count: usize,
    style: Style,
    depth: usize,
    out: &mut TextWriter,
    mut item: impl FnMut(usize, &mut TextWriter) -> Result<(), Error>,
) -> Result<(), Error> {
    let line = |levels: usize, out: &mut TextWriter| match style.indent {
        Some(indent) => out.push(&format!("\n{}", " ".repeat(indent * levels))),
        None => Ok(()),
    };
    out.push(open.encode_utf8(&mut [0; 4]))?;
    for index in 0..count {
        if index > 0 {
            out.push(",")?;
            if style.indent.is_none() {
                out.push(style.space)?;
            }
        }
        line(depth + 1, out)?;
        item(index, out)?;
    }
    if count > 0 {
        line(depth, out)?;
    }
    out.push(close.encode_utf8(&mut [0; 4]))
}

fn write_string(text: &str, style: Style, out: &mut TextWriter) -> Result<(), Error> {
    out.push("\"")?;
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let escape = match c {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            '\x08' => "\\b".to_owned(),
            '\x0c' => "\\f".to_owned(),
            '<' | '>' | '&' | '\'' if style.html => format!("\\u{:04x}", u32::from(c)),
            c if u32::from(c) < 0x20 => format!("\\u{:04x}", u32::from(c)),
            c if style.ascii && !c.is_ascii() => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect(),
            _ => continue,
        };
        out.push(&text[plain..at])?;
        out.push(&escape)?;
        plain = at + c.len_utf8();
    }
    out.push(&text[plain..])?;
    out.push("\"")
}

fn to_json(args: &[Value]) -> Result<Value, Error> {
    let names = ["value", "ensure_ascii", "pretty_print", "sort_keys"];
    let [value, ascii, pretty, sort_keys] = bind("to_json", names, 1, args)?;
    let style = Style {
        space: "",
        indent: or(&pretty, false).is_true().then_some(2),
        ascii: or(&ascii, false).is_true(),
        sort_keys: or(&sort_keys, false).is_true(),
        html: false,
    };
    let mut out = TextWriter::default();
    write(&value.unwrap_or_default(), style, 0, &mut out)?;
    Ok(Value::from(out.finish()?))
}

fn tojson(args: &[Value]) -> Result<Value, Error> {
    let [value, indent] = bind("tojson", ["value", "indent"], 1, args)?;
    let indent = match indent.filter(|indent| !indent.is_none()) {
        Some(indent) => {
            Some(usize::try_from(budget::size(&indent, "indent")?.clamp(0, 64)).unwrap_or(0))
        }
        None => None,
    };
    let style = Style {
        space: " ",
        indent,
        ascii: true,
        sort_keys: true,
        html: true,
    };
    let mut out = TextWriter::default();
    write(&value.unwrap_or_default(), style, 0, &mut out)?;
    Ok(Value::from(out.finish()?))
}

fn parse(args: &[Value]) -> Result<Value, Error> {
    let [text] = bind("from_json", ["value"], 1, args)?;
    let value = text.unwrap_or_default();
    let Some(text) = value.as_str() else {
        return Err(type_error(
            "Input must be bytes, bytearray, memoryview, or str",
        ));
    };
    budget::allocate(text.len().saturating_mul(8))?;
    let parsed = from_text(text).map_err(|error| {
        raise(
            Exception::ValueError,
            format!("Template error: from_json got invalid input: {error}"),
        )
    })?;
    admit(&parsed)?;
    Ok(parsed)
}

/// Registers `from_json`, `to_json` and `tojson`.
pub(crate) fn install(env: &mut Environment<'static>) {
    filter(env, "from_json", parse);
    filter(env, "to_json", to_json);
    filter(env, "tojson", tojson);
}
