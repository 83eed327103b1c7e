//! What areas, floors and labels have in common: few entries, each with a unique name, from
//! which its id is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Changes;
use crate::env::Env;
use crate::slug::slugify;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// An entry with a unique name.
pub trait Named: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Where the store keeps the entries.
    const COLLECTION: &'static str;
    /// Which event tells of a change.
    const EVENT: &'static str;
    /// The key of the id in events.
    const ID_KEY: &'static str;

    /// The entry's id.
    fn id(&self) -> &str;
    /// The entry's name.
    fn name(&self) -> &str;
    /// Gives a new entry its id and times.
    fn created(self, id: String, at: Timestamp) -> Self;
    /// Notes a change.
    fn modified(self, at: Timestamp) -> Self;
}

/// Makes a struct with the fields `name`, `created_at`, `modified_at` and this id field an entry.
macro_rules! named {
    ($entry:ident, $id:ident, $collection:literal, $event:literal) => {
        impl super::named::Named for $entry {
            const COLLECTION: &'static str = $collection;
            const EVENT: &'static str = $event;
            const ID_KEY: &'static str = stringify!($id);

            fn id(&self) -> &str {
                &self.$id
            }

            fn name(&self) -> &str {
                &self.name
            }

            fn created(self, id: String, at: Timestamp) -> Self {
                Self {
                    $id: id,
                    created_at: at,
                    modified_at: at,
                    ..self
                }
            }

            fn modified(self, at: Timestamp) -> Self {
                Self {
                    modified_at: at,
                    ..self
                }
            }
        }
    };
}
pub(super) use named;

/// The name is in use.
#[derive(Debug, thiserror::Error)]
pub enum NameTaken {
    /// By this entry.
    #[error("The name {name} ({normalized}) is already in use")]
    Taken {
        /// The name that was asked for.
        name: String,
        /// The name without case and spaces.
        normalized: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Entries<T> = Arc<RwLock<BTreeMap<String, Arc<T>>>>;

/// A registry of named entries.
pub struct NamedRegistry<T> {
    env: Env,
    entries: Entries<T>,
}

impl<T: Named> NamedRegistry<T> {
    /// Reads the registry from the store; blocking.
    pub(super) fn load(store: &Store, env: &Env) -> Result<Self, StoreError> {
        let mut entries = BTreeMap::new();
        store
            .collection::<T>(T::COLLECTION)
            .visit_valid(|id, entry| _ = entries.insert(id.to_owned(), Arc::new(entry)))?;
        Ok(Self {
            env: env.clone(),
            entries: Arc::new(RwLock::new(entries)),
        })
    }

    /// One entry.
    pub fn get(&self, id: &str) -> Option<Arc<T>> {
        self.entries.read().get(id).cloned()
    }

    /// The entry of that name, whatever its case or accents.
    pub fn by_name(&self, name: &str) -> Option<Arc<T>> {
        let wanted = slugify(name);
        self.list()
            .into_iter()
            .find(|entry| slugify(entry.name()) == wanted)
    }

    /// Every entry, by id.
    pub fn list(&self) -> Vec<Arc<T>> {
        self.entries.read().values().cloned().collect()
    }

    /// Adds an entry; its id is made from its name.
    pub fn create(&self, changes: &mut Changes, entry: T) -> Result<Arc<T>, NameTaken> {
        self.check_name(entry.name(), None)?;
        let mut entries = self.entries.write();
        let base = slugify(entry.name());
        let id = (1..)
            .map(|n| {
                if n == 1 {
                    base.clone()
                } else {
                    format!("{base}_{n}")
                }
            })
            .find(|id| !entries.contains_key(id))
            .unwrap_or(base);
        let entry = Arc::new(entry.created(id.clone(), self.env.now()));
        changes.put(T::COLLECTION, &id, &*entry)?;
        changes.event(T::EVENT, json!({"action": "create", T::ID_KEY: id}));
        self.keep(changes, &id, entries.insert(id.clone(), Arc::clone(&entry)));
        Ok(entry)
    }

    /// Replaces an entry; its id stays.
    pub fn update(&self, changes: &mut Changes, entry: T) -> Result<Arc<T>, NameTaken> {
        let id = entry.id().to_owned();
        self.check_name(entry.name(), Some(&id))?;
        let entry = Arc::new(entry.modified(self.env.now()));
        changes.put(T::COLLECTION, &id, &*entry)?;
        changes.event(T::EVENT, json!({"action": "update", T::ID_KEY: id}));
        let old = self.entries.write().insert(id.clone(), Arc::clone(&entry));
        self.keep(changes, &id, old);
        Ok(entry)
    }

    /// Removes an entry; `None` where there was none.
    pub fn remove(&self, changes: &mut Changes, id: &str) -> Option<Arc<T>> {
        let old = self.entries.write().remove(id)?;
        changes.delete(T::COLLECTION, id);
        changes.event(T::EVENT, json!({"action": "remove", T::ID_KEY: id}));
        self.keep(changes, id, Some(Arc::clone(&old)));
        Some(old)
    }

    fn check_name(&self, name: &str, own_id: Option<&str>) -> Result<(), NameTaken> {
        match self.by_name(name) {
            Some(other) if Some(other.id()) != own_id => Err(NameTaken::Taken {
                name: name.to_owned(),
                normalized: name.to_lowercase().replace(' ', ""),
            }),
            _ => Ok(()),
        }
    }

    fn keep(&self, changes: &mut Changes, id: &str, old: Option<Arc<T>>) {
        let (entries, id) = (Arc::clone(&self.entries), id.to_owned());
        changes.on_failure(move || {
            let mut entries = entries.write();
            match old {
                Some(old) => entries.insert(id, old),
                None => entries.remove(&id),
            };
        });
    }
}
