//! `/api/webhook/{id}`: the door that phones and services use without signing in.
//!
//! The order of checks is the router's (spec webhook §2); here stand only what HTTP adds: the
//! body's limits, and replies to pages of any origin.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use hearth_core::ids::WebhookId;
use hearth_core::webhook::{Headers, Method, Overloaded, Source, WebhookRequest, WebhookResponse};
use percent_encoding::percent_decode_str;

use crate::body::{self, BodyError};
use crate::client_address::client_address;
use crate::door::Door;
use crate::endpoint::method_not_allowed;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::any;
use crate::reply::{busy, status_text};

/// What stands before the id in a webhook's path.
pub(crate) const PREFIX: &str = "/api/webhook";

/// Answers every method below [`PREFIX`].
pub(crate) async fn handle(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let given = request.path().get(PREFIX.len() + 1..).unwrap_or_default();
    if given.is_empty() || given.contains('/') {
        return status_text(StatusCode::NOT_FOUND);
    }
    let Some(method) = Method::parse(request.method().as_str()) else {
        return match *request.method() {
            actix_web::http::Method::OPTIONS => preflight(&request),
            _ => method_not_allowed(Some(HeaderValue::from_static("GET, HEAD, POST, PUT"))),
        };
    };
    let id = decoded(given);
    // An id that nobody has takes as long to answer, but only what is logged of its body is kept.
    let body = match door.hub.webhooks.contains(&id) {
        true => body::read(&request, payload, door.http()).await,
        false => body::discard(&request, payload, door.http()).await,
    };
    let mut response = match body {
        Ok(body) => answer(&request, &door, id, method, body).await,
        Err(error) => unread(&door, &id, error),
    };
    if let Some(origin) = request.headers().get(ORIGIN) {
        response
            .headers_mut()
            .insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    response
}

fn decoded(given: &str) -> WebhookId {
    // Ids that the hub makes have nothing to decode.
    if !given.contains('%') {
        return WebhookId::from(given);
    }
    WebhookId::from(&*percent_decode_str(given).decode_utf8_lossy())
}

async fn answer(
    request: &HttpRequest,
    door: &Door,
    id: WebhookId,
    method: Method,
    body: Bytes,
) -> HttpResponse {
    let Some(address) = client_address(request) else {
        // A peer that the system cannot name is gone already.
        return HttpResponse::Ok().finish();
    };
    let fields = request.headers().iter();
    let arrived = WebhookRequest {
        id,
        method,
        query: request.query_string().to_owned(),
        headers: Headers::new(
            fields
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        ),
        body,
        source: Source::Http(address),
    };
    match door.hub.webhooks.handle(arrived).await {
        Ok(response) => translate(response),
        Err(Overloaded) => busy(),
    }
}

fn translate(response: WebhookResponse) -> HttpResponse {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = HttpResponse::build(status);
    if let Some(content_type) = response.content_type {
        // The common type costs no parsing.
        let value = match &*content_type {
            "application/json" => Ok(HeaderValue::from_static("application/json")),
            other => HeaderValue::from_str(other),
        };
        if let Ok(value) = value {
            reply.insert_header((CONTENT_TYPE, value));
        }
    }
    reply.body(response.body)
}

/// Ids that nobody has answer 200 whatever is sent to them, so that they cannot be told apart.
fn unread(door: &Door, id: &WebhookId, error: BodyError) -> HttpResponse {
    match error {
        BodyError::TooLarge if door.hub.webhooks.contains(id) => {
            tracing::info!(webhook = id.short(), "a webhook's body is too large");
            status_text(StatusCode::PAYLOAD_TOO_LARGE)
        }
        BodyError::TooLarge => HttpResponse::Ok().finish(),
        BodyError::TooSlow => status_text(StatusCode::REQUEST_TIMEOUT),
        BodyError::Broken => status_text(StatusCode::BAD_REQUEST),
        BodyError::Overloaded => busy(),
    }
}

/// Answers OPTIONS: a browser asks whether a page of another origin may call.
fn preflight(request: &HttpRequest) -> HttpResponse {
    const ALLOWED: [&str; 4] = ["GET", "HEAD", "POST", "PUT"];
    let fields = request.headers();
    let asked = fields
        .get(ACCESS_CONTROL_REQUEST_METHOD)
        .and_then(|method| method.to_str().ok());
    match (fields.get(ORIGIN), asked) {
        (Some(origin), Some(method)) if ALLOWED.contains(&method) => HttpResponse::Ok()
            .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()))
            .insert_header((
                ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static("GET, HEAD, POST, PUT"),
            ))
            .insert_header((
                ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static(
                    "Origin, Accept, X-Requested-With, Content-Type, Authorization",
                ),
            ))
            .insert_header((VARY, HeaderValue::from_static("Origin")))
            .finish(),
        _ => status_text(StatusCode::FORBIDDEN),
    }
}

pub(crate) fn describe_get() -> Operation {
    describe("Asks a webhook")
}

pub(crate) fn describe_head() -> Operation {
    describe("Asks a webhook for its header fields")
}

pub(crate) fn describe_post() -> Operation {
    describe("Sends something to a webhook").optional_body(any())
}

pub(crate) fn describe_put() -> Operation {
    describe("Puts something to a webhook").optional_body(any())
}

fn describe(summary: &'static str) -> Operation {
    Operation::new(summary)
        .public()
        .path("webhook_id", "The secret id of the webhook")
        .replies(
            200,
            "What its handler answers; nothing where there is none",
            Content::Empty,
        )
        .replies(201, "What its handler answers", Content::Empty)
        .replies(
            405,
            "The webhook does not allow this method",
            Content::Empty,
        )
        .replies(410, "The webhook is gone for good", Content::Empty)
}
