//! What a relay must not forget, as a trait: one node keeps it in a file of its own
//! ([`Embedded`]), many would share a cluster. Whatever implements it passes the tests of
//! `conformance.rs`.
//!
//! Messages stand in one queue a hub. A queue's numbers ([`Seq`]) only grow, also over a restart,
//! and need not follow each other; what counts is their order, in which the hub gets the messages.

#[cfg(test)]
mod conformance;
mod embedded;
mod queue;
mod seen;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use hearth_core::store::StoreError;
use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::{DeliveryId, HubId, WebhookId};

pub use embedded::Embedded;
pub use queue::QueueLimits;

/// A message's number in its hub's queue. 0 is before all of them.
pub type Seq = u64;

/// One accepted request, as it is stored and sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id.
    #[serde(rename = "d")]
    pub id: DeliveryId,
    /// To which webhook it was sent.
    #[serde(rename = "w")]
    pub webhook_id: WebhookId,
    /// When.
    #[serde(rename = "t")]
    pub received_at: Timestamp,
    /// A [`hearth_relay_protocol::Message`] as text.
    #[serde(rename = "m")]
    pub message: Box<RawValue>,
}

/// What is to be stored together, or not at all.
#[derive(Clone, Debug)]
pub struct Append {
    /// What came.
    pub delivery: Arc<Delivery>,
    /// For whom.
    pub hubs: Vec<HubId>,
    /// When it is worth nothing any more.
    pub expires_at: Timestamp,
    /// By what a repeat is known, and until when.
    pub seen: Option<(SeenKey, Timestamp)>,
}

/// A message's place in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Whose queue.
    pub hub: HubId,
    /// Its number.
    pub seq: Seq,
    /// The number of the message before it in that queue when it was appended, 0 where there had
    /// been none. Who has sent that one may send this one without reading.
    pub previous: Seq,
}

/// How much is read at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Messages.
    pub messages: usize,
    /// Bytes; the first message is read whatever its size.
    pub bytes: usize,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// In their order.
    pub messages: Vec<Queued>,
    /// Whether the limits left some out.
    pub has_more: bool,
}

/// A message in its queue.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Its number.
    pub seq: Seq,
    /// The message.
    pub delivery: Arc<Delivery>,
}

/// Where a hub's queue stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The last message that the hub has acknowledged, as the relay remembers it.
    pub acked: Seq,
    /// The last message that went before the hub took it: too old, or too many.
    pub lost: Seq,
    /// The last message that was appended.
    pub newest: Seq,
    /// The first message that is there; none where there is none.
    pub oldest: Option<Seq>,
}

/// A digest of what tells a repeat of a webhook's request from a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SeenKey(pub u128);

/// How full the store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Messages that wait.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages that went because they were too old, since the start.
    pub expired: u64,
    /// Messages that went because the queue was full, since the start.
    pub displaced: u64,
    /// Messages that were set aside, since the start.
    pub dead_letters: u64,
}

/// The kinds of records beside messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// [`crate::objects::Webhook`]
    Webhook,
    /// [`crate::objects::Hub`]
    Hub,
    /// [`crate::objects::Registration`]
    Registration,
    /// [`crate::objects::Cloudhook`]
    Cloudhook,
}

/// What is done to records together, or not at all.
#[derive(Clone, Debug)]
pub enum RecordChange {
    /// Stores a record in place of the one with that id.
    Put(Kind, String, Box<RawValue>),
    /// Removes one; one that is not there is no error.
    Delete(Kind, String),
}

/// What is kept. Every change resolves when it outlives a power cut.
pub trait RelayStore: Send + Sync + 'static {
    /// Appends one delivery to the queues of its hubs. When it resolves, whoever reads a queue
    /// finds every message before it, too.
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Vec<Appended>, StoreError>>;

    /// Reads a hub's messages behind `after`.
    fn read(
        &self,
        hub: HubId,
        after: Seq,
        limits: ReadLimits,
    ) -> BoxFuture<'static, Result<Page, StoreError>>;

    /// Where a hub's queue stands.
    fn position(&self, hub: HubId) -> Position;

    /// The hub has taken everything up to and including this message: it may go. Acknowledging
    /// what never was, or what was acknowledged, changes nothing. It is written with the next
    /// [`flush`](RelayStore::flush): the hub itself remembers what it has.
    fn acked(&self, hub: HubId, through: Seq);

    /// Writes what was acknowledged.
    fn flush(&self) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Sets a message aside, which the hub cannot take: it leaves the queue, and is kept until it
    /// expires.
    fn bury(&self, hub: HubId, seq: Seq) -> BoxFuture<'static, Result<(), StoreError>>;

    /// The messages that were set aside.
    fn buried(&self, hub: HubId) -> BoxFuture<'static, Result<Vec<Queued>, StoreError>>;

    /// Puts a message that was set aside behind all others; none where it is not there.
    fn replay(
        &self,
        hub: HubId,
        seq: Seq,
    ) -> BoxFuture<'static, Result<Option<Appended>, StoreError>>;

    /// Drops everything of a hub.
    fn forget(&self, hub: HubId) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Drops what has expired.
    fn sweep(&self) -> BoxFuture<'static, Result<(), StoreError>>;

    /// The delivery that was stored with this key, if that is not too long ago.
    fn seen(&self, key: SeenKey) -> Option<DeliveryId>;

    /// Changes records.
    fn change(&self, changes: Vec<RecordChange>) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Reads all records of a kind. Blocks: for the start.
    ///
    /// # Errors
    /// What the store met.
    fn load(
        &self,
        kind: Kind,
        visit: &mut dyn FnMut(&str, Box<RawValue>),
    ) -> Result<(), StoreError>;

    /// How full it is.
    fn usage(&self) -> Usage;

    /// Whether the last write succeeded.
    fn is_up(&self) -> bool;

    /// Ends orderly.
    fn close(&self) -> BoxFuture<'static, Result<(), StoreError>>;
}
