//! `/api/config/config_entries/entry`: what was set up, and removing it.

use actix_web::{HttpResponse, web};
use hearth_core::ids::ConfigEntryId;
use serde_json::{Map, Value};

use super::error::refuse_command;
use crate::auth_gate::Administrator;
use crate::config_view::config_entry_view;
use crate::door::Door;
use crate::reply::{self, Refusal};

const UNKNOWN: &str = "Invalid entry specified";

/// Which entries are asked for.
#[derive(serde::Deserialize)]
pub(super) struct Wanted {
    domain: Option<String>,
    /// The kind of integration; all of Hearth's are of the kind `hub`.
    r#type: Option<String>,
}

/// `GET`
pub(super) async fn list(
    _: Administrator,
    door: web::Data<Door>,
    wanted: web::Query<Wanted>,
) -> HttpResponse {
    let entries = door.hub.registries.config_entries.list();
    let listed: Value = entries
        .iter()
        .filter(|entry| {
            wanted
                .domain
                .as_deref()
                .is_none_or(|domain| *entry.domain == *domain)
        })
        .filter(|_| wanted.r#type.as_deref().is_none_or(|kind| kind != "helper"))
        .map(|entry| config_entry_view(entry))
        .collect();
    reply::json(&listed)
}

/// `DELETE`: asks the integration that owns the entry.
pub(super) async fn remove(
    Administrator(user): Administrator,
    door: web::Data<Door>,
    entry_id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let entry = entry_id
        .parse::<ConfigEntryId>()
        .ok()
        .and_then(|id| door.hub.registries.config_entries.get(id))
        .ok_or(Refusal::not_found(UNKNOWN))?;
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
