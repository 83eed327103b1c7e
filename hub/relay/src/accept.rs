//! The way of one request: find its hubs, store it for them, tell those that are connected.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_core::store::StoreError;
use hearth_core::time::Timestamp;
use hearth_key_path::{HeaderCase, Key, Request};
use hearth_relay_protocol::FRAME_BYTES_MAX;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::delivery_log::LoggedDelivery;
use crate::ids::{DeliveryId, HubId, WebhookId};
use crate::matching::Matched;
use crate::rates::Rate;
use crate::registry::LiveWebhook;
use crate::relay::Relay;
use crate::store::{Append, Delivery, SeenKey};

/// How long a repeat is known as one.
const SEEN_FOR: Duration = Duration::from_secs(600);
/// What a frame holds beside the message.
const ENVELOPE_BYTES: usize = 1024;

/// A request that was read: what is routed by, and what the hubs get.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// When it came.
    pub received_at: Timestamp,
    /// The hubs that it names; none where it names nobody and is routed otherwise.
    pub named: Option<Vec<HubId>>,
    /// The body as JSON text.
    pub body: String,
    /// An object of texts as JSON text.
    pub headers: String,
    /// An object of texts and arrays of them as JSON text.
    pub query: String,
    /// A [`hearth_relay_protocol::Message`] as JSON text.
    pub message: Box<RawValue>,
    /// By what a repeat is known.
    pub repeat: Option<String>,
    /// Bytes of the body that was sent.
    pub bytes: usize,
}

/// A request that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its id; that of the first, where it is a repeat.
    pub id: DeliveryId,
    /// Whether it is a repeat.
    pub is_duplicate: bool,
}

/// Why a request is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Its message does not fit into a frame, or not into the queues of all its hubs.
    #[error("the message is too large")]
    TooLarge,
    /// It was not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// By which step of spec relay §4 a request finds its hubs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The hubs that it names.
    Named,
    /// The value at the webhook's key path; none where there is nothing that could be a key.
    KeyPath(Option<Key>),
    /// Nobody.
    Nobody,
}

/// Finds a request's hubs.
pub fn route(relay: &Relay, webhook: &LiveWebhook, incoming: &Incoming) -> (Route, Matched) {
    let id = webhook.record.id;
    let index = &relay.registrations.index;
    if let Some(named) = &incoming.named {
        return (Route::Named, index.named(id, named));
    }
    let Some(path) = &webhook.path else {
        return (Route::Nobody, Matched::default());
    };
    let request = Request {
        body: &incoming.body,
        headers: &incoming.headers,
        query: &incoming.query,
    };
    let case = match relay.settings.header_case {
        hearth_core::settings::HeaderCase::Any => HeaderCase::Any,
        hearth_core::settings::HeaderCase::Canonical => HeaderCase::Canonical,
    };
    let key = path.resolve(&request, case);
    let matched = match &key {
        Some(key) => index.holding(id, key.clone(), relay.settings.fan_out),
        None => Matched::default(),
    };
    (Route::KeyPath(key), matched)
}

/// Accepts a request: when this resolves, it will reach its hubs. It goes on when the future is
/// dropped, so that a sender that goes away leaves nothing half done.
///
/// # Errors
/// It is too large, or was not stored: nobody gets it.
pub async fn accept(
    relay: &Relay,
    webhook: &Arc<LiveWebhook>,
    incoming: Incoming,
) -> Result<Accepted, AcceptError> {
    let (relay, webhook) = (relay.clone(), Arc::clone(webhook));
    let accepting = actix_rt::spawn(async move {
        let began = Instant::now();
        let outcome = match incoming.repeat.clone() {
            None => accept_new(&relay, &webhook, incoming, None).await,
            Some(value) => accept_once(&relay, &webhook, incoming, &value).await,
        };
        if outcome.is_ok() {
            let taken = began.elapsed().as_secs_f64();
            relay.metrics.accept_seconds.observe(taken);
        }
        outcome
    });
    accepting.await.unwrap_or(Err(StoreError::Closed.into()))
}

/// Requests that may be repeats of each other wait for one another.
async fn accept_once(
    relay: &Relay,
    webhook: &LiveWebhook,
    incoming: Incoming,
    value: &str,
) -> Result<Accepted, AcceptError> {
    let key = seen_key(webhook.record.id, value);
    let lane = usize::try_from(key.0 % relay.lanes.len() as u128).unwrap_or(0);
    let _turn = relay.lanes[lane].lock().await;
    let Some(first) = relay.store.seen(key) else {
        return accept_new(relay, webhook, incoming, Some(key)).await;
    };
    let repeat = logged(&incoming, first, (0, 0), true);
    relay.log.add(webhook.record.id, repeat);
    Ok(Accepted {
        id: first,
        is_duplicate: true,
    })
}

