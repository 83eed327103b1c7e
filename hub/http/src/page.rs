//! The page at `/`: tells a person that a hub runs here. No scripts, nothing loaded.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, web};
use hearth_core::hub::{PROTOCOL_VERSION, Phase};

use crate::door::Door;

/// `GET /`
pub(crate) async fn page(door: web::Data<Door>) -> HttpResponse {
    let (colour, says) = match door.hub.phase() {
        Phase::NotRunning | Phase::Starting => ("#d9a441", "is starting"),
        Phase::Running => ("#4fa66a", "is up and running"),
        Phase::Stopping | Phase::FinalWrite | Phase::Stopped => ("#c4553f", "is stopping"),
    };
    let html = include_str!("page.html")
        .replace("{colour}", colour)
        .replace("{says}", says)
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{protocol}", PROTOCOL_VERSION);
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";
    HttpResponse::Ok()
        .insert_header((
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ))
        .insert_header((CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(html)
}
