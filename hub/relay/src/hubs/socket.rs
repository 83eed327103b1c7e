//! The actor that reads a hub's connection, from its upgrade to its end.

use std::rc::Rc;

use actix::prelude::*;
use actix_http::ws::{CloseCode, CloseReason, Item};
use actix_web_actors::ws::{Message, ProtocolError, WebsocketContext};
use hearth_relay_protocol::{FRAME_BYTES_MAX, close};
use hearth_websocket::{Fragments, Joined, MessageLimit, NotText};

use super::session::Session;

/// See the module's guide.
pub(super) struct Socket {
    session: Rc<Session>,
    limit: MessageLimit,
    fragments: Fragments,
}

type Ctx = WebsocketContext<Socket>;

impl Socket {
    pub(super) fn new(session: Rc<Session>, limit: MessageLimit) -> Self {
        Self {
            session,
            limit,
            fragments: Fragments::default(),
        }
    }

    fn text(&mut self, text: &str, ctx: &mut Ctx) {
        if let Some(work) = self.session.receive(text) {
            // Nothing further is read until this is done and there is room for its answer.
            ctx.wait(work.into_actor(self));
        }
        if self.session.is_greeted() {
            self.limit.raise(FRAME_BYTES_MAX);
        }
    }

    fn binary(&self) {
        self.session.close(close::BAD_FRAME, "expected text");
    }

    fn fragment(&mut self, item: Item, ctx: &mut Ctx) {
        match self.fragments.add(item) {
            Ok(None) => {}
            Ok(Some(Joined::Text(text))) => self.text(&text, ctx),
            Ok(Some(Joined::Binary(_))) => self.binary(),
            Err(NotText) => self
                .session
                .close(CloseCode::Invalid.into(), "expected UTF-8"),
        }
    }

    /// What the codec or the guard has found wrong.
    fn refuse(&mut self, error: &ProtocolError, ctx: &mut Ctx) {
        tracing::debug!(%error, "a hub broke the protocol of WebSockets");
        if self.limit.is_exceeded() {
            // Its connection is read on until it ends: one that is still sending would not see why.
            let reason = "the frame is too large";
            return self.session.close(CloseCode::Size.into(), reason);
        }
        let code = match error {
            // The codec's word for text that is not UTF-8, among others.
            ProtocolError::Io(_) => CloseCode::Invalid,
            _ => CloseCode::Protocol,
        };
        // The codec would find the same again.
        self.session.outbox.give_up();
        ctx.close(Some(code.into()));
        ctx.stop();
    }
}

impl Actor for Socket {
    type Context = Ctx;
}

impl StreamHandler<Result<Message, ProtocolError>> for Socket {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Ctx) {
        self.session.heard();
        let is_closing = self.session.outbox.is_closing();
        match message {
            Ok(Message::Close(reason)) => {
                if !is_closing {
                    let code = reason.map_or(CloseCode::Normal, |reason| reason.code);
                    self.session.outbox.give_up();
                    ctx.close(Some(CloseReason::from(code)));
                }
                ctx.stop();
            }
            Err(error) => self.refuse(&error, ctx),
            _ if is_closing => {}
            Ok(Message::Text(text)) => self.text(&text, ctx),
            Ok(Message::Binary(_)) => self.binary(),
            Ok(Message::Continuation(item)) => self.fragment(item, ctx),
            Ok(Message::Ping(payload)) => ctx.pong(&payload),
            Ok(Message::Pong(_) | Message::Nop) => {}
        }
    }

    fn finished(&mut self, ctx: &mut Ctx) {
        ctx.stop();
    }
}
