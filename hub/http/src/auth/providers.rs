//! `/auth/providers`: how one may sign in.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_auth::is_local;
use serde_json::json;

use crate::client_address::client_address;
use crate::door::Door;
use crate::reply;

/// `GET /auth/providers`
pub(super) async fn list(door: web::Data<Door>, request: HttpRequest) -> HttpResponse {
    if !door.auth.has_owner() {
        let body = json!({"message": "Onboarding not finished", "code": "onboarding_required"});
        return reply::json_text(StatusCode::BAD_REQUEST, body.to_string());
    }
    reply::json(&json!({
        "providers": [{"name": "Home Assistant Local", "id": null, "type": "homeassistant"}],
        "preselect_remember_me": client_address(&request).is_some_and(is_local),
    }))
}
