//! Changes of entity entries that become durable together and then show in the states.

use hearth_core::prelude::*;
use hearth_core::registry::{Changes, EntityEntry, EntitySettings, EntityUpdateError, follow};
use hearth_core::store::StoreError;

/// Changes of entity entries on behalf of a person.
pub(crate) struct EntityEdits {
    hub: Hub,
    /// What else changes with them.
    pub(crate) changes: Changes,
    edited: Vec<(Arc<EntityEntry>, Option<Arc<EntityEntry>>)>,
}

impl EntityEdits {
    pub(crate) fn new(hub: &Hub) -> Self {
        Self {
            hub: hub.clone(),
            changes: Changes::new(&hub.store),
            edited: Vec::new(),
        }
    }

    /// Changes one entry.
    pub(crate) fn edit(
        &mut self,
        old: &Arc<EntityEntry>,
        edit: impl FnOnce(&mut EntityEntry),
    ) -> Result<Arc<EntityEntry>, EntityUpdateError> {
        let entities = &self.hub.registries.entities;
        let new = entities.update(&mut self.changes, old.entity_id.as_str(), edit)?;
        self.edited.push((Arc::clone(old), Some(Arc::clone(&new))));
        Ok(new)
    }

    /// Changes every entry that is meant.
    pub(crate) fn edit_all(
        &mut self,
        is_meant: impl Fn(&EntityEntry) -> bool,
        edit: impl Fn(&mut EntityEntry),
    ) -> Result<(), StoreError> {
        for entry in self.hub.registries.entities.list() {
            if is_meant(&entry) {
                self.edit_one(&entry, &edit)?;
            }
        }
        Ok(())
    }

    /// Changes one entry without renaming it; one that is gone by now is left out.
    pub(crate) fn edit_one(
        &mut self,
        entry: &Arc<EntityEntry>,
        edit: impl FnOnce(&mut EntityEntry),
    ) -> Result<(), StoreError> {
        match self.edit(entry, edit) {
            Err(EntityUpdateError::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes one entry.
    pub(crate) fn remove(&mut self, entry: &Arc<EntityEntry>) {
        let entities = &self.hub.registries.entities;
        if entities
            .remove(&mut self.changes, &entry.entity_id)
            .is_some()
        {
            self.edited.push((Arc::clone(entry), None));
        }
    }

    /// Makes it durable, tells of it, and brings the states in line.
    pub(crate) async fn commit(self, context: Context) -> Result<(), StoreError> {
        let hub = self.hub;
        self.changes.commit(&hub.bus, &hub.env, context).await?;
        for (old, new) in &self.edited {
            follow(&hub, old, new.as_ref(), context).await;
        }
        Ok(())
    }
}

/// Changes what a person set; nothing set takes no room.
pub(crate) fn set(entry: &mut EntityEntry, edit: impl FnOnce(&mut EntitySettings)) {
    let mut settings = entry.settings.take().unwrap_or_default();
    edit(&mut settings);
    if *settings != EntitySettings::default() {
        entry.settings = Some(settings);
    }
}
