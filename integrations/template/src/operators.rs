//! The operators of the template language with Python's meaning.
//!
//! The engine's own operators cannot be replaced, and they neither check sizes nor raise what
//! Python raises. So [`crate::rewrite`] turns every operator of a template into a call of one
//! of these, under the operator's sign as its name; no template can spell such a filter.

use std::cmp::Ordering;

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Environment, Error, Value};

use crate::budget::{self, admit, allocate_items, allocate_text};
use crate::error::type_error;
use crate::numbers::{self, Number};
use crate::states::StateObject;
use crate::text::{TextWriter, type_name, write_text};
use crate::time::{DateTime, TimeDelta};

/// Registers the operators, and the tests that stand for them by name.
pub(crate) fn install(env: &mut Environment<'static>) {
    type Binary = fn(&Value, &Value) -> Result<Value, Error>;
    let binary: [(&'static str, Binary); 15] = [
        ("+", add),
        ("-", subtract),
        ("*", multiply),
        ("/", divide),
        ("//", floor_divide),
        ("%", remainder),
        ("**", numbers::power),
        ("~", concatenate),
        ("==", |a, b| equal(a, b).map(Value::from)),
        ("!=", |a, b| equal(a, b).map(|same| Value::from(!same))),
        ("<", |a, b| less(a, b, "<").map(Value::from)),
        ("<=", |a, b| less(a, b, "<=").map(Value::from)),
        (">", |a, b| less(a, b, ">").map(Value::from)),
        (">=", |a, b| less(a, b, ">=").map(Value::from)),
        ("in", |a, b| contains(b, a).map(Value::from)),
    ];
    for (sign, operator) in binary {
        env.add_filter(sign, move |left: Value, right: Value| {
            operator(&left, &right)
        });
    }
    env.add_filter("negated", |value: Value| numbers::negate(&value));
    env.add_filter("chained", |args: minijinja::value::Rest<Value>| {
        chained(&args)
    });
    let tests: [(&[&str], &str); 6] = [
        (&["==", "eq", "equalto"], "=="),
        (&["!=", "ne"], "!="),
        (&["<", "lt", "lessthan"], "<"),
        (&["<=", "le"], "<="),
        (&[">", "gt", "greaterthan"], ">"),
        (&[">=", "ge"], ">="),
    ];
    for (names, sign) in tests {
        for name in names {
            env.add_test(*name, move |left: Value, right: Value| {
                compare_by(sign, &left, &right)
            });
        }
    }
    env.add_test("in", |item: Value, container: Value| {
        contains(&container, &item)
    });
}

fn compare_by(sign: &str, left: &Value, right: &Value) -> Result<bool, Error> {
    match sign {
        "==" => equal(left, right),
        "!=" => equal(left, right).map(|same| !same),
        "in" => contains(right, left),
        "not in" => contains(right, left).map(|found| !found),
        sign => less(left, right, sign),
    }
}

/// `a < b < c`: values and signs in turn.
fn chained(args: &[Value]) -> Result<Value, Error> {
    let mut rest = args;
    while let [left, sign, right, ..] = rest {
        if !compare_by(sign.as_str().unwrap_or_default(), left, right)? {
            return Ok(false.into());
        }
        rest = &rest[2..];
    }
    Ok(true.into())
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) && !value.is_tuple()
}

fn add(left: &Value, right: &Value) -> Result<Value, Error> {
    match (left.as_str(), right.as_str()) {
        (Some(left), Some(right)) => {
            allocate_text(left.len() + right.len())?;
            return Ok(Value::from([left, right].concat()));
        }
        (Some(_), None) => {
            return Err(type_error(format!(
                "can only concatenate str (not \"{}\") to str",
                type_name(right)
            )));
        }
        _ => {}
    }
    if let Some(moved) = DateTime::add(left, right) {
        return moved;
    }
    if (is_list(left) && is_list(right)) || (left.is_tuple() && right.is_tuple()) {
        let mut items = budget::items(left)?;
        items.extend(budget::items(right)?);
        allocate_items(items.len())?;
        return Ok(sequence(items, left.is_tuple()));
    }
    if is_list(left) || left.is_tuple() {
        let class = type_name(left);
        return Err(type_error(format!(
            "can only concatenate {class} (not \"{}\") to {class}",
            type_name(right)
        )));
    }
    numbers::calculate("+", left, right)
}

fn sequence(items: Vec<Value>, tuple: bool) -> Value {
    if tuple {
        Value::from(Tuple::from(items))
    } else {
        Value::from(items)
    }
}

fn subtract(left: &Value, right: &Value) -> Result<Value, Error> {
    match DateTime::subtract(left, right) {
        Some(difference) => difference,
        None => numbers::calculate("-", left, right),
    }
}

fn multiply(left: &Value, right: &Value) -> Result<Value, Error> {
    let (repeated, count) = match (Number::of(left), Number::of(right)) {
        (_, Some(Number::Int(count)))
            if !matches!(left.kind(), ValueKind::Number | ValueKind::Bool) =>
        {
            (left, count)
        }
        (Some(Number::Int(count)), None) => (right, count),
        _ => return times(left, right),
    };
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    if let Some(text) = repeated.as_str() {
        allocate_text(text.len().saturating_mul(count))?;
        return Ok(Value::from(text.repeat(count)));
    }
    if is_list(repeated) || repeated.is_tuple() {
        let items = budget::items(repeated)?;
        allocate_items(items.len().saturating_mul(count))?;
        let length = items.len() * count;
        let repeated_items = items.into_iter().cycle().take(length).collect();
        return Ok(sequence(repeated_items, repeated.is_tuple()));
    }
    times(left, right)
}

