//! What is known in memory of one hub's queue: where its messages are, not the messages.

use std::collections::VecDeque;

use hearth_core::time::Timestamp;

use super::{Position, Seq};
use crate::ids::HubId;

/// How much may wait for one hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Messages.
    pub messages: usize,
    /// Bytes.
    pub bytes: usize,
}

/// A message's place: the id of its document says all of it, so that a start need not read the
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) seq: Seq,
    /// Seconds since the epoch.
    pub(super) expires_s: u32,
    /// Bytes of the document.
    pub(super) size: u32,
}

impl Entry {
    /// Whose it is, then its number, so that ids are in the order of the queue.
    pub(super) fn document_id(&self, hub: HubId) -> String {
        format!(
            "{hub}{:016x}{:08x}{:08x}",
            self.seq, self.expires_s, self.size
        )
    }

    pub(super) fn of_document_id(id: &str) -> Option<(HubId, Self)> {
        let number = |from: usize, to: usize| u64::from_str_radix(id.get(from..to)?, 16).ok();
        let entry = Self {
            seq: number(24, 40)?,
            expires_s: u32::try_from(number(40, 48)?).ok()?,
            size: u32::try_from(number(48, 56)?).ok()?,
        };
        Some((id.get(..24)?.parse().ok()?, entry))
    }
}

/// What stands before the id of the first message behind `seq`.
pub(super) fn behind(hub: HubId, seq: Seq) -> String {
    format!("{hub}{:016x}", seq.saturating_add(1))
}

/// What stands before the id of the message `seq`.
pub(super) fn at(hub: HubId, seq: Seq) -> String {
    format!("{hub}{seq:016x}")
}

/// What stands behind all ids of a hub.
pub(super) fn end(hub: HubId) -> String {
    format!("{hub}{END}")
}

/// What stands behind all ids: they begin with a hex digit.
pub(super) const END: &str = "g";

#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    bytes: u64,
    pub(super) acked: Seq,
    pub(super) lost: Seq,
    newest: Seq,
}

impl Queue {
    pub(super) fn new(acked: Seq, lost: Seq) -> Self {
        Self {
            acked,
            lost,
            newest: acked.max(lost),
            ..Self::default()
        }
    }

    /// Adds the newest message; says which one was the newest before.
    pub(super) fn push(&mut self, entry: Entry) -> Seq {
        self.bytes += u64::from(entry.size);
        self.entries.push_back(entry);
        std::mem::replace(&mut self.newest, entry.seq)
    }

    /// Takes out the oldest while there are too many, but never the newest.
    pub(super) fn displace(&mut self, limits: QueueLimits) -> Vec<Entry> {
        let mut gone = Vec::new();
        while self.entries.len() > 1
            && (self.entries.len() > limits.messages || self.bytes > limits.bytes as u64)
        {
            gone.extend(self.pop());
        }
        if let Some(last) = gone.last() {
            self.lost = self.lost.max(last.seq);
        }
        gone
    }

    /// Takes out what is too old.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<Entry> {
        let is_over = |entry: &Entry| i64::from(entry.expires_s) <= now.as_seconds();
        if !self.entries.iter().any(is_over) {
            return Vec::new();
        }
        let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition(is_over);
        self.entries = kept.into();
        self.bytes = self.entries.iter().map(|entry| u64::from(entry.size)).sum();
        if let Some(last) = gone.last() {
            self.lost = self.lost.max(last.seq);
        }
        gone
    }

    /// Takes out what the hub has; none where it has said so before, or says what cannot be.
    pub(super) fn ack(&mut self, through: Seq) -> Option<Vec<Entry>> {
        if through <= self.acked || through > self.newest {
            return None;
        }
        self.acked = through;
        let mut gone = Vec::new();
        while self
            .entries
            .front()
            .is_some_and(|entry| entry.seq <= through)
        {
            gone.extend(self.pop());
        }
        Some(gone)
    }

    /// Takes one message out.
    pub(super) fn remove(&mut self, seq: Seq) -> Option<Entry> {
        let index = self
            .entries
            .binary_search_by_key(&seq, |entry| entry.seq)
            .ok()?;
        let entry = self.entries.remove(index)?;
        self.bytes -= u64::from(entry.size);
        Some(entry)
    }

    pub(super) fn position(&self) -> Position {
        Position {
            acked: self.acked,
            lost: self.lost,
            newest: self.newest,
            oldest: self.entries.front().map(|entry| entry.seq),
        }
    }

    /// Messages and bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.entries.len() as u64, self.bytes)
    }

    fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= u64::from(entry.size);
        Some(entry)
    }
}
