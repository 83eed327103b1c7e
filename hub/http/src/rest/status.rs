//! What the hub is, and how it is doing: `/api/`, `/api/config`, `/api/core/state`,
//! `/api/components`.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::auth_gate::SignedIn;
use crate::config_view::config_view;
use crate::door::Door;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{array, boolean, number, object, object_with, or_null, text, word};
use crate::reply;

/// `GET /api/`
pub(super) async fn running(_: SignedIn) -> HttpResponse {
    reply::json(&json!({"message": "API running."}))
}

pub(super) fn describe_running() -> Operation {
    let running = object([("message", word(&["API running."]))]);
    Operation::new("Whether the API runs").replies(200, "It does", Content::Json(running))
}

/// `GET /api/config`
pub(super) async fn config(_: SignedIn, door: web::Data<Door>) -> HttpResponse {
    reply::json(&config_view(&door.hub))
}

pub(super) fn describe_config() -> Operation {
    let units = [
        "length",
        "accumulated_precipitation",
        "area",
        "mass",
        "pressure",
        "temperature",
        "volume",
        "wind_speed",
    ];
    let config = object_with(
        [
            ("components", array(text())),
            ("currency", text()),
            ("elevation", number()),
            ("external_url", or_null(text())),
            ("internal_url", or_null(text())),
            ("language", text()),
            ("latitude", number()),
            ("location_name", text()),
            ("longitude", number()),
            ("radius", number()),
            ("recovery_mode", boolean()),
            ("safe_mode", boolean()),
            ("state", word(&PHASES)),
            ("time_zone", text()),
            ("unit_system", object(units.map(|unit| (unit, text())))),
            ("version", text()),
        ],
        [
            ("allowlist_external_dirs", array(text())),
            ("allowlist_external_urls", array(text())),
            ("config_dir", text()),
            (
                "config_source",
                word(&["yaml", "storage", "discovered", "default"]),
            ),
            ("country", or_null(text())),
            ("debug", boolean()),
            ("whitelist_external_dirs", array(text())),
        ],
    );
    Operation::new("The home's configuration").replies(200, "As it is now", Content::Json(config))
}

/// `GET /api/core/state`
pub(super) async fn core_state(_: SignedIn, door: web::Data<Door>) -> HttpResponse {
    reply::json(&json!({
        "state": door.hub.phase().as_str(),
        "recorder_state": {"migration_in_progress": false, "migration_is_live": false},
    }))
}

pub(super) fn describe_core_state() -> Operation {
    let recorder = object([
        ("migration_in_progress", boolean()),
        ("migration_is_live", boolean()),
    ]);
    let state = object([("state", word(&PHASES)), ("recorder_state", recorder)]);
    Operation::new("How far the hub is").replies(200, "Its phase", Content::Json(state))
}

/// The words for the phases of a hub.
const PHASES: [&str; 6] = [
    "NOT_RUNNING",
    "STARTING",
    "RUNNING",
    "STOPPING",
    "FINAL_WRITE",
    "STOPPED",
];

/// `GET /api/components`
pub(super) async fn components(_: SignedIn, door: web::Data<Door>) -> HttpResponse {
    reply::json(&json!(door.hub.integrations.components()))
}

pub(super) fn describe_components() -> Operation {
    Operation::new("What is loaded").replies(
        200,
        "Names such as mobile_app and mobile_app.sensor",
        Content::Json(array(text())),
    )
}
