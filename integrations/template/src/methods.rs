//! Python's methods of texts, lists, tuples and dicts.
//!
//! The engine asks here for a method that the receiver does not bring itself. One file a class;
//! methods that change their receiver are refused, as the sandbox does.

mod containers;
mod texts;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Value};

use crate::error::unknown_method;
use crate::lookup::unsafe_attribute;
use crate::text::{object_name, type_name};

pub(crate) use texts::strip;

/// Registers the callback.
pub(crate) fn install(env: &mut Environment<'static>) {
    env.set_unknown_method_callback(|_, receiver, method, args| call(receiver, method, args));
}

fn call(receiver: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    if changes_receiver(type_name(receiver), method) {
        return Err(unsafe_attribute(receiver, method));
    }
    let found = match receiver.kind() {
        ValueKind::String => texts::call(receiver.as_str().unwrap_or_default(), method, args)?,
        ValueKind::Seq | ValueKind::Iterable => containers::sequence(receiver, method, args)?,
        ValueKind::Map => containers::dict(receiver, method, args)?,
        ValueKind::Number if !receiver.is_integer() && method == "is_integer" => {
            let number = f64::try_from(receiver.clone()).unwrap_or(f64::NAN);
            Some(Value::from(number.fract() == 0.0))
        }
        _ => None,
    };
    found.ok_or_else(|| {
        if method.starts_with("__") {
            return unsafe_attribute(receiver, method);
        }
        unknown_method(format!(
            "'{}' has no attribute '{method}'",
            object_name(receiver)
        ))
    })
}

fn changes_receiver(class: &str, method: &str) -> bool {
    match class {
        "list" => matches!(
            method,
            "append" | "clear" | "extend" | "insert" | "pop" | "remove" | "reverse" | "sort"
        ),
        "dict" => matches!(
            method,
            "clear" | "pop" | "popitem" | "setdefault" | "update"
        ),
        "set" => matches!(
            method,
            "add" | "clear" | "discard" | "pop" | "remove" | "update"
        ),
        _ => false,
    }
}
