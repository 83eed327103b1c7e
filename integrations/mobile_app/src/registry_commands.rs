//! The commands by which the hub and its owner see and change registrations.

use std::sync::Arc;

use hearth_core::command::{Access, Command, CommandError};
use hearth_core::event::Context;
use hearth_core::ids::{ConfigEntryId, WebhookId};
use hearth_core::store::StoreError;
use serde_json::{Map, Value, json};

use crate::provision;
use crate::record::Record;
use crate::registrations::Registrations;

const REMOVE_ENTRY: &str = "mobile_app/config_entry/remove";
const LIST: &str = "mobile_app/registrations/list";
const REMOVE: &str = "mobile_app/registrations/remove";
const PROVISION: &str = "mobile_app/provision";
const START_FLOW: &str = "mobile_app/config_flow/start";

/// Where the apps are that register themselves.
const APPS_URL: &str = "https://www.home-assistant.io/integrations/mobile_app/#apps";

/// Every command and who may call it.
pub(crate) const TABLE: [(&str, Access); 5] = [
    (REMOVE_ENTRY, Access::Admin),
    (START_FLOW, Access::Admin),
    (LIST, Access::Local),
    (REMOVE, Access::Local),
    (PROVISION, Access::Inside),
];

/// Carries a command out.
pub(crate) async fn run(
    registrations: &Registrations,
    command: Command,
) -> Result<Value, CommandError> {
    let context = command.caller.context;
    match &*command.name {
        REMOVE_ENTRY => remove_entry(registrations, &command.data, context).await,
        START_FLOW => Ok(install_app()),
        LIST => Ok(list(registrations)),
        REMOVE => remove(registrations, &command.data, context).await,
        PROVISION => provision::provision(registrations, command.data).await,
        _ => Err(CommandError::unknown()),
    }
}

/// `{entry_id}` → `{"require_restart": false}`.
async fn remove_entry(
    registrations: &Registrations,
    data: &Map<String, Value>,
    context: Context,
) -> Result<Value, CommandError> {
    let id = data.get("entry_id").and_then(Value::as_str);
    let id: Option<ConfigEntryId> = id.and_then(|id| id.parse().ok());
    let record = id.and_then(|id| registrations.of_entry(id));
    let record = record.ok_or_else(|| CommandError::not_found("Invalid entry specified"))?;
    registrations
        .remove(&record.webhook_id, context)
        .await
        .map_err(failed)?;
    Ok(json!({"require_restart": false}))
}

/// A phone is not set up by hand: its app registers it (spec rest-api §8).
fn install_app() -> Value {
    json!({
        "type": "abort",
        "reason": "install_app",
        "description_placeholders": {"apps_url": APPS_URL},
    })
}

/// Every registration, the oldest first. Webhook ids are secrets: for the owner's console only.
fn list(registrations: &Registrations) -> Value {
    let mut records = registrations.all();
    let entries = &registrations.hub().registries.config_entries;
    // The ids alone tell only milliseconds apart.
    records.sort_by_cached_key(|record| {
        let created = entries.get(record.entry_id).map(|entry| entry.created_at);
        (created, record.entry_id)
    });
    records.iter().map(|record| shown(record)).collect()
}

fn shown(record: &Record) -> Value {
    json!({
        "webhook_id": record.webhook_id,
        "entry_id": record.entry_id,
        "user_id": record.user_id,
        "device_id": record.device_id,
        "device_name": record.device_name,
        "app_id": record.make.app_id,
        "app_name": record.make.app_name,
        "app_version": record.make.app_version,
        "manufacturer": record.make.manufacturer,
        "model": record.make.model,
        "os_name": record.make.os_name,
        "os_version": record.make.os_version,
        "supports_encryption": record.supports_encryption,
    })
}

/// `{webhook_id}` (the id or its beginning), `{entry_id}` or `{device_name}` → what was removed.
/// Exactly one registration must be meant.
async fn remove(
    registrations: &Registrations,
    data: &Map<String, Value>,
    context: Context,
) -> Result<Value, CommandError> {
    let text = |key: &str| data.get(key).and_then(Value::as_str);
    let is_meant: Box<dyn Fn(&Record) -> bool + '_> =
        match (text("webhook_id"), text("entry_id"), text("device_name")) {
            (Some(id), None, None) if !id.is_empty() => {
                Box::new(move |record| record.webhook_id.as_str().starts_with(id))
            }
            (None, Some(id), None) => Box::new(move |record| record.entry_id.to_string() == id),
            (None, None, Some(name)) => Box::new(move |record| &*record.device_name == name),
            _ => {
                return Err(CommandError::invalid(
                    "expected one of webhook_id, entry_id, device_name",
                ));
            }
        };
    let mut meant: Vec<Arc<Record>> = registrations.all();
    meant.retain(|record| is_meant(record));
    let record = match meant.as_slice() {
        [record] => Arc::clone(record),
        [] => return Err(CommandError::not_found("No such registration")),
        several => {
            return Err(CommandError::invalid(format!(
                "{} registrations fit; give more of the webhook id",
                several.len()
            )));
        }
    };
    registrations
        .remove(&record.webhook_id, context)
        .await
        .map_err(failed)?;
    Ok(shown(&record))
}

/// Removes every registration of a user who is gone.
pub(crate) async fn remove_of_user(registrations: &Registrations, user_id: &str, context: Context) {
    let mut theirs: Vec<WebhookId> = Vec::new();
    for record in registrations.all() {
        if record.user_id.to_string() == user_id {
            theirs.push(record.webhook_id.clone());
        }
    }
    for id in theirs {
        if let Err(error) = registrations.remove(&id, context).await {
            tracing::error!(%error, webhook = id.short(), "a registration of a removed user stays");
        }
    }
}

fn failed(error: StoreError) -> CommandError {
    tracing::error!(%error, "a registration was not removed");
    CommandError::failed(error.to_string())
}
