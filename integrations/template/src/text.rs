//! Values as Python prints them: `str()` and `repr()`, bounded in length and depth.

use std::fmt::{self, Write as _};

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::budget::{self, DEPTH_MAX, TEXT_MAX};
use crate::error::{limit, too_deep};
use crate::time::{DateTime, TimeDelta};

/// Collects a text and refuses to let it grow past [`TEXT_MAX`] bytes.
#[derive(Default)]
pub(crate) struct TextWriter {
    out: String,
}

impl TextWriter {
    /// Appends `text`.
    pub(crate) fn push(&mut self, text: &str) -> Result<(), Error> {
        if self.out.len() + text.len() > TEXT_MAX {
            return Err(limit(format!(
                "Template made a text of more than {TEXT_MAX} bytes"
            )));
        }
        self.out.push_str(text);
        Ok(())
    }

    /// The text, paid for.
    pub(crate) fn finish(self) -> Result<String, Error> {
        budget::allocate(self.out.len())?;
        Ok(self.out)
    }
}

impl fmt::Write for TextWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text).map_err(|_| fmt::Error)
    }
}

/// `str(value)`.
pub(crate) fn to_text(value: &Value) -> Result<String, Error> {
    let mut out = TextWriter::default();
    write_text(value, &mut out)?;
    out.finish()
}

/// `repr(value)`.
pub(crate) fn to_repr(value: &Value) -> Result<String, Error> {
    let mut out = TextWriter::default();
    write_repr(value, &mut out, 0)?;
    out.finish()
}

/// Appends `str(value)`. An undefined value is the empty text.
pub(crate) fn write_text(value: &Value, out: &mut TextWriter) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => out.push(text),
        None if value.is_undefined() => Ok(()),
        None => write_repr(value, out, 0),
    }
}

fn write_repr(value: &Value, out: &mut TextWriter, depth: usize) -> Result<(), Error> {
    if depth > DEPTH_MAX {
        return Err(too_deep());
    }
    match value.kind() {
        ValueKind::Undefined => out.push("Undefined"),
        ValueKind::None => out.push("None"),
        ValueKind::Bool => out.push(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number => out.push(&number_text(value)),
        ValueKind::String => quote(value.as_str().unwrap_or_default(), out),
        ValueKind::Bytes => write_bytes(value.as_bytes().unwrap_or_default(), out),
        ValueKind::Seq | ValueKind::Iterable if !crate::states::is_view(value) => {
            write_items(value, out, depth)
        }
        ValueKind::Map if !crate::states::is_view(value) => write_pairs(value, out, depth),
        _ => match value.downcast_object_ref::<DateTime>() {
            Some(time) if depth > 0 => out.push(&time.repr()),
            _ => match value.downcast_object_ref::<TimeDelta>() {
                Some(delta) if depth > 0 => out.push(&delta.repr()),
                // Every plain object of ours prints itself in a few words.
                _ => write!(out, "{value}")
                    .map_err(|_| limit("Template made a text that is too long")),
            },
        },
    }
}

fn write_items(value: &Value, out: &mut TextWriter, depth: usize) -> Result<(), Error> {
    let is_tuple = value.is_tuple();
    out.push(if is_tuple { "(" } else { "[" })?;
    let mut count = 0;
    for item in value.try_iter()? {
        if count > 0 {
            out.push(", ")?;
        }
        budget::work(1)?;
        write_repr(&item, out, depth + 1)?;
        count += 1;
    }
    out.push(match (is_tuple, count) {
        (true, 1) => ",)",
        (true, _) => ")",
        (false, _) => "]",
    })
}

fn write_pairs(value: &Value, out: &mut TextWriter, depth: usize) -> Result<(), Error> {
    out.push("{")?;
    let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
    for (index, (key, item)) in pairs.into_iter().flatten().enumerate() {
        if index > 0 {
            out.push(", ")?;
        }
        budget::work(1)?;
        write_repr(&key, out, depth + 1)?;
        out.push(": ")?;
        write_repr(&item, out, depth + 1)?;
    }
    out.push("}")
}

/// Python's quotes and escapes.
fn quote(text: &str, out: &mut TextWriter) -> Result<(), Error> {
    let mark = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut quoted = String::with_capacity(text.len().min(TEXT_MAX) + 2);
    quoted.push(mark);
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c == mark => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => push_escape(&mut quoted, c),
            c => quoted.push(c),
        }
    }
    quoted.push(mark);
    out.push(&quoted)
}

fn push_escape(out: &mut String, c: char) {
    // Writing to a `String` does not fail.
    let _ = write!(out, "\\x{:02x}", u32::from(c));
}

fn write_bytes(bytes: &[u8], out: &mut TextWriter) -> Result<(), Error> {
    let mut quoted = String::from("b'");
    for &byte in bytes {
        match byte {
            b'\\' => quoted.push_str("\\\\"),
            b'\'' => quoted.push_str("\\'"),
            b'\n' => quoted.push_str("\\n"),
            b'\r' => quoted.push_str("\\r"),
            b'\t' => quoted.push_str("\\t"),
            0x20..=0x7e => quoted.push(char::from(byte)),
            _ => push_escape(&mut quoted, char::from(byte)),
        }
    }
    quoted.push('\'');
    out.push(&quoted)
}

fn number_text(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    f64::try_from(value.clone()).map_or_else(|_| value.to_string(), float_text)
}

/// `repr` of a float: the shortest digits that read back the same, with an exponent below
/// 1e-4 and from 1e16.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let shortest = format!("{number:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else {
        return shortest;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = number.to_string();
        return if plain.contains('.') {
            plain
        } else {
            format!("{plain}.0")
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// Python's name for the class of a value.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "Undefined",
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Bytes => "bytes",
        _ => {
            let object = value.as_object().map_or("", |object| object.type_name());
            match object.rsplit("::").next().unwrap_or_default() {
                "StateObject" => "TemplateState",
                "DomainStates" => "DomainStates",
                "AllStates" => "AllStates",
                "DateTime" => "datetime.datetime",
                "TimeDelta" => "datetime.timedelta",
                "Namespace" => "Namespace",
                "Macro" => "Macro",
                "Loop" => "LoopContext",
                "Tuple" => "tuple",
                _ => match value.kind() {
                    ValueKind::Map => "dict",
                    ValueKind::Seq => "list",
                    ValueKind::Iterable => "list",
                    _ => "function",
                },
            }
        }
    }
}

/// Jinja's description of an object in "… has no attribute …".
pub(crate) fn object_name(value: &Value) -> String {
    match value.kind() {
        ValueKind::None => "None".to_owned(),
        _ => match type_name(value) {
            name @ ("TemplateState" | "DomainStates" | "AllStates") => {
                format!("homeassistant.helpers.template.{name} object")
            }
            name => format!("{name} object"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_python_prints_them() {
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (21.5, "21.5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (5e-324, "5e-324"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }
}
