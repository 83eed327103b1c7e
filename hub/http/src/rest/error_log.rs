//! `GET /api/error_log`: what went wrong last.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use hearth_core::log_ring::LogRing;

use crate::auth_gate::Administrator;
use crate::openapi::operation::{Content, Operation};
use crate::reply::text;

/// `GET /api/error_log`: as text, which its documentation promises, and not as bytes.
pub(super) async fn read(_: Administrator) -> HttpResponse {
    text(StatusCode::OK, LogRing::of_this_process().text())
}

pub(super) fn describe() -> Operation {
    Operation::new("What went wrong last")
        .administrators()
        .replies(200, "Warnings and errors, oldest first", Content::Text)
}
