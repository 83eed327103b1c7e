//! What waits to be sent to one hub, and how it goes onto the wire.
//!
//! Frames are written as the connection takes them, a large one in portions straight from its
//! text: nothing is copied into a buffer that would stay large.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::Stream;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How much is handed to the connection at a time, in bytes.
const SHARE: usize = 16 * 1024;
/// When this much waits, nothing more is read from the store or from the hub.
const ENOUGH: usize = 64 * 1024;
/// The first byte of a frame that is a whole text (RFC 6455 §5.2).
const TEXT: u8 = 0x81;
/// The same of a close frame.
const CLOSE: u8 = 0x88;
/// The longest reason in a close frame.
const REASON_MAX: usize = 123;

#[derive(Debug)]
enum Item {
    Text(Bytes),
    Close(u16, String),
}

/// See the module's guide. Lives on its worker's thread.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: RefCell<VecDeque<Item>>,
    /// What is left of a large frame that has begun.
    rest: RefCell<Bytes>,
    bytes: Cell<usize>,
    /// Since when the connection has taken nothing of what waits.
    stuck_since: Cell<Option<Instant>>,
    /// A close frame is queued or sent; nothing can follow it.
    is_closing: Cell<bool>,
    /// The connection is to end.
    is_over: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// Told when there is room again.
    room: Notify,
}

impl Outbox {
    /// Queues a text.
    pub(super) fn push(&self, text: String) {
        if self.is_closing.get() {
            return;
        }
        self.bytes.set(self.bytes.get() + text.len());
        self.put(Item::Text(text.into()));
    }

    /// Closes behind what waits.
    pub(super) fn close(&self, code: u16, reason: &str) {
        if self.is_closing.replace(true) {
            return;
        }
        let mut reason = reason.to_owned();
        reason.truncate(reason.floor_char_boundary(REASON_MAX));
        self.put(Item::Close(code, reason));
    }

    /// Closes in place of what waits.
    pub(super) fn discard_and_close(&self, code: u16, reason: &str) {
        if !self.is_closing.get() {
            self.queue.borrow_mut().clear();
            self.bytes.set(self.rest.borrow().len());
        }
        self.close(code, reason);
    }

    /// Nothing more is to be sent: another has closed.
    pub(super) fn give_up(&self) {
        self.is_closing.set(true);
        self.queue.borrow_mut().clear();
        self.room.notify_waiters();
    }

    /// Ends the connection, whatever waits.
    pub(super) fn end(&self) {
        self.is_over.set(true);
        self.wake();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.get()
    }

    /// Whether little enough waits to add more.
    pub(super) fn has_room(&self) -> bool {
        self.bytes.get() < ENOUGH
    }

    /// Waits until there is room, or there will be none any more.
    pub(super) async fn room(&self) {
        while !self.has_room() && !self.is_closing() {
            self.room.notified().await;
        }
    }

    /// See the field.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        self.stuck_since.get()
    }

    fn put(&self, item: Item) {
        if self.stuck_since.get().is_none() {
            self.stuck_since.set(Some(Instant::now()));
        }
        self.queue.borrow_mut().push_back(item);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// The next part of a frame that has begun.
    fn portion(&self) -> Option<Bytes> {
        let mut rest = self.rest.borrow_mut();
        if rest.is_empty() {
            return None;
        }
        let share = rest.len().min(SHARE);
        let portion = rest.split_to(share);
        drop(rest);
        self.taken(share);
        Some(portion)
    }

    /// The next bytes for the wire; none where nothing waits.
    fn share(&self) -> Option<Bytes> {
        let mut out = BytesMut::new();
        let mut taken = 0;
        while out.len() < SHARE {
            let item = self.queue.borrow_mut().pop_front();
            match item {
                None => break,
                Some(Item::Text(text)) => {
                    header(TEXT, text.len(), &mut out);
                    if text.len() > SHARE {
                        self.rest.replace(text);
                        break;
                    }
                    taken += text.len();
                    out.extend_from_slice(&text);
                }
                Some(Item::Close(code, reason)) => {
                    header(CLOSE, reason.len() + 2, &mut out);
                    out.put_u16(code);
                    out.extend_from_slice(reason.as_bytes());
                }
            }
        }
        self.taken(taken);
        (!out.is_empty()).then(|| out.freeze())
    }

    fn taken(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
        let mut queue = self.queue.borrow_mut();
        if queue.is_empty() {
            // What one burst took is not kept by every hub.
            *queue = VecDeque::new();
        }
        let is_empty = queue.is_empty() && self.rest.borrow().is_empty();
        self.stuck_since.set((!is_empty).then(Instant::now));
        if self.has_room() {
            self.room.notify_waiters();
        }
    }
}

