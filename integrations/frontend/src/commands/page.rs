//! What a page shows the home with: themes, texts, icons.

use hearth_core::prelude::*;

use super::Call;
use crate::{Frontend, texts};

pub(crate) async fn themes(_: &mut Frontend, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    Ok(json!({"themes": {}, "default_theme": "default", "default_dark_theme": null}))
}

pub(crate) async fn translations(_: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    let language = call.fields.text("language")?;
    let category = call.fields.text("category")?;
    let domains = call.fields.text_or_texts("integration")?;
    // Texts of set-up forms come with their integrations; there are none yet.
    call.fields.flag("config_flow")?;
    call.fields.finish()?;
    let resources = texts::translations(&language, &category, domains.as_deref());
    Ok(json!({"resources": resources}))
}

const ICON_CATEGORIES: [(&str, &str); 3] = [
    ("entity", "entity"),
    ("entity_component", "entity_component"),
    ("services", "services"),
];

pub(crate) async fn icons(_: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    let category = call.fields.one_of("category", &ICON_CATEGORIES)?;
    let category = category
        .ok_or_else(|| CommandError::invalid("required key not provided @ data['category']"))?;
    let domains = call.fields.text_or_texts("integration")?;
    call.fields.finish()?;
    Ok(json!({"resources": texts::icons(category, domains.as_deref())}))
}

/// The version of the hub: it brings its own page.
pub(crate) async fn version(_: &mut Frontend, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    Ok(json!({"version": env!("CARGO_PKG_VERSION")}))
}

pub(crate) async fn subscribe_extra_js(
    frontend: &mut Frontend,
    call: Call,
) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let listeners = &mut frontend.script_listeners;
    listeners.retain(|listener| !listener.is_gone());
    listeners.extend(call.subscriber);
    Ok(Value::Null)
}

/// The device classes of sensors whose values are numbers: all but `date`, `enum`, `timestamp`.
const NUMERIC: [&str; 53] = [
    "apparent_power",
    "aqi",
    "area",
    "atmospheric_pressure",
    "battery",
    "blood_glucose_concentration",
    "carbon_dioxide",
    "carbon_monoxide",
    "conductivity",
    "current",
    "data_rate",
    "data_size",
    "distance",
    "duration",
    "energy",
    "energy_distance",
    "energy_storage",
    "frequency",
    "gas",
    "humidity",
    "illuminance",
    "irradiance",
    "moisture",
    "monetary",
    "nitrogen_dioxide",
    "nitrogen_monoxide",
    "nitrous_oxide",
    "ozone",
    "ph",
    "pm1",
    "pm10",
    "pm25",
    "power",
    "power_factor",
    "precipitation",
    "precipitation_intensity",
    "pressure",
    "reactive_power",
    "signal_strength",
    "sound_pressure",
    "speed",
    "sulphur_dioxide",
    "temperature",
    "volatile_organic_compounds",
    "volatile_organic_compounds_parts",
    "voltage",
    "volume",
    "volume_flow_rate",
    "volume_storage",
    "water",
    "weight",
    "wind_direction",
    "wind_speed",
];

pub(crate) async fn numeric_device_classes(
    _: &mut Frontend,
    call: Call,
) -> Result<Value, CommandError> {
    call.fields.finish()?;
    Ok(json!({"numeric_device_classes": NUMERIC.as_slice()}))
}
