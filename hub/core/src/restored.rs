//! What entities showed when the hub last ran, packed: a hundred thousand states are two blocks
//! of memory, which go back whole once the integrations have taken theirs.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::store::{StateRow, Store, StoreError, StoredState};

/// States by entity id, each given once.
#[derive(Default)]
pub(crate) struct Restored {
    /// Entity id, state and attributes of one entity after the other's.
    texts: String,
    rows: HashTable<Row>,
    /// Of those that were given: what they were, as hashes of entity id and of state and
    /// attributes. What an entity still shows at the first save needs no write.
    given: HashMap<u64, u64, RandomState>,
    hasher: RandomState,
}

/// Where in the texts a state stands.
struct Row {
    start: usize,
    entity_id: u32,
    state: u32,
    attributes: u32,
    last_changed: i64,
    last_updated: i64,
}

impl Row {
    fn entity_id(&self) -> Range<usize> {
        self.start..self.start + self.entity_id as usize
    }

    fn state(&self) -> Range<usize> {
        let start = self.entity_id().end;
        start..start + self.state as usize
    }

    fn attributes(&self) -> Range<usize> {
        let start = self.state().end;
        start..start + self.attributes as usize
    }
}

impl Restored {
    /// Reads all stored states; blocking, at start.
    pub(crate) fn load(store: &Store) -> Result<Self, StoreError> {
        let mut restored = Self::default();
        store.visit_states(|row| restored.add(row))?;
        Ok(restored)
    }

    fn add(&mut self, row: StateRow<'_>) {
        let length = |text: &str| u32::try_from(text.len());
        let (Ok(entity_id), Ok(state), Ok(attributes)) = (
            length(row.entity_id),
            length(row.state),
            length(row.attributes),
        ) else {
            // SQLite itself stores no text this long.
            return;
        };
        let start = self.texts.len();
        self.texts.push_str(row.entity_id);
        self.texts.push_str(row.state);
        self.texts.push_str(row.attributes);
        let row = Row {
            start,
            entity_id,
            state,
            attributes,
            last_changed: row.last_changed,
            last_updated: row.last_updated,
        };
        // Ids are unique in the store: no need to look for an older one.
        let hash = self.hasher.hash_one(&self.texts[row.entity_id()]);
        self.rows.insert_unique(hash, row, |row| {
            self.hasher.hash_one(&self.texts[row.entity_id()])
        });
    }

    /// The state of an entity, once.
    pub(crate) fn take(&mut self, entity_id: &str) -> Option<StoredState> {
        let hash = self.hasher.hash_one(entity_id);
        let is_it = |row: &Row| self.texts[row.entity_id()] == *entity_id;
        let (row, _) = self.rows.find_entry(hash, is_it).ok()?.remove();
        let content = (&self.texts[row.state()], &self.texts[row.attributes()]);
        self.given.insert(hash, self.hasher.hash_one(content));
        Some(StoredState {
            entity_id: entity_id.to_owned(),
            state: self.texts[row.state()].to_owned(),
            attributes: self.texts[row.attributes()].to_owned(),
            last_changed: row.last_changed,
            last_updated: row.last_updated,
        })
    }

    /// Drops what nobody took: it belongs to entities that are gone.
    pub(crate) fn drop_rest(&mut self) {
        self.texts = String::new();
        self.rows = HashTable::new();
    }

    /// Whether the store holds exactly this of the entity, as it did at the start. Says so once:
    /// whoever asks writes what differs.
    pub(crate) fn is_as_stored(&mut self, entity_id: &str, state: &str, attributes: &str) -> bool {
        if self.given.is_empty() {
            return false;
        }
        let given = self.given.remove(&self.hasher.hash_one(entity_id));
        given == Some(self.hasher.hash_one((state, attributes)))
    }

    /// All that was given has been saved where it differed.
    pub(crate) fn is_saved(&mut self) {
        self.given = HashMap::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>(entity_id: &'a str, state: &'a str) -> StateRow<'a> {
        StateRow {
            entity_id,
            state,
            attributes: "{}",
            last_changed: 1,
            last_updated: 2,
        }
    }

    #[test]
    fn each_state_is_given_once() {
        let mut restored = Restored::default();
        for n in 0..1000 {
            restored.add(row(&format!("sensor.s{n}"), &n.to_string()));
        }
        for n in (0..1000).rev() {
            let id = format!("sensor.s{n}");
            let expected = StoredState::from(row(&id, &n.to_string()));
            assert_eq!(restored.take(&id), Some(expected));
            assert_eq!(restored.take(&id), None);
        }
        assert_eq!(restored.take("sensor.other"), None);
    }

    #[test]
    fn what_is_as_it_was_is_said_once_and_what_changed_never() {
        let mut restored = Restored::default();
        restored.add(row("sensor.same", "1"));
        restored.add(row("sensor.other", "1"));
        restored.add(row("sensor.left", "1"));
        restored.take("sensor.same");
        restored.take("sensor.other");
        restored.drop_rest();
        assert!(restored.is_as_stored("sensor.same", "1", "{}"));
        assert!(!restored.is_as_stored("sensor.same", "1", "{}"));
        assert!(!restored.is_as_stored("sensor.other", "2", "{}"));
        assert!(!restored.is_as_stored("sensor.left", "1", "{}"));
    }
}
