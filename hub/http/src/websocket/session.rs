//! The session actor: one a socket, from its upgrade to its end.
//!
//! It deals in frames and phases; what a signed-in client says is [`SignedIn`]'s business.

use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Task, Poll};

use actix::prelude::*;
use actix_http::ws::{CloseCode, CloseReason, Item};
use actix_web::web;
use actix_web_actors::ws::{Message, ProtocolError, WebsocketContext};
use bytestring::ByteString;
use hearth_auth::Authenticated;
use hearth_core::hub::PROTOCOL_VERSION;
use hearth_websocket::{Fragments, Joined, MessageLimit, NotText};
use serde_json::json;

use super::fan_out::ShutOut;
use super::message::Batch;
use super::outbox::Frame;
use super::sign_in::{self, Verdict};
use super::signed_in::SignedIn;
use super::sockets::{Place, Socket};
use crate::door::Door;

/// See the module's guide.
pub(super) struct WsSession {
    door: web::Data<Door>,
    place: Place,
    limit: MessageLimit,
    address: Option<IpAddr>,
    fragments: Fragments,
    phase: Phase,
}

enum Phase {
    /// The client has not said who it is.
    SigningIn,
    /// It has.
    SignedIn(Box<SignedIn>),
    /// A close frame is queued or sent; what comes in is thrown away.
    Closing,
}

type Ctx = WebsocketContext<WsSession>;

impl WsSession {
    pub(super) fn new(
        door: web::Data<Door>,
        place: Place,
        limit: MessageLimit,
        address: Option<IpAddr>,
    ) -> Self {
        Self {
            door,
            place,
            limit,
            address,
            fragments: Fragments::default(),
            phase: Phase::SigningIn,
        }
    }

    fn socket(&self) -> &Rc<Socket> {
        &self.place.socket
    }

    /// Closes behind what already waits.
    fn close(&mut self, code: CloseCode) {
        self.socket().close(code.into());
        self.phase = Phase::Closing;
    }

    fn text(&mut self, text: ByteString, ctx: &mut Ctx) {
        match &mut self.phase {
            Phase::SigningIn => self.sign_in(&text),
            Phase::SignedIn(signed_in) => match Batch::read(text, self.door.http().json_depth) {
                Some(batch) => {
                    signed_in.receive(batch);
                    // Nothing further is read until this is done: see `Work`.
                    ctx.wait(Work);
                }
                None => self.close(CloseCode::Normal),
            },
            Phase::Closing => {}
        }
    }

    fn binary(&mut self, bytes: &[u8]) {
        match &self.phase {
            Phase::SigningIn => self.close(CloseCode::Normal),
            // The first byte names a handler; there is none that anybody has registered.
            Phase::SignedIn(_) if !bytes.is_empty() => {}
            Phase::SignedIn(_) => self.close(CloseCode::Normal),
            Phase::Closing => {}
        }
    }

    fn fragment(&mut self, item: Item, ctx: &mut Ctx) {
        match self.fragments.add(item) {
            Ok(None) => {}
            Ok(Some(Joined::Text(text))) => self.text(text, ctx),
            Ok(Some(Joined::Binary(bytes))) => self.binary(&bytes),
            Err(NotText) => self.close(CloseCode::Invalid),
        }
    }

    fn sign_in(&mut self, text: &str) {
        let depth = self.door.http().json_depth;
        match sign_in::examine(text, depth, &self.door.auth, self.address) {
            Verdict::Welcome(user) => self.welcome(*user),
            Verdict::NoJson => self.close(CloseCode::Normal),
            Verdict::Invalid(message) => {
                let reply = json!({"type": "auth_invalid", "message": message});
                self.socket().outbox.reply(reply.to_string().into());
                self.close(CloseCode::Normal);
            }
        }
    }

