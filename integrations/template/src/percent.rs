//! `'%05.2f' % value`, and the layout of one number or text that `format()` shares with it.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::budget::{self, TEXT_MAX};
use crate::error::{Exception, limit, raise, type_error};
use crate::numbers::{Number, to_int};
use crate::text::{TextWriter, to_repr, to_text, type_name};

/// Widest field and longest fraction; Python has no bound but its memory.
const FIELD_MAX: usize = 10_000;

/// `format % values`: a tuple gives several values, a dict gives them by name.
pub(crate) fn format(format: &str, values: &Value) -> Result<Value, Error> {
    let by_name = values.kind() == ValueKind::Map;
    let given = if values.is_tuple() {
        budget::items(values)?
    } else {
        vec![values.clone()]
    };
    let mut given = given.into_iter();
    let mut out = TextWriter::default();
    let mut rest = format;
    while let Some(start) = rest.find('%') {
        out.push(&rest[..start])?;
        rest = &rest[start + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push("%")?;
            rest = after;
            continue;
        }
        let mut named = None;
        if let Some(after) = rest.strip_prefix('(') {
            let end = after
                .find(')')
                .ok_or_else(|| bad("incomplete format key"))?;
            if !by_name {
                return Err(type_error("format requires a mapping"));
            }
            let key = Value::from(&after[..end]);
            let found = values.get_item(&key)?;
            if found.is_undefined() {
                return Err(raise(
                    Exception::TypeError,
                    format!("missing key {}", to_repr(&key)?),
                ));
            }
            named = Some(found);
            rest = &after[end + 1..];
        }
        let mut layout = Layout::default();
        rest = layout.read_flags(rest);
        let mut next = || {
            given
                .next()
                .ok_or_else(|| bad("not enough arguments for format string"))
        };
        layout.width = match rest.strip_prefix('*') {
            Some(after) => {
                rest = after;
                field(budget::size(&next()?, "width")?)?
            }
            None => number(&mut rest)?.unwrap_or(0),
        };
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            layout.precision = Some(match rest.strip_prefix('*') {
                Some(after) => {
                    rest = after;
                    field(budget::size(&next()?, "precision")?)?
                }
                None => number(&mut rest)?.unwrap_or(0),
            });
        }
        rest = rest.trim_start_matches(['h', 'l', 'L']);
        let kind = rest.chars().next().ok_or_else(incomplete)?;
        rest = &rest[kind.len_utf8()..];
        let value = match named {
            Some(value) => value,
            None => next()?,
        };
        out.push(&layout.conversion(kind, &value)?)?;
    }
    out.push(rest)?;
    if given.next().is_some() && !by_name {
        return Err(type_error(
            "not all arguments converted during string formatting",
        ));
    }
    Ok(Value::from(out.finish()?))
}

fn bad(message: &str) -> Error {
    type_error(message)
}

fn incomplete() -> Error {
    raise(Exception::ValueError, "incomplete format")
}

fn field(size: i64) -> Result<usize, Error> {
    match usize::try_from(size.unsigned_abs()) {
        Ok(size) if size <= FIELD_MAX => Ok(size),
        _ => Err(limit(format!(
            "Template made a field wider than {FIELD_MAX}"
        ))),
    }
}

/// Reads a decimal number off the front of `text`.
pub(crate) fn number(text: &mut &str) -> Result<Option<usize>, Error> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    if end == 0 {
        return Ok(None);
    }
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let size = digits.parse::<i64>().unwrap_or(i64::MAX);
    field(size).map(Some)
}

/// How one value is laid out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    /// `<`, `>`, `^` or `=`; nothing: by the kind of the value.
    pub(crate) align: Option<char>,
    /// What the field is filled with; nothing: spaces.
    pub(crate) fill: Option<char>,
    /// `+` or a space before positive numbers.
    pub(crate) sign: Option<char>,
    /// `0x` and the like.
    pub(crate) alternate: bool,
    /// Zeros between sign and digits.
    pub(crate) zero: bool,
    /// `,` or `_` between thousands.
    pub(crate) grouping: Option<char>,
    /// Least width of the field.
    pub(crate) width: usize,
    /// Digits of the fraction, or characters of a text.
    pub(crate) precision: Option<usize>,
}

