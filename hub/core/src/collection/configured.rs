//! Items from the configuration file: `[input_boolean.guests]`, or in YAML
//! `input_boolean: {guests: {name: …}}`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Helper, Item};
use crate::service::InvalidData;
use crate::slug::slugify;

/// What is wrong in a section of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct Misconfigured {
    /// Where, with the domain: `input_number.heat.max`.
    pub key: String,
    /// What was expected, or what is wrong.
    pub problem: Cow<'static, str>,
}

impl Misconfigured {
    /// At this key.
    pub fn new(key: impl Into<String>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
        }
    }

    /// Data under this key is invalid.
    pub fn below(key: &str, invalid: InvalidData) -> Self {
        match invalid {
            InvalidData::Unknown(name) => {
                Self::new(format!("{key}.{name}"), "there is no such setting")
            }
            InvalidData::Missing(name) => {
                Self::new(format!("{key}.{name}"), "expected a value; it is required")
            }
            InvalidData::Value { key: name, problem } => {
                Self::new(format!("{key}.{name}"), problem)
            }
            InvalidData::Whole(problem) => Self::new(key, problem),
        }
    }
}

/// The items of a section; one that is null has none.
pub(super) fn items<H: Helper>(section: &Value) -> Result<Vec<Item<H::Options>>, Misconfigured> {
    let items = match section {
        Value::Null => return Ok(Vec::new()),
        Value::Object(items) => items,
        _ => {
            let problem = format!("expected sections such as [{}.name]", H::DOMAIN);
            return Err(Misconfigured::new(H::DOMAIN, problem));
        }
    };
    items
        .iter()
        .map(|(id, given)| {
            let key = format!("{}.{id}", H::DOMAIN);
            if slugify(id) != **id {
                let problem = "expected a name of lower-case letters, digits and _";
                return Err(Misconfigured::new(key, problem));
            }
            let given = match given {
                Value::Null => Map::new(),
                Value::Object(given) => given.clone(),
                _ => return Err(Misconfigured::new(key, "expected settings of its own")),
            };
            let item = Item::parse::<H>(given, false)
                .map_err(|invalid| Misconfigured::below(&key, invalid))?;
            Ok(Item {
                id: id.clone(),
                ..item
            })
        })
        .collect()
}