    fn welcome(&mut self, user: Authenticated) {
        let fan_out = self.place.sockets.fan_out.clone();
        let key = self.socket().key;
        let close = move || fan_out.do_send(ShutOut(key));
        let Ok(guard) = self.door.auth.open_session(&user, close) else {
            // Shut out within the moment since its token was found good.
            return self.close(CloseCode::Normal);
        };
        self.limit.raise(self.door.websocket().message_limit);
        self.socket().sign_in(user.clone());
        let reply = json!({"type": "auth_ok", "ha_version": PROTOCOL_VERSION});
        self.socket().outbox.reply(reply.to_string().into());
        self.phase = Phase::SignedIn(Box::new(SignedIn::new(
            self.door.clone(),
            Rc::clone(&self.place.sockets),
            Rc::clone(&self.place.socket),
            user,
            self.address,
            guard,
        )));
    }

    /// What the codec or the guard has found wrong.
    fn refuse(&mut self, error: &ProtocolError) {
        let code = match error {
            _ if self.limit.is_exceeded() => CloseCode::Size,
            // The codec's word for text that is not UTF-8, among others.
            ProtocolError::Io(_) => CloseCode::Invalid,
            _ => CloseCode::Protocol,
        };
        tracing::debug!(%error, ?code, "a socket broke the protocol");
        self.close(code);
    }

    /// Hands the connection what it can take now.
    fn send_share(&mut self, ctx: &mut Ctx) {
        let mut closes = false;
        self.place.socket.outbox.take_share(|frame| match frame {
            Frame::Text(text) => ctx.text(text),
            Frame::Ping => ctx.ping(b""),
            Frame::Close(reason) => {
                ctx.close(Some(reason));
                closes = true;
            }
        });
        if closes {
            self.phase = Phase::Closing;
            // A client that is still sending a message too large would not see why it is refused:
            // its connection is read on until it ends, or the sweep ends it.
            if !self.limit.is_exceeded() {
                ctx.stop();
            }
        }
    }
}

impl Actor for WsSession {
    type Context = Ctx;

    fn started(&mut self, ctx: &mut Ctx) {
        let hello = json!({"type": "auth_required", "ha_version": PROTOCOL_VERSION});
        self.socket().outbox.reply(hello.to_string().into());
        ctx.spawn(Sending);
    }
}

/// Sends what waits in the outbox, for as long as the session lives. Only polled while the
/// connection takes more: that is what holds the outbox back when the client does not read.
struct Sending;

impl ActorFuture<WsSession> for Sending {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        session: &mut WsSession,
        ctx: &mut Ctx,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        session.socket().outbox.wake_me(task.waker());
        session.send_share(ctx);
        Poll::Pending
    }
}

/// Runs the commands of a message. The session reads nothing further meanwhile; it goes on
/// sending, since a command may have to wait until there is room for its answer.
struct Work;

impl ActorFuture<WsSession> for Work {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        session: &mut WsSession,
        ctx: &mut Ctx,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        session.socket().outbox.wake_me(task.waker());
        let done = match &mut session.phase {
            Phase::SignedIn(signed_in) => signed_in.proceed(task),
            _ => Poll::Ready(()),
        };
        session.send_share(ctx);
        done
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for WsSession {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Ctx) {
        match message {
            Ok(Message::Close(reason)) => {
                if !matches!(self.phase, Phase::Closing) {
                    let code = reason.map_or(CloseCode::Normal, |reason| reason.code);
                    ctx.close(Some(CloseReason::from(code)));
                }
                self.phase = Phase::Closing;
                ctx.stop();
            }
            _ if matches!(self.phase, Phase::Closing) => {}
            Ok(Message::Text(text)) => self.text(text, ctx),
            Ok(Message::Binary(bytes)) => self.binary(&bytes),
            Ok(Message::Continuation(item)) => self.fragment(item, ctx),
            Ok(Message::Ping(payload)) => ctx.pong(&payload),
            Ok(Message::Pong(_)) => self.socket().pong_arrived(),
            Ok(Message::Nop) => {}
            Err(error) => self.refuse(&error),
        }
    }

    fn finished(&mut self, ctx: &mut Ctx) {
        ctx.stop();
    }
}
