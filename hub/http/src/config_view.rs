//! The hub's configuration as clients see it, over REST and WebSocket alike.

use hearth_core::home::base_config;
use hearth_core::hub::Hub;
use hearth_core::json::number;
use serde_json::{Value, json};

/// REST `/api/config` and WebSocket `get_config`: every key of spec rest-api §1.
pub(crate) fn config_view(hub: &Hub) -> Value {
    let home = hub.home.current();
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
