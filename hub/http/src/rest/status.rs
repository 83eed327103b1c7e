//! What the hub is, and how it is doing: `/api/`, `/api/config`, `/api/core/state`,
//! `/api/components`.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::auth_gate::SignedIn;
use crate::config_view::config_view;
use crate::door::Door;
use crate::reply;

/// `GET /api/`
pub(super) async fn running(_: SignedIn) -> HttpResponse {
    reply::json(&json!({"message": "API running."}))
}

/// `GET /api/config`
pub(super) async fn config(_: SignedIn, door: web::Data<Door>) -> HttpResponse {
    reply::json(&config_view(&door.hub))
}

/// `GET /api/core/state`
pub(super) async fn core_state(_: SignedIn, door: web::Data<Door>) -> HttpResponse {
    reply::json(&json!({
        "state": door.hub.phase().as_str(),
        "recorder_state": {"migration_in_progress": false, "migration_is_live": false},
    }))
}

/// `GET /api/components`
pub(super) async fn components(_: SignedIn, door: web::Data<Door>) -> HttpResponse {
    reply::json(&json!(door.hub.integrations.components()))
}