impl Layout {
    fn read_flags<'a>(&mut self, text: &'a str) -> &'a str {
        let mut rest = text;
        while let Some(flag) = rest.chars().next() {
            match flag {
                '-' => self.align = Some('<'),
                '0' => self.zero = true,
                '#' => self.alternate = true,
                '+' => self.sign = Some('+'),
                ' ' => self.sign = self.sign.or(Some(' ')),
                _ => break,
            }
            rest = &rest[1..];
        }
        rest
    }

    /// One conversion of a `%` format.
    fn conversion(&self, kind: char, value: &Value) -> Result<String, Error> {
        match kind {
            's' => self.pad_text(&to_text(value)?, '>'),
            'r' | 'a' => self.pad_text(&to_repr(value)?, '>'),
            'c' => match (value.as_str(), to_int(value, 10)) {
                (Some(text), _) if text.chars().count() == 1 => self.pad_text(text, '>'),
                (None, Some(code)) => {
                    let c = u32::try_from(code).ok().and_then(char::from_u32);
                    let c = c.ok_or_else(|| {
                        raise(Exception::OverflowError, "%c arg not in range(0x110000)")
                    })?;
                    self.pad_text(&c.to_string(), '>')
                }
                _ => Err(type_error("%c requires int or char")),
            },
            'd' | 'i' | 'u' => match Number::of(value) {
                Some(Number::Int(whole)) => self.integer(whole, 'd'),
                Some(Number::Float(number)) if number.is_finite() && number.abs() < 1e38 => {
                    self.integer(number.trunc() as i128, 'd')
                }
                Some(Number::Float(_)) => Err(raise(
                    Exception::OverflowError,
                    "cannot convert float infinity to integer",
                )),
                None => Err(type_error(format!(
                    "%{kind} format: a real number is required, not {}",
                    type_name(value)
                ))),
            },
            'x' | 'X' | 'o' => match Number::of(value) {
                Some(Number::Int(whole)) => self.integer(whole, kind),
                _ => Err(type_error(format!(
                    "%{kind} format: an integer is required, not {}",
                    type_name(value)
                ))),
            },
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => match Number::of(value) {
                Some(number) => self.float(number.float(), kind),
                None => Err(type_error(format!(
                    "must be real number, not {}",
                    type_name(value)
                ))),
            },
            other => Err(raise(
                Exception::ValueError,
                format!(
                    "unsupported format character '{other}' (0x{:x})",
                    u32::from(other)
                ),
            )),
        }
    }

    /// An integer in the base of `kind`: `d`, `x`, `X`, `o` or `b`.
    pub(crate) fn integer(&self, value: i128, kind: char) -> Result<String, Error> {
        let size = value.unsigned_abs();
        let (prefix, digits) = match kind {
            'x' => ("0x", format!("{size:x}")),
            'X' => ("0X", format!("{size:X}")),
            'o' => ("0o", format!("{size:o}")),
            'b' => ("0b", format!("{size:b}")),
            _ => ("", size.to_string()),
        };
        let digits = match self.precision {
            Some(least) if digits.len() < least => format!("{digits:0>least$}"),
            _ => digits,
        };
        let every = if kind == 'd' { 3 } else { 4 };
        let digits = group(&digits, self.grouping, every);
        self.pad_number(value < 0, if self.alternate { prefix } else { "" }, &digits)
    }

    /// A float as `f`, `e`, `g` or `%`; upper-case kinds give upper-case words.
    pub(crate) fn float(&self, value: f64, kind: char) -> Result<String, Error> {
        let precision = self.precision.unwrap_or(6);
        let size = value.abs();
        let mut digits = if !value.is_finite() {
            if value.is_nan() { "nan" } else { "inf" }.to_owned()
        } else {
            match kind.to_ascii_lowercase() {
                'f' => format!("{size:.precision$}"),
                '%' => format!("{:.precision$}%", size * 100.0),
                'e' => exponent(size, precision),
                _ => general(size, precision.max(1), self.alternate),
            }
        };
        if kind.is_ascii_uppercase() {
            digits.make_ascii_uppercase();
        }
        if let Some((whole, fraction)) = digits.split_once('.') {
            digits = format!("{}.{fraction}", group(whole, self.grouping, 3));
        } else if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            digits = group(&digits, self.grouping, 3);
        }
        self.pad_number(value.is_sign_negative() && !value.is_nan(), "", &digits)
    }

    fn pad_number(&self, negative: bool, prefix: &str, digits: &str) -> Result<String, Error> {
        let sign = match (negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            _ => "",
        };
        let head = format!("{sign}{prefix}");
        let finite =
            digits.starts_with(|c: char| c.is_ascii_hexdigit()) && !digits.starts_with("inf");
        let inside = self.align == Some('=') || (self.zero && self.align.is_none());
        if !inside {
            return self.pad(&format!("{head}{digits}"), '>', self.width);
        }
        let fill = if self.zero && finite {
            Some('0')
        } else {
            self.fill
        };
        let inner = Self {
            align: None,
            fill,
            ..self.clone()
        };
        let width = self.width.saturating_sub(head.len());
        Ok(format!("{head}{}", inner.pad(digits, '>', width)?))
    }

    /// A text, cut to the precision and padded to the width.
    pub(crate) fn pad_text(&self, text: &str, align: char) -> Result<String, Error> {
        let text = match self.precision {
            Some(most) => text
                .char_indices()
                .nth(most)
                .map_or(text, |(end, _)| &text[..end]),
            None => text,
        };
        self.pad(text, align, self.width)
    }

    fn pad(&self, text: &str, align: char, width: usize) -> Result<String, Error> {
        let missing = width.saturating_sub(text.chars().count());
        let fill = self.fill.unwrap_or(' ');
        if text.len() + missing * fill.len_utf8() > TEXT_MAX {
            return Err(limit(format!(
                "Template made a text of more than {TEXT_MAX} bytes"
            )));
        }
        let (before, after) = match self.align.unwrap_or(align) {
            '<' => (0, missing),
            '^' => (missing / 2, missing - missing / 2),
            _ => (missing, 0),
        };
        let mut out = String::with_capacity(text.len() + missing * fill.len_utf8());
        out.extend(std::iter::repeat_n(fill, before));
        out.push_str(text);
        out.extend(std::iter::repeat_n(fill, after));
        Ok(out)
    }
}

