//! The door of the operator: metrics and probes, on an address of its own.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, web};

use crate::relay::Relay;

/// Adds its paths.
pub(crate) fn configure(app: &mut web::ServiceConfig) {
    app.route("/metrics", web::get().to(metrics))
        .route("/live", web::get().to(live))
        .route("/ready", web::get().to(ready));
}

async fn metrics(relay: web::Data<Relay>) -> HttpResponse {
    match relay.metrics.scrape(&*relay.store, relay.presence.len()) {
        Ok(text) => HttpResponse::Ok()
            .insert_header((
                CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ))
            .body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// The process answers.
async fn live() -> HttpResponse {
    HttpResponse::Ok().body("live\n")
}

/// It can accept requests.
async fn ready(relay: web::Data<Relay>) -> HttpResponse {
    if relay.store.is_up() {
        HttpResponse::Ok().body("ready\n")
    } else {
        HttpResponse::ServiceUnavailable().body("the store takes no writes\n")
    }
}
