//! Numbers as Python reads, rounds and calculates them.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::error::{Exception, limit, raise, type_error};
use crate::text::{to_text, type_name};

/// A number of a template; a bool counts as one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    /// The number in `value`, where it is one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value.kind() {
            ValueKind::Bool => Some(Self::Int(i128::from(value.is_true()))),
            ValueKind::Number if value.is_integer() => {
                i128::try_from(value.clone()).ok().map(Self::Int)
            }
            ValueKind::Number => f64::try_from(value.clone()).ok().map(Self::Float),
            _ => None,
        }
    }

    /// The nearest float.
    pub(crate) fn float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(value) => int(value),
            Number::Float(value) => value.into(),
        }
    }
}

/// An integer as the engine keeps it: small ones in 64 bits.
pub(crate) fn int(value: i128) -> Value {
    match i64::try_from(value) {
        Ok(small) => small.into(),
        Err(_) => value.into(),
    }
}

/// Integers end at 128 bits.
pub(crate) fn too_large() -> Error {
    limit("Template made an integer of more than 128 bits")
}

/// `float(value)`; `None` where Python raises ValueError or TypeError.
pub(crate) fn to_float(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some(text) => parse_float(text),
        None => Number::of(value).map(Number::float),
    }
}

/// What `float()` accepts in a text.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = without_underscores(text.trim())?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let is_word = ["inf", "infinity", "nan"]
        .iter()
        .any(|word| unsigned.eq_ignore_ascii_case(word));
    let is_number = unsigned
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !is_word && !is_number {
        return None;
    }
    text.parse().ok()
}

/// What `int()` accepts in a text.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<i128> {
    let text = without_underscores(text.trim())?;
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text.as_str()),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed = |prefix: &str, prefix_base: u32| {
        (base == 0 || base == prefix_base)
            .then(|| lower.strip_prefix(prefix))
            .flatten()
            .map(|rest| (rest.to_owned(), prefix_base))
    };
    let (digits, base) = prefixed("0x", 16)
        .or_else(|| prefixed("0o", 8))
        .or_else(|| prefixed("0b", 2))
        .unwrap_or((lower.clone(), if base == 0 { 10 } else { base }));
    if !(2..=36).contains(&base) || digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(&digits, base).ok()?;
    Some(if negative { -value } else { value })
}

/// Underscores are allowed between digits only.
fn without_underscores(text: &str) -> Option<String> {
    if !text.contains('_') {
        return Some(text.to_owned());
    }
    let bytes = text.as_bytes();
    let sound = bytes.iter().enumerate().all(|(index, &byte)| {
        byte != b'_'
            || (index > 0
                && bytes[index - 1].is_ascii_alphanumeric()
                && bytes.get(index + 1).is_some_and(u8::is_ascii_alphanumeric))
    });
    sound.then(|| text.replace('_', ""))
}

/// `int(value)` with Jinja's second try through `float`.
pub(crate) fn to_int(value: &Value, base: u32) -> Option<i128> {
    if let Some(text) = value.as_str() {
        return parse_int(text, base).or_else(|| truncate(parse_float(text)?));
    }
    match Number::of(value)? {
        Number::Int(value) => Some(value),
        Number::Float(value) => truncate(value),
    }
}

fn truncate(value: f64) -> Option<i128> {
    (value.is_finite() && value.abs() < 1e38).then_some(value.trunc() as i128)
}

/// The words and numbers that the configuration takes for yes and no.
pub(crate) fn to_bool(value: &Value) -> Option<bool> {
    if let Some(text) = value.as_str() {
        return match text.trim().to_lowercase().as_str() {
            "1" | "true" | "yes" | "on" | "enable" => Some(true),
            "0" | "false" | "no" | "off" | "disable" => Some(false),
            _ => None,
        };
    }
    Number::of(value).map(|number| number.float() != 0.0)
}

