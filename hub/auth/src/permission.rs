//! What a group may do with entities (spec auth §5).
//!
//! A policy answers for one entity and one kind of access, most specific rule first: the entity,
//! its device, its area, its domain, all. The first rule that says anything decides; none means
//! no.
//!
//! ```
//! use hearth_auth::{Access, EntityFacts, Policy};
//!
//! let policy: Policy = serde_json::from_str(
//!     r#"{"entities": {"domains": {"light": {"read": true, "control": true}},
//!                      "entity_ids": {"light.safe": {"control": false}}}}"#,
//! )
//! .unwrap();
//! assert!(policy.allows(&EntityFacts::from("light.kitchen"), Access::Control));
//! assert!(policy.allows(&EntityFacts::from("light.safe"), Access::Read));
//! assert!(!policy.allows(&EntityFacts::from("light.safe"), Access::Control));
//! assert!(!policy.allows(&EntityFacts::from("lock.door"), Access::Read));
//! ```

use std::collections::HashMap;

use serde::Deserialize;

/// What someone wants to do with an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// See its state.
    Read,
    /// Call services on it.
    Control,
    /// Change its settings.
    Edit,
}

/// What a policy may ask about an entity. From a bare entity id where device and area are not
/// known; they only matter to policies that name them.
#[derive(Debug, Clone, Copy)]
pub struct EntityFacts<'a> {
    /// `domain.object_id`.
    pub entity_id: &'a str,
    /// The id of its device.
    pub device_id: Option<&'a str>,
    /// The id of its area, or of its device's area.
    pub area_id: Option<&'a str>,
}

impl<'a> From<&'a str> for EntityFacts<'a> {
    fn from(entity_id: &'a str) -> Self {
        Self {
            entity_id,
            device_id: None,
            area_id: None,
        }
    }
}

impl<'a> From<&'a hearth_core::ids::EntityId> for EntityFacts<'a> {
    fn from(entity_id: &'a hearth_core::ids::EntityId) -> Self {
        entity_id.as_str().into()
    }
}

