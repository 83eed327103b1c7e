//! `/healthz` and `/metrics`: what whoever runs the hub looks at.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, web};
use hearth_core::hub::Phase;
use serde_json::json;

use crate::door::Door;
use crate::metrics;
use crate::reply::{Refusal, json_text};

/// `GET /healthz`: 200 when the hub is fully up, else 503.
pub(crate) async fn health(door: web::Data<Door>) -> HttpResponse {
    let phase = door.hub.phase();
    let (status, word) = match phase {
        Phase::Running => (StatusCode::OK, "ok"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    json_text(
        status,
        json!({"status": word, "phase": phase.as_str()}).to_string(),
    )
}

/// `GET /metrics`, in the OpenMetrics text form.
pub(crate) async fn scrape(door: web::Data<Door>) -> Result<HttpResponse, Refusal> {
    let text = metrics::scrape(&door).map_err(|error| {
        tracing::error!(%error, "the metrics cannot be written");
        Refusal::Status(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(form)))
        .body(text))
}
