//! What the operator can ask for: the door of the command line. Data and answers are JSON objects;
//! secrets stand in the answer that makes them and nowhere else.

mod explain;
mod hubs;
mod webhooks;

use hearth_core::command::{CommandError, ErrorCode};
use hearth_core::store::StoreError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ids::NotAnId;
use crate::registry::WebhookError;
use crate::relay::Relay;

/// Carries a command out.
///
/// # Errors
/// `unknown_command`, `invalid_format`, `not_found`, or that it was not stored.
pub async fn carry_out(
    relay: &Relay,
    command: &str,
    data: Map<String, Value>,
) -> Result<Value, CommandError> {
    let data = Value::Object(data);
    match command {
        "webhook/create" => webhooks::create(relay, read(data)?).await,
        "webhook/list" => Ok(webhooks::list(relay)),
        "webhook/rotate" => webhooks::rotate(relay, read(data)?).await,
        "webhook/disable" => webhooks::disable(relay, read(data)?).await,
        "webhook/revoke" => webhooks::revoke(relay, read(data)?).await,
        "webhook/explain" => explain::explain(relay, read(data)?).await,
        "webhook/deliveries" => webhooks::deliveries(relay, read(data)?),
        "hub/create" => hubs::create(relay, read(data)?).await,
        "hub/list" => Ok(hubs::list(relay)),
        "hub/rotate" => hubs::rotate(relay, read(data)?).await,
        "hub/disable" => hubs::disable(relay, read(data)?).await,
        "hub/revoke" => hubs::revoke(relay, read(data)?).await,
        "hub/dead_letters" => hubs::dead_letters(relay, read(data)?).await,
        "hub/replay" => hubs::replay(relay, read(data)?).await,
        _ => Err(CommandError::new(
            ErrorCode::UNKNOWN_COMMAND,
            "Unknown command.",
        )),
    }
}

fn read<T: DeserializeOwned>(data: Value) -> Result<T, CommandError> {
    serde_json::from_value(data).map_err(|error| CommandError::invalid(error.to_string()))
}

fn id<T: std::str::FromStr<Err = NotAnId>>(text: &str) -> Result<T, CommandError> {
    text.parse()
        .map_err(|error: NotAnId| CommandError::invalid(format!("id: {error}")))
}

fn of_webhook(error: WebhookError) -> CommandError {
    match error {
        WebhookError::Unknown => CommandError::not_found(error.to_string()),
        WebhookError::Store(error) => of_store(error),
        WebhookError::KeyPath(_) | WebhookError::Member { .. } => {
            CommandError::invalid(error.to_string())
        }
    }
}

fn of_store(error: StoreError) -> CommandError {
    CommandError::failed(error.to_string())
}

fn no_hub() -> CommandError {
    CommandError::not_found("there is no such hub")
}
