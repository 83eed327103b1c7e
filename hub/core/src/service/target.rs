//! Targets: which entities a call means (spec state-machine §4).

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::ids::EntityId;
use crate::registry::{EntityEntry, Registries};
use crate::state::StateMachine;

/// The keys that name targets.
pub const TARGET_KEYS: [&str; 5] = ["entity_id", "device_id", "area_id", "floor_id", "label_id"];

/// What a call named.
pub(super) struct Targets {
    by_key: [Vec<String>; 5],
    all: bool,
}

/// The entities that a call means.
pub(super) struct Resolved {
    /// Each with whether it was named itself.
    pub(super) entities: Vec<(EntityId, bool)>,
    /// Whether the call said `all`.
    pub(super) all: bool,
}

/// Takes the targets out of the data.
pub(super) fn split(mut data: Map<String, Value>) -> Result<(Targets, Map<String, Value>), String> {
    let mut targets = Targets {
        by_key: Default::default(),
        all: false,
    };
    let mut given = false;
    for (key, names) in TARGET_KEYS.into_iter().zip(&mut targets.by_key) {
        let Some(value) = data.remove(key) else {
            continue;
        };
        given = true;
        *names = texts(value).ok_or_else(|| {
            format!("expected a text or a list of texts for dictionary value @ data['{key}']")
        })?;
    }
    if !given {
        return Err(format!(
            "must contain at least one of {}.",
            TARGET_KEYS.join(", ")
        ));
    }
    let entity_ids = &mut targets.by_key[0];
    match entity_ids.as_slice() {
        [one] if one == "all" => targets.all = true,
        [one] if one == "none" => entity_ids.clear(),
        ids => {
            if let Some(bad) = ids.iter().find(|id| id.parse::<EntityId>().is_err()) {
                return Err(format!(
                    "Entity ID {bad} is an invalid entity ID for dictionary value @ data['entity_id']"
                ));
            }
        }
    }
    Ok((targets, data))
}

/// A text (also several, with commas) or a list of texts.
fn texts(value: Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(
            text.split(',')
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect(),
        ),
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Some(text.trim().to_owned()),
                _ => None,
            })
            .collect(),
        Value::Null => Some(Vec::new()),
        _ => None,
    }
}

/// Finds the entities of `domain`, or of every domain, that the targets mean.
pub(super) fn resolve(
    targets: &Targets,
    domain: Option<&str>,
    states: &StateMachine,
    registries: &Registries,
) -> Resolved {
    let mut found = Found {
        domain,
        seen: HashSet::new(),
        entities: Vec::new(),
    };
    if targets.all {
        let all = domain.map_or_else(|| states.all(), |domain| states.of_domain(domain));
        for state in all {
            found.add(state.entity_id.clone(), false);
        }
        return Resolved {
            entities: found.entities,
            all: true,
        };
    }
    let [entity_ids, devices, areas, floors, labels] = &targets.by_key;
    for id in entity_ids {
        // `split` has checked that it parses.
        if let Ok(id) = id.parse() {
            found.name(id, states);
        }
    }
    if devices.is_empty() && areas.is_empty() && floors.is_empty() && labels.is_empty() {
        return Resolved {
            entities: found.entities,
            all: false,
        };
    }
    let areas: HashSet<String> = areas
        .iter()
        .cloned()
        .chain(registries.areas.list().iter().filter_map(|area| {
            let on_floor = area
                .floor_id
                .as_ref()
                .is_some_and(|floor| floors.contains(floor));
            let labelled = area.labels.iter().any(|label| labels.contains(label));
            (on_floor || labelled).then(|| area.area_id.clone())
        }))
        .collect();
    for entity in registries.entities.list() {
        if found.wants(&entity.entity_id) && is_meant(&entity, devices, &areas, labels, registries)
        {
            found.add(entity.entity_id.clone(), false);
        }
    }
    Resolved {
        entities: found.entities,
        all: false,
    }
}

/// Whether a device, area or label target reaches this entity.
fn is_meant(
    entity: &EntityEntry,
    devices: &[String],
    areas: &HashSet<String>,
    labels: &[String],
    registries: &Registries,
) -> bool {
    if entity.hidden_by.is_some()
        || entity.entity_category.is_some()
        || entity.disabled_by.is_some()
    {
        return false;
    }
    let settings = entity.settings();
    let own_area = settings
        .area_id
        .as_ref()
        .is_some_and(|area| areas.contains(area));
    let own_label = settings.labels.iter().any(|label| labels.contains(label));
    if own_area || own_label {
        return true;
    }
    let Some(device) = entity.device_id.and_then(|id| registries.devices.get(id)) else {
        return false;
    };
    let by_area = settings.area_id.is_none()
        && device
            .area_id
            .as_ref()
            .is_some_and(|area| areas.contains(&**area));
    by_area
        || devices.iter().any(|id| id.parse() == Ok(device.id))
        || device
            .labels
            .iter()
            .any(|label| labels.iter().any(|wanted| **wanted == **label))
}

struct Found<'a> {
    domain: Option<&'a str>,
    seen: HashSet<EntityId>,
    entities: Vec<(EntityId, bool)>,
}

impl Found<'_> {
    fn wants(&self, id: &EntityId) -> bool {
        self.domain.is_none_or(|domain| id.domain() == domain)
    }

    fn add(&mut self, id: EntityId, named: bool) {
        if self.seen.insert(id.clone()) {
            self.entities.push((id, named));
        }
    }

    /// Adds a named entity of the domain; a group stands for its members.
    fn name(&mut self, id: EntityId, states: &StateMachine) {
        if id.domain() != "group" {
            if self.wants(&id) {
                self.add(id, true);
            }
            return;
        }
        // Marked before its members are opened: a group that contains itself must end.
        if !self.seen.insert(id.clone()) {
            return;
        }
        let members = states
            .get(id.as_str())
            .and_then(|state| state.attributes.get("entity_id"));
        for member in members.and_then(texts).unwrap_or_default() {
            if let Ok(member) = member.parse() {
                self.name(member, states);
            }
        }
    }
}
