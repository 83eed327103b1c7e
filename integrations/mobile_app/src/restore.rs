//! What phones show after a restart (spec mobile-app §7): trackers where they were, sensors as
//! they were, disabled entities nothing.

use std::collections::HashSet;
use std::sync::Arc;

use hearth_core::event::Context;
use hearth_core::hub::Hub;
use hearth_core::ids::ConfigEntryId;
use hearth_core::registry::EntityEntry;
use hearth_core::state::{StateWrite, UNKNOWN};
use hearth_core::store::StoredState;
use serde::Deserialize;

use crate::DOMAIN;
use crate::attributes_text::own_members;
use crate::location::Location;
use crate::register::unknown_tracker;
use crate::registrations::Registrations;
use crate::sensor::{self, SensorKind};

/// Writes the states of all entities of all registrations, the oldest entity first.
pub(crate) async fn restore_states(registrations: &Registrations) {
    let hub = registrations.hub();
    let loaded: HashSet<ConfigEntryId> = registrations
        .all()
        .iter()
        .map(|record| record.entry_id)
        .collect();
    let is_ours = |entity: &Arc<EntityEntry>| {
        &*entity.platform == DOMAIN
            && entity.disabled_by.is_none()
            && entity
                .config_entry_id
                .is_some_and(|id| loaded.contains(&id))
    };
    let mut entities = hub.registries.entities.list();
    entities.retain(is_ours);
    entities.sort_unstable_by_key(|entity| entity.created_at);
    let context = Context::new(&hub.env);
    let mut known = KnownStates::default();
    for entity in entities {
        let stored = hub.take_restored(entity.entity_id.as_str());
        let mut write = match SensorKind::of_domain(entity.entity_id.domain()) {
            Some(kind) => restored_sensor(&entity, kind, stored.as_ref(), context),
            None => restored_tracker(hub, &entity, stored.as_ref(), context),
        };
        known.share(&mut write.state);
        if let Err(error) = hub.states.set(&entity.entity_id, write).await {
            tracing::error!(%error, "a phone's entity cannot be shown");
        }
    }
}

/// States that many entities have: `unknown`, `home`, `off`; kept once for all of them.
#[derive(Default)]
struct KnownStates(HashSet<Arc<str>>);

/// More different ones than this are values, which are not shared.
const KNOWN_STATES: usize = 256;

impl KnownStates {
    fn share(&mut self, state: &mut Arc<str>) {
        match self.0.get(&**state) {
            Some(known) => *state = Arc::clone(known),
            None if self.0.len() < KNOWN_STATES => _ = self.0.insert(Arc::clone(state)),
            None => {}
        }
    }
}

fn restored_tracker(
    hub: &Hub,
    entity: &EntityEntry,
    stored: Option<&StoredState>,
    context: Context,
) -> StateWrite {
    let name = entity.name().unwrap_or_default();
    match stored {
        Some(stored) => Location::restored(&stored.attributes).write(hub, name, context),
        None => unknown_tracker(name, context),
    }
}

/// The icon alone of what a sensor showed; `None` where it showed none.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ShownIcon {
    icon: Option<String>,
}

fn restored_sensor(
    entity: &EntityEntry,
    kind: SensorKind,
    stored: Option<&StoredState>,
    context: Context,
) -> StateWrite {
    let icon: Option<String> = match stored {
        Some(stored) => {
            let shown: ShownIcon = serde_json::from_str(&stored.attributes).unwrap_or_default();
            shown.icon
        }
        None => entity.original_icon.as_deref().map(str::to_owned),
    };
    let state = match (kind, stored.map(|stored| stored.state.as_str())) {
        (_, None | Some(UNKNOWN)) => UNKNOWN,
        (SensorKind::Sensor, Some(state)) => state,
        (SensorKind::BinarySensor, Some("on")) => "on",
        (SensorKind::BinarySensor, Some(_)) => "off",
    };
    let members = stored.and_then(|stored| own_members(&stored.attributes, &sensor::OWN));
    StateWrite {
        state: state.into(),
        attributes: sensor::attributes(
            entity,
            entity.name().unwrap_or_default(),
            members.as_deref().unwrap_or_default(),
            icon.as_deref(),
        ),
        force: false,
        context,
    }
}
