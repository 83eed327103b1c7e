//! Reading attributes, items and slices, with the sandbox's rules.
//!
//! Each reading has two forms. The lenient one gives an undefined value for what is not there.
//! The demanding one, whose name ends with `!`, raises: [`crate::rewrite`] uses it where the
//! template goes on from the value, by calculating with it or reading on in it.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Environment, Error, Value};

use crate::budget::{self, admit, allocate_items, allocate_text};
use crate::error::{Exception, raise, type_error};
use crate::states::{AllStates, DomainStates};
use crate::text::{object_name, to_repr, type_name};

/// Registers the readings under names that no template can spell.
pub(crate) fn install(env: &mut Environment<'static>) {
    env.add_filter(".", |from: Value, name: &str| attribute(&from, name));
    env.add_filter(".!", |from: Value, name: &str| {
        let value = attribute(&from, name)?;
        if value.is_undefined() {
            Err(no_attribute(&from, name))
        } else {
            Ok(value)
        }
    });
    env.add_filter("[]", |from: Value, key: Value| item(&from, &key));
    env.add_filter("[]!", |from: Value, key: Value| {
        let value = item(&from, &key)?;
        if value.is_undefined() {
            Err(no_item(&from, &key)?)
        } else {
            Ok(value)
        }
    });
    env.add_filter(
        "[:]",
        |from: Value, start: Value, stop: Value, step: Value| slice(&from, &start, &stop, &step),
    );
    env.add_filter("!", |value: Value, name: &str| {
        if value.is_undefined() {
            Err(undefined(name))
        } else {
            Ok(value)
        }
    });
    env.add_filter("attr", |from: Value, name: &str| attribute(&from, name));
}

/// `'name' is undefined`
fn undefined(name: &str) -> Error {
    raise(Exception::UndefinedError, format!("'{name}' is undefined"))
}

fn attribute(from: &Value, name: &str) -> Result<Value, Error> {
    if let Some(states) = from.downcast_object_ref::<AllStates>() {
        return states.attribute(name);
    }
    if let Some(domain) = from.downcast_object_ref::<DomainStates>() {
        return domain.attribute(name);
    }
    if from.as_object().is_none() {
        return Ok(Value::UNDEFINED);
    }
    from.get_attr(name)
}

fn no_attribute(from: &Value, name: &str) -> Error {
    if name.starts_with("__") {
        return unsafe_attribute(from, name);
    }
    raise(
        Exception::UndefinedError,
        format!("'{}' has no attribute '{name}'", object_name(from)),
    )
}

/// What the sandbox says to names that it does not let through.
pub(crate) fn unsafe_attribute(from: &Value, name: &str) -> Error {
    raise(
        Exception::SecurityError,
        format!(
            "access to attribute '{name}' of '{}' object is unsafe.",
            type_name(from)
        ),
    )
}

fn item(from: &Value, key: &Value) -> Result<Value, Error> {
    admit(key)?;
    if let Some(name) = key.as_str() {
        return attribute(from, name);
    }
    if let Some(text) = from.as_str() {
        let Some(index) = position(key, || text.chars().count()) else {
            return Ok(Value::UNDEFINED);
        };
        budget::work(text.len() as u64 / 64)?;
        let found = text.chars().nth(index).map(|c| Value::from(c.to_string()));
        return Ok(found.unwrap_or(Value::UNDEFINED));
    }
    match from.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            let length = || from.len().unwrap_or(0);
            match position(key, length) {
                Some(index) => from.get_item_by_index(index),
                None => Ok(Value::UNDEFINED),
            }
        }
        ValueKind::Map => from.get_item(key),
        _ => Ok(Value::UNDEFINED),
    }
}

/// The index that `key` names; a negative one counts from the end.
fn position(key: &Value, length: impl Fn() -> usize) -> Option<usize> {
    if !key.is_integer() && key.kind() != ValueKind::Bool {
        return None;
    }
    let index = i64::try_from(key.clone()).ok()?;
    if index >= 0 {
        return usize::try_from(index).ok();
    }
    length().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
}