/// `round(value, precision)`: to the nearest, ties to even on the exact decimal value.
pub(crate) fn round(value: f64, precision: i64) -> f64 {
    if !value.is_finite() || precision > 308 {
        return value;
    }
    if let Ok(digits) = usize::try_from(precision) {
        return format!("{value:.digits$}").parse().unwrap_or(value);
    }
    if precision < -308 {
        return 0.0_f64.copysign(value);
    }
    // `precision` lies in -308..0 here.
    let unit = 10f64.powi(i32::try_from(-precision).unwrap_or(0));
    (value / unit).round_ties_even() * unit
}

/// The `round` filter: methods `common`, `ceil`, `floor`, `half`.
pub(crate) fn round_by(value: f64, precision: i64, method: &str) -> Result<Option<Value>, Error> {
    let power = precision.clamp(-308, 308);
    let multiplier = 10f64.powi(i32::try_from(power).unwrap_or(0));
    let rounded = match method {
        "ceil" => (value * multiplier).ceil() / multiplier,
        "floor" => (value * multiplier).floor() / multiplier,
        "half" => (value * 2.0).round_ties_even() / 2.0,
        _ => round(value, precision),
    };
    if precision != 0 {
        return Ok(Some(rounded.into()));
    }
    if rounded.is_infinite() {
        return Err(raise(
            Exception::OverflowError,
            "cannot convert float infinity to integer",
        ));
    }
    match truncate(rounded) {
        Some(whole) => Ok(Some(int(whole))),
        None if rounded.is_nan() => Ok(None),
        None => Err(too_large()),
    }
}

/// The failure of a function that got bad input and no default.
pub(crate) fn no_default(function: &str, value: &Value) -> Error {
    let shown = to_text(value).unwrap_or_default();
    raise(
        Exception::ValueError,
        format!(
            "Template error: {function} got invalid input '{shown}' when rendering template '{}' \
             but no default was specified",
            crate::budget::source()
        ),
    )
}

/// Both operands as numbers, or Python's TypeError for this operator.
fn operands(operator: &str, left: &Value, right: &Value) -> Result<(Number, Number), Error> {
    match (Number::of(left), Number::of(right)) {
        (Some(left), Some(right)) => Ok((left, right)),
        _ => Err(unsupported(operator, left, right)),
    }
}

/// `unsupported operand type(s) for …`
pub(crate) fn unsupported(operator: &str, left: &Value, right: &Value) -> Error {
    type_error(format!(
        "unsupported operand type(s) for {operator}: '{}' and '{}'",
        type_name(left),
        type_name(right)
    ))
}

fn division(message: &str) -> Error {
    raise(Exception::ZeroDivisionError, message)
}

/// `+`, `-` and `*` of numbers.
pub(crate) fn calculate(operator: &str, left: &Value, right: &Value) -> Result<Value, Error> {
    let numbers = operands(operator, left, right)?;
    let result = match numbers {
        (Number::Int(a), Number::Int(b)) => match operator {
            "+" => a.checked_add(b),
            "-" => a.checked_sub(b),
            _ => a.checked_mul(b),
        }
        .map(Number::Int)
        .ok_or_else(too_large)?,
        (a, b) => Number::Float(match operator {
            "+" => a.float() + b.float(),
            "-" => a.float() - b.float(),
            _ => a.float() * b.float(),
        }),
    };
    Ok(result.into())
}

/// `/`
pub(crate) fn divide(left: &Value, right: &Value) -> Result<Value, Error> {
    let (a, b) = operands("/", left, right)?;
    if b.float() == 0.0 {
        return Err(division(match (a, b) {
            (Number::Int(_), Number::Int(_)) => "division by zero",
            _ => "float division by zero",
        }));
    }
    Ok((a.float() / b.float()).into())
}

/// `//`, rounded down.
pub(crate) fn floor_divide(left: &Value, right: &Value) -> Result<Value, Error> {
    match operands("//", left, right)? {
        (Number::Int(_), Number::Int(0)) => Err(division("integer division or modulo by zero")),
        (Number::Int(a), Number::Int(b)) => {
            let quotient = a.checked_div(b).ok_or_else(too_large)?;
            let down = i128::from(a % b != 0 && (a < 0) != (b < 0));
            Ok(int(quotient - down))
        }
        (_, b) if b.float() == 0.0 => Err(division("float floor division by zero")),
        (a, b) => {
            let remainder = float_modulo(a.float(), b.float());
            Ok(((a.float() - remainder) / b.float())
                .round_ties_even()
                .into())
        }
    }
}

