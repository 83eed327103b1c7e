//! Python literals in rendered text: how a template's output becomes a typed value.
//!
//! [`parse`] follows spec template §2: the text is read as `ast.literal_eval` reads it, and
//! everything that is not a literal, or whose value JSON cannot carry, stays text. Pure: it
//! knows nothing of templates. Depth is bounded by [`DEPTH_MAX`], and the work is linear in
//! the text apart from the search for repeated keys, which is bounded too.

mod number;
mod string;

use std::collections::HashSet;

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
    match read(text)? {
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

fn read(text: &str) -> Option<Literal> {
    let mut reader = Reader {
        rest: text.trim_start_matches([' ', '\t']),
        depth: 0,
    };
    reader.skip_space();
    let first = reader.value()?;
    reader.skip_space();
    let whole = if reader.rest.starts_with(',') {
        // `1, 2` without parentheses is a tuple.
        let mut items = vec![first];
        while reader.take(',') {
            if reader.at_end() {
                break;
            }
            items.push(reader.value()?);
            reader.skip_space();
        }
        Literal::Tuple(items)
    } else {
        first
    };
    reader.at_end().then_some(whole)
}

struct Reader<'a> {
    rest: &'a str,
    /// How many brackets are open; line ends are space within them only.
    depth: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Literal> {
        self.skip_space();
        match self.rest.bytes().next()? {
            b'[' => {
                self.within(|reader| reader.sequence(']').map(|(items, _)| Literal::List(items)))
            }
            b'(' => self.within(Self::parenthesised),
            b'{' => self.within(Self::braced),
            b'+' | b'-' => self.signed(),
            b'0'..=b'9' => self.number(),
            b'.' if self.take_word("...") => Some(Literal::Unspeakable),
            b'.' => self.number(),
            b'\'' | b'"' => self.strings(),
            _ => self.word(),
        }
    }

    fn within(&mut self, read: impl FnOnce(&mut Self) -> Option<Literal>) -> Option<Literal> {
        if self.depth >= DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        self.rest = &self.rest[1..];
        let literal = read(self)?;
        self.depth -= 1;
        Some(literal)
    }

    /// Items up to `end`, and whether a comma was among them.
    fn sequence(&mut self, end: char) -> Option<(Vec<Literal>, bool)> {
        let mut items = Vec::new();
        let mut comma = false;
        loop {
            self.skip_space();
            if self.take(end) {
                return Some((items, comma));
            }
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.value()?);
            self.skip_space();
            if self.take(',') {
                comma = true;
            } else {
                self.skip_space();
                return self.take(end).then_some((items, comma));
            }
        }
    }

    fn parenthesised(&mut self) -> Option<Literal> {
        let (mut items, comma) = self.sequence(')')?;
        match items.pop() {
            Some(only) if items.is_empty() && !comma => Some(only),
            Some(last) => {
                items.push(last);
                Some(Literal::Tuple(items))
            }
            None => Some(Literal::Tuple(items)),
        }
    }

    fn braced(&mut self) -> Option<Literal> {
        self.skip_space();
        if self.take('}') {
            return Some(Literal::Dict(Vec::new()));
        }
        let first = self.value()?;
        self.skip_space();
        if !self.take(':') {
            return self.set_after(first);
        }
        let mut pairs: Vec<(Literal, Literal)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        let mut key = first;
        loop {
            if !key.is_hashable() {
                return None;
            }
            let value = self.value()?;
            // A repeated key keeps its first place and takes the last value.
            match places.entry(key.identity()) {
                std::collections::hash_map::Entry::Occupied(place) => {
                    let place: usize = *place.get();
                    pairs[place].1 = value;
                }
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(pairs.len());
                    pairs.push((key, value));
                }
            }
            self.skip_space();
            let more = self.take(',');
            self.skip_space();
            if self.take('}') {
                return Some(Literal::Dict(pairs));
            }
            if !more {
                return None;
            }
            key = self.value()?;
            self.skip_space();
            if !self.take(':') {
                return None;
            }
        }
    }

    fn set_after(&mut self, first: Literal) -> Option<Literal> {
        let mut items = vec![first];
        self.skip_space();
        if self.take(',') {
            items.extend(self.sequence('}')?.0);
        } else if !self.take('}') {
            return None;
        }
        if !items.iter().all(Literal::is_hashable) {
            return None;
        }
        let mut seen = HashSet::new();
        items.retain(|item| seen.insert(item.identity()));
        Some(Literal::Set(items))
    }

    /// A sign before a number, nothing else.
    fn signed(&mut self) -> Option<Literal> {
        let negative = self.rest.starts_with('-');
        self.rest = &self.rest[1..];
        self.skip_space();
        if !self
            .rest
            .starts_with(|c: char| c.is_ascii_digit() || c == '.')
        {
            return None;
        }
        let (number, rest) = number::read(self.rest, negative)?;
        self.rest = rest;
        Some(number)
    }

    fn number(&mut self) -> Option<Literal> {
        let (number, rest) = number::read(self.rest, false)?;
        self.rest = rest;
        Some(number)
    }

    /// One or more quoted texts side by side, all of texts or all of bytes.
    fn strings(&mut self) -> Option<Literal> {
        let mut whole: Option<string::Quoted> = None;
        loop {
            let Some((next, rest)) = string::read(self.rest) else {
                // What looked like a prefix was none, or the text is malformed.
                return match whole {
                    Some(whole) if !string::begins(self.rest) => Some(whole.literal()),
                    _ => None,
                };
            };
            self.rest = rest;
            whole = Some(match whole {
                None => next,
                Some(before) => before.join(next)?,
            });
            self.skip_space();
        }
    }

    fn word(&mut self) -> Option<Literal> {
        if string::begins(self.rest) {
            return self.strings();
        }
        for (word, literal) in [
            ("True", Literal::Bool(true)),
            ("False", Literal::Bool(false)),
            ("None", Literal::None),
        ] {
            if self.take_word(word) {
                return Some(literal);
            }
        }
        if !self.take_word("set") {
            return None;
        }
        self.skip_space();
        let empty = self.take('(') && {
            self.depth += 1;
            self.skip_space();
            self.depth -= 1;
            self.take(')')
        };
        empty.then(|| Literal::Set(Vec::new()))
    }

    fn take_word(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) if !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Skips space, comments, and within brackets line ends.
    fn skip_space(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\x0c']);
            if self.depth > 0 {
                self.rest = self.rest.trim_start_matches(['\n', '\r']);
            }
            if let Some(rest) = self.rest.strip_prefix("\\\n") {
                self.rest = rest;
            } else if self.rest.starts_with('#') {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
            } else if !self.rest.starts_with([' ', '\t', '\x0c'])
                && !(self.depth > 0 && self.rest.starts_with(['\n', '\r']))
            {
                return;
            }
        }
    }

    /// Whether nothing but space and line ends follows.
    fn at_end(&mut self) -> bool {
        self.depth = 1;
        self.skip_space();
        self.depth = 0;
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests;
