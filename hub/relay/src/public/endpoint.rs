//! One request from its header to its reply, check by check.

use std::sync::Arc;

use actix_web::http::{Method, Version};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use super::decoding::{self, DecodeLimits};
use super::headers::{Fields, are_too_large};
use super::reply::{self, Refusal};
use super::request::{Arrived, incoming, read_content};
use super::{address, body, challenge, unread};
use crate::accept::accept;
use crate::rates::{Rate, Source};
use crate::registry::LiveWebhook;
use crate::relay::Relay;

/// What a request for a webhook that is not there costs its address, in requests.
const UNKNOWN_COSTS: f64 = 5.0;
/// Larger bodies are decoded on a thread of their own.
const DECODE_HERE: usize = 16 * 1024;

/// Adds the senders' paths.
pub fn configure(app: &mut web::ServiceConfig) {
    for path in ["/webhook/{id}", "/webhook/{id}/"] {
        app.service(web::resource(path).to(serve));
    }
}

async fn serve(
    relay: web::Data<Relay>,
    request: HttpRequest,
    mut payload: web::Payload,
) -> HttpResponse {
    let reply = match answer(&relay, &request, &mut payload).await {
        Ok(reply) => reply,
        Err(refusal) => unread::hold(payload, refusal.reply()),
    };
    let code = reply.status().as_u16().to_string();
    relay
        .metrics
        .requests
        .get_or_create(&[("code", code)])
        .inc();
    reply
}

async fn answer(
    relay: &Relay,
    request: &HttpRequest,
    payload: &mut web::Payload,
) -> Result<HttpResponse, Refusal> {
    if request.version() < Version::HTTP_11 {
        return Err(Refusal::OldVersion);
    }
    let client = Source::of(address::client(relay, request));
    let now = relay.env.monotonic();
    take(relay, "address", |relay| {
        relay.address_rates.take(client, relay.address_rate(), now)
    })?;
    match *request.method() {
        Method::OPTIONS => return Ok(reply::preflight()),
        Method::HEAD => return Ok(reply::nothing()),
        Method::GET | Method::POST | Method::PUT | Method::PATCH | Method::DELETE => {}
        _ => return Err(Refusal::MethodNotAllowed),
    }
    if are_too_large(request.headers(), &relay.settings) {
        return Err(Refusal::HeadersTooLarge);
    }
    if request.query_string().len() > relay.settings.query_limit {
        return Err(Refusal::QueryTooLong);
    }
    let Some(webhook) = find(relay, request) else {
        let rate = relay.address_rate();
        relay
            .address_rates
            .charge(client, rate, UNKNOWN_COSTS - 1.0, now);
        return Err(Refusal::UnknownWebhook);
    };
    take(relay, "webhook", |relay| {
        let rate = webhook_rate(relay, &webhook);
        relay.webhook_rates.take(webhook.record.id, rate, now)
    })?;
    respond(relay, &webhook, request, payload).await
}

/// A request for a webhook that is there.
async fn respond(
    relay: &Relay,
    webhook: &Arc<LiveWebhook>,
    request: &HttpRequest,
    payload: &mut web::Payload,
) -> Result<HttpResponse, Refusal> {
    let limit = webhook.record.limits.body;
    let limit = limit.unwrap_or(relay.settings.body_limit);
    let received_at = relay.env.now();
    let body = body::read(relay, request, payload, limit).await?;
    if let Some(challenge) = &webhook.record.challenge
        && let Some(answer) = challenge::in_query(challenge, request.query_string())
    {
        return Ok(reply::challenge(answer));
    }
    let peer = address::peer(request);
    let is_trusted = address::is_trusted(&relay.proxies, peer);
    let mut fields = Fields::of_request(request.headers(), peer, is_trusted);
    let body = decode(relay, &mut fields, body).await?;
    let repeat = check_signature(relay, webhook, &fields, &body)?;
    let arrived = Arrived {
        received_at,
        method: request.method().as_str().to_owned(),
        query: request.query_string().to_owned(),
        repeat: repeat.or_else(|| named_repeat(webhook, &fields)),
        fields,
        body,
    };
    let content = read_content(&arrived).await;
    if let Some(challenge) = &webhook.record.challenge
        && let Some(answer) = challenge::in_body(challenge, &content)
    {
        return Ok(reply::challenge(answer));
    }
    let incoming = incoming(&arrived, &content)?;
    match accept(relay, webhook, incoming).await {
        Ok(accepted) => Ok(reply::accepted(accepted)),
        Err(error) => {
            tracing::warn!(webhook = ?webhook.record.id, %error, "a request was not accepted");
            Err(error.into())
        }
    }
}

fn find(relay: &Relay, request: &HttpRequest) -> Option<Arc<LiveWebhook>> {
    let id = request.match_info().get("id")?.parse().ok()?;
    let webhook = relay.webhooks.get(id)?;
    (!webhook.record.disabled).then_some(webhook)
}

fn take(
    relay: &Relay,
    scope: &'static str,
    take: impl FnOnce(&Relay) -> Result<(), std::time::Duration>,
) -> Result<(), Refusal> {
    take(relay).map_err(|wait| {
        let limited = relay
            .metrics
            .rate_limited
            .get_or_create(&[("scope", scope)]);
        limited.inc();
        Refusal::TooManyRequests(wait)
    })
}

fn webhook_rate(relay: &Relay, webhook: &LiveWebhook) -> Rate {
    let limits = &webhook.record.limits;
    Rate {
        per_second: limits.rate.unwrap_or(relay.settings.webhook_rate),
        burst: limits.burst.unwrap_or(relay.settings.webhook_burst),
    }
}

/// Undoes the content coding, and takes out the fields that told of it.
async fn decode(relay: &Relay, fields: &mut Fields, body: Bytes) -> Result<Bytes, Refusal> {
    let encodings: Vec<&str> = fields
        .pairs()
        .iter()
        .filter(|(name, _)| name == "content-encoding")
        .map(|(_, value)| value.as_str())
        .collect();
    let encoding = encodings.join(",");
    if body.is_empty() || !decoding::is_coded(&encoding) {
        return Ok(body);
    }
    let limits = DecodeLimits {
        bytes: relay.settings.decoded_limit,
        ratio: relay.settings.decoded_ratio,
    };
    let decoded = if body.len() <= DECODE_HERE {
        decoding::decode(&encoding, &body, limits)?
    } else {
        let decoding = web::block(move || decoding::decode(&encoding, &body, limits));
        decoding.await.map_err(|_| Refusal::Unavailable)??
    };
    fields.remove("content-encoding");
    fields.remove("content-length");
    Ok(decoded)
}

/// By what a repeat of a signed request is known, where it is signed with an id.
fn check_signature(
    relay: &Relay,
    webhook: &LiveWebhook,
    fields: &Fields,
    body: &[u8],
) -> Result<Option<String>, Refusal> {
    let Some(signature) = &webhook.record.signature else {
        return Ok(None);
    };
    let signed = signature.verify(|name| fields.get(name), body, relay.env.now());
    match signed {
        Ok(signed) => Ok(signed.id.map(|id| format!("signed {id}"))),
        Err(_) => Err(Refusal::BadSignature),
    }
}

/// By what a repeat is known, where the webhook says so. An id that is signed goes before: this
/// field may be anybody's.
fn named_repeat(webhook: &LiveWebhook, fields: &Fields) -> Option<String> {
    let name = webhook.record.dedupe_header.as_ref()?.to_ascii_lowercase();
    fields.get(&name).map(|value| format!("named {value}"))
}
