//! The bounded queue between the callers and the writer thread.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{batch::Change, error::StoreError};

/// How safe a write must be before its caller is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// On the disk: it outlives a power cut.
    Synced,
    /// With the operating system: it outlives the process; the disk follows with the next
    /// synced write or checkpoint.
    WrittenBehind,
}

/// Where a caller is answered. The caller may have gone; the write happens all the same.
pub(super) type Reply = oneshot::Sender<Result<(), StoreError>>;

/// Changes that are applied together, or not at all.
pub(super) struct Write {
    pub(super) changes: Vec<Change>,
    pub(super) durability: Durability,
    pub(super) reply: Reply,
    /// Given back when the write has been answered.
    _room: OwnedSemaphorePermit,
}

/// What the writer finds when it wakes: everything that came since it last looked.
#[derive(Default)]
pub(super) struct Waiting {
    /// In the order in which they were queued.
    pub(super) writes: Vec<Write>,
    /// Callers of `close`; they came after all writes.
    pub(super) closers: Vec<Reply>,
}

pub(super) struct WriteQueue {
    /// Held from asking for room until the write stands in the queue. It is handed on in the
    /// order of asking, so writes cannot overtake each other while they wait for room.
    turn: tokio::sync::Mutex<()>,
    room: Arc<Semaphore>,
    /// All the room there is, in changes.
    capacity: u32,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    waiting: Waiting,
    /// The writer has been woken and has not looked yet; no need to wake it again.
    woken: bool,
    phase: Phase,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// `close` was called: nothing new comes in, the writer finishes what is there.
    Closing,
    /// The writer has gone.
    Ended,
}

/// A queued request's answer, and whether the writer must be woken for it.
pub(super) struct Queued {
    pub(super) answer: oneshot::Receiver<Result<(), StoreError>>,
    pub(super) wake: bool,
}

impl WriteQueue {
    /// A queue with room for `capacity` changes.
    pub(super) fn new(capacity: usize) -> Self {
        // A u32 is well below the most that a semaphore can count on 64 and 32 bits alike.
        let capacity = u32::try_from(capacity)
            .unwrap_or(u32::MAX)
            .clamp(1, 1 << 28);
        Self {
            turn: tokio::sync::Mutex::new(()),
            room: Arc::new(Semaphore::new(capacity as usize)),
            capacity,
            inner: Mutex::default(),
        }
    }

    /// Waits for room and queues a write.
    pub(super) async fn push(
        &self,
        changes: Vec<Change>,
        durability: Durability,
    ) -> Result<Queued, StoreError> {
        let _turn = self.turn.lock().await;
        // A batch larger than the whole queue waits until it is empty and then has it alone.
        let size = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room)
            .acquire_many_owned(size.clamp(1, self.capacity))
            .await
            .map_err(|_| StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let mut inner = self.inner.lock();
        if inner.phase != Phase::Open {
            return Err(StoreError::Closed);
        }
        inner.waiting.writes.push(Write {
            changes,
            durability,
            reply,
            _room: room,
        });
        Ok(inner.queued(answer))
    }

    /// Lets nothing more in and asks to be told when all before it is stored; `None` when the
    /// writer has already gone.
    pub(super) async fn close(&self) -> Option<Queued> {
        let _turn = self.turn.lock().await;
        let (reply, answer) = oneshot::channel();
        let mut inner = self.inner.lock();
        if inner.phase == Phase::Ended {
            return None;
        }
        inner.phase = Phase::Closing;
        inner.waiting.closers.push(reply);
        Some(inner.queued(answer))
    }

    /// For the writer: all that waits now.
    pub(super) fn take(&self) -> Waiting {
        let mut inner = self.inner.lock();
        inner.woken = false;
        std::mem::take(&mut inner.waiting)
    }

    /// For the writer, when it goes: all that still waits. From here on callers get `Closed`.
    pub(super) fn end(&self) -> Waiting {
        self.room.close();
        let mut inner = self.inner.lock();
        inner.phase = Phase::Ended;
        std::mem::take(&mut inner.waiting)
    }

    /// How many writes the writer has yet to look at.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.inner.lock().waiting.writes.len()
    }

    /// How many changes the writer is busy with.
    #[cfg(test)]
    pub(super) fn taken_but_unanswered(&self) -> usize {
        let inner = self.inner.lock();
        let waiting: usize = inner.waiting.writes.iter().map(|w| w.changes.len()).sum();
        self.capacity as usize - self.room.available_permits() - waiting
    }
}

impl Inner {
    fn queued(&mut self, answer: oneshot::Receiver<Result<(), StoreError>>) -> Queued {
        let wake = !std::mem::replace(&mut self.woken, true);
        Queued { answer, wake }
    }
}
