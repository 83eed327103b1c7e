//! The command phase of a socket: ids, order, and how much may run at a time (spec §2).

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context as Task, Poll};

use actix_http::ws::CloseCode;
use actix_web::web;
use futures_util::future::LocalBoxFuture;
use hearth_auth::{Authenticated, SessionGuard};
use hearth_core::command::{Access, Caller, CommandError, ErrorCode};
use hearth_core::event::Context;
use serde_json::{Map, Value};

use super::commands::{self, Act, Done, Named, Then};
use super::fields::Fields;
use super::message::{Batch, Envelope, Malformed};
use super::reply::{Answer, refusal, reply};
use super::sockets::{Socket, Sockets};
use super::stream::Stream;
use super::subscriptions::{Subscription, Subscriptions};
use crate::door::Door;

/// How many replies, and how many bytes of them, may wait before further commands do.
const WAITING_REPLIES: usize = 256;
const WAITING_REPLY_BYTES: usize = 1024 * 1024;

/// A client that has said who it is, and what it has going on.
pub(super) struct SignedIn {
    pub(super) door: web::Data<Door>,
    pub(super) sockets: Rc<Sockets>,
    pub(super) socket: Rc<Socket>,
    /// As of the last command.
    pub(super) user: Authenticated,
    /// Where the client is, as far as the system knows.
    pub(super) address: Option<IpAddr>,
    pub(super) subscriptions: Rc<Subscriptions>,
    last_id: u64,
    batch: Option<Batch>,
    /// A command that those behind it must find done.
    first: Option<(u64, LocalBoxFuture<'static, Result<Done, CommandError>>)>,
    running: Rc<Cell<usize>>,
    _listed: SessionGuard,
}

impl SignedIn {
    pub(super) fn new(
        door: web::Data<Door>,
        sockets: Rc<Sockets>,
        socket: Rc<Socket>,
        user: Authenticated,
        address: Option<IpAddr>,
        listed: SessionGuard,
    ) -> Self {
        Self {
            door,
            sockets,
            socket,
            user,
            address,
            subscriptions: Rc::default(),
            last_id: 0,
            batch: None,
            first: None,
            running: Rc::default(),
            _listed: listed,
        }
    }

    /// A fresh context of the user.
    pub(super) fn context(&self) -> Context {
        Context::of_user(&self.door.hub.env, self.user.user.id)
    }

    /// The user as a caller of commands, with a fresh context.
    pub(super) fn caller(&self) -> Caller {
        Caller::new(self.context(), self.authority())
    }

    fn authority(&self) -> Access {
        if self.user.is_admin() {
            Access::Admin
        } else {
            Access::AnyUser
        }
    }

    /// Takes a message; [`SignedIn::proceed`] runs it.
    pub(super) fn receive(&mut self, batch: Batch) {
        self.batch = Some(batch);
    }

    /// Runs the commands of the message that was received, as far as they go now. Pending: the
    /// outbox is waked when it is worth going on.
    pub(super) fn proceed(&mut self, task: &mut Task<'_>) -> Poll<()> {
        while !self.socket.outbox.is_closing() {
            if let Some((id, first)) = &mut self.first {
                let id = *id;
                let Poll::Ready(outcome) = first.as_mut().poll(task) else {
                    return Poll::Pending;
                };
                self.first = None;
                self.finish_first(id, outcome);
                continue;
            }
            if !self.has_room() {
                return Poll::Pending;
            }
            match self.batch.as_mut().and_then(Batch::next) {
                Some(element) => self.take(&element),
                None => break,
            }
        }
        self.batch = None;
        self.first = None;
        Poll::Ready(())
    }

    /// Whether another command may begin.
    fn has_room(&self) -> bool {
        let is_running_full = self.running.get() >= self.door.websocket().commands.max(1);
        self.socket.pause_reading(is_running_full);
        let (replies, bytes) = self.socket.outbox.waiting_replies();
        !is_running_full && replies < WAITING_REPLIES && bytes < WAITING_REPLY_BYTES
    }

