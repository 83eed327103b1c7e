//! `GET /hub/v1`: who a hub is, whether it may connect now, and its connection.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_http::ws::Codec;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    AUTHORIZATION, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE,
};
use actix_web::{HttpRequest, HttpResponse, web};
use actix_web_actors::ws::{self, WebsocketContext};
use hearth_relay_protocol::{FRAME_BYTES_MAX, SUBPROTOCOL};
use hearth_websocket::{Guarded, MessageLimit};

use super::cloudhook;
use super::outbox::Outgoing;
use super::session::Session;
use super::socket::Socket;
use crate::ids::HubId;
use crate::public::address;
use crate::rates::{Rate, Source};
use crate::registry::SignIn;
use crate::relay::Relay;

/// What a token that is none costs its address, in connections.
const UNKNOWN_COSTS: f64 = 5.0;
/// The longest that a hub is sent away for while the relay stops, in seconds.
const DRAINING_S: u64 = 10;

/// Why a hub is not let in.
enum Refusal {
    /// No hub has this token.
    Unauthorized,
    /// The hub is shut out.
    Disabled,
    /// The connection can be read on its way.
    Plain,
    /// Too often.
    TooMany(Duration),
    /// The relay is about to stop, or cannot store.
    Unavailable(Duration),
    /// It is no such WebSocket.
    BadRequest(String),
}

/// Answers the request: 101 and a session, or why not.
pub(super) async fn connect(
    relay: web::Data<Relay>,
    request: HttpRequest,
    stream: web::Payload,
) -> HttpResponse {
    let outcome = match sign_in(&relay, &request) {
        Ok(hub) => open(&relay, &request, stream, hub),
        Err(refusal) => Err(refusal),
    };
    let result = match &outcome {
        Ok(_) => "accepted",
        Err(refusal) => refusal.code(),
    };
    let connects = &relay.metrics.hub_connects;
    connects.get_or_create(&[("result", result)]).inc();
    outcome.unwrap_or_else(|refusal| refusal.reply())
}

fn sign_in(relay: &Relay, request: &HttpRequest) -> Result<HubId, Refusal> {
    let client = address::client(relay, request);
    let settings = &relay.settings;
    let now = relay.env.monotonic();
    let rate = Rate {
        per_second: settings.hub_address_rate,
        burst: settings.hub_address_burst,
    };
    let source = Source::of(client);
    let addresses = &relay.door.addresses;
    addresses
        .take(source, rate, now)
        .map_err(Refusal::TooMany)?;
    if !is_private(relay, request) {
        return Err(Refusal::Plain);
    }
    let hub = match bearer(request).map(|token| relay.hubs.sign_in(token)) {
        Some(SignIn::Hub(hub)) => hub,
        Some(SignIn::Disabled) => return Err(Refusal::Disabled),
        Some(SignIn::Unknown) | None => {
            addresses.charge(source, rate, UNKNOWN_COSTS - 1.0, now);
            return Err(Refusal::Unauthorized);
        }
    };
    let rate = Rate {
        per_second: settings.hub_connect_rate,
        burst: settings.hub_connect_burst,
    };
    let hubs = &relay.door.hubs;
    hubs.take(hub, rate, now).map_err(Refusal::TooMany)?;
    if relay.door.is_draining.load(Ordering::Relaxed) || !relay.store.is_up() {
        return Err(Refusal::Unavailable(pause(relay)));
    }
    Ok(hub)
}

/// Different for each hub, so that they do not all come back at once.
fn pause(relay: &Relay) -> Duration {
    let mut random = [0];
    relay.env.fill(&mut random);
    Duration::from_secs(1 + u64::from(random[0]) % DRAINING_S)
}

/// Encrypted, or from this machine, or from a proxy that has decrypted it.
fn is_private(relay: &Relay, request: &HttpRequest) -> bool {
    let peer: IpAddr = address::peer(request);
    request.app_config().secure() || peer.is_loopback() || address::is_trusted(&relay.proxies, peer)
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

fn open(
    relay: &Relay,
    request: &HttpRequest,
    stream: web::Payload,
    hub: HubId,
) -> Result<HttpResponse, Refusal> {
    let handshake = ws::handshake_with_protocols(request, &[SUBPROTOCOL]);
    let mut switch = handshake.map_err(|error| Refusal::BadRequest(error.to_string()))?;
    let offers = |value: &str| value.split(',').any(|offer| offer.trim() == SUBPROTOCOL);
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    if !offered.filter_map(|value| value.to_str().ok()).any(offers) {
        let expected = format!("expected the subprotocol {SUBPROTOCOL}");
        return Err(Refusal::BadRequest(expected));
    }
    let (session, greeting) = Session::new(relay.clone(), hub, cloudhook::base(relay, request));
    let limit = MessageLimit::before_sign_in(FRAME_BYTES_MAX);
    let socket = Socket::new(Rc::clone(&session), limit.clone());
    let codec = Codec::new().max_size(FRAME_BYTES_MAX);
    let frames = WebsocketContext::with_codec(socket, Guarded::new(stream, limit), codec);
    actix_rt::spawn(Rc::clone(&session).live(greeting));
    Ok(switch.streaming(Outgoing::new(frames, session)))
}

impl Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Disabled => "disabled",
            Self::Plain => "tls_required",
            Self::TooMany(_) => "too_many_requests",
            Self::Unavailable(_) => "unavailable",
            Self::BadRequest(_) => "bad_request",
        }
    }

    fn reply(self) -> HttpResponse {
        let status = match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Disabled | Self::Plain => StatusCode::FORBIDDEN,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
        };
        let mut reply = HttpResponse::build(status);
        reply.force_close();
        match &self {
            Self::Unauthorized => {
                reply.insert_header((WWW_AUTHENTICATE, "Bearer"));
            }
            Self::TooMany(wait) | Self::Unavailable(wait) => {
                reply.insert_header((RETRY_AFTER, wait.as_secs() + 1));
            }
            _ => {}
        }
        let mut body = serde_json::json!({"error": self.code()});
        if let Self::BadRequest(message) = self {
            body["message"] = message.into();
        }
        reply.json(body)
    }
}
