//! `/api/config/config_entries/entry`: what was set up, and removing it.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use hearth_core::ids::ConfigEntryId;
use hearth_core::registry::ConfigEntry;
use serde_json::{Map, Value};

use super::error::refuse_command;
use crate::auth_gate::Administrator;
use crate::door::Door;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{array, boolean, config_entry, object, text};
use crate::reply::{self, Refusal};

const LIST: &str = "config_entries/get";
const UNKNOWN: &str = "Invalid entry specified";

/// Which entries are asked for.
#[derive(serde::Deserialize)]
pub(super) struct Wanted {
    domain: Option<String>,
    /// The kind of integration: `device`, `hub`, `service`, `helper`, …
    r#type: Option<String>,
}

/// `GET`: as the command of the same purpose shows them.
pub(super) async fn list(
    Administrator(user): Administrator,
    door: web::Data<Door>,
    web::Query(wanted): web::Query<Wanted>,
) -> Result<HttpResponse, Refusal> {
    let mut data = Map::new();
    if let Some(domain) = wanted.domain {
        data.insert("domain".to_owned(), domain.into());
    }
    if let Some(kind) = wanted.r#type {
        data.insert("type_filter".to_owned(), kind.into());
    }
    let caller = user.caller(&door.hub);
    let listed = door.hub.commands.call(LIST, data, caller).await;
    listed
        .map(|listed| reply::json(&listed))
        .map_err(refuse_command)
}

pub(super) fn describe_list() -> Operation {
    Operation::new("What was set up")
        .administrators()
        .query("domain", "Entries of this integration only", text())
        .query("type", "Entries of this kind of integration only", text())
        .replies(
            200,
            "Entries, oldest first",
            Content::Json(array(config_entry())),
        )
        .replies(404, "Nobody lists them", Content::Text)
}

/// `DELETE`: asks the integration that owns the entry.
pub(super) async fn remove(
    Administrator(user): Administrator,
    door: web::Data<Door>,
    entry_id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let entry = find(&door, &entry_id)?;
    let command = format!("{}/config_entry/remove", entry.domain);
    let data = Map::from_iter([(
        "entry_id".to_owned(),
        Value::from(entry.entry_id.to_string()),
    )]);
    let answer = door
        .hub
        .commands
        .call(&command, data, user.caller(&door.hub))
        .await;
    answer
        .map(|answer| reply::json(&answer))
        .map_err(refuse_command)
}

pub(super) fn describe_remove() -> Operation {
    Operation::new("Removes what was set up, and all that belongs to it")
        .administrators()
        .path("entry_id", "Which")
        .replies(200, "It is gone", Content::Json(restart()))
}

/// `POST …/reload`: what Hearth's integrations set up takes effect at once, so that there is
/// nothing to load again; entries say so (`supports_unload`).
pub(super) async fn reload(
    _: Administrator,
    door: web::Data<Door>,
    entry_id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    find(&door, &entry_id)?;
    Err(Refusal::Message(
        StatusCode::FORBIDDEN,
        "Entry cannot be reloaded".into(),
    ))
}

pub(super) fn describe_reload() -> Operation {
    Operation::new("Loads again what was set up")
        .administrators()
        .path("entry_id", "Which")
        .replies(200, "It was loaded", Content::Json(restart()))
        .replies(403, "It cannot be loaded again", Content::Refusal)
}

fn restart() -> Value {
    object([("require_restart", boolean())])
}

/// The entry of this id.
fn find(door: &Door, entry_id: &str) -> Result<Arc<ConfigEntry>, Refusal> {
    entry_id
        .parse::<ConfigEntryId>()
        .ok()
        .and_then(|id| door.hub.registries.config_entries.get(id))
        .ok_or(Refusal::not_found(UNKNOWN))
}
