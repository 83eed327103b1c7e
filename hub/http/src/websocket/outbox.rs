//! What waits to be sent on one socket: answers and events, in one order.
//!
//! The socket's session takes from it as much as the connection will take. An event waits as the
//! shared event, not as its bytes; its envelope is written when its turn comes.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;
use std::task::Waker;

use actix_http::ws::CloseReason;
use bytestring::ByteString;
use hearth_core::event::Event;

/// How much is handed to the connection at a time, in bytes: what it buffers itself.
const SHARE: usize = 32 * 1024;
/// Room for an envelope around an event.
const ENVELOPE: usize = 64;

enum Item {
    Reply(ByteString),
    Event {
        subscription: u64,
        event: Arc<Event>,
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
}

impl Outbox {
    /// Queues a reply.
    pub(super) fn reply(&self, text: ByteString) {
        self.replies.set(self.replies.get() + 1);
        self.reply_bytes.set(self.reply_bytes.get() + text.len());
        self.push(Item::Reply(text));
    }

    /// Queues an event of a subscription; says how many messages wait now.
    pub(super) fn event(&self, subscription: u64, event: &Arc<Event>) -> usize {
        self.push(Item::Event {
            subscription,
            event: Arc::clone(event),
        });
        self.queue.borrow().len()
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
    /// share.
    pub(super) fn take_share(&self, mut send: impl FnMut(Frame)) {
        let mut bytes = 0;
        let mut array = String::new();
        while bytes < SHARE {
            let Some(item) = self.queue.borrow_mut().pop_front() else {
                break;
            };
            let text = match item {
                Item::Reply(text) => {
                    self.replies.set(self.replies.get().saturating_sub(1));
                    self.reply_bytes
                        .set(self.reply_bytes.get().saturating_sub(text.len()));
                    text
                }
                Item::Event {
                    subscription,
                    event,
                } => enveloped(subscription, &event),
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
}

fn send_array(array: &mut String, send: &mut impl FnMut(Frame)) {
    if !array.is_empty() {
        array.push(']');
        send(Frame::Text(std::mem::take(array).into()));
    }
}

/// `{"id":…,"type":"event","event":…}`, in one allocation.
fn enveloped(subscription: u64, event: &Event) -> ByteString {
    let event = event.json();
    let mut out = String::with_capacity(event.len() + ENVELOPE);
    // Writing into a String does not fail.
    let _ = write!(out, "{{\"id\":{subscription},\"type\":\"event\",\"event\":");
    // The event was written as text.
    out.push_str(std::str::from_utf8(event).unwrap_or("null"));
    out.push('}');
    out.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use actix_http::ws::CloseCode;
    use hearth_core::env::Env;
    use hearth_core::event::{Context, EventData, EventType, Origin};
    use serde_json::{Value, json};

    use super::*;

    fn event() -> Arc<Event> {
        let env = Env::system();
        Arc::new(Event::new(
            EventType::known("x"),
            EventData::Json(json!({"text": "ü"})),
            Origin::Local,
            env.now(),
            Context::new(&env),
        ))
    }

    fn taken(outbox: &Outbox) -> Vec<Frame> {
        let mut frames = Vec::new();
        outbox.take_share(|frame| frames.push(frame));
        frames
    }

    fn texts(outbox: &Outbox) -> Vec<Value> {
        taken(outbox)
            .into_iter()
            .map(|frame| match frame {
                Frame::Text(text) => serde_json::from_str(&text).unwrap(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn going() -> CloseReason {
        CloseCode::Away.into()
    }

    #[test]
    fn answers_and_events_keep_their_order() {
        let outbox = Outbox::default();
        outbox.reply("1".into());
        assert_eq!(outbox.event(5, &event()), 2);
        outbox.reply("2".into());
        let sent = texts(&outbox);
        assert_eq!((&sent[0], &sent[2]), (&json!(1), &json!(2)));
        assert_eq!(
            (&sent[1]["id"], &sent[1]["event"]["data"]["text"]),
            (&json!(5), &json!("ü"))
        );
        assert_eq!(outbox.waiting_replies(), (0, 0));
    }

    #[test]
    fn only_about_a_share_is_taken_at_a_time() {
        let outbox = Outbox::default();
        for _ in 0..5 {
            outbox.reply("7".repeat(SHARE / 2).into());
        }
        assert_eq!((taken(&outbox).len(), outbox.len()), (2, 3));
        outbox.reply("8".repeat(SHARE * 4).into());
        assert_eq!(taken(&outbox).len(), 2);
        assert_eq!(
            (taken(&outbox).len(), taken(&outbox).len(), outbox.len()),
            (2, 0, 0)
        );
    }

    #[test]
    fn a_coalescing_socket_gets_arrays_but_single_messages_as_they_are() {
        let outbox = Outbox::default();
        outbox.coalesce(true);
        for text in ["1", "2", "3"] {
            outbox.reply(text.into());
        }
        assert_eq!(texts(&outbox), [json!([1, 2, 3])]);
        outbox.reply("4".into());
        assert_eq!(texts(&outbox), [json!(4)]);
        outbox.reply("5".into());
        outbox.reply("6".into());
        outbox.ping();
        outbox.close(going());
        assert_eq!(
            taken(&outbox),
            [
                Frame::Text("[5,6]".into()),
                Frame::Ping,
                Frame::Close(going())
            ]
        );
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let outbox = Outbox::default();
        outbox.reply("1".into());
        outbox.discard_and_close(going());
        outbox.reply("2".into());
        outbox.close(CloseCode::Normal.into());
        assert_eq!(taken(&outbox), [Frame::Close(going())]);
        assert!(outbox.is_closing());
    }
}