fn times(left: &Value, right: &Value) -> Result<Value, Error> {
    if let Some(scaled) = TimeDelta::multiply(left, right) {
        return scaled;
    }
    if (left.as_str().is_some() || is_list(left)) && !right.is_number() {
        return Err(type_error(format!(
            "can't multiply sequence by non-int of type '{}'",
            type_name(right)
        )));
    }
    numbers::calculate("*", left, right)
}

fn divide(left: &Value, right: &Value) -> Result<Value, Error> {
    match TimeDelta::divide(left, right) {
        Some(divided) => divided,
        None => numbers::divide(left, right),
    }
}

fn floor_divide(left: &Value, right: &Value) -> Result<Value, Error> {
    numbers::floor_divide(left, right)
}

fn remainder(left: &Value, right: &Value) -> Result<Value, Error> {
    match left.as_str() {
        Some(format) => crate::percent::format(format, right),
        None => numbers::modulo(left, right),
    }
}

fn concatenate(left: &Value, right: &Value) -> Result<Value, Error> {
    let mut out = TextWriter::default();
    write_text(left, &mut out)?;
    write_text(right, &mut out)?;
    Ok(Value::from(out.finish()?))
}

/// `==`. Classes that have nothing to do with each other are unequal, never an error.
pub(crate) fn equal(left: &Value, right: &Value) -> Result<bool, Error> {
    admit(left)?;
    admit(right)?;
    Ok(same(left, right))
}

/// Called on admitted values only: depth and size are bounded.
fn same(left: &Value, right: &Value) -> bool {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return number_order(left, right) == Some(Ordering::Equal);
    }
    if left.kind() != right.kind() && !(is_list(left) && is_list(right)) {
        return left.is_undefined() && right.is_undefined();
    }
    if let (Some(left), Some(right)) = (
        left.downcast_object_ref::<StateObject>(),
        right.downcast_object_ref::<StateObject>(),
    ) {
        return left.same(right);
    }
    match left.kind() {
        ValueKind::Seq | ValueKind::Iterable if !crate::states::is_view(left) => {
            left.is_tuple() == right.is_tuple()
                && match (left.try_iter(), right.try_iter()) {
                    (Ok(mut left), Ok(mut right)) => loop {
                        match (left.next(), right.next()) {
                            (None, None) => break true,
                            (Some(left), Some(right)) if same(&left, &right) => {}
                            _ => break false,
                        }
                    },
                    _ => false,
                }
        }
        ValueKind::Map => {
            let (Some(one), Some(other)) = (left.as_object(), right.as_object()) else {
                return false;
            };
            let mut count = 0;
            let found = one
                .try_iter_pairs()
                .into_iter()
                .flatten()
                .all(|(key, value)| {
                    count += 1;
                    other
                        .get_value(&key)
                        .is_some_and(|there| same(&value, &there))
                });
            found && count == other.try_iter().map_or(0, Iterator::count)
        }
        _ => left == right,
    }
}

fn number_order(left: Number, right: Number) -> Option<Ordering> {
    match (left, right) {
        (Number::Int(left), Number::Int(right)) => Some(left.cmp(&right)),
        (left, right) => left.float().partial_cmp(&right.float()),
    }
}

fn less(left: &Value, right: &Value, sign: &str) -> Result<bool, Error> {
    admit(left)?;
    admit(right)?;
    let order = order(left, right, sign)?;
    Ok(match sign {
        "<" => order == Some(Ordering::Less),
        "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        ">" => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

/// How two values stand to each other; `None` where neither is before the other (NaN).
fn order(left: &Value, right: &Value, sign: &str) -> Result<Option<Ordering>, Error> {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return Ok(number_order(left, right));
    }
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return Ok(Some(left.cmp(right)));
    }
    if let Some(order) = DateTime::order(left, right) {
        return order.map(Some);
    }
    if (is_list(left) && is_list(right)) || (left.is_tuple() && right.is_tuple()) {
        let (mut one, mut other) = (left.try_iter()?, right.try_iter()?);
        return Ok(loop {
            match (one.next(), other.next()) {
                (None, None) => break Some(Ordering::Equal),
                (None, Some(_)) => break Some(Ordering::Less),
                (Some(_), None) => break Some(Ordering::Greater),
                (Some(left), Some(right)) if !same(&left, &right) => {
                    break order(&left, &right, sign)?;
                }
                _ => {}
            }
        });
    }
    Err(type_error(format!(
        "'{sign}' not supported between instances of '{}' and '{}'",
        type_name(left),
        type_name(right)
    )))
}

/// `item in container`
pub(crate) fn contains(container: &Value, item: &Value) -> Result<bool, Error> {
    admit(item)?;
    admit(container)?;
    if let Some(text) = container.as_str() {
        return match item.as_str() {
            Some(part) => {
                budget::work(text.len() as u64 / 16)?;
                Ok(text.contains(part))
            }
            None => Err(type_error(format!(
                "'in <string>' requires string as left operand, not {}",
                type_name(item)
            ))),
        };
    }
    match container.kind() {
        ValueKind::Undefined => Ok(false),
        ValueKind::Map => Ok(container
            .as_object()
            .is_some_and(|object| object.get_value(item).is_some())),
        ValueKind::Seq | ValueKind::Iterable => {
            Ok(container.try_iter()?.any(|other| same(&other, item)))
        }
        _ => Err(type_error(format!(
            "argument of type '{}' is not iterable",
            type_name(container)
        ))),
    }
}
