//! What waits to be sent on one socket: answers and events, in one order.
//!
//! The socket's session takes from it as much as the connection will take. An event waits as the
//! shared event, not as its bytes; its envelope is written when its turn comes. A message too large
//! for that goes past the session: see [`Outgoing`](super::outgoing::Outgoing).
//!
//! Where many messages wait, later changes of an entity join the one that waits already, so that a
//! client that subscribed to entities and is behind catches up instead of being cut off.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use actix_http::ws::CloseReason;
use bytes::Bytes;
use bytestring::ByteString;
use hearth_core::event::Event;
use hearth_core::ids::EntityId;
use hearth_core::state::State;

use super::compressed;
use super::entity_feed::Change;
use super::outgoing::Large;
use super::reply::{Answer, reply};

/// How much is handed to the connection at a time, in bytes: what it buffers itself.
pub(super) const SHARE: usize = 16 * 1024;
/// Longer messages are not copied into a share.
const LARGE: usize = 64 * 1024;
/// When this many messages wait, changes of one entity are joined.
const JOINED_FROM: usize = 512;
/// How much room an empty queue keeps.
const KEPT_PLACES: usize = 64;
/// Room for an envelope around an event.
const ENVELOPE: usize = 64;

enum Item {
    Reply(ByteString),
    /// A large result that is JSON already.
    Result {
        id: u64,
        json: Bytes,
    },
    Event {
        subscription: u64,
        event: Arc<Event>,
    },
    /// An event that is JSON already.
    StreamEvent {
        subscription: u64,
        json: Bytes,
    },
    /// A change of an entity.
    Change {
        subscription: u64,
        change: Rc<Change>,
    },
    /// Several changes of an entity in one: from the state before the first to that after the last.
    Joined {
        subscription: u64,
        old: Option<Arc<State>>,
        new: Option<Arc<State>>,
    },
    Ping,
    Close(CloseReason),
}

/// What the session puts on the wire.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    Text(ByteString),
    Ping,
    /// The last one.
    Close(CloseReason),
}

/// See the module's guide. Lives on its worker's thread.
#[derive(Default)]
pub(super) struct Outbox {
    queue: RefCell<VecDeque<Item>>,
    replies: Cell<usize>,
    reply_bytes: Cell<usize>,
    /// A close frame is queued or sent; nothing can follow it.
    closing: Cell<bool>,
    coalescing: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// How many items were taken in all, which makes of a place in the queue a lasting number.
    taken: Cell<u64>,
    /// While changes are joined: the number of the one that waits, by subscription and entity.
    waiting_changes: RefCell<HashMap<(u64, EntityId), u64>>,
    large: RefCell<Option<Large>>,
}

impl Outbox {
    /// Queues a reply.
    pub(super) fn reply(&self, text: ByteString) {
        self.replies.set(self.replies.get() + 1);
        self.reply_bytes.set(self.reply_bytes.get() + text.len());
        self.push(Item::Reply(text));
    }

    /// Queues the result of command `id`, as JSON; a large one is not copied.
    pub(super) fn result(&self, id: u64, json: Bytes) {
        if json.len() <= LARGE {
            return self.reply(reply(id, Ok(Answer::Shared(json))));
        }
        self.replies.set(self.replies.get() + 1);
        self.reply_bytes.set(self.reply_bytes.get() + json.len());
        self.push(Item::Result { id, json });
    }

    /// Queues an event of a subscription; says how many messages wait now.
    pub(super) fn event(&self, subscription: u64, event: &Arc<Event>) -> usize {
        self.push(Item::Event {
            subscription,
            event: Arc::clone(event),
        });
        self.queue.borrow().len()
    }

    /// Queues an event of an integration's subscription, as JSON; says how many messages wait now.
    pub(super) fn stream_event(&self, subscription: u64, json: Bytes) -> usize {
        self.push(Item::StreamEvent { subscription, json });
        self.queue.borrow().len()
    }

    /// Queues a change of an entity, or joins it to one that waits; says how many messages wait now.
    pub(super) fn change(&self, subscription: u64, change: &Rc<Change>) -> usize {
        let item = Item::Change {
            subscription,
            change: Rc::clone(change),
        };
        if self.len() < JOINED_FROM {
            self.push(item);
            return self.len();
        }
        let taken = self.taken.get();
        let next = taken + self.len() as u64;
        let mut waiting = self.waiting_changes.borrow_mut();
        let known = waiting
            .entry((subscription, change.entity_id.clone()))
            .or_insert(next);
        // One that was taken since has a number below those in the queue.
        let place = known.checked_sub(taken).filter(|_| *known != next);
        let joined = place
            .and_then(|place| usize::try_from(place).ok())
            .is_some_and(|place| self.join(place, change.new.as_ref()));
        if !joined {
            *known = next;
            self.push(item);
        }
        self.len()
    }

    /// Makes the change at this place lead to `new`.
    fn join(&self, place: usize, new: Option<&Arc<State>>) -> bool {
        let mut queue = self.queue.borrow_mut();
        let Some(item) = queue.get_mut(place) else {
            return false;
        };
        let (subscription, old) = match item {
            Item::Change {
                subscription,
                change,
            } => (*subscription, change.old.clone()),
            Item::Joined {
                subscription, old, ..
            } => (*subscription, old.take()),
            _ => return false,
        };
        *item = Item::Joined {
            subscription,
            old,
            new: new.map(Arc::clone),
        };
        true
    }

