//! New messages: numbered, written, and only then in their queues for good.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use hearth_core::store::StoreError;
use serde_json::value::RawValue;

use super::{Inner, NUMBERS, QUEUE, SEEN, SeenDocument, document_id, put_position};
use crate::store::queue::{self, Entry};
use crate::store::{Append, Appended, Delivery};

/// Numbers are reserved in blocks, so that not every message writes the last one.
const BLOCK: u64 = 1 << 16;

type Commit = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

impl Inner {
    /// Draws numbers, writes them into the queues, and hands the write to the store.
    fn begin(
        &self,
        append: &Append,
        body: &RawValue,
    ) -> Result<(Vec<Appended>, Commit), StoreError> {
        let mut batch = self.store.batch();
        let size = u32::try_from(body.get().len()).unwrap_or(u32::MAX);
        let expires_s = u32::try_from(append.expires_at.as_seconds()).unwrap_or(u32::MAX);
        let mut numbers = self.numbers.lock();
        let mut appended = Vec::with_capacity(append.hubs.len());
        for hub in &append.hubs {
            let entry = Entry {
                seq: numbers.next,
                expires_s,
                size,
            };
            batch.put(QUEUE, &entry.document_id(*hub), &body)?;
            numbers.next += 1;
            let mut queue = self.queues.entry(*hub).or_default();
            appended.push(Appended {
                hub: *hub,
                seq: entry.seq,
                previous: queue.push(entry),
            });
            let displaced = queue.displace(self.limits);
            if let Some(last) = displaced.last() {
                batch.delete_range(QUEUE, &hub.to_string(), &queue::behind(*hub, last.seq));
                put_position(&mut batch, *hub, &queue)?;
                let count = displaced.len() as u64;
                self.displaced.fetch_add(count, Ordering::Relaxed);
            }
        }
        if numbers.next > numbers.reserved {
            numbers.reserved = numbers.next + BLOCK;
            batch.put(NUMBERS, "next", &numbers.reserved)?;
        }
        if let Some((key, until)) = append.seen {
            let document = SeenDocument {
                delivery: append.delivery.id,
                until,
            };
            batch.put(SEEN, &document_id(key), &document)?;
        }
        Ok((appended, Box::pin(batch.commit())))
    }

    /// Undoes what a failed write has left in memory.
    fn take_back(&self, appended: &[Appended]) {
        for place in appended {
            if let Some(mut queue) = self.queues.get_mut(&place.hub) {
                queue.remove(place.seq);
            }
        }
        // The reservation may have been in that write.
        let mut numbers = self.numbers.lock();
        numbers.reserved = numbers.reserved.min(numbers.next);
    }

    pub(super) async fn append(&self, append: Append) -> Result<Vec<Appended>, StoreError> {
        let body = raw(&append.delivery)?;
        let (appended, mut commit, first) = poll_fn(|context| {
            let begun = self.begin(&append, &body);
            Poll::Ready(begun.map(|(appended, mut commit)| {
                // Writes are stored in the order in which they are first polled.
                let first = commit.as_mut().poll(context);
                (appended, commit, first)
            }))
        })
        .await?;
        let outcome = match first {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => commit.as_mut().await,
        };
        if let Err(error) = outcome {
            self.take_back(&appended);
            return Err(error);
        }
        if let Some((key, until)) = append.seen {
            self.seen.lock().insert(key, append.delivery.id, until);
        }
        Ok(appended)
    }
}

fn raw(delivery: &Delivery) -> Result<Box<RawValue>, StoreError> {
    serde_json::value::to_raw_value(delivery).map_err(|error| StoreError::Encode {
        collection: QUEUE,
        id: delivery.id.short(),
        source: Arc::new(error),
    })
}
