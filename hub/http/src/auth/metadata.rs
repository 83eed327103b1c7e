//! `/.well-known/oauth-authorization-server`: where the endpoints are (RFC 8414).

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::own_origin;
use crate::reply;

/// `GET /.well-known/oauth-authorization-server`
pub(super) async fn describe(request: HttpRequest) -> HttpResponse {
    let base = own_origin(&request);
    let mut answer = reply::json(&json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/auth/authorize"),
        "token_endpoint": format!("{base}/auth/token"),
        "revocation_endpoint": format!("{base}/auth/revoke"),
        "response_types_supported": ["code"],
        "service_documentation": "https://developers.home-assistant.io/docs/auth_api",
    }));
    // It repeats what the request says of itself, which is nobody else's business.
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(CACHE_CONTROL, no_store);
    answer
}
