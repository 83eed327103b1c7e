//! Reading request bodies: never more than the limit, never longer than the deadline.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt};
use hearth_core::json::is_too_deep;
use hearth_core::settings::HttpSettings;
use serde_json::{Map, Value};

use crate::reply::Refusal;

/// Why there is no body to work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// More than `http.body_limit` bytes.
    TooLarge,
    /// Not all there after `http.body_timeout_s`.
    TooSlow,
    /// The connection broke, or the transfer coding is wrong.
    Broken,
    /// All bodies on their way together are more than `http.bodies_limit` bytes.
    Overloaded,
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::Status(match error {
            BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken => StatusCode::BAD_REQUEST,
            BodyError::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        })
    }
}

/// Reads the whole body.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &HttpSettings,
) -> Result<Bytes, BodyError> {
    check_announced(request, limits)?;
    let mut body = std::pin::pin!(collect(payload, limits));
    // A small body is there with its header; only one that is awaited needs a timer.
    if let Some(read) = body.as_mut().now_or_never() {
        return read;
    }
    let deadline = Duration::from_secs(limits.body_timeout_s);
    tokio::time::timeout(deadline, body)
        .await
        .unwrap_or(Err(BodyError::TooSlow))
}

/// How much is kept of a body that nobody wants: enough to see in a log what it was.
const GLIMPSE: usize = 64;

/// Reads a body that nobody wants, with the same limits, and keeps only its first bytes.
pub(crate) async fn discard(
    request: &HttpRequest,
    mut payload: web::Payload,
    limits: &HttpSettings,
) -> Result<Bytes, BodyError> {
    check_announced(request, limits)?;
    let drain = async {
        let mut length = 0;
        let mut glimpse = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| BodyError::Broken)?;
            length += chunk.len();
            if length > limits.body_limit {
                return Err(BodyError::TooLarge);
            }
            let wanted = chunk.len().min(GLIMPSE - glimpse.len());
            glimpse.extend_from_slice(&chunk[..wanted]);
        }
        Ok(glimpse.into())
    };
    let deadline = Duration::from_secs(limits.body_timeout_s);
    tokio::time::timeout(deadline, drain)
        .await
        .unwrap_or(Err(BodyError::TooSlow))
}

/// Refuses a body that says itself that it is too large, before any of it is read.
fn check_announced(request: &HttpRequest, limits: &HttpSettings) -> Result<(), BodyError> {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limits.body_limit as u64) {
        return Err(BodyError::TooLarge);
    }
    Ok(())
}

async fn collect(mut payload: web::Payload, limits: &HttpSettings) -> Result<Bytes, BodyError> {
    let limit = limits.body_limit;
    let first = match payload.next().await {
        None => return Ok(Bytes::new()),
        Some(chunk) => within(chunk.map_err(|_| BodyError::Broken)?, limit)?,
    };
    // Most bodies come in one piece, which needs no copy.
    let Some(second) = payload.next().await else {
        return Ok(first);
    };
    let mut held = Held(0);
    held.add(first.len(), limits.bodies_limit)?;
    let mut body = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        held.add(chunk.len(), limits.bodies_limit)?;
        body.extend_from_slice(&chunk);
        next = payload.next().await;
    }
    Ok(body.freeze())
}

/// Bytes of all bodies that are on their way, in all threads.
static ON_THEIR_WAY: AtomicUsize = AtomicUsize::new(0);

/// One body's part of them; given back when it is read or given up.
struct Held(usize);

impl Held {
    fn add(&mut self, bytes: usize, limit: usize) -> Result<(), BodyError> {
        self.0 += bytes;
        let before = ON_THEIR_WAY.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > limit {
            return Err(BodyError::Overloaded);
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        ON_THEIR_WAY.fetch_sub(self.0, Ordering::Relaxed);
    }
}

fn within(chunk: Bytes, limit: usize) -> Result<Bytes, BodyError> {
    if chunk.len() > limit {
        Err(BodyError::TooLarge)
    } else {
        Ok(chunk)
    }
}

/// JSON whatever the content type says; `None` where it is not JSON or nests too deep.
pub(crate) fn parse_json(body: &[u8], limits: &HttpSettings) -> Option<Value> {
    if is_too_deep(body, limits.json_depth) {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// What a body that should be an object or empty turned out to be.
pub(crate) enum Parsed {
    /// An object; empty where the body was.
    Object(Map<String, Value>),
    /// JSON of another kind.
    Other,
    /// No JSON.
    NotJson,
}

/// Reads a body that may be absent and else should be an object.
pub(crate) fn parse_object(body: &[u8], limits: &HttpSettings) -> Parsed {
    if body.is_empty() {
        return Parsed::Object(Map::new());
    }
    match parse_json(body, limits) {
        Some(Value::Object(object)) => Parsed::Object(object),
        Some(_) => Parsed::Other,
        None => Parsed::NotJson,
    }
}
