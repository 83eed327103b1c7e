//! Which entities voice assistants may see. For registered entities it stands among their options;
//! here stands the rest, and whether new entities are exposed.

use std::collections::BTreeMap;

use hearth_core::store::{Collection, Store, StoreError};

const ENTITIES: &str = "homeassistant.exposed_entities";
const NEW: &str = "homeassistant.expose_new";

/// Whether an assistant may see it, by assistant.
pub(crate) type ByAssistant = BTreeMap<String, bool>;

/// What is exposed of entities that have no registry entry.
pub(crate) struct Exposed {
    entities: Collection<ByAssistant>,
    new: Collection<bool>,
    pub(crate) by_entity: BTreeMap<String, ByAssistant>,
    expose_new: ByAssistant,
}

impl Exposed {
    /// Reads it; blocking, at start.
    pub(crate) fn load(store: &Store) -> Result<Self, StoreError> {
        let entities = store.collection::<ByAssistant>(ENTITIES);
        let new = store.collection::<bool>(NEW);
        Ok(Self {
            by_entity: entities.load_valid()?.into_iter().collect(),
            expose_new: new.load_valid()?.into_iter().collect(),
            entities,
            new,
        })
    }

    /// Notes for one entity; returns once it is on the disk.
    pub(crate) async fn set(
        &mut self,
        entity_id: &str,
        assistants: &[String],
        should_expose: bool,
    ) -> Result<(), StoreError> {
        let mut set = self.by_entity.get(entity_id).cloned().unwrap_or_default();
        for assistant in assistants {
            set.insert(assistant.clone(), should_expose);
        }
        self.entities.put(entity_id, &set).await?;
        self.by_entity.insert(entity_id.to_owned(), set);
        Ok(())
    }

    /// Whether new entities are exposed to an assistant.
    pub(crate) fn exposes_new(&self, assistant: &str) -> bool {
        let set = self.expose_new.get(assistant).copied();
        // The hub's own assistant sees new entities; others only what a person shows them.
        set.unwrap_or(assistant == "conversation")
    }

    /// Sets it; returns once it is on the disk.
    pub(crate) async fn expose_new(
        &mut self,
        assistant: &str,
        expose: bool,
    ) -> Result<(), StoreError> {
        self.new.put(assistant, &expose).await?;
        self.expose_new.insert(assistant.to_owned(), expose);
        Ok(())
    }
}
