//! `config_entries/*`: what was set up. Setting up by forms (flows) is not part of the hub yet:
//! no flow is ever in progress.

use hearth_core::fields::missing;
use hearth_core::ids::ConfigEntryId;
use hearth_core::prelude::*;
use hearth_core::registry::{ConfigEntry, DeviceDisabledBy, DisabledBy};

use super::manifest::integration_type;
use super::{Call, by_user};
use crate::entity_edits::EntityEdits;
use crate::{Config, failed, views};

/// Clients that hear of changes.
#[derive(Default)]
pub(crate) struct Listeners {
    clients: Vec<(Subscriber, Wanted)>,
    /// On the bus; there while there are clients.
    subscription: Option<SubscriptionId>,
}

/// Which entries are asked for.
#[derive(Default)]
struct Wanted {
    domain: Option<String>,
    types: Option<Vec<String>>,
}

impl Wanted {
    fn includes(&self, entry: &ConfigEntry) -> bool {
        let domain = self.domain.as_deref();
        let is_type = |types: &Vec<String>| {
            types
                .iter()
                .any(|kind| kind == integration_type(&entry.domain))
        };
        domain.is_none_or(|domain| domain == &*entry.domain)
            && self.types.as_ref().is_none_or(is_type)
    }
}

pub(crate) async fn get(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let wanted = Wanted {
        domain: call.fields.optional_text("domain")?,
        types: call.fields.text_or_texts("type_filter")?,
    };
    call.fields.finish()?;
    let entries = config.hub().registries.config_entries.list();
    let entries = entries.iter().filter(|entry| wanted.includes(entry));
    Ok(entries
        .map(|entry| views::config_entry(config.hub(), entry))
        .collect())
}

pub(crate) async fn get_single(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let entry = find(config, &mut call)?;
    call.fields.finish()?;
    Ok(json!({"config_entry": views::config_entry(config.hub(), &entry)}))
}

pub(crate) async fn subscribe(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let wanted = Wanted {
        domain: None,
        types: call.fields.text_or_texts("type_filter")?,
    };
    call.fields.finish()?;
    let Some(subscriber) = call.subscriber else {
        return Err(CommandError::unknown());
    };
    // Listening first: what changes meanwhile is heard after the snapshot.
    if config.listeners.subscription.is_none() {
        let filter = Filter::of_types(["config_entry_registry_updated"]);
        config.listeners.subscription = Some(config.host.subscribe(filter).await);
    }
    let entries = config.hub().registries.config_entries.list();
    let entries = entries.iter().filter(|entry| wanted.includes(entry));
    let current: Vec<Value> = entries
        .map(|entry| json!({"type": null, "entry": views::config_entry(config.hub(), entry)}))
        .collect();
    subscriber.send(&current);
    let clients = &mut config.listeners.clients;
    clients.retain(|(client, _)| !client.is_gone());
    clients.push((subscriber, wanted));
    Ok(Value::Null)
}

impl Config {
    /// `config_entry_registry_updated` was fired.
    pub(crate) fn tell_listeners(&mut self, data: &Value) {
        let entries = &self.hub().registries.config_entries;
        let id = data["entry_id"].as_str().and_then(|id| id.parse().ok());
        let (kind, entry) = match data["action"].as_str() {
            Some("create") => ("added", id.and_then(|id| entries.get(id))),
            Some("update") => ("updated", id.and_then(|id| entries.get(id))),
            Some("remove") => {
                let removed = serde_json::from_value(data["entry"].clone()).ok();
                ("removed", removed.map(Arc::new))
            }
            _ => return,
        };
        // Gone again by now: its removal is told by the next event.
        let Some(entry) = entry else { return };
        let told = json!([{"type": kind, "entry": views::config_entry(self.hub(), &entry)}]);
        let clients = &mut self.listeners.clients;
        clients.retain(|(client, wanted)| {
            if wanted.includes(&entry) {
                client.send(&told);
            }
            !client.is_gone()
        });
        if self.listeners.clients.is_empty()
            && let Some(subscription) = self.listeners.subscription.take()
        {
            self.host.unsubscribe(subscription);
        }
    }
}