/// `%` of numbers, with the sign of the divisor.
pub(crate) fn modulo(left: &Value, right: &Value) -> Result<Value, Error> {
    match operands("%", left, right)? {
        (Number::Int(_), Number::Int(0)) => Err(division("integer modulo by zero")),
        (Number::Int(a), Number::Int(b)) => {
            let remainder = a.checked_rem(b).unwrap_or(0);
            let shift = if remainder != 0 && (remainder < 0) != (b < 0) {
                b
            } else {
                0
            };
            Ok(int(remainder + shift))
        }
        (_, b) if b.float() == 0.0 => Err(division("float modulo by zero")),
        (a, b) => Ok(float_modulo(a.float(), b.float()).into()),
    }
}

fn float_modulo(a: f64, b: f64) -> f64 {
    let remainder = a % b;
    if remainder == 0.0 {
        0.0_f64.copysign(b)
    } else if (remainder < 0.0) != (b < 0.0) {
        remainder + b
    } else {
        remainder
    }
}

/// `**`
pub(crate) fn power(left: &Value, right: &Value) -> Result<Value, Error> {
    let (a, b) = operands("**", left, right)?;
    if let (Number::Int(base), Number::Int(exponent)) = (a, b)
        && exponent >= 0
    {
        if matches!(base, 0 | 1) && exponent > 0 {
            return Ok(int(base));
        }
        if base == -1 {
            return Ok(int(if exponent % 2 == 0 { 1 } else { -1 }));
        }
        let exponent = u32::try_from(exponent).map_err(|_| too_large())?;
        return base.checked_pow(exponent).map(int).ok_or_else(too_large);
    }
    if a.float() == 0.0 && b.float() < 0.0 {
        return Err(division("0.0 cannot be raised to a negative power"));
    }
    let result = a.float().powf(b.float());
    if result.is_infinite() && a.float().is_finite() && b.float().is_finite() {
        return Err(raise(
            Exception::OverflowError,
            "(34, 'Numerical result out of range')",
        ));
    }
    Ok(result.into())
}

/// `-value`
pub(crate) fn negate(value: &Value) -> Result<Value, Error> {
    match Number::of(value) {
        Some(Number::Int(whole)) => whole.checked_neg().map(int).ok_or_else(too_large),
        Some(Number::Float(number)) => Ok((-number).into()),
        None => match value.downcast_object_ref::<crate::time::TimeDelta>() {
            Some(delta) => Ok(Value::from_object(delta.negated())),
            None => Err(type_error(format!(
                "bad operand type for unary -: '{}'",
                type_name(value)
            ))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_on_the_exact_decimal_value() {
        for (value, precision, rounded) in [
            (0.5, 0, 0.0),
            (1.5, 0, 2.0),
            (2.5, 0, 2.0),
            (2.675, 2, 2.67),
            (21.456, 1, 21.5),
            (1250.0, -2, 1200.0),
            (-0.5, 0, -0.0),
        ] {
            assert_eq!(round(value, precision), rounded, "{value} {precision}");
        }
    }

    #[test]
    fn texts_are_read_as_python_reads_them() {
        for (text, number) in [
            (" 5.5 ", Some(5.5)),
            ("1_000", Some(1000.0)),
            ("1e3", Some(1000.0)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("1__0", None),
            ("_1", None),
            ("", None),
            ("abc", None),
            ("0x10", None),
        ] {
            assert_eq!(parse_float(text), number, "{text}");
        }
        for (text, base, number) in [
            ("42", 10, Some(42)),
            (" -7 ", 10, Some(-7)),
            ("ff", 16, Some(255)),
            ("0xff", 16, Some(255)),
            ("0x1f", 0, Some(31)),
            ("--1", 10, None),
            ("5.7", 10, None),
        ] {
            assert_eq!(parse_int(text, base), number, "{text}");
        }
    }
}
