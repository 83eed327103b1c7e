//! Which entities a trigger is for.

use hearth_core::command::CommandError;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::ids::EntityId;
use hearth_core::prelude::Value;

/// Most entities of one trigger.
const MOST: usize = 10_000;

/// One or more entity ids, as text, with commas or as a list.
pub(crate) fn entity_ids(fields: &mut Fields, key: &str) -> Result<Vec<EntityId>, CommandError> {
    let given = fields.required(key)?;
    let texts: Option<Vec<&str>> = match &given {
        Value::String(text) => Some(text.split(',').map(str::trim).collect()),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let ids = texts
        .filter(|texts| !texts.is_empty() && texts.len() <= MOST)
        .and_then(|texts| texts.into_iter().map(|text| text.parse().ok()).collect());
    ids.ok_or_else(|| wrong_value("Entity ID is an invalid entity ID", key, &given))
}
