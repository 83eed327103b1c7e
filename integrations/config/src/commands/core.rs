//! `config/core/*`, `network/url`, `repairs/list_issues`: the home itself.

use hearth_core::home::{HomeChanges, HomeError};
use hearth_core::prelude::*;

use super::{Call, invalid_info};
use crate::{Config, failed};

/// What may be given of the home; others are refused by the change itself.
const FIELDS: [&str; 12] = [
    "country",
    "currency",
    "elevation",
    "external_url",
    "internal_url",
    "language",
    "latitude",
    "location_name",
    "longitude",
    "radius",
    "time_zone",
    "unit_system",
];

pub(crate) async fn update(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    // Of sensors, whose units are their integrations' business.
    call.fields.flag("update_units")?;
    let mut given = Map::new();
    for field in FIELDS {
        if let Some(value) = call.fields.take(field) {
            given.insert(field.to_owned(), value);
        }
    }
    call.fields.finish()?;
    let changes: HomeChanges = serde_json::from_value(Value::Object(given))
        .map_err(|error| CommandError::invalid(error.to_string()))?;
    match config.hub().home.update(changes, call.caller.context).await {
        Ok(()) => Ok(Value::Null),
        Err(HomeError::Invalid(error)) => Err(invalid_info(error)),
        Err(HomeError::Store(error)) => Err(failed(error)),
    }
}

/// What can be told of the home without asking anybody outside: what it has, and the machine's
/// time zone.
pub(crate) async fn detect(config: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let home = config.hub().home.current();
    let zone = jiff::tz::TimeZone::system();
    let zone = zone.iana_name().filter(|name| *name != "Etc/UTC");
    Ok(json!({
        "unit_system": home.unit_system,
        "currency": home.currency,
        "country": home.country,
        "language": home.language,
        "time_zone": zone.unwrap_or(&home.time_zone),
        "latitude": home.latitude,
        "longitude": home.longitude,
    }))
}

pub(crate) async fn urls(config: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let home = config.hub().home.current();
    Ok(json!({
        "internal": home.internal_url,
        "external": home.external_url,
        "cloud": null,
    }))
}

/// What a person should mend; nothing reports any yet.
pub(crate) async fn issues(_: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    Ok(json!({"issues": []}))
}
