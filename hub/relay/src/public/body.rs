//! Reading bodies: never more than the limit, never longer than the deadline, and never more at a
//! time than all bodies together may be.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt};

use crate::relay::Relay;

/// Why there is no body to work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// More than the limit.
    TooLarge,
    /// Not all there in time.
    TooSlow,
    /// The connection broke, or the transfer coding is wrong.
    Broken,
    /// All bodies on their way together are too many.
    Overloaded,
}

/// Reads the whole body, of at most `limit` bytes.
///
/// # Errors
/// Says why not.
pub async fn read(
    relay: &Relay,
    request: &HttpRequest,
    payload: &mut web::Payload,
    limit: usize,
) -> Result<Bytes, BodyError> {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(BodyError::TooLarge);
    }
    let mut body = std::pin::pin!(collect(relay, payload, limit));
    // A small body is there with its header; only one that is awaited needs a timer.
    if let Some(read) = body.as_mut().now_or_never() {
        return read;
    }
    let deadline = Duration::from_secs(relay.settings.body_timeout_s);
    tokio::time::timeout(deadline, body)
        .await
        .unwrap_or(Err(BodyError::TooSlow))
}

async fn collect(
    relay: &Relay,
    payload: &mut web::Payload,
    limit: usize,
) -> Result<Bytes, BodyError> {
    let mut held = Held {
        bytes: 0,
        all: &relay.bodies,
    };
    let mut body = BytesMut::new();
    let mut first = Bytes::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        if first.len() + body.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge);
        }
        held.add(chunk.len(), relay.settings.bodies_limit)?;
        // Most bodies come in one piece, which needs no copy.
        if first.is_empty() && body.is_empty() {
            first = chunk;
            continue;
        }
        body.extend_from_slice(&std::mem::take(&mut first));
        body.extend_from_slice(&chunk);
    }
    Ok(if body.is_empty() {
        first
    } else {
        body.freeze()
    })
}

/// One body's part of all that are on their way; given back when it is read or given up.
struct Held<'r> {
    bytes: usize,
    all: &'r AtomicUsize,
}

impl Held<'_> {
    fn add(&mut self, bytes: usize, limit: usize) -> Result<(), BodyError> {
        self.bytes += bytes;
        let before = self.all.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > limit {
            return Err(BodyError::Overloaded);
        }
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
