//! The files that pages refer to.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::door::Door;

/// `GET /auth/page.css`
pub(super) async fn style() -> HttpResponse {
    file("text/css; charset=utf-8", include_str!("page.css"))
}

/// `GET /auth/authorize.js`
pub(super) async fn script() -> HttpResponse {
    file(
        "text/javascript; charset=utf-8",
        include_str!("authorize.js"),
    )
}

/// `GET /auth/icon.svg`
pub(super) async fn icon() -> HttpResponse {
    file("image/svg+xml", include_str!("icon.svg"))
}

/// `GET /manifest.json`: how the page is shown that is kept on a phone's home screen.
pub(super) async fn manifest(door: web::Data<Door>) -> HttpResponse {
    let name = &door.hub.home.current().location_name;
    let body = json!({
        "id": "/?homescreen=1",
        "name": name,
        "short_name": name,
        "start_url": "/?homescreen=1",
        "display": "standalone",
        "background_color": "#f6f1ea",
        "theme_color": "#c8582b",
        "icons": [{"src": "/auth/icon.svg", "sizes": "any", "type": "image/svg+xml"}],
    });
    HttpResponse::Ok()
        .content_type("application/manifest+json")
        .body(body.to_string())
}

fn file(content_type: &'static str, text: &'static str) -> HttpResponse {
    let mut answer = HttpResponse::Ok().content_type(content_type).body(text);
    // Asked for again after an update; a browser need not ask within the hour.
    let cache = HeaderValue::from_static("public, max-age=3600");
    answer.headers_mut().insert(CACHE_CONTROL, cache);
    answer
}