    fn finish_first(&mut self, id: u64, outcome: Result<Done, CommandError>) {
        let Done { answer, then } = match outcome {
            Ok(done) => done,
            Err(error) => return self.answer(id, Err(error)),
        };
        self.answer(id, Ok(answer));
        match then {
            Then::Nothing => {}
            Then::Keep(subscription) => self.subscriptions.insert(id, subscription),
            Then::Begin(stream, beginning) => {
                stream.begin(beginning);
                self.subscriptions
                    .insert(id, Subscription::Entities(stream));
            }
        }
    }

    fn answer(&self, id: u64, outcome: Result<Answer, CommandError>) {
        match outcome {
            Ok(Answer::Shared(json)) => self.socket.outbox.result(id, json),
            other => self.socket.outbox.reply(reply(id, other)),
        }
    }

    /// Takes one element of a message. Only what reaches a command advances the last id.
    fn take(&mut self, element: &str) {
        let refuse = |id: &str, error| self.socket.outbox.reply(refusal(id, &error));
        let envelope = match Envelope::read(element) {
            Ok(envelope) => envelope,
            Err(Malformed(id)) => {
                return refuse(id, CommandError::invalid("Message incorrectly formatted."));
            }
        };
        let id = envelope.id;
        if id <= self.last_id {
            let reused = "Identifier values have to increase.";
            return refuse(
                &id.to_string(),
                CommandError::new(ErrorCode::new("id_reuse"), reused),
            );
        }
        match self.door.auth.recheck(&self.user) {
            Ok(user) => {
                self.socket.set_user(user.clone());
                self.user = user;
            }
            Err(_) => return self.socket.close(CloseCode::Normal.into()),
        }
        let Some(named) = commands::find(&envelope.kind, &self.door.hub) else {
            let unknown = CommandError::new(ErrorCode::UNKNOWN_COMMAND, "Unknown command.");
            return refuse(&id.to_string(), unknown);
        };
        self.last_id = id;
        match self.begin(id, named, element) {
            Ok(Act::Done(answer)) => self.answer(id, Ok(answer)),
            Ok(Act::First(first)) => self.first = Some((id, first)),
            Ok(Act::Beside(beside)) => self.run_beside(id, beside),
            Ok(Act::Stream(stream)) => self.run_stream(id, stream),
            Err(error) => self.answer(id, Err(error)),
        }
    }

    fn begin(&mut self, id: u64, named: Named<'_>, element: &str) -> Result<Act, CommandError> {
        // It is JSON; what may still be wrong are numbers and escapes that mean nothing.
        let message: Map<String, Value> = serde_json::from_str(element).map_err(|error| {
            CommandError::invalid(format!("Message incorrectly formatted: {error}"))
        })?;
        let authority = self.authority();
        named.begin(Fields::new(message), authority, id, self)
    }

    /// Runs a command beside the socket: it goes on if the client leaves.
    fn run_beside(
        &mut self,
        id: u64,
        beside: LocalBoxFuture<'static, Result<Answer, CommandError>>,
    ) {
        let running = Running::new(Rc::clone(&self.running), Rc::clone(&self.socket));
        actix::spawn(async move {
            let outcome = beside.await;
            running.socket.outbox.reply(reply(id, outcome));
        });
    }

    /// The same, and brings the events that follow.
    fn run_stream(&self, id: u64, stream: Stream) {
        let running = Running::new(Rc::clone(&self.running), Rc::clone(&self.socket));
        let sockets = Rc::clone(&self.sockets);
        actix::spawn(async move {
            let (outcome, pump) = stream.answer().await;
            running.socket.outbox.reply(reply(id, outcome));
            let socket = Rc::clone(&running.socket);
            drop(running);
            if let Some(pump) = pump {
                pump.run(&sockets, &socket).await;
            }
        });
    }
}

/// Counts a running command. The session may wait for its end.
struct Running {
    count: Rc<Cell<usize>>,
    socket: Rc<Socket>,
}

impl Running {
    fn new(count: Rc<Cell<usize>>, socket: Rc<Socket>) -> Self {
        count.set(count.get() + 1);
        Self { count, socket }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.count.set(self.count.get().saturating_sub(1));
        self.socket.outbox.wake();
    }
}
