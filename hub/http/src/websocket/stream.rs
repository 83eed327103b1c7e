//! Subscriptions of integrations ([`hearth_core::subscription`]): their answer first, then their
//! events, each in an envelope with the subscription's id.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use hearth_core::command::CommandError;
use hearth_core::subscription::Events;
use tokio::sync::oneshot;

use super::reply::Answer;
use super::sockets::{Socket, Sockets};
use super::subscriptions::Listed;

/// Ends the stream when it is dropped, as the list of subscriptions does.
pub(super) struct End(#[expect(dead_code, reason = "held for its drop")] oneshot::Sender<()>);

/// A command that an integration answers, and whose events follow.
pub(super) struct Stream {
    listed: Listed,
    events: Events,
    ended: oneshot::Receiver<()>,
    answer: LocalBoxFuture<'static, Result<Answer, CommandError>>,
}

impl Stream {
    pub(super) fn new(
        listed: Listed,
        events: Events,
        answer: LocalBoxFuture<'static, Result<Answer, CommandError>>,
    ) -> (Self, End) {
        let (end, ended) = oneshot::channel();
        let stream = Self {
            listed,
            events,
            ended,
            answer,
        };
        (stream, End(end))
    }

    /// Waits for the answer. A client that has ended the subscription by then still gets it; the
    /// integration is told at once.
    pub(super) async fn answer(self) -> (Result<Answer, CommandError>, Option<Pump>) {
        let Self {
            listed,
            events,
            mut ended,
            mut answer,
        } = self;
        let outcome = tokio::select! {
            biased;
            outcome = &mut answer => outcome,
            _ = &mut ended => {
                drop(events);
                return (answer.await, None);
            }
        };
        if outcome.is_err() {
            listed.withdraw();
            return (outcome, None);
        }
        let pump = Pump {
            id: listed.id,
            events,
            ended,
        };
        (outcome, Some(pump))
    }
}

/// Brings events from an integration to a socket.
pub(super) struct Pump {
    id: u64,
    events: Events,
    ended: oneshot::Receiver<()>,
}

impl Pump {
    /// Runs until the client or the integration ends the subscription. A socket that cannot keep
    /// up is cut off.
    pub(super) async fn run(mut self, sockets: &Sockets, socket: &Rc<Socket>) {
        let queue = sockets.door.websocket().queue;
        loop {
            let event = tokio::select! {
                biased;
                _ = &mut self.ended => return,
                event = self.events.next() => event,
            };
            if socket.outbox.is_closing() {
                return;
            }
            let waiting = match &event {
                Some(event) => socket.outbox.stream_event(self.id, event.clone()),
                None => socket.outbox.len(),
            };
            if waiting > queue || self.events.has_lost() {
                return sockets.cut_off(socket);
            }
            if event.is_none() {
                return;
            }
        }
    }
}
