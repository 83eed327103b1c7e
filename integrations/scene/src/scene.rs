//! One scene: its name and the states that it brings things into.

use std::collections::BTreeMap;

use hearth_core::collection::Misconfigured;
use hearth_core::prelude::*;
use hearth_core::service::InvalidData;
use hearth_core::slug::slugify;
use hearth_core::state::STATE_MAX;
use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::DOMAIN;

/// Longest scene as JSON, in bytes.
const SCENE_MAX: usize = 256 * 1024;

/// The state that a thing is to have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    /// Its value; none where only attributes are named.
    pub(crate) state: Option<String>,
    /// Attributes.
    pub(crate) attributes: Map<String, Value>,
}

/// Things and the states that they are to have.
pub(crate) type Cast = BTreeMap<EntityId, Wanted>;

/// A scene as people write it and as the editor keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) icon: Option<String>,
    /// Entity id → state, or an object with `state` and attributes.
    pub(crate) entities: Map<String, Value>,
    /// What the editor remembers for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Value>,
}

impl Written {
    /// Checks a scene.
    pub(crate) fn parse(given: Map<String, Value>) -> Result<Self, InvalidData> {
        let schema = Schema::Fields(vec![
            Field::optional("id", Kind::Text, ""),
            Field::required("name", Kind::Text, ""),
            Field::optional("icon", Kind::Icon, ""),
            Field::required("entities", Kind::Object, ""),
            Field::optional("metadata", Kind::Any, ""),
        ]);
        let data = Value::Object(schema.check(given)?);
        let length = data.to_string().len();
        if length > SCENE_MAX {
            return Err(InvalidData::Whole(format!(
                "a scene has at most {SCENE_MAX} bytes, not {length}"
            )));
        }
        let written: Self =
            serde_json::from_value(data).map_err(|error| InvalidData::Whole(error.to_string()))?;
        for (key, text) in [("name", Some(&written.name)), ("id", written.id.as_ref())] {
            let length = text.map_or(1, |text| text.chars().count());
            if !(1..=STATE_MAX).contains(&length) {
                let problem = format!("length of value must be 1 to {STATE_MAX}");
                return Err(InvalidData::value(key, problem));
            }
        }
        cast(&written.entities)?;
        Ok(written)
    }

    /// By what the registry knows it.
    pub(crate) fn unique_id(&self) -> String {
        self.id.clone().unwrap_or_else(|| slugify(&self.name))
    }
}

/// The states that `entities` names.
pub(crate) fn cast(entities: &Map<String, Value>) -> Result<Cast, InvalidData> {
    let wrong = |problem: String| InvalidData::value("entities", problem);
    entities
        .iter()
        .map(|(id, given)| {
            let entity_id: EntityId = id
                .parse()
                .map_err(|_| wrong(format!("Entity ID {id} is an invalid entity ID")))?;
            let (state, attributes) = match given {
                Value::Object(given) => {
                    let mut attributes = given.clone();
                    let state = attributes.remove("state").unwrap_or_default();
                    (state, attributes)
                }
                state => (state.clone(), Map::new()),
            };
            let state = match state {
                Value::String(text) => Some(text),
                // What YAML makes of on and off.
                Value::Bool(on) => Some(if on { "on" } else { "off" }.to_owned()),
                Value::Number(number) => Some(number.to_string()),
                Value::Null if !attributes.is_empty() => None,
                _ => return Err(wrong(format!("State for {entity_id} should be a string"))),
            };
            Ok((entity_id, Wanted { state, attributes }))
        })
        .collect()
}

/// The scenes of the section `scene` of a configuration.
pub(crate) fn configured(section: &Value) -> Result<Vec<Written>, Misconfigured> {
    let scenes = match section {
        Value::Null => return Ok(Vec::new()),
        Value::Array(scenes) => scenes,
        _ => return Err(Misconfigured::new(DOMAIN, "expected a list of scenes")),
    };
    let scenes: Vec<Written> = scenes
        .iter()
        .enumerate()
        .map(|(index, scene)| {
            let key = format!("{DOMAIN}[{index}]");
            let Value::Object(scene) = scene else {
                return Err(Misconfigured::new(key, "expected name and entities"));
            };
            Written::parse(scene.clone()).map_err(|invalid| Misconfigured::below(&key, invalid))
        })
        .collect::<Result<_, _>>()?;
    let mut known = BTreeMap::new();
    for (index, scene) in scenes.iter().enumerate() {
        if let Some(first) = known.insert(scene.unique_id(), index) {
            let problem = format!("expected another id or name than {DOMAIN}[{first}] has");
            return Err(Misconfigured::new(format!("{DOMAIN}[{index}]"), problem));
        }
    }
    Ok(scenes)
}

/// Where a scene comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The configuration.
    Configured,
    /// The editor; kept in the store.
    Kept,
    /// `scene.create`; gone at the next start.
    Created,
}

/// A scene under its entity id.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) entity_id: EntityId,
    pub(crate) origin: Origin,
    /// As the editor knows it.
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) icon: Option<String>,
    pub(crate) cast: Cast,
    /// When it was last played.
    pub(crate) played: Option<Timestamp>,
}

impl Scene {
    /// The state of its entity.
    pub(crate) fn state(&self) -> String {
        self.played.map_or_else(
            || hearth_core::state::UNKNOWN.to_owned(),
            |played| played.to_string(),
        )
    }

    /// The attributes of its entity.
    pub(crate) fn attributes(&self) -> Attributes {
        let members: Vec<&str> = self.cast.keys().map(EntityId::as_str).collect();
        Attributes::build(|a| {
            a.value("entity_id", members);
            a.text_if("id", self.id.as_deref());
            a.text_if("icon", self.icon.as_deref());
            a.text("friendly_name", &self.name);
        })
    }
}
