//! The hub's configuration and its config entries as clients see them, over REST and WebSocket
//! alike.

use hearth_core::hub::{Hub, PROTOCOL_VERSION};
use hearth_core::json::number;
use hearth_core::registry::ConfigEntry;
use hearth_core::settings::UnitSystem;
use serde_json::{Value, json};

/// REST `/api/config` and WebSocket `get_config`: every key of spec rest-api §1.
pub(crate) fn config_view(hub: &Hub) -> Value {
    let home = &hub.settings.hub;
    json!({
        "allowlist_external_dirs": [],
        "allowlist_external_urls": [],
        "components": hub.integrations.components(),
        "config_dir": "/config",
        "config_source": "storage",
        "country": home.country,
        "currency": home.currency,
        "debug": false,
        "elevation": home.elevation,
        "external_url": home.external_url,
        "internal_url": home.internal_url,
        "language": home.language,
        "latitude": home.latitude,
        "location_name": home.name,
        "longitude": home.longitude,
        "radius": number(home.radius),
        "recovery_mode": false,
        "safe_mode": false,
        "state": hub.phase().as_str(),
        "time_zone": home.time_zone,
        "unit_system": units(home.unit_system),
        "version": PROTOCOL_VERSION,
        "whitelist_external_dirs": [],
    })
}

fn units(system: UnitSystem) -> Value {
    match system {
        UnitSystem::Metric => json!({
            "length": "km",
            "accumulated_precipitation": "mm",
            "area": "m²",
            "mass": "g",
            "pressure": "Pa",
            "temperature": "°C",
            "volume": "L",
            "wind_speed": "m/s",
        }),
        UnitSystem::UsCustomary => json!({
            "length": "mi",
            "accumulated_precipitation": "in",
            "area": "ft²",
            "mass": "lb",
            "pressure": "psi",
            "temperature": "°F",
            "volume": "gal",
            "wind_speed": "mph",
        }),
    }
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
