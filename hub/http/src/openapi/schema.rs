//! JSON Schema in few words, and the shapes that several endpoints share.

use serde_json::{Map, Value, json};

/// Anything.
pub(crate) fn any() -> Value {
    json!({})
}

/// Text.
pub(crate) fn text() -> Value {
    json!({"type": "string"})
}

/// One of these texts.
pub(crate) fn word(of: &[&str]) -> Value {
    json!({"type": "string", "enum": of})
}

/// A moment, such as `2026-01-01T00:00:00.000000+00:00`.
pub(crate) fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// A whole number.
pub(crate) fn integer() -> Value {
    json!({"type": "integer"})
}

/// A number.
pub(crate) fn number() -> Value {
    json!({"type": "number"})
}

/// `true` or `false`.
pub(crate) fn boolean() -> Value {
    json!({"type": "boolean"})
}

/// This, or null.
pub(crate) fn or_null(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// Any number of these.
pub(crate) fn array(of: Value) -> Value {
    json!({"type": "array", "items": of})
}

/// An object with any keys, whose values are these.
pub(crate) fn map(of: Value) -> Value {
    json!({"type": "object", "additionalProperties": of})
}

/// An object with all of these keys, and perhaps others.
pub(crate) fn object<const N: usize>(required: [(&str, Value); N]) -> Value {
    object_with(required, [])
}

/// An object with all of the first keys, perhaps the second, and perhaps others.
pub(crate) fn object_with<const N: usize, const M: usize>(
    required: [(&str, Value); N],
    optional: [(&str, Value); M],
) -> Value {
    let names: Vec<&str> = required.iter().map(|(name, _)| *name).collect();
    let all = required.into_iter().chain(optional);
    let properties: Map<_, _> = all
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    json!({"type": "object", "required": names, "properties": properties})
}

/// `{"message": …}`
pub(crate) fn message() -> Value {
    reference("Message")
}

/// An entity's state.
pub(crate) fn state() -> Value {
    reference("State")
}

/// A config entry.
pub(crate) fn config_entry() -> Value {
    reference("ConfigEntry")
}

/// A step of a config flow.
pub(crate) fn flow_step() -> Value {
    reference("FlowStep")
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The shapes that are referred to by name.
pub(super) fn components() -> Value {
    json!({
        "Message": object_with([("message", text())], [("code", text())]),
        "Context": object([
            ("id", text()),
            ("parent_id", or_null(text())),
            ("user_id", or_null(text())),
        ]),
        "State": object([
            ("entity_id", text()),
            ("state", json!({"type": "string", "maxLength": 255})),
            ("attributes", map(any())),
            ("last_changed", time()),
            ("last_reported", time()),
            ("last_updated", time()),
            ("context", reference("Context")),
        ]),
        "ConfigEntry": object([
            ("entry_id", text()),
            ("domain", text()),
            ("title", text()),
            ("source", text()),
            ("state", text()),
            ("disabled_by", or_null(text())),
            ("reason", or_null(text())),
        ]),
        "FlowStep": object([
            ("type", word(&[
                "form", "create_entry", "abort", "external", "external_done", "menu",
                "progress", "progress_done",
            ])),
            ("flow_id", text()),
            ("handler", text()),
        ]),
    })
}