/// Separators between groups of digits, counted from the right.
fn group(digits: &str, separator: Option<char>, every: usize) -> String {
    let Some(separator) = separator else {
        return digits.to_owned();
    };
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(every) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

/// `1.5e+03`: at least two digits of exponent.
fn exponent(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let Some((digits, power)) = text.split_once('e') else {
        return text;
    };
    let power: i32 = power.parse().unwrap_or(0);
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", power.unsigned_abs())
}

/// The shorter of both forms with `precision` significant digits.
fn general(value: f64, precision: usize, keep_zeros: bool) -> String {
    let scientific = exponent(value, precision - 1);
    let power: i64 = scientific
        .split_once('e')
        .and_then(|(_, power)| power.parse().ok())
        .unwrap_or(0);
    let plain = power >= -4 && power < i64::try_from(precision).unwrap_or(i64::MAX);
    let text = if plain {
        let digits = i64::try_from(precision).unwrap_or(0) - 1 - power;
        format!("{value:.*}", usize::try_from(digits).unwrap_or(0))
    } else {
        scientific
    };
    if keep_zeros || !text.contains('.') {
        return text;
    }
    match text.split_once('e') {
        Some((digits, power)) => {
            let digits = digits.trim_end_matches('0').trim_end_matches('.');
            format!("{digits}e{power}")
        }
        None => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}
