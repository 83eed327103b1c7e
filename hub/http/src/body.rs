//! Reading request bodies: never more than the limit, never longer than the deadline.

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
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::Status(match error {
            BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken => StatusCode::BAD_REQUEST,
        })
    }
}

/// Reads the whole body.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &HttpSettings,
) -> Result<Bytes, BodyError> {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limits.body_limit as u64) {
        return Err(BodyError::TooLarge);
    }
    let mut body = std::pin::pin!(collect(payload, limits.body_limit));
    // A small body is there with its header; only one that is awaited needs a timer.
    if let Some(read) = body.as_mut().now_or_never() {
        return read;
    }
    let deadline = Duration::from_secs(limits.body_timeout_s);
    tokio::time::timeout(deadline, body)
        .await
        .unwrap_or(Err(BodyError::TooSlow))
}

async fn collect(mut payload: web::Payload, limit: usize) -> Result<Bytes, BodyError> {
    let first = match payload.next().await {
        None => return Ok(Bytes::new()),
        Some(chunk) => within(chunk.map_err(|_| BodyError::Broken)?, limit)?,
    };
    // Most bodies come in one piece, which needs no copy.
    let Some(second) = payload.next().await else {
        return Ok(first);
    };
    let mut body = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
        next = payload.next().await;
    }
    Ok(body.freeze())
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