    /// A message that was too large for a share; it must go out before anything else is taken.
    pub(super) fn take_large(&self) -> Option<Large> {
        self.large.borrow_mut().take()
    }

    /// Queues a ping of the WebSocket protocol.
    pub(super) fn ping(&self) {
        self.push(Item::Ping);
    }

    /// Closes behind what already waits.
    pub(super) fn close(&self, reason: CloseReason) {
        self.push(Item::Close(reason));
        self.closing.set(true);
    }

    /// Closes in place of what waits.
    pub(super) fn discard_and_close(&self, reason: CloseReason) {
        self.queue.borrow_mut().clear();
        self.waiting_changes.borrow_mut().clear();
        self.replies.set(0);
        self.reply_bytes.set(0);
        self.close(reason);
    }

    fn push(&self, item: Item) {
        if self.closing.get() {
            return;
        }
        self.queue.borrow_mut().push_back(item);
        self.wake();
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> usize {
        self.queue.borrow().len()
    }

    /// How many of them are replies, and how many bytes those have.
    pub(super) fn waiting_replies(&self) -> (usize, usize) {
        (self.replies.get(), self.reply_bytes.get())
    }

    /// Whether nothing more can be sent.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// From now on several messages may go as one array (spec websocket-api §2).
    pub(super) fn coalesce(&self, coalescing: bool) {
        self.coalescing.set(coalescing);
    }

    /// Whom to wake when there is something to send or to look at again.
    pub(super) fn wake_me(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        match &*known {
            Some(known) if known.will_wake(waker) => {}
            _ => *known = Some(waker.clone()),
        }
    }

    /// Has the session look again.
    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Takes what goes out next: at least one message where any waits, and not much more than a
    /// share. Ends with a large message, which [`Outbox::take_large`] gives.
    pub(super) fn take_share(&self, mut send: impl FnMut(Frame)) {
        let mut bytes = 0;
        let mut array = String::new();
        while bytes < SHARE && self.large.borrow().is_none() {
            let Some(item) = self.take() else {
                break;
            };
            let text = match item {
                Item::Reply(text) if text.len() > LARGE => {
                    send_array(&mut array, &mut send);
                    *self.large.borrow_mut() = Some(Large::text(text));
                    return;
                }
                Item::Result { id, json } => {
                    send_array(&mut array, &mut send);
                    *self.large.borrow_mut() = Some(Large::result(id, json));
                    return;
                }
                Item::StreamEvent { subscription, json } if json.len() > LARGE => {
                    send_array(&mut array, &mut send);
                    *self.large.borrow_mut() = Some(Large::event(subscription, json));
                    return;
                }
                Item::Reply(text) => text,
                Item::Event {
                    subscription,
                    event,
                } => enveloped(subscription, event.json()),
                Item::StreamEvent { subscription, json } => enveloped(subscription, &json),
                Item::Change {
                    subscription,
                    change,
                } => enveloped(subscription, change.json()),
                Item::Joined {
                    subscription,
                    old,
                    new,
                } => match compressed::change(old.as_deref(), new.as_deref()) {
                    Some(json) => enveloped(subscription, json.as_bytes()),
                    None => continue,
                },
                Item::Ping => {
                    send_array(&mut array, &mut send);
                    send(Frame::Ping);
                    continue;
                }
                Item::Close(reason) => {
                    send_array(&mut array, &mut send);
                    send(Frame::Close(reason));
                    return;
                }
            };
            bytes += text.len();
            let more = bytes < SHARE && !self.queue.borrow().is_empty();
            if self.coalescing.get() && (more || !array.is_empty()) {
                array.push(if array.is_empty() { '[' } else { ',' });
                array.push_str(&text);
            } else {
                send(Frame::Text(text));
            }
        }
        send_array(&mut array, &mut send);
    }

    fn take(&self) -> Option<Item> {
        let mut queue = self.queue.borrow_mut();
        let item = queue.pop_front()?;
        self.taken.set(self.taken.get() + 1);
        if queue.is_empty() {
            // What one burst took is not kept by every socket.
            queue.shrink_to(KEPT_PLACES);
        }
        if queue.len() < JOINED_FROM {
            let mut waiting = self.waiting_changes.borrow_mut();
            if !waiting.is_empty() {
                *waiting = HashMap::new();
            }
        }
        let reply = match &item {
            Item::Reply(text) => Some(text.len()),
            Item::Result { json, .. } => Some(json.len()),
            _ => None,
        };
        if let Some(bytes) = reply {
            self.replies.set(self.replies.get().saturating_sub(1));
            let left = self.reply_bytes.get().saturating_sub(bytes);
            self.reply_bytes.set(left);
        }
        Some(item)
    }
}

fn send_array(array: &mut String, send: &mut impl FnMut(Frame)) {
    if !array.is_empty() {
        array.push(']');
        send(Frame::Text(std::mem::take(array).into()));
    }
}

/// `{"id":…,"type":"event","event":…}`, in one allocation.
fn enveloped(subscription: u64, event: &[u8]) -> ByteString {
    let mut out = String::with_capacity(event.len() + ENVELOPE);
    // Writing into a String does not fail.
    let _ = write!(out, "{{\"id\":{subscription},\"type\":\"event\",\"event\":");
    // It was written as text.
    out.push_str(std::str::from_utf8(event).unwrap_or("null"));
    out.push('}');
    out.into()
}

#[cfg(test)]
mod tests;
