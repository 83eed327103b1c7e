//! The newest stored record of each registration, found by its id and by its device.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use hearth_core::ids::WebhookId;

use crate::record::Record;

/// See the module's guide. The tables hold no keys of their own: there are many records.
#[derive(Default)]
pub(crate) struct Records {
    by_id: HashTable<Arc<Record>>,
    /// The registration of an app on a device: an app that registers again replaces itself.
    by_device: HashTable<Arc<Record>>,
    /// Seeded anew at each start, so nobody can plan a clash.
    hasher: RandomState,
}

impl Records {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Every record, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Record>> {
        self.by_id.iter().cloned().collect()
    }

    /// The first of which `is_it` is true. Looks at all.
    pub(crate) fn find(&self, mut is_it: impl FnMut(&Record) -> bool) -> Option<&Arc<Record>> {
        self.by_id.iter().find(|record| is_it(record))
    }

    pub(crate) fn get(&self, id: &WebhookId) -> Option<&Arc<Record>> {
        let hash = self.hasher.hash_one(id);
        self.by_id.find(hash, |record| record.webhook_id == *id)
    }

    /// The registration of this app on this device.
    pub(crate) fn of_device(&self, app_id: &str, device_id: &str) -> Option<&Arc<Record>> {
        let device = (app_id, device_id);
        let hash = self.hasher.hash_one(device);
        self.by_device
            .find(hash, |record| device_key(record) == device)
    }

    /// Adds a record, in the place of the one with its id. Its device is found here from now on.
    pub(crate) fn insert(&mut self, record: Arc<Record>) {
        self.remove(&record.webhook_id);
        let of_device = |record: &Arc<Record>| self.hasher.hash_one(device_key(record));
        let is_same_device = |other: &Arc<Record>| device_key(other) == device_key(&record);
        let hash = of_device(&record);
        if let Ok(older) = self.by_device.find_entry(hash, is_same_device) {
            older.remove();
        }
        self.by_device
            .insert_unique(hash, Arc::clone(&record), of_device);
        let of_id = |record: &Arc<Record>| self.hasher.hash_one(&record.webhook_id);
        self.by_id.insert_unique(of_id(&record), record, of_id);
    }

    pub(crate) fn remove(&mut self, id: &WebhookId) {
        let hash = self.hasher.hash_one(id);
        let is_it = |record: &Arc<Record>| record.webhook_id == *id;
        let Ok(found) = self.by_id.find_entry(hash, is_it) else {
            return;
        };
        let (removed, _) = found.remove();
        let hash = self.hasher.hash_one(device_key(&removed));
        // The device may be another record's by now.
        let is_it = |other: &Arc<Record>| Arc::ptr_eq(other, &removed);
        if let Ok(found) = self.by_device.find_entry(hash, is_it) {
            found.remove();
        }
    }
}

/// `(app, device)`.
fn device_key(record: &Record) -> (&str, &str) {
    (&record.make.app_id, &record.device_id)
}
