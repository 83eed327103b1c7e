//! The protocol's few forms of reply, and of refusal.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use bytes::Bytes;
use serde_json::{Value, json};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// `404: Not Found`, as text: the form of every error that the router or a guard makes.
pub(crate) fn status_text(status: StatusCode) -> HttpResponse {
    let reason = status.canonical_reason().unwrap_or("Error");
    text(status, format!("{}: {reason}", status.as_u16()))
}

/// Plain text.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, TEXT))
        .body(text.into())
}

/// `{"message": …}`.
pub(crate) fn message(status: StatusCode, message: &str) -> HttpResponse {
    json_text(status, json!({ "message": message }).to_string())
}

/// 200 with a JSON value.
pub(crate) fn json(value: &Value) -> HttpResponse {
    json_text(StatusCode::OK, value.to_string())
}

/// JSON that is already text.
pub(crate) fn json_text(status: StatusCode, text: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, JSON))
        .body(text.into())
}

/// Too much is waiting: the client may try again in a second.
pub(crate) fn busy() -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header((RETRY_AFTER, HeaderValue::from_static("1")))
        .finish()
}

/// Why a request is not served, in the words of the protocol.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Answered as [`status_text`].
    #[error("{0}")]
    Status(StatusCode),
    /// Answered as [`message`].
    #[error("{1}")]
    Message(StatusCode, Cow<'static, str>),
    /// Answered as [`busy`].
    #[error("the hub is busy")]
    Busy,
}

impl Refusal {
    /// 400 with a message.
    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Message(StatusCode::BAD_REQUEST, message.into())
    }

    /// 404 with a message.
    pub(crate) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Message(StatusCode::NOT_FOUND, message.into())
    }

    /// 401, whatever was missing: a token, a right, a user that is active.
    pub(crate) const UNAUTHORIZED: Self = Self::Status(StatusCode::UNAUTHORIZED);
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Status(status) | Self::Message(status, _) => *status,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Status(status) => status_text(*status),
            Self::Message(status, text) => message(*status, text),
            Self::Busy => busy(),
        }
    }
}
