//! Python literals in rendered text: how a template's output becomes a typed value.
//!
//! [`parse`] follows spec template §2: the text is read as `ast.literal_eval` reads it, and
//! everything that is not a literal, or whose value JSON cannot carry, stays text. Pure: it
//! knows nothing of templates. Depth is bounded by [`DEPTH_MAX`], and the work is linear in
//! the text apart from the search for repeated keys, which is bounded too.

mod number;
mod reader;
mod string;

use serde_json::{Map, Value};

/// How deep containers may be nested; deeper ones stay text.
pub const DEPTH_MAX: usize = 100;

/// The typed value of a rendered text; the text itself where it stands for nothing else.
///
/// ```
/// use hearth_template::literal::parse;
/// use serde_json::json;
///
/// assert_eq!(parse("42"), json!(42));
/// assert_eq!(parse("[1, 'two', None]"), json!([1, "two", null]));
/// assert_eq!(parse("007"), json!("007"));
/// assert_eq!(parse("hello"), json!("hello"));
/// ```
pub fn parse(text: &str) -> Value {
    typed(text).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn typed(text: &str) -> Option<Value> {
    // Python refuses source with a NUL in it.
    if !may_be_literal(text) || text.contains('\0') {
        return None;
    }
    match reader::read(text)? {
        // A quoted text keeps its quotes: the original is the value.
        Literal::Text(_) => None,
        number @ (Literal::Int(_) | Literal::Float(_)) if is_plain_number(text) => json(number),
        Literal::Int(_) | Literal::Float(_) => None,
        other => json(other),
    }
}

/// Cheap refusal of ordinary text: a literal begins with one of few characters.
fn may_be_literal(text: &str) -> bool {
    let Some(first) = text.trim_start_matches([' ', '\t']).bytes().next() else {
        return false;
    };
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' | b'(' | b'[' | b'{' | b'\'' | b'"' | b'#' | b'\\' => true,
        // `True`, `False`, `None`, `set()`, and the prefixes of quoted texts.
        b'T' | b'F' | b'N' | b's' | b'b' | b'B' | b'r' | b'R' | b'u' | b'U' => true,
        _ => false,
    }
}

/// `^[+-]?(?!0\d)\d*(?:\.\d*)?$`
fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    all_digits(whole) && all_digits(fraction) && !leading_zero
}

/// A literal as read. What JSON cannot carry has no payload.
#[derive(Clone, Debug, PartialEq)]
enum Literal {
    None,
    Bool(bool),
    /// `None`: beyond 64 bits.
    Int(Option<Whole>),
    Float(f64),
    Text(String),
    /// Bytes, `...`, complex numbers.
    Unspeakable,
    Tuple(Vec<Literal>),
    List(Vec<Literal>),
    Set(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Whole {
    Signed(i64),
    Unsigned(u64),
}

impl Literal {
    fn is_hashable(&self) -> bool {
        match self {
            Self::List(_) | Self::Set(_) | Self::Dict(_) => false,
            Self::Tuple(items) => items.iter().all(Self::is_hashable),
            _ => true,
        }
    }

    /// A text by which equal keys are equal: `1`, `1.0` and `True` are one key in Python.
    fn identity(&self) -> String {
        match self {
            Self::Bool(value) => format!("n{}", u8::from(*value)),
            Self::Int(Some(Whole::Signed(value))) => format!("n{value}"),
            Self::Int(Some(Whole::Unsigned(value))) => format!("n{value}"),
            Self::Float(value) => format!("n{value}"),
            Self::Text(text) => format!("t{text}"),
            other => format!("{other:?}"),
        }
    }
}

/// `None`: JSON cannot carry it.
fn json(literal: Literal) -> Option<Value> {
    Some(match literal {
        Literal::None => Value::Null,
        Literal::Bool(value) => value.into(),
        Literal::Int(Some(Whole::Signed(value))) => value.into(),
        Literal::Int(Some(Whole::Unsigned(value))) => value.into(),
        Literal::Int(None) | Literal::Unspeakable => return None,
        // Infinities and NaN become null.
        Literal::Float(value) => value.into(),
        Literal::Text(text) => text.into(),
        Literal::Tuple(items) | Literal::List(items) | Literal::Set(items) => {
            Value::Array(items.into_iter().map(json).collect::<Option<_>>()?)
        }
        Literal::Dict(pairs) => {
            let mut map = Map::new();
            for (key, value) in pairs {
                map.insert(key_text(key)?, json(value)?);
            }
            Value::Object(map)
        }
    })
}

fn key_text(key: Literal) -> Option<String> {
    Some(match key {
        Literal::Text(text) => text,
        Literal::None => "null".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Int(Some(Whole::Signed(value))) => value.to_string(),
        Literal::Int(Some(Whole::Unsigned(value))) => value.to_string(),
        Literal::Float(value) if value.is_finite() => crate::text::float_text(value),
        Literal::Float(_) => "null".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
