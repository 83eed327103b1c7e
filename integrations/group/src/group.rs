//! One group: what people say of it, and what it shows.

use hearth_core::collection::Misconfigured;
use hearth_core::prelude::*;
use hearth_core::service::InvalidData;
use hearth_core::slug::slugify;
use hearth_core::state::UNKNOWN;

use crate::DOMAIN;
use crate::kinds::{Kind as Sense, ON_OFF};

/// Most members of one group.
pub(crate) const MEMBERS_MAX: usize = 1000;

/// A group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) name: Option<String>,
    pub(crate) icon: Option<String>,
    /// Whether all members must be on, rather than one.
    pub(crate) all: bool,
    pub(crate) members: Vec<EntityId>,
    /// Made by `group.set`, not by the configuration.
    pub(crate) is_made: bool,
    /// Its place among the groups as they came.
    pub(crate) order: usize,
}

/// The fields that configuration and `group.set` share.
pub(crate) fn fields() -> Vec<Field> {
    vec![
        Field::optional("name", Kind::Text, "What it is called."),
        Field::optional("icon", Kind::Icon, "Its icon."),
        Field::optional("all", Kind::Bool, "Whether all members must be on."),
        Field::optional("entities", Kind::Entities, "Its members."),
    ]
}

/// The entity ids under `key`.
pub(crate) fn members(data: &Map<String, Value>, key: &str) -> Option<Vec<EntityId>> {
    let ids = data.get(key)?.as_array()?;
    let ids = ids.iter().filter_map(|id| id.as_str()?.parse().ok());
    let mut members: Vec<EntityId> = Vec::new();
    for id in ids {
        if !members.contains(&id) {
            members.push(id);
        }
    }
    Some(members)
}

pub(crate) fn text(data: &Map<String, Value>, key: &str) -> Option<String> {
    data.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// The groups of the section `group` of a configuration, each under its id.
pub(crate) fn configured(section: &Value) -> Result<Vec<(EntityId, Group)>, Misconfigured> {
    let groups = match section {
        Value::Null => return Ok(Vec::new()),
        Value::Object(groups) => groups,
        _ => {
            let problem = "expected sections such as [group.name]";
            return Err(Misconfigured::new(DOMAIN, problem));
        }
    };
    groups
        .iter()
        .enumerate()
        .map(|(order, (id, given))| {
            let key = format!("{DOMAIN}.{id}");
            let entity_id = key.parse().ok().filter(|_| slugify(id) == **id);
            let Some(entity_id) = entity_id else {
                let problem = "expected a name of lower-case letters, digits and _";
                return Err(Misconfigured::new(key, problem));
            };
            let data = match given {
                Value::Object(given) => given.clone(),
                Value::Null => Map::new(),
                // Just the members, for short.
                members => Map::from_iter([("entities".to_owned(), members.clone())]),
            };
            let group = parse(data, order).map_err(|wrong| Misconfigured::below(&key, wrong))?;
            Ok((entity_id, group))
        })
        .collect()
}

fn parse(given: Map<String, Value>, order: usize) -> Result<Group, InvalidData> {
    let data = Schema::Fields(fields()).check(given)?;
    let members = members(&data, "entities").unwrap_or_default();
    if members.len() > MEMBERS_MAX {
        let problem = format!("length of value must be at most {MEMBERS_MAX}");
        return Err(InvalidData::value("entities", problem));
    }
    Ok(Group {
        name: text(&data, "name"),
        icon: text(&data, "icon"),
        all: data.get("all") == Some(&Value::Bool(true)),
        members,
        is_made: false,
        order,
    })
}

impl Group {
    /// What it shows, and whether one of its members only assumes its state.
    pub(crate) fn look(&self, hub: &Hub) -> (&'static str, bool) {
        let mut sense: Option<Sense> = None;
        let mut is_mixed = false;
        let mut assumed = false;
        let mut on = Vec::new();
        for member in &self.members {
            let Some(state) = hub.states.get(member.as_str()) else {
                continue;
            };
            let is_assumed = state.attributes.get("assumed_state");
            assumed |= is_assumed == Some(Value::Bool(true));
            let Some(its) = Sense::of(member.domain(), &state.state) else {
                continue;
            };
            is_mixed |= sense.is_some_and(|known| (known.on, known.off) != (its.on, its.off));
            sense.get_or_insert(its);
            on.push(match member.domain() {
                "group" => &*state.state == its.on,
                _ => its.is_on(&state.state),
            });
        }
        let Some(sense) = sense else {
            return (UNKNOWN, assumed);
        };
        let sense = if is_mixed { ON_OFF } else { sense };
        let is_on = match self.all {
            true => on.iter().all(|on| *on),
            false => on.contains(&true),
        };
        (if is_on { sense.on } else { sense.off }, assumed)
    }

    /// The attributes of its entity.
    pub(crate) fn attributes(&self, assumed: bool) -> Attributes {
        let members: Vec<&str> = self.members.iter().map(EntityId::as_str).collect();
        Attributes::build(|a| {
            a.value("entity_id", members);
            a.value("order", self.order);
            if self.is_made {
                a.value("auto", true);
            }
            if assumed {
                a.value("assumed_state", true);
            }
            a.text_if("icon", self.icon.as_deref());
            a.text_if("friendly_name", self.name.as_deref());
        })
    }
}