async fn accept_new(
    relay: &Relay,
    webhook: &LiveWebhook,
    incoming: Incoming,
    seen: Option<SeenKey>,
) -> Result<Accepted, AcceptError> {
    if incoming.message.get().len() > FRAME_BYTES_MAX - ENVELOPE_BYTES {
        return Err(AcceptError::TooLarge);
    }
    let id = DeliveryId::new(&relay.env);
    let accepted = Accepted {
        id,
        is_duplicate: false,
    };
    let hubs = find(relay, webhook, &incoming, id);
    let matched = hubs.len();
    let hubs = within_rates(relay, webhook, hubs);
    let logged = logged(&incoming, id, (matched, matched - hubs.len()), false);
    let filled = hubs.len().saturating_mul(incoming.message.get().len());
    if filled > relay.settings.fan_out_bytes && hubs.len() > 1 {
        return Err(AcceptError::TooLarge);
    }
    if hubs.is_empty() && seen.is_none() {
        relay.log.add(webhook.record.id, logged);
        return Ok(accepted);
    }
    let ttl_h = webhook.record.limits.ttl_h.unwrap_or(relay.settings.ttl_h);
    let delivery = Arc::new(Delivery {
        id,
        webhook_id: webhook.record.id,
        received_at: incoming.received_at,
        message: incoming.message,
    });
    let began = Instant::now();
    let appended = relay
        .store
        .append(Append {
            delivery: Arc::clone(&delivery),
            hubs,
            expires_at: later(incoming.received_at, Duration::from_secs(ttl_h * 3600)),
            seen: seen.map(|key| (key, later(relay.env.now(), SEEN_FOR))),
        })
        .await?;
    let operation = relay
        .metrics
        .engine_seconds
        .get_or_create(&[("op", "append")]);
    operation.observe(began.elapsed().as_secs_f64());
    for place in appended {
        relay.presence.notify(place, &delivery);
    }
    relay.log.add(webhook.record.id, logged);
    Ok(accepted)
}

fn find(relay: &Relay, webhook: &LiveWebhook, incoming: &Incoming, id: DeliveryId) -> Vec<HubId> {
    let began = Instant::now();
    let (route, matched) = route(relay, webhook, incoming);
    let kind = match route {
        Route::Named => "query",
        Route::KeyPath(_) => "key_path",
        Route::Nobody => "none",
    };
    let metrics = &relay.metrics;
    metrics
        .match_seconds
        .get_or_create(&[("kind", kind)])
        .observe(began.elapsed().as_secs_f64());
    metrics.matched_hubs.observe(matched.hubs.len() as f64);
    if matched.truncated > 0 {
        metrics.fanout_truncated.inc_by(matched.truncated as u64);
        tracing::warn!(
            webhook = ?webhook.record.id,
            delivery = %id,
            left_out = matched.truncated,
            "a request is for more hubs than one request may reach"
        );
    }
    tracing::debug!(webhook = ?webhook.record.id, delivery = %id, hubs = matched.hubs.len(), "routed");
    matched.hubs
}

/// Without the hubs that get too many of this webhook's messages.
fn within_rates(relay: &Relay, webhook: &LiveWebhook, mut hubs: Vec<HubId>) -> Vec<HubId> {
    let rate = Rate {
        per_second: relay.settings.hub_rate,
        burst: relay.settings.hub_burst,
    };
    let now = relay.env.monotonic();
    let before = hubs.len();
    hubs.retain(|hub| {
        let key = (webhook.record.id, *hub);
        relay.hub_rates.take(key, rate, now).is_ok()
    });
    let dropped = before - hubs.len();
    if dropped > 0 {
        let limited = relay
            .metrics
            .rate_limited
            .get_or_create(&[("scope", "hub")]);
        limited.inc_by(dropped as u64);
    }
    hubs
}

fn logged(
    incoming: &Incoming,
    id: DeliveryId,
    (matched, dropped): (usize, usize),
    is_duplicate: bool,
) -> LoggedDelivery {
    LoggedDelivery {
        id,
        received_at: incoming.received_at,
        matched,
        dropped,
        bytes: incoming.bytes,
        is_duplicate,
    }
}

fn later(moment: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(moment.as_micros().saturating_add(by))
}

fn seen_key(webhook: WebhookId, value: &str) -> SeenKey {
    let mut digest = Sha256::new();
    digest.update(webhook.bytes());
    digest.update(value.as_bytes());
    let mut first = [0; 16];
    first.copy_from_slice(&digest.finalize()[..16]);
    SeenKey(u128::from_be_bytes(first))
}
