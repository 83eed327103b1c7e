//! What senders are told.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::body::BodyError;
use super::decoding::DecodeError;
use crate::accept::{AcceptError, Accepted};

/// How long a sender is asked to wait when the relay cannot take what it has.
const BUSY_S: u64 = 5;

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    UnknownWebhook,
    MethodNotAllowed,
    BadSignature,
    TooLarge,
    HeadersTooLarge,
    QueryTooLong,
    TooManyHubs,
    TooManyRequests(Duration),
    TooSlow,
    Broken,
    BadEncoding,
    UnknownEncoding,
    Unavailable,
    OldVersion,
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::TooSlow => Self::TooSlow,
            BodyError::Broken => Self::Broken,
            BodyError::Overloaded => Self::Unavailable,
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooLarge => Self::TooLarge,
            DecodeError::Broken => Self::BadEncoding,
            DecodeError::Unknown => Self::UnknownEncoding,
        }
    }
}

impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::TooLarge => Self::TooLarge,
            AcceptError::Store(_) => Self::Unavailable,
        }
    }
}

impl Refusal {
    fn status_and_code(self) -> (StatusCode, &'static str) {
        match self {
            Self::UnknownWebhook => (StatusCode::NOT_FOUND, "unknown_webhook"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::BadSignature => (StatusCode::UNAUTHORIZED, "bad_signature"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::HeadersTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
            ),
            Self::QueryTooLong => (StatusCode::URI_TOO_LONG, "query_too_long"),
            Self::TooManyHubs => (StatusCode::BAD_REQUEST, "too_many_hubs"),
            Self::TooManyRequests(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Self::Broken => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::BadEncoding => (StatusCode::BAD_REQUEST, "bad_encoding"),
            Self::UnknownEncoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown_encoding"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::OldVersion => (
                StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                "http_version_not_supported",
            ),
        }
    }

    /// As a reply. The connection ends with it: what is left of the body is not read.
    pub(crate) fn reply(self) -> HttpResponse {
        let (status, code) = self.status_and_code();
        let mut reply = begin(status);
        reply.force_close();
        match self {
            Self::MethodNotAllowed => {
                reply.insert_header((ALLOW, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
            }
            Self::TooManyRequests(wait) => {
                reply.insert_header((RETRY_AFTER, whole_seconds(wait)));
            }
            Self::Unavailable => {
                reply.insert_header((RETRY_AFTER, BUSY_S));
            }
            _ => {}
        }
        reply.insert_header((CONTENT_TYPE, "application/json"));
        reply.body(format!(r#"{{"error":"{code}"}}"#))
    }
}

/// The reply to a request that was accepted.
pub(crate) fn accepted(accepted: Accepted) -> HttpResponse {
    let mut reply = begin(StatusCode::OK);
    reply.insert_header((CONTENT_TYPE, "application/json"));
    let id = accepted.id;
    reply.body(match accepted.is_duplicate {
        false => format!(r#"{{"id":"{id}"}}"#),
        true => format!(r#"{{"id":"{id}","duplicate":true}}"#),
    })
}

/// The reply to a challenge; never anything that a browser would run.
pub(crate) fn challenge(answer: String) -> HttpResponse {
    let mut reply = begin(StatusCode::OK);
    reply.insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"));
    reply.body(answer)
}

/// Any page may call.
pub(crate) fn preflight() -> HttpResponse {
    begin(StatusCode::NO_CONTENT)
        .insert_header((
            "access-control-allow-methods",
            "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        ))
        .insert_header(("access-control-allow-headers", "*"))
        .insert_header(("access-control-max-age", "86400"))
        .finish()
}

/// The reply to `HEAD`.
pub(crate) fn nothing() -> HttpResponse {
    begin(StatusCode::OK).finish()
}

fn begin(status: StatusCode) -> HttpResponseBuilder {
    let mut reply = HttpResponse::build(status);
    reply.insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")));
    reply.insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
    reply
}

/// Rounded up: who comes back then is not too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
