//! What counts as true of what a template gives.

use hearth_core::prelude::Value;

/// Whether it does: booleans, numbers but 0, and the words that people write for yes.
pub(crate) fn is_true(result: &Value) -> bool {
    match result {
        Value::Bool(is_true) => *is_true,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "on" | "enable" => true,
            text => text.parse().is_ok_and(|number: f64| number != 0.0),
        },
        _ => false,
    }
}
