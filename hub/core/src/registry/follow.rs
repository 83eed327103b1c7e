//! What a person's change of the registry does to states: a renamed entity's state moves, a
//! disabled entity's goes, an enabled one's comes back, a new name shows at once.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::entity::EntityEntry;
use super::overrides::OVERRIDDEN;
use crate::attributes::Attributes;
use crate::event::Context;
use crate::hub::Hub;
use crate::ids::EntityEntryId;
use crate::state::{State, StateWrite, UNAVAILABLE};

/// What disabled entities would show: their integrations go on writing, and enabling one brings
/// back what was written last. As many as there are disabled entities at most.
#[derive(Default)]
pub struct Muted(DashMap<EntityEntryId, StateWrite>);

impl Muted {
    /// Keeps what a disabled entity would show.
    pub(crate) fn keep(&self, id: EntityEntryId, write: StateWrite) {
        self.0.insert(id, write);
    }

    /// Keeps what an entity showed when it was disabled, unless it has said more since.
    fn keep_last(&self, id: EntityEntryId, state: &State, context: Context) {
        if let Entry::Vacant(slot) = self.0.entry(id) {
            slot.insert(as_write(state, context));
        }
    }

    pub(super) fn take(&self, id: EntityEntryId) -> Option<StateWrite> {
        self.0.remove(&id).map(|(_, write)| write)
    }
}

/// Brings the states in line with an entry that was changed, or removed where `new` is `None`.
/// For whoever changes entries on behalf of a person, once the change is committed.
pub async fn follow(
    hub: &Hub,
    old: &EntityEntry,
    new: Option<&Arc<EntityEntry>>,
    context: Context,
) {
    let Some(new) = new else {
        hub.services.withdraw(&old.entity_id);
        hub.states.remove(&old.entity_id, context).await;
        return;
    };
    if old.entity_id != new.entity_id {
        hub.services.renamed(&old.entity_id, &new.entity_id);
        let state = hub.states.remove(&old.entity_id, context).await;
        if let Some(state) = state.filter(|_| old.disabled_by.is_none()) {
            show(hub, new, as_write(&state, context)).await;
        }
    }
    match (old.disabled_by.is_some(), new.disabled_by.is_some()) {
        (false, true) => {
            if let Some(state) = hub.states.remove(&new.entity_id, context).await {
                hub.registries
                    .entities
                    .muted()
                    .keep_last(new.id, &state, context);
            }
        }
        (true, false) => {
            let kept = hub.registries.entities.muted().take(new.id);
            let write = kept.map(|write| StateWrite { context, ..write });
            show(hub, new, write.unwrap_or_else(|| unprovided(new, context))).await;
        }
        _ => dress(hub, old, new, context).await,
    }
}

/// What a registered entity shows while nobody provides it (spec state-machine §1).
pub(crate) fn unprovided(entry: &EntityEntry, context: Context) -> StateWrite {
    let attributes = Attributes::build(|a| {
        a.value("restored", true);
        a.text_if("device_class", entry.original_device_class.as_deref());
        a.text_if("icon", entry.original_icon.as_deref());
        a.text_if("friendly_name", entry.name());
        a.value("supported_features", 0);
    });
    StateWrite {
        state: UNAVAILABLE.into(),
        attributes,
        force: false,
        context,
    }
}

/// Shows an entity unless its integration was faster.
async fn show(hub: &Hub, entry: &EntityEntry, write: StateWrite) {
    if hub.states.get(entry.entity_id.as_str()).is_some() {
        return;
    }
    if let Err(error) = hub.states.set(&entry.entity_id, write).await {
        tracing::error!(entity = %entry.entity_id, %error, "cannot show an entity");
    }
}

/// Shows a new name, icon or device class at once; what is no longer set gives way to what the
/// integration registered.
async fn dress(hub: &Hub, old: &EntityEntry, new: &EntityEntry, context: Context) {
    let (before, now) = (old.settings(), new.settings());
    let values = [
        (&before.name, &now.name, &new.original_name),
        (&before.icon, &now.icon, &new.original_icon),
        (
            &before.device_class,
            &now.device_class,
            &new.original_device_class,
        ),
    ];
    let changed: Vec<(&str, Option<&str>)> = OVERRIDDEN
        .iter()
        .zip(values)
        .filter(|(_, (before, now, _))| before != now)
        .map(|(name, (_, now, original))| (*name, now.as_deref().or(original.as_deref())))
        .collect();
    if changed.is_empty() {
        return;
    }
    let Some(state) = hub.states.get(new.entity_id.as_str()) else {
        return;
    };
    let write = StateWrite {
        attributes: state.attributes.with_texts(&changed),
        ..as_write(&state, context)
    };
    if let Err(error) = hub.states.set(&new.entity_id, write).await {
        tracing::error!(entity = %new.entity_id, %error, "cannot show an entity's new name");
    }
}

fn as_write(state: &State, context: Context) -> StateWrite {
    StateWrite {
        state: Arc::clone(&state.state),
        attributes: state.attributes.clone(),
        force: false,
        context,
    }
}
