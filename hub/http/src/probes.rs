//! `/healthz` and `/metrics`: what whoever runs the hub looks at.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, web};
use hearth_core::hub::Phase;
use hearth_core::integration::Health;
use hearth_core::store::StoreError;
use serde_json::json;

use crate::door::Door;
use crate::metrics;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{array, object_with, text, word};
use crate::reply::{Refusal, json_text};

/// `GET /healthz`: 200 while the hub is up and keeps what it is told, else 503. Integrations that
/// failed are named, and do not make the hub unhealthy: to start it anew would take the others
/// away too.
pub(crate) async fn health(door: web::Data<Door>) -> HttpResponse {
    let phase = door.hub.phase();
    let failed: Vec<Arc<str>> = door
        .hub
        .integrations
        .list()
        .into_iter()
        .filter(|status| matches!(status.health, Health::Failed | Health::Backoff))
        .map(|status| Arc::clone(&status.manifest.domain))
        .collect();
    let trouble = door.hub.store.trouble();
    let (status, word) = match (phase, &trouble) {
        (Phase::Running, Some(_)) => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
        (Phase::Running, None) if !failed.is_empty() => (StatusCode::OK, "degraded"),
        (Phase::Running, None) => (StatusCode::OK, "ok"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let mut body = json!({"status": word, "phase": phase.as_str()});
    if !failed.is_empty() {
        body["integrations"] = json!(failed);
    }
    if let Some(trouble) = trouble {
        body["store"] = in_short(&trouble).into();
    }
    json_text(status, body.to_string())
}

/// Anyone may ask: no paths.
fn in_short(trouble: &StoreError) -> &'static str {
    match trouble {
        StoreError::DiskFull { .. } => "the disk is full",
        StoreError::Busy => "locked by another program",
        StoreError::Corrupt { .. } => "damaged",
        _ => "writes fail",
    }
}

pub(crate) fn describe_health() -> Operation {
    let status = word(&["ok", "degraded", "failing", "unavailable"]);
    let health = object_with(
        [("status", status), ("phase", text())],
        [("integrations", array(text())), ("store", text())],
    );
    Operation::new("Whether the hub is up and keeps what it is told")
        .public()
        .replies(
            200,
            "It is; `degraded` names the integrations that failed",
            Content::Json(health.clone()),
        )
        .replies(
            503,
            "It starts or stops, or its store fails",
            Content::Json(health),
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

pub(crate) fn describe_scrape() -> Operation {
    Operation::new("Counters of the hub").public().replies(
        200,
        "OpenMetrics text",
        Content::Other("application/openmetrics-text"),
    )
}
