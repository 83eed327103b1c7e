//! The home itself as clients see it: where it is, what it is called, in which units it counts.
//!
//! REST `/api/config`, the WebSocket's `get_config` and the phones' `get_config` are each made
//! from this and add what is their own.

use serde_json::{Map, Value, json};

use crate::hub::{Hub, PROTOCOL_VERSION};
use crate::settings::UnitSystem;

/// The units of a home, by quantity.
pub fn unit_system(system: UnitSystem) -> Value {
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

/// What every client is told of the home: `latitude`, `longitude`, `elevation`, `unit_system`,
/// `location_name`, `time_zone`, `components` and `version`.
pub fn base_config(hub: &Hub) -> Map<String, Value> {
    let home = &hub.settings.hub;
    let config = json!({
        "latitude": home.latitude,
        "longitude": home.longitude,
        "elevation": home.elevation,
        "unit_system": unit_system(home.unit_system),
        "location_name": home.name,
        "time_zone": home.time_zone,
        "components": hub.integrations.components(),
        "version": PROTOCOL_VERSION,
    });
    match config {
        Value::Object(config) => config,
        // `json!` of an object is an object.
        _ => Map::new(),
    }
}
