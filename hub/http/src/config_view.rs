//! The hub's configuration and its config entries as clients see them, over REST and WebSocket
//! alike.

use hearth_core::home::base_config;
use hearth_core::hub::Hub;
use hearth_core::json::number;
use hearth_core::registry::ConfigEntry;
use serde_json::{Value, json};

/// REST `/api/config` and WebSocket `get_config`: every key of spec rest-api §1.
pub(crate) fn config_view(hub: &Hub) -> Value {
    let home = &hub.settings.hub;
    let mut config = base_config(hub);
    let more = [
        ("allowlist_external_dirs", json!([])),
        ("allowlist_external_urls", json!([])),
        ("config_dir", json!("/config")),
        ("config_source", json!("storage")),
        ("country", json!(home.country)),
        ("currency", json!(home.currency)),
        ("debug", json!(false)),
        ("external_url", json!(home.external_url)),
        ("internal_url", json!(home.internal_url)),
        ("language", json!(home.language)),
        ("radius", number(home.radius)),
        ("recovery_mode", json!(false)),
        ("safe_mode", json!(false)),
        ("state", json!(hub.phase().as_str())),
        ("whitelist_external_dirs", json!([])),
    ];
    config.extend(more.map(|(key, value)| (key.to_owned(), value)));
    Value::Object(config)
}

/// A config entry as clients see it (spec websocket-api, `config_entries/get`).
pub(crate) fn config_entry_view(entry: &ConfigEntry) -> Value {
    json!({
        "entry_id": entry.entry_id,
        "domain": entry.domain,
        "title": entry.title,
        "source": entry.source,
        "state": "loaded",
        "supports_options": false,
        "supports_remove_device": false,
        "supports_unload": false,
        "supports_reconfigure": false,
        "supported_subentry_types": {},
        "pref_disable_new_entities": false,
        "pref_disable_polling": false,
        "disabled_by": null,
        "reason": null,
        "error_reason_translation_key": null,
        "error_reason_translation_placeholders": null,
        "num_subentries": 0,
        "created_at": entry.created_at.as_seconds_f64(),
        "modified_at": entry.modified_at.as_seconds_f64(),
    })
}
