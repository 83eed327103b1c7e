//! Things that people keep through commands such as `zone/create`: few, each under an id made
//! from its name, in memory for their integration and in the store for ever.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::command::CommandError;
use crate::fields::{missing, wrong_value};
use crate::slug::slugify;
use crate::store::{Collection, Store, StoreError};

/// Largest record as JSON, in bytes: far beyond what a person writes, and room for as many long
/// trackers as a person may have.
const RECORD_MAX: usize = 1024 * 1024;

/// The records of one kind. Owned by one integration; errors are in the words of the
/// collection commands (spec websocket-api §8).
pub struct Records<T> {
    kind: &'static str,
    collection: Collection<T>,
    records: BTreeMap<String, Arc<T>>,
    limit: usize,
}

impl<T: Serialize + DeserializeOwned> Records<T> {
    /// Reads the records of `collection`; blocking, at start. `kind` names one of them in errors:
    /// `zone` gives `Unable to find zone_id …`. At most `limit` are kept.
    pub fn load(
        store: &Store,
        collection: &'static str,
        kind: &'static str,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let collection = store.collection::<T>(collection);
        let mut records = BTreeMap::new();
        collection.visit_valid(|id, record| _ = records.insert(id.to_owned(), Arc::new(record)))?;
        Ok(Self {
            kind,
            collection,
            records,
            limit,
        })
    }

    /// One record.
    pub fn get(&self, id: &str) -> Option<&Arc<T>> {
        self.records.get(id)
    }

    /// One record; `not_found` where there is none.
    pub fn find(&self, id: &str) -> Result<Arc<T>, CommandError> {
        self.get(id)
            .cloned()
            .ok_or_else(|| CommandError::not_found(format!("Unable to find {}_id {id}", self.kind)))
    }

    /// Takes `<kind>_id` out of a command's data and finds the record that it names.
    ///
    /// `invalid_format` where it is missing or no text, `not_found` where there is none.
    pub fn take(&self, data: &mut Map<String, Value>) -> Result<Arc<T>, CommandError> {
        let key = format!("{}_id", self.kind);
        match data.remove(&key) {
            Some(Value::String(id)) => self.find(&id),
            Some(other) => Err(wrong_value("expected str", &key, &other)),
            None => Err(missing(&key)),
        }
    }

    /// Every record, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<T>)> {
        self.records
            .iter()
            .map(|(id, record)| (id.as_str(), record))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// An id made from `name` that no record has: `office`, `office_2`, …
    pub fn free_id(&self, name: &str) -> String {
        let base = slugify(name);
        (1..)
            .map(|n| match n {
                1 => base.clone(),
                n => format!("{base}_{n}"),
            })
            .find(|id| !self.records.contains_key(id))
            .unwrap_or(base)
    }

    /// Keeps a record, new or changed; returns once it is on the disk.
    ///
    /// `invalid_format` where it is too large, `home_assistant_error` where there are too many or
    /// the store fails; then nothing changed.
    pub async fn put(&mut self, id: &str, record: T) -> Result<Arc<T>, CommandError> {
        if self.records.len() >= self.limit && !self.records.contains_key(id) {
            return Err(CommandError::failed(format!(
                "No more than {} of kind {} are kept (setting hub.collection_limit)",
                self.limit, self.kind
            )));
        }
        let length = serde_json::to_string(&record).map_or(0, |json| json.len());
        if length > RECORD_MAX {
            return Err(CommandError::invalid(format!(
                "expected at most {RECORD_MAX} bytes as JSON, not {length}"
            )));
        }
        self.collection.put(id, &record).await.map_err(failed)?;
        let record = Arc::new(record);
        self.records.insert(id.to_owned(), Arc::clone(&record));
        Ok(record)
    }

    /// Forgets a record; `not_found` where there is none.
    pub async fn remove(&mut self, id: &str) -> Result<Arc<T>, CommandError> {
        let record = self.find(id)?;
        self.collection.delete(id).await.map_err(failed)?;
        self.records.remove(id);
        Ok(record)
    }
}

fn failed(error: StoreError) -> CommandError {
    tracing::error!(%error, "cannot keep a record");
    CommandError::failed(error.to_string())
}