pub(crate) async fn update(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let id = find(config, &mut call)?.entry_id;
    let title = call.fields.optional_text("title")?;
    let disable_new = call.fields.flag("pref_disable_new_entities")?;
    let disable_polling = call.fields.flag("pref_disable_polling")?;
    call.fields.finish()?;
    let hub = config.hub();
    let mut edits = EntityEdits::new(hub);
    let edit = |entry: &mut ConfigEntry| {
        if let Some(title) = title {
            entry.title = title.into();
        }
        if let Some(disable) = disable_new {
            entry.pref_disable_new_entities = disable;
        }
        if let Some(disable) = disable_polling {
            entry.pref_disable_polling = disable;
        }
    };
    let entries = &hub.registries.config_entries;
    let entry = entries.update(&mut edits.changes, id, edit);
    let entry = entry.map_err(failed)?.ok_or_else(unknown)?;
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(json!({"config_entry": views::config_entry(hub, &entry), "require_restart": false}))
}

/// Disables an entry with its devices and entities, or brings them back.
pub(crate) async fn disable(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let id = find(config, &mut call)?.entry_id;
    let by = by_user(&mut call.fields, "disabled_by", ())?;
    let is_disabled = by.ok_or_else(|| missing("disabled_by"))?.is_some();
    call.fields.finish()?;
    let hub = config.hub();
    let registries = &hub.registries;
    let mut edits = EntityEdits::new(hub);
    let entry = registries
        .config_entries
        .update(&mut edits.changes, id, |entry| {
            entry.is_disabled = is_disabled
        })
        .map_err(failed)?
        .ok_or_else(unknown)?;
    for entity in registries.entities.of_config_entry(id) {
        let (from, to) = switched(is_disabled, DisabledBy::ConfigEntry);
        if entity.disabled_by == from {
            let edited = edits.edit_one(&entity, |entity| entity.disabled_by = to);
            edited.map_err(failed)?;
        }
    }
    let is_enabled = |id: &ConfigEntryId| {
        let entry = registries.config_entries.get(*id);
        entry.is_some_and(|entry| !entry.is_disabled)
    };
    for device in registries.devices.list() {
        let (from, to) = switched(is_disabled, DeviceDisabledBy::ConfigEntry);
        // A device of several entries lives as long as one of them does.
        let is_kept = is_disabled && device.config_entries.iter().any(is_enabled);
        if device.config_entries.contains(&id) && device.disabled_by == from && !is_kept {
            registries
                .devices
                .update(&mut edits.changes, device.id, |device| {
                    device.disabled_by = to
                })
                .map_err(failed)?;
        }
    }
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(json!({"config_entry": views::config_entry(hub, &entry), "require_restart": false}))
}

/// Who disables a thing before and after.
fn switched<T>(is_disabled: bool, by: T) -> (Option<T>, Option<T>) {
    if is_disabled {
        (None, Some(by))
    } else {
        (Some(by), None)
    }
}

pub(crate) async fn flows(_: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    Ok(json!([]))
}

/// No flow is in progress, so none can be ignored.
pub(crate) async fn ignore_flow(_: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    call.fields.text("flow_id")?;
    call.fields.text("title")?;
    call.fields.finish()?;
    Err(unknown())
}

fn find(config: &Config, call: &mut Call) -> Result<Arc<ConfigEntry>, CommandError> {
    let id: Option<ConfigEntryId> = call.fields.text("entry_id")?.parse().ok();
    let entries = &config.hub().registries.config_entries;
    id.and_then(|id| entries.get(id)).ok_or_else(unknown)
}

fn unknown() -> CommandError {
    CommandError::not_found("Config entry not found")
}
