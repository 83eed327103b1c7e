use std::hash::BuildHasher;
use std::sync::Arc;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::index::Index;
use super::{Changes, Interner, differing};
use crate::env::Env;
use crate::ids::ConfigEntryId;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

const COLLECTION: &str = "core.config_entries";
/// Tells of a change: `action` `create`, `update` or `remove`, `entry_id`; with the old values of
/// `changes`, or the `entry` that was removed.
const EVENT: &str = "config_entry_registry_updated";

/// One thing that was set up: a phone, a bridge, an account. Its owner keeps the details.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigEntry {
    /// Names it.
    pub entry_id: ConfigEntryId,
    /// The integration that owns it.
    pub domain: Arc<str>,
    /// Display name.
    pub title: Arc<str>,
    /// How it came: `user`, `registration`, `import`, …
    pub source: Arc<str>,
    /// Unique within the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_id: Option<Arc<str>>,
    /// New entities of it are registered disabled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pref_disable_new_entities: bool,
    /// It is not polled by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pref_disable_polling: bool,
    /// A person disabled it: its devices and entities are disabled too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
}

/// What a new config entry is made from.
#[derive(Clone, Debug)]
pub struct NewConfigEntry<'a> {
    /// The integration that owns it.
    pub domain: &'a str,
    /// Display name.
    pub title: &'a str,
    /// How it came.
    pub source: &'a str,
    /// Unique within the domain.
    pub unique_id: Option<&'a str>,
}

type Entries = Arc<RwLock<Index<ConfigEntry>>>;

/// All config entries.
pub struct ConfigEntries {
    env: Env,
    names: Arc<Interner>,
    entries: Entries,
}

impl ConfigEntries {
    pub(super) fn load(store: &Store, env: &Env, names: Arc<Interner>) -> Result<Self, StoreError> {
        let mut entries = Index::new(|hasher, entry: &ConfigEntry| hasher.hash_one(entry.entry_id));
        store
            .collection::<ConfigEntry>(COLLECTION)
            .visit_valid(|_, mut entry| {
                entry.domain = names.intern(&entry.domain);
                entry.source = names.intern(&entry.source);
                names.share_own(&mut entry.title);
                entries.insert(Arc::new(entry));
            })?;
        Ok(Self {
            env: env.clone(),
            names,
            entries: Arc::new(RwLock::new(entries)),
        })
    }

    /// One entry.
    pub fn get(&self, id: ConfigEntryId) -> Option<Arc<ConfigEntry>> {
        let entries = self.entries.read();
        entries.find(id, |entry| entry.entry_id == id).cloned()
    }

    /// Every entry, oldest first.
    pub fn list(&self) -> Vec<Arc<ConfigEntry>> {
        let mut entries = self.entries.read().all();
        entries.sort_unstable_by_key(|entry| (entry.created_at, entry.entry_id));
        entries
    }

    /// Adds an entry.
    pub fn create(
        &self,
        changes: &mut Changes,
        new: NewConfigEntry<'_>,
    ) -> Result<Arc<ConfigEntry>, StoreError> {
        let now = self.env.now();
        let mut title = new.title.into();
        self.names.share_own(&mut title);
        let entry = Arc::new(ConfigEntry {
            entry_id: self.env.ulid(),
            domain: self.names.intern(new.domain),
            title,
            source: self.names.intern(new.source),
            unique_id: new.unique_id.map(Into::into),
            pref_disable_new_entities: false,
            pref_disable_polling: false,
            is_disabled: false,
            created_at: now,
            modified_at: now,
        });
        let id = entry.entry_id;
        changes.put(COLLECTION, &id.to_string(), &*entry)?;
        changes.event(EVENT, json!({"action": "create", "entry_id": id}));
        self.entries.write().insert(Arc::clone(&entry));
        let (entries, failed) = (Arc::clone(&self.entries), Arc::clone(&entry));
        changes.on_failure(move || entries.write().remove(&failed));
        Ok(entry)
    }

    /// Changes an entry; `None` where there is none.
    pub fn update(
        &self,
        changes: &mut Changes,
        id: ConfigEntryId,
        edit: impl FnOnce(&mut ConfigEntry),
    ) -> Result<Option<Arc<ConfigEntry>>, StoreError> {
        let Some(old) = self.get(id) else {
            return Ok(None);
        };
        let mut entry = ConfigEntry::clone(&old);
        edit(&mut entry);
        if entry == *old {
            return Ok(Some(old));
        }
        entry.modified_at = self.env.now();
        let entry = Arc::new(entry);
        changes.put(COLLECTION, &id.to_string(), &*entry)?;
        let changed = differing(&*old, &*entry);
        let event = json!({"action": "update", "entry_id": id, "changes": changed});
        changes.event(EVENT, event);
        {
            let mut entries = self.entries.write();
            entries.remove(&old);
            entries.insert(Arc::clone(&entry));
        }
        let (entries, failed) = (Arc::clone(&self.entries), Arc::clone(&entry));
        changes.on_failure(move || {
            let mut entries = entries.write();
            entries.remove(&failed);
            entries.insert(old);
        });
        Ok(Some(entry))
    }

    /// Removes an entry; `None` where there was none. What belongs to it is its owner's to remove.
    pub fn remove(&self, changes: &mut Changes, id: ConfigEntryId) -> Option<Arc<ConfigEntry>> {
        let old = {
            let mut entries = self.entries.write();
            let old = entries.find(id, |entry| entry.entry_id == id).cloned()?;
            entries.remove(&old);
            old
        };
        changes.delete(COLLECTION, &id.to_string());
        let event = json!({"action": "remove", "entry_id": id, "entry": &*old});
        changes.event(EVENT, event);
        let (entries, kept) = (Arc::clone(&self.entries), Arc::clone(&old));
        changes.on_failure(move || entries.write().insert(kept));
        Some(old)
    }
}
