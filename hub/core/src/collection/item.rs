//! One item: its id, name and icon around the options of its kind.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Helper;
use crate::service::{Field, InvalidData, Kind, Schema};
use crate::state::STATE_MAX;

/// Longest item as JSON, in bytes: far beyond what a person writes.
const ITEM_MAX: usize = 64 * 1024;

/// A helper as it is kept and as `<domain>/list` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item<O> {
    /// Made from its name, or its key in the configuration.
    pub id: String,
    /// What people call it; one from the configuration may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Such as `mdi:lamp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub options: O,
}

impl<O> Item<O> {
    /// Checks what was given of an item, whose id is not yet known.
    pub(super) fn parse<H: Helper<Options = O>>(
        given: Map<String, Value>,
        needs_name: bool,
    ) -> Result<Self, InvalidData>
    where
        O: for<'de> Deserialize<'de> + Serialize,
    {
        let mut fields = H::fields();
        let name = |make: fn(_, _, _) -> _| make("name", Kind::Text, "What it is called.");
        fields.push(name(match needs_name {
            true => Field::required,
            false => Field::optional,
        }));
        fields.push(Field::optional("icon", Kind::Icon, "Its icon."));
        let mut data = Schema::Fields(fields).check(given)?;
        if let Some(name) = data.get("name").and_then(Value::as_str) {
            check_length("name", name, 1)?;
        }
        data.insert("id".to_owned(), Value::from(""));
        let whole = |error: serde_json::Error| InvalidData::Whole(error.to_string());
        let item: Self = serde_json::from_value(Value::Object(data)).map_err(whole)?;
        let item = Self {
            options: H::check(item.options)?,
            ..item
        };
        let length = serde_json::to_string(&item).map_err(whole)?.len();
        if length > ITEM_MAX {
            return Err(InvalidData::Whole(format!(
                "an item has at most {ITEM_MAX} bytes, not {length}"
            )));
        }
        Ok(item)
    }
}

/// Names become parts of states and ids: they are as long as a state at most.
fn check_length(key: &str, text: &str, least: usize) -> Result<(), InvalidData> {
    let length = text.chars().count();
    if length < least {
        let problem = format!("length of value must be at least {least}");
        return Err(InvalidData::value(key, problem));
    }
    if length > STATE_MAX {
        let problem = format!("length of value must be at most {STATE_MAX}");
        return Err(InvalidData::value(key, problem));
    }
    Ok(())
}