fn no_item(from: &Value, key: &Value) -> Result<Error, Error> {
    if let Some(name) = key.as_str() {
        return Ok(no_attribute(from, name));
    }
    Ok(raise(
        Exception::UndefinedError,
        format!("{} has no element {}", object_name(from), to_repr(key)?),
    ))
}

fn slice(from: &Value, start: &Value, stop: &Value, step: &Value) -> Result<Value, Error> {
    let bound = |value: &Value| -> Result<Option<i64>, Error> {
        match value.kind() {
            ValueKind::None | ValueKind::Undefined => Ok(None),
            ValueKind::Number if value.is_integer() => {
                // Beyond 64 bits is beyond every end.
                let wide = i128::try_from(value.clone()).unwrap_or(i128::MAX);
                Ok(Some(wide.clamp(-(1 << 62), 1 << 62) as i64))
            }
            ValueKind::Bool => Ok(Some(i64::from(value.is_true()))),
            _ => Err(type_error(
                "slice indices must be integers or None or have an __index__ method",
            )),
        }
    };
    let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?.unwrap_or(1));
    if step == 0 {
        return Err(raise(Exception::ValueError, "slice step cannot be zero"));
    }
    if let Some(text) = from.as_str() {
        budget::work(text.len() as u64 / 16)?;
        allocate_text(text.len())?;
        let characters: Vec<char> = text.chars().collect();
        let cut = indices(characters.len(), start, stop, step).map(|index| characters[index]);
        return Ok(Value::from(cut.collect::<String>()));
    }
    match from.kind() {
        ValueKind::Undefined => Ok(Value::UNDEFINED),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = budget::items(from)?;
            allocate_items(items.len())?;
            let cut: Vec<Value> = indices(items.len(), start, stop, step)
                .map(|index| items[index].clone())
                .collect();
            Ok(if from.is_tuple() {
                Value::from(Tuple::from(cut))
            } else {
                Value::from(cut)
            })
        }
        _ => Err(type_error(format!(
            "'{}' object is not subscriptable",
            type_name(from)
        ))),
    }
}

/// The indices of a slice, all of them below `length`.
fn indices(
    length: usize,
    start: Option<i64>,
    stop: Option<i64>,
    step: i64,
) -> impl Iterator<Item = usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let (lowest, highest) = if step > 0 {
        (0, length)
    } else {
        (-1, length - 1)
    };
    let place = |bound: Option<i64>, otherwise: i64| match bound {
        None => otherwise,
        Some(index) if index < 0 => (index + length).clamp(lowest, highest),
        Some(index) => index.clamp(lowest, highest),
    };
    let (first, last) = if step > 0 {
        (place(start, lowest), place(stop, highest))
    } else {
        (place(start, highest), place(stop, lowest))
    };
    let mut next = first;
    std::iter::from_fn(move || {
        let inside = if step > 0 { next < last } else { next > last };
        let index = usize::try_from(next).ok().filter(|_| inside)?;
        next = next.saturating_add(step);
        Some(index)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_pythons() {
        let cut = |start, stop, step| indices(5, start, stop, step).collect::<Vec<_>>();
        assert_eq!(cut(None, None, 1), [0, 1, 2, 3, 4]);
        assert_eq!(cut(Some(1), Some(-1), 1), [1, 2, 3]);
        assert_eq!(cut(None, None, -1), [4, 3, 2, 1, 0]);
        assert_eq!(cut(Some(3), Some(0), -1), [3, 2, 1]);
        assert_eq!(cut(Some(-100), Some(100), 2), [0, 2, 4]);
        assert_eq!(cut(Some(100), Some(-100), -2), [4, 2, 0]);
        assert_eq!(cut(Some(3), Some(1), 1), [] as [usize; 0]);
    }
}
