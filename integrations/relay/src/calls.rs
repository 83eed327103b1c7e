//! Requests to cloudhooks: run as if they had come through another door, and answered.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hearth_core::webhook::{Headers, Method, Source, WebhookRequest, WebhookResponse};
use hearth_relay_protocol::{FRAME_BYTES_MAX, Frame, FromHub, Req, Res, ResErr};
use http::{HeaderName, HeaderValue};
use tokio::sync::OwnedSemaphorePermit;

use crate::link::Link;
use crate::messages::short;

/// The longest that a caller waits (spec relay §7).
const DEADLINE_MAX_MS: u64 = 60_000;

/// What becomes of a request.
enum Way {
    /// To its webhook.
    Run(Box<WebhookRequest>),
    /// Answered at once.
    Answer(WebhookResponse),
    /// It is none.
    Bad(&'static str),
}

impl Link {
    /// Runs a request and answers it.
    pub(crate) fn call(&mut self, req: Req, ctx: &mut Context<Self>) {
        let (rid, deadline_ms) = (req.rid, req.deadline_ms);
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else {
            return self.refuse(rid, "busy", None);
        };
        let request = match self.way(req) {
            Way::Run(request) => *request,
            Way::Answer(response) => return self.respond(rid, response, turn),
            Way::Bad(code) => return self.refuse(rid, code, Some(turn)),
        };
        let webhooks = self.hub.webhooks.clone();
        let deadline = Duration::from_millis(deadline_ms.clamp(1, DEADLINE_MAX_MS));
        let run = async move { tokio::time::timeout(deadline, webhooks.handle(request)).await };
        let done = run.into_actor(self).map(move |answer, link, _| {
            link.calls.remove(&rid);
            match answer {
                Ok(Ok(response)) => link.respond(rid, response, turn),
                Ok(Err(_)) => link.respond(rid, WebhookResponse::empty(503), turn),
                Err(_) => link.refuse(rid, "timeout", Some(turn)),
            }
        });
        let call = ctx.spawn(done);
        if let Some(older) = self.calls.insert(rid, call) {
            ctx.cancel_future(older);
        }
    }

    fn way(&mut self, req: Req) -> Way {
        const NOTHING: WebhookResponse = WebhookResponse::empty(200);
        let limit = self.hub.settings.http.body_limit;
        let Some(cloudhook) = self.cloudhooks.get_mut(&req.cloudhook_id) else {
            tracing::info!(
                cloudhook = short(&req.cloudhook_id),
                "a request came for a cloudhook that this hub does not know"
            );
            return Way::Answer(NOTHING);
        };
        let Some(method) = Method::parse(&req.method) else {
            return Way::Answer(WebhookResponse::empty(405));
        };
        let id = cloudhook.webhook_id.clone();
        let hook = self.hub.webhooks.get(&id);
        if hook.is_some_and(|hook| hook.local_only == Some(true)) {
            cloudhook.blocked_local_only += 1;
            tracing::warn!(
                webhook = id.short(),
                "blocked_local_only: a webhook that is for callers near by was called through the \
                 relay; it was not run"
            );
            return Way::Answer(NOTHING);
        }
        let body = match (req.body, req.body_b64) {
            (Some(text), _) => text.into(),
            (None, Some(encoded)) => match BASE64.decode(encoded) {
                Ok(bytes) => bytes.into(),
                Err(_) => return Way::Bad("bad_request"),
            },
            (None, None) => Bytes::new(),
        };
        if body.len() > limit {
            return Way::Answer(WebhookResponse::empty(413));
        }
        Way::Run(Box::new(WebhookRequest {
            id,
            method,
            query: req.query,
            headers: headers(&req.headers),
            body,
            source: Source::Relay,
        }))
    }

    fn respond(&mut self, rid: u64, response: WebhookResponse, turn: OwnedSemaphorePermit) {
        let frame = FromHub::Res(answer(rid, response));
        if frame_bytes(&frame) > FRAME_BYTES_MAX {
            return self.refuse(rid, "too_large", Some(turn));
        }
        self.say(&frame, Some(turn));
    }

    fn refuse(&mut self, rid: u64, code: &str, turn: Option<OwnedSemaphorePermit>) {
        let code = code.to_owned();
        self.say(&FromHub::ResErr(ResErr { rid, code }), turn);
    }
}

/// How long a frame is, without writing it where that is plain.
fn frame_bytes(frame: &FromHub) -> usize {
    match frame {
        // A character of JSON takes up to six bytes.
        FromHub::Res(res) => {
            let body = res
                .body
                .as_ref()
                .map_or(0, |body| body.len().saturating_mul(6));
            let encoded = res.body_b64.as_ref().map_or(0, String::len);
            match body + encoded + 1024 {
                bound if bound <= FRAME_BYTES_MAX => bound,
                _ => frame.to_text().len(),
            }
        }
        _ => frame.to_text().len(),
    }
}

fn headers(pairs: &[(String, String)]) -> Headers {
    let field = |(name, value): &(String, String)| {
        let name = HeaderName::try_from(name.as_str()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    Headers::new(pairs.iter().filter_map(field).collect())
}

fn answer(rid: u64, response: WebhookResponse) -> Res {
    let content_type = response.content_type;
    let headers = content_type.map(|value| ("content-type".to_owned(), value.into_owned()));
    let (body, body_b64) = match std::str::from_utf8(&response.body) {
        Ok("") => (None, None),
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(BASE64.encode(&response.body))),
    };
    Res {
        rid,
        status: response.status,
        headers: headers.into_iter().collect(),
        body,
        body_b64,
    }
}
