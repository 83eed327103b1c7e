//! The public address of a phone's webhook, where the hub has a relay: the `relay` integration
//! makes it, and ends it with the registration (spec relay §7, mobile-app §2).

use std::time::Duration;

use hearth_core::command::{Caller, ErrorCode};
use hearth_core::event::Context;
use hearth_core::hub::Hub;
use hearth_core::ids::WebhookId;
use serde_json::{Map, Value, json};

const CREATE: &str = "cloud/cloudhook/create";
const DELETE: &str = "cloud/cloudhook/delete";

/// How long a phone waits for its address before it goes without; its next `get_config` brings it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the hub has a relay at all.
pub(crate) fn is_possible(hub: &Hub) -> bool {
    hub.commands.contains(CREATE)
}

/// The address, which is made if there is none yet. None where the relay is not there.
pub(crate) async fn url(hub: &Hub, id: &WebhookId) -> Option<String> {
    let made = call(hub, CREATE, json!({"webhook_id": id, "managed": true}));
    match tokio::time::timeout(PATIENCE, made).await {
        Ok(Ok(Value::Object(mut made))) => match made.remove("cloudhook_url") {
            Some(Value::String(url)) => Some(url),
            _ => None,
        },
        Ok(Err(error)) if error.code == ErrorCode::UNKNOWN_COMMAND => None,
        Ok(Err(error)) => {
            tracing::info!(phone = id.short(), %error, "a phone has no cloudhook yet");
            None
        }
        Ok(Ok(_)) | Err(_) => {
            tracing::info!(
                phone = id.short(),
                "a phone's cloudhook was not made in time"
            );
            None
        }
    }
}

/// Ends the address of a registration that is gone. Nobody waits for it.
pub(crate) fn end(hub: &Hub, id: &WebhookId) {
    if !is_possible(hub) {
        return;
    }
    let (hub, id) = (hub.clone(), id.clone());
    actix_rt::spawn(async move {
        match call(&hub, DELETE, json!({"webhook_id": id})).await {
            Ok(_) => {}
            Err(error) if error.code == ErrorCode::NOT_FOUND => {}
            Err(error) => {
                tracing::warn!(phone = id.short(), %error, "a phone's cloudhook was not deleted");
            }
        }
    });
}

async fn call(
    hub: &Hub,
    name: &str,
    data: Value,
) -> Result<Value, hearth_core::command::CommandError> {
    let data = match data {
        Value::Object(data) => data,
        _ => Map::new(),
    };
    let caller = Caller::inside(Context::new(&hub.env));
    hub.commands.call(name, data, caller).await
}
