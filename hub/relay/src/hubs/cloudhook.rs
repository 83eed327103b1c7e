//! `/c/{id}`: a request to a hub's own webhook, answered by the hub (spec relay §7).

use std::time::{Duration, Instant};

use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hearth_relay_protocol::{Req, Res};

use super::line::{Answer, CallError, Line};
use super::session::seconds;
use crate::ids::{CloudhookId, HubId};
use crate::public::address;
use crate::public::body::{self, BodyError};
use crate::public::headers::{Fields, are_too_large, is_of_hop};
use crate::rates::Source;
use crate::registry::FoundCloudhook;
use crate::relay::Relay;

/// What comes before an id in the address's path.
pub(super) const PATH: &str = "/c/";

/// Names the relay's own refusals, so that they can be told from the hub's answers.
const ERROR: &str = "x-hearth-relay-error";
/// What a request for an address that is not there costs its sender, in requests.
const UNKNOWN_COSTS: f64 = 5.0;
/// The longest that a caller may be let wait.
const DEADLINE_MAX: Duration = Duration::from_secs(60);
/// When to try again with a hub that is not there, in seconds.
const OFFLINE_S: u64 = 5;
/// The same where too much is under way.
const BUSY_S: u64 = 1;

/// Why the relay answers in the hub's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    MethodNotAllowed,
    Unknown,
    Gone,
    TooLarge,
    HeadersTooLarge,
    QueryTooLong,
    TooSlow,
    BadRequest,
    TooManyRequests(Duration),
    TooManyCalls,
    Overloaded,
    Offline,
    Timeout,
    BadAnswer,
    ConnectionLost,
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::TooSlow => Self::TooSlow,
            BodyError::Broken => Self::BadRequest,
            BodyError::Overloaded => Self::Overloaded,
        }
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        match error {
            CallError::TooMany => Self::TooManyCalls,
            CallError::Overloaded => Self::Overloaded,
            CallError::Offline => Self::Offline,
        }
    }
}

/// What comes before a cloudhook's id in its address: the relay's public address, or that by which
/// this hub has reached it.
pub(super) fn base(relay: &Relay, request: &HttpRequest) -> String {
    let root = match &relay.settings.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let host = request.headers().get("host");
            let host = host.and_then(|host| host.to_str().ok());
            let scheme = match request.app_config().secure() {
                true => "https",
                false => "http",
            };
            let here = || request.app_config().local_addr().to_string();
            format!("{scheme}://{}", host.map_or_else(here, str::to_owned))
        }
    };
    format!("{root}{PATH}")
}

/// Answers a request.
pub(super) async fn serve(
    relay: web::Data<Relay>,
    request: HttpRequest,
    mut payload: web::Payload,
) -> HttpResponse {
    let began = Instant::now();
    let reply = match call(&relay, &request, &mut payload).await {
        Ok(reply) => reply,
        Err(refusal) => refusal.reply(),
    };
    let code = reply.status().as_u16().to_string();
    let seconds = &relay.metrics.cloudhook_seconds;
    seconds
        .get_or_create(&[("code", code)])
        .observe(began.elapsed().as_secs_f64());
    reply
}

async fn call(
    relay: &Relay,
    request: &HttpRequest,
    payload: &mut web::Payload,
) -> Result<HttpResponse, Refusal> {
    let hub = find(relay, request)?;
    let method = request.method();
    if ![Method::GET, Method::HEAD, Method::POST, Method::PUT].contains(method) {
        return Err(Refusal::MethodNotAllowed);
    }
    if are_too_large(request.headers(), &relay.settings) {
        return Err(Refusal::HeadersTooLarge);
    }
    if request.query_string().len() > relay.settings.query_limit {
        return Err(Refusal::QueryTooLong);
    }
    // Before the body is read: most hubs that are not there stay away for longer.
    let line = line(relay, hub)?;
    let body = body::read(relay, request, payload, relay.settings.body_limit).await?;
    let peer = address::peer(request);
    let is_trusted = address::is_trusted(&relay.proxies, peer);
    let deadline = seconds(relay.settings.cloudhook_deadline_s).min(DEADLINE_MAX);
    let (body, body_b64) = in_frame(&body);
    let req = Req {
        rid: 0,
        cloudhook_id: request
            .match_info()
            .get("id")
            .unwrap_or_default()
            .to_owned(),
        method: method.as_str().to_owned(),
        query: request.query_string().to_owned(),
        headers: Fields::of_request(request.headers(), peer, is_trusted)
            .pairs()
            .to_vec(),
        body,
        body_b64,
        deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
    };
    let mut call = line.call(req)?;
    match tokio::time::timeout(deadline, call.answer()).await {
        Ok(Some(Answer::Res(res))) => reply_of(res).ok_or(Refusal::BadAnswer),
        Ok(Some(Answer::Failed(failed))) if failed.code == "timeout" => Err(Refusal::Timeout),
        Ok(Some(Answer::Failed(failed))) if failed.code == "busy" => Err(Refusal::TooManyCalls),
        Ok(Some(Answer::Failed(_))) => Err(Refusal::BadAnswer),
        Ok(Some(Answer::NotSent)) => Err(Refusal::Offline),
        Ok(None) => Err(Refusal::ConnectionLost),
        Err(_) => Err(Refusal::Timeout),
    }
}