/// A frame's beginning; what a server sends is not masked.
fn header(first: u8, length: usize, out: &mut BytesMut) {
    out.put_u8(first);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => out.put_u8(short),
        (_, Ok(length)) => {
            out.put_u8(126);
            out.put_u16(length);
        }
        _ => {
            out.put_u8(127);
            out.put_u64(length as u64);
        }
    }
}

/// Somebody who wants to know when the connection has ended.
pub(super) trait Sender {
    /// What waits.
    fn outbox(&self) -> &Outbox;

    /// The connection has ended.
    fn gone(&self);
}

/// What a connection sends: the control frames that its actor writes, and the outbox.
pub(super) struct Outgoing<S, O: Sender> {
    frames: Pin<Box<S>>,
    owner: Rc<O>,
}

impl<S, O: Sender> Outgoing<S, O> {
    pub(super) fn new(frames: S, owner: Rc<O>) -> Self {
        Self {
            frames: Box::pin(frames),
            owner,
        }
    }
}

impl<S: Stream<Item = Result<Bytes, actix_web::Error>>, O: Sender> Stream for Outgoing<S, O> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let outbox = this.owner.outbox();
        if outbox.is_over.get() {
            return Poll::Ready(None);
        }
        // Nothing may come between the parts of a frame.
        if let Some(portion) = outbox.portion() {
            return Poll::Ready(Some(Ok(portion)));
        }
        if let Poll::Ready(written) = this.frames.as_mut().poll_next(cx) {
            return Poll::Ready(written);
        }
        let is_known =
            matches!(&*outbox.waker.borrow(), Some(waker) if waker.will_wake(cx.waker()));
        if !is_known {
            outbox.waker.replace(Some(cx.waker().clone()));
        }
        match outbox.share() {
            Some(share) => Poll::Ready(Some(Ok(share))),
            None => Poll::Pending,
        }
    }
}

impl<S, O: Sender> Drop for Outgoing<S, O> {
    fn drop(&mut self) {
        self.owner.gone();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn wire(outbox: &Outbox) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(part) = outbox.portion().or_else(|| outbox.share()) {
            assert!(part.len() <= 2 * SHARE + 10);
            bytes.extend(part);
        }
        bytes
    }

    #[test]
    fn small_frames_go_together_and_large_ones_in_portions() {
        let outbox = Outbox::default();
        outbox.push("ab".to_owned());
        outbox.push("c".repeat(200));
        outbox.push("d".repeat(70_000));
        assert!(!outbox.has_room() && outbox.stuck_since().is_some());
        let bytes = wire(&outbox);
        let large = 2 + 2 + 4 + 200;
        assert_eq!(bytes[..8], [TEXT, 2, b'a', b'b', TEXT, 126, 0, 200]);
        assert_eq!(bytes[large..large + 2], [TEXT, 127]);
        assert_eq!(bytes[large + 2..large + 10], 70_000_u64.to_be_bytes());
        assert_eq!(bytes.len(), large + 10 + 70_000);
        assert!(outbox.has_room() && outbox.stuck_since().is_none());
        assert_eq!(outbox.bytes.get(), 0);
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let outbox = Outbox::default();
        outbox.push("gone".to_owned());
        outbox.discard_and_close(4001, "replaced");
        outbox.close(4002, "late");
        outbox.push("late".to_owned());
        assert_eq!(
            wire(&outbox),
            [&[CLOSE, 10, 15, 161], &b"replaced"[..]].concat()
        );
        let outbox = Outbox::default();
        outbox.close(4002, &"ü".repeat(100));
        assert_eq!(wire(&outbox)[1], 124);
    }
}
