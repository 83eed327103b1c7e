//! What is done now and then: writing what was acknowledged, dropping what has expired.

use std::sync::atomic::Ordering;

use hearth_core::store::{Batch, StoreError};

use super::{BURIED, Inner, QUEUE, SEEN, document_id, put_position};
use crate::ids::HubId;
use crate::store::queue::{self, Entry};

/// Hubs whose acknowledgements are written at once.
const FLUSH: usize = 1000;

impl Inner {
    /// Writes what was acknowledged.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let hubs: Vec<HubId> = std::mem::take(&mut *self.unwritten.lock())
            .into_iter()
            .collect();
        let mut written = Ok(());
        for some in hubs.chunks(FLUSH) {
            if written.is_ok() {
                written = self.flush_of(some).await;
            }
            if written.is_err() {
                self.unwritten.lock().extend(some);
            }
        }
        written
    }

    async fn flush_of(&self, hubs: &[HubId]) -> Result<(), StoreError> {
        let mut batch = self.store.batch();
        for hub in hubs {
            if let Some(queue) = self.queues.get(hub) {
                let end = queue::behind(*hub, queue.acked);
                batch.delete_range(QUEUE, &hub.to_string(), &end);
                put_position(&mut batch, *hub, &queue)?;
            }
        }
        batch.commit().await
    }

    /// What has expired, as a batch that removes it. Blocks: it looks at every queue.
    pub(super) fn collect_expired(&self) -> Result<Batch, StoreError> {
        let now = self.env.now();
        let mut batch = self.store.batch();
        for mut queue in self.queues.iter_mut() {
            let hub = *queue.key();
            let gone = queue.expire(now);
            if gone.is_empty() {
                continue;
            }
            self.expired.fetch_add(gone.len() as u64, Ordering::Relaxed);
            for entry in gone {
                batch.delete(QUEUE, &entry.document_id(hub));
            }
            put_position(&mut batch, hub, &queue)?;
        }
        for key in self.seen.lock().expire(now) {
            batch.delete(SEEN, &document_id(key));
        }
        self.collection(BURIED).visit_ids("", queue::END, |id| {
            if Entry::of_document_id(id)
                .is_none_or(|(_, entry)| i64::from(entry.expires_s) <= now.as_seconds())
            {
                batch.delete(BURIED, id);
            }
        })?;
        Ok(batch)
    }
}