/// Whose address this is; an unknown one costs more than a request.
fn find(relay: &Relay, request: &HttpRequest) -> Result<HubId, Refusal> {
    let source = Source::of(address::client(relay, request));
    let (rate, now) = (relay.address_rate(), relay.env.monotonic());
    if let Err(wait) = relay.address_rates.take(source, rate, now) {
        let limited = [("scope", "address")];
        relay.metrics.rate_limited.get_or_create(&limited).inc();
        return Err(Refusal::TooManyRequests(wait));
    }
    let id: Option<CloudhookId> = request
        .match_info()
        .get("id")
        .and_then(|id| id.parse().ok());
    match id.map_or(FoundCloudhook::Unknown, |id| relay.cloudhooks.find(id)) {
        FoundCloudhook::Of(hub) => Ok(hub),
        FoundCloudhook::Gone => Err(Refusal::Gone),
        FoundCloudhook::Unknown => {
            let rates = &relay.address_rates;
            rates.charge(source, rate, UNKNOWN_COSTS - 1.0, now);
            Err(Refusal::Unknown)
        }
    }
}

fn line(relay: &Relay, hub: HubId) -> Result<std::sync::Arc<Line>, Refusal> {
    let line = relay.door.lines.get(&hub);
    line.map(|line| std::sync::Arc::clone(&line))
        .ok_or(Refusal::Offline)
}

/// As text where it is, else as base64.
fn in_frame(body: &Bytes) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(body) {
        Ok("") => (None, None),
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(BASE64.encode(body))),
    }
}

/// The hub's answer; none where it is none.
fn reply_of(res: Res) -> Option<HttpResponse> {
    let status = StatusCode::from_u16(res.status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))?;
    let body: Bytes = match (res.body, res.body_b64) {
        (Some(text), _) => text.into(),
        (None, Some(encoded)) => BASE64.decode(encoded).ok()?.into(),
        (None, None) => Bytes::new(),
    };
    let mut reply = HttpResponse::build(status);
    let named: Vec<String> = res
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
        .flat_map(|(_, value)| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    for (name, value) in &res.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let goes_on = !is_of_hop(name.as_str())
            && !["set-cookie", "content-length"].contains(&name.as_str())
            && !name.as_str().starts_with("x-hearth-")
            && !named.iter().any(|of_hop| of_hop == name.as_str());
        if goes_on {
            let value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
            reply.append_header((name, value));
        }
    }
    Some(reply.body(body))
}

impl Refusal {
    fn status_and_code(self) -> (StatusCode, &'static str) {
        match self {
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Unknown => (StatusCode::NOT_FOUND, "unknown_cloudhook"),
            Self::Gone => (StatusCode::GONE, "gone"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::HeadersTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
            ),
            Self::QueryTooLong => (StatusCode::URI_TOO_LONG, "query_too_long"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::TooManyRequests(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::TooManyCalls => (StatusCode::TOO_MANY_REQUESTS, "too_many_calls"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Offline => (StatusCode::SERVICE_UNAVAILABLE, "hub_offline"),
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
            Self::BadAnswer => (StatusCode::BAD_GATEWAY, "bad_answer"),
            Self::ConnectionLost => (StatusCode::BAD_GATEWAY, "connection_lost"),
        }
    }

    fn reply(self) -> HttpResponse {
        let (status, code) = self.status_and_code();
        let mut reply = HttpResponse::build(status);
        reply.insert_header((ERROR, code));
        self.add_headers(&mut reply);
        reply.insert_header((CONTENT_TYPE, "application/json"));
        reply.body(format!(r#"{{"error":"{code}"}}"#))
    }

    fn add_headers(self, reply: &mut HttpResponseBuilder) {
        match self {
            Self::MethodNotAllowed => {
                reply.insert_header((ALLOW, "GET, HEAD, POST, PUT"));
            }
            Self::TooManyRequests(wait) => {
                reply.insert_header((RETRY_AFTER, wait.as_secs() + 1));
            }
            Self::Offline => {
                reply.insert_header((RETRY_AFTER, OFFLINE_S));
            }
            Self::TooManyCalls | Self::Overloaded => {
                reply.insert_header((RETRY_AFTER, BUSY_S));
            }
            _ => {}
        }
        // What is left of the body is not read.
        if matches!(self, Self::TooLarge | Self::TooSlow | Self::BadRequest) {
            reply.force_close();
        }
    }
}
