//! Messages that were set aside because their hub cannot take them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hearth_core::store::{Batch, RangeLimits, StoreError};
use hearth_core::time::Timestamp;

use super::{BURIED, BURIED_MAX, Inner, QUEUE};
use crate::ids::HubId;
use crate::store::queue::{self, Entry};
use crate::store::{Append, Appended, Delivery, Seq};

/// A message is looked for by its number, whatever its size.
const ONE: RangeLimits = RangeLimits {
    documents: 1,
    bytes: usize::MAX,
};

impl Inner {
    pub(super) async fn bury(self: Arc<Self>, hub: HubId, seq: Seq) -> Result<(), StoreError> {
        let reader = Arc::clone(&self);
        let preparing = tokio::task::spawn_blocking(move || {
            let mut batch = reader.store.batch();
            if let Some(found) = reader.find(QUEUE, hub, seq)? {
                reader.set_aside(&mut batch, hub, &found)?;
            }
            Ok::<_, StoreError>(batch)
        });
        let batch = preparing.await.map_err(|_| StoreError::Closed)??;
        if batch.is_empty() {
            return Ok(());
        }
        batch.commit().await?;
        if let Some(mut queue) = self.queues.get_mut(&hub) {
            queue.remove(seq);
        }
        self.dead_letters.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    pub(super) async fn replay(
        self: Arc<Self>,
        hub: HubId,
        seq: Seq,
    ) -> Result<Option<Appended>, StoreError> {
        let reader = Arc::clone(&self);
        let finding = tokio::task::spawn_blocking(move || reader.find(BURIED, hub, seq));
        let found = finding.await.map_err(|_| StoreError::Closed)??;
        let Some((id, delivery)) = found else {
            return Ok(None);
        };
        let Some((_, entry)) = Entry::of_document_id(&id) else {
            return Ok(None);
        };
        let appending = self.append(Append {
            delivery: Arc::new(delivery),
            hubs: vec![hub],
            expires_at: Timestamp::from_micros(i64::from(entry.expires_s) * 1_000_000),
            seen: None,
        });
        let appended = appending.await?;
        // Second, so that a power cut between the two leaves it twice and not nowhere.
        self.collection(BURIED).delete(&id).await?;
        Ok(appended.into_iter().next())
    }

    /// Blocks.
    fn find(
        &self,
        collection: &'static str,
        hub: HubId,
        seq: Seq,
    ) -> Result<Option<(String, Delivery)>, StoreError> {
        let (after, before) = (queue::at(hub, seq), queue::behind(hub, seq));
        let range = self.collection(collection).range(&after, &before, ONE)?;
        Ok(range.documents.into_iter().next())
    }

    /// Blocks.
    fn set_aside(
        &self,
        batch: &mut Batch,
        hub: HubId,
        found: &(String, Delivery),
    ) -> Result<(), StoreError> {
        let (id, delivery) = found;
        batch.delete(QUEUE, id);
        batch.put(BURIED, id, delivery)?;
        let mut buried = Vec::new();
        self.collection(BURIED)
            .visit_ids(&hub.to_string(), &queue::end(hub), |id| {
                buried.push(id.to_owned())
            })?;
        for id in buried.iter().rev().skip(BURIED_MAX - 1) {
            batch.delete(BURIED, id);
        }
        Ok(())
    }
}