/// The rules of one group. Parsed from
/// `{"entities": true | {"all" | "area_ids" | "device_ids" | "domains" | "entity_ids": …}}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    entities: Option<Entities>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Entities {
    Every(bool),
    By(Box<Rules>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rules {
    entity_ids: Option<Grants>,
    device_ids: Option<Grants>,
    area_ids: Option<Grants>,
    domains: Option<Grants>,
    all: Option<Grant>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Grants {
    Every(bool),
    ById(HashMap<String, Grant>),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Grant {
    Whole(bool),
    By(Accesses),
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Accesses {
    read: Option<bool>,
    control: Option<bool>,
    edit: Option<bool>,
}

impl Policy {
    /// Every access to every entity.
    pub const EVERYTHING: Self = Self {
        entities: Some(Entities::Every(true)),
    };

    /// Reads every entity, and no more.
    pub fn read_only() -> Self {
        let read = Accesses {
            read: Some(true),
            ..Accesses::default()
        };
        Self {
            entities: Some(Entities::By(Box::new(Rules {
                all: Some(Grant::By(read)),
                ..Rules::default()
            }))),
        }
    }

    /// Whether the rules give `access` to `entity`.
    pub fn allows(&self, entity: &EntityFacts<'_>, access: Access) -> bool {
        match &self.entities {
            None => false,
            Some(Entities::Every(allowed)) => *allowed,
            Some(Entities::By(rules)) => rules.answer(entity, access).unwrap_or(false),
        }
    }

    /// Whether the rules give `access` to every entity there is or will be, so that a caller with
    /// thousands of entities at hand need not ask for each.
    pub fn allows_all(&self, access: Access) -> bool {
        match &self.entities {
            None => false,
            Some(Entities::Every(allowed)) => *allowed,
            Some(Entities::By(rules)) => rules.answer_for_all(access),
        }
    }
}

impl Rules {
    fn answer(&self, entity: &EntityFacts<'_>, access: Access) -> Option<bool> {
        let domain = entity.entity_id.split_once('.').map(|(domain, _)| domain);
        let by_id = |grants: &Option<Grants>, id: Option<&str>| {
            grants
                .as_ref()
                .and_then(|grants| grants.answer(id?, access))
        };
        by_id(&self.entity_ids, Some(entity.entity_id))
            .or_else(|| by_id(&self.device_ids, entity.device_id))
            .or_else(|| by_id(&self.area_ids, entity.area_id))
            .or_else(|| by_id(&self.domains, domain))
            .or_else(|| self.all?.answer(access))
    }

    fn answer_for_all(&self, access: Access) -> bool {
        let narrower = [
            &self.entity_ids,
            &self.device_ids,
            &self.area_ids,
            &self.domains,
        ];
        narrower.iter().all(|grants| grants.is_none())
            && self.all.and_then(|all| all.answer(access)) == Some(true)
    }
}

impl Grants {
    fn answer(&self, id: &str, access: Access) -> Option<bool> {
        match self {
            Self::Every(allowed) => Some(*allowed),
            Self::ById(grants) => grants.get(id)?.answer(access),
        }
    }
}

impl Grant {
    fn answer(self, access: Access) -> Option<bool> {
        match self {
            Self::Whole(allowed) => Some(allowed),
            Self::By(accesses) => match access {
                Access::Read => accesses.read,
                Access::Control => accesses.control,
                Access::Edit => accesses.edit,
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn policy(json: &str) -> Policy {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_most_specific_rule_decides() {
        let lamp = EntityFacts {
            entity_id: "light.lamp",
            device_id: Some("device"),
            area_id: Some("attic"),
        };
        for (json, allowed) in [
            (r#"{}"#, false),
            (r#"{"entities": true}"#, true),
            (r#"{"entities": false}"#, false),
            (r#"{"entities": {}}"#, false),
            (r#"{"entities": {"all": true}}"#, true),
            (r#"{"entities": {"all": {"read": true}}}"#, false),
            (r#"{"entities": {"domains": {"light": true}}}"#, true),
            (r#"{"entities": {"domains": {"switch": true}}}"#, false),
            (r#"{"entities": {"domains": true}}"#, true),
            (
                r#"{"entities": {"area_ids": {"attic": {"control": true}}}}"#,
                true,
            ),
            (r#"{"entities": {"device_ids": {"device": true}}}"#, true),
            (
                r#"{"entities": {"entity_ids": {"light.lamp": false}, "all": true}}"#,
                false,
            ),
            (
                r#"{"entities": {"entity_ids": {"light.lamp": true}, "device_ids": {"device": false}}}"#,
                true,
            ),
            (
                r#"{"entities": {"device_ids": {"device": false}, "area_ids": {"attic": true}}}"#,
                false,
            ),
            (
                r#"{"entities": {"area_ids": {"attic": false}, "domains": {"light": true}}}"#,
                false,
            ),
            // A rule that is silent about this access leaves it to the next.
            (
                r#"{"entities": {"entity_ids": {"light.lamp": {"read": true}}, "all": true}}"#,
                true,
            ),
        ] {
            assert_eq!(
                policy(json).allows(&lamp, Access::Control),
                allowed,
                "{json}"
            );
        }
    }

    #[test]
    fn a_policy_for_all_entities_is_known_as_such() {
        for (json, all) in [
            (r#"{"entities": true}"#, true),
            (r#"{"entities": {"all": {"read": true}}}"#, true),
            (
                r#"{"entities": {"all": true, "domains": {"lock": false}}}"#,
                false,
            ),
            (r#"{"entities": {"domains": true}}"#, false),
            (r#"{}"#, false),
        ] {
            assert_eq!(policy(json).allows_all(Access::Read), all, "{json}");
        }
        assert!(Policy::read_only().allows_all(Access::Read));
        assert!(!Policy::read_only().allows_all(Access::Control));
        assert!(!Policy::read_only().allows_all(Access::Edit));
    }

    #[test]
    fn rules_of_another_form_are_refused() {
        for json in [
            r#"{"entities": "all"}"#,
            r#"{"entities": {"rooms": true}}"#,
            r#"{"entities": {"all": {"write": true}}}"#,
            r#"{"config_entries": true}"#,
        ] {
            assert!(serde_json::from_str::<Policy>(json).is_err(), "{json}");
        }
    }
}
