//! Registrations that exist from the start, with fixed ids and secrets: for headless labs.

use futures_util::StreamExt;
use futures_util::stream;
use hearth_core::command::CommandError;
use hearth_core::ids::{UserId, WebhookId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::crypto::Secret;
use crate::form::Form;
use crate::register::Credentials;
use crate::registrations::Registrations;

/// How many are registered at a time: they share the store's commits.
const TOGETHER: usize = 256;

/// One registration to be: the settings' table, its user and its secrets looked up.
#[derive(Deserialize)]
struct Provisioned {
    user_id: UserId,
    device_name: String,
    app_id: String,
    app_name: String,
    app_version: String,
    manufacturer: String,
    model: String,
    os_name: String,
    #[serde(default)]
    os_version: Option<String>,
    device_id: String,
    webhook_id: String,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    supports_encryption: Option<bool>,
}

/// `{registrations: […]}` → `{"registered": n}`. One that is there already as it should be stays
/// as it is, sensors and all; one that differs is replaced.
pub(crate) async fn provision(
    registrations: &Registrations,
    mut data: Map<String, Value>,
) -> Result<Value, CommandError> {
    let wanted = data.remove("registrations").unwrap_or_default();
    // An error of serde may show the value, which may be a secret: only its place is told.
    let wanted: Vec<Provisioned> = serde_json::from_value(wanted)
        .map_err(|_| CommandError::invalid("registrations are not as they should be"))?;
    let outcomes = stream::iter(wanted)
        .map(|wanted| register(registrations, wanted))
        .buffer_unordered(TOGETHER)
        .collect::<Vec<_>>()
        .await;
    let mut registered = 0;
    for outcome in outcomes {
        registered += usize::from(outcome?);
    }
    Ok(json!({"registered": registered}))
}

/// Whether it had to be registered.
async fn register(
    registrations: &Registrations,
    wanted: Provisioned,
) -> Result<bool, CommandError> {
    let name = wanted.device_name.clone();
    let refused = |why: &str| CommandError::invalid(format!("the registration of {name}: {why}"));
    let secret = match &wanted.secret {
        Some(text) => Some(
            Secret::from_hex(text).ok_or_else(|| refused("its secret is not 64 hex characters"))?,
        ),
        None => None,
    };
    let supports_encryption = wanted.supports_encryption.unwrap_or(secret.is_some());
    if supports_encryption && secret.is_none() {
        return Err(refused("encryption without a secret"));
    }
    let webhook_id = WebhookId::from(wanted.webhook_id.as_str());
    let known = registrations.get(&webhook_id);
    if known.is_some_and(|known| {
        known.user_id == wanted.user_id
            && *known.device_id == *wanted.device_id
            && *known.make.app_id == *wanted.app_id
            // Encryption that was turned on since then stays on.
            && (secret.is_none() || known.secret == secret)
    }) {
        return Ok(false);
    }
    let credentials = Credentials {
        webhook_id,
        secret,
        supports_encryption,
    };
    let form = Form {
        app_id: wanted.app_id,
        app_name: wanted.app_name,
        app_version: wanted.app_version,
        device_name: wanted.device_name,
        manufacturer: wanted.manufacturer,
        model: wanted.model,
        os_name: wanted.os_name,
        os_version: wanted.os_version,
        device_id: wanted.device_id,
        is_device_id_made: false,
        supports_encryption,
        app_data: None,
    };
    registrations
        .register(wanted.user_id, form, credentials)
        .await
        .map_err(|error| CommandError::failed(format!("the registration of {name}: {error}")))?;
    Ok(true)
}
