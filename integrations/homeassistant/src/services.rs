//! The table of `homeassistant.*` services.

use hearth_core::home::HomeError;
use hearth_core::prelude::*;
use hearth_core::service::CallRequest;
use serde_json::json;

use crate::{DOMAIN, generic};

/// One service of the table.
pub(crate) struct Offered {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) schema: Schema,
    pub(crate) admin: bool,
}

pub(crate) fn offered() -> Vec<Offered> {
    let any_user = |name, description, schema| Offered {
        name,
        description,
        schema,
        admin: false,
    };
    let admin = |name, description, fields| Offered {
        name,
        description,
        schema: Schema::Fields(fields),
        admin: true,
    };
    let degrees = |name, most: f64, description| {
        let kind = Kind::Number {
            min: -most,
            max: most,
        };
        Field::required(name, kind, description)
    };
    let elevation = Kind::Integer {
        min: -12_000,
        max: 100_000,
    };
    vec![
        any_user("turn_on", "Turns on things of any kind.", Schema::Anything),
        any_user(
            "turn_off",
            "Turns off things of any kind.",
            Schema::Anything,
        ),
        any_user(
            "toggle",
            "Turns things of any kind on or off, whichever they are not.",
            Schema::Anything,
        ),
        any_user(
            "update_entity",
            "Asks for fresh values of entities.",
            Schema::Fields(vec![Field::required(
                "entity_id",
                Kind::Texts,
                "The entities.",
            )]),
        ),
        admin("stop", "Stops the hub.", Vec::new()),
        admin(
            "restart",
            "Restarts the hub.",
            vec![Field::optional(
                "safe_mode",
                Kind::Bool,
                "Has no effect here.",
            )],
        ),
        admin(
            "save_persistent_states",
            "Writes changed states to the disk now.",
            Vec::new(),
        ),
        admin("check_config", "Checks the settings.", Vec::new()),
        admin(
            "reload_core_config",
            "Reads the settings again.",
            Vec::new(),
        ),
        admin(
            "reload_all",
            "Reloads all that can be reloaded.",
            Vec::new(),
        ),
        admin(
            "set_location",
            "Moves the home to another place.",
            vec![
                degrees("latitude", 90.0, "Degrees north."),
                degrees("longitude", 180.0, "Degrees east."),
                Field::optional("elevation", elevation, "Metres above the sea."),
            ],
        ),
    ]
}

pub(crate) async fn carry_out(hub: &Hub, call: ServiceCall) -> Result<(), ServiceError> {
    let context = call.context;
    match &*call.service {
        "turn_on" | "turn_off" | "toggle" => generic::pass_on(hub, call).await,
        // Entities push their values; those that exist are up to date.
        "update_entity" | "check_config" => Ok(()),
        "stop" => {
            hub.fire("hearth_stop_requested", json!({}), context).await;
            Ok(())
        }
        "restart" => {
            hub.fire("hearth_restart_requested", json!({}), context)
                .await;
            Ok(())
        }
        "save_persistent_states" => {
            hub.save_states().await;
            Ok(())
        }
        "reload_core_config" => Err(ServiceError::Failed(
            "Settings are read at the start; restart the hub to apply changed ones".to_owned(),
        )),
        "reload_all" => reload_all(hub, context).await,
        "set_location" => {
            let changes = serde_json::from_value(Value::Object(call.data))
                .map_err(|error| ServiceError::Invalid(error.to_string()))?;
            hub.home
                .update(changes, context)
                .await
                .map_err(|error| match error {
                    HomeError::Invalid(invalid) => ServiceError::Invalid(invalid.to_string()),
                    HomeError::Store(error) => ServiceError::Failed(error.to_string()),
                })
        }
        other => Err(ServiceError::NotFound(DOMAIN.into(), other.into())),
    }
}

async fn reload_all(hub: &Hub, context: Context) -> Result<(), ServiceError> {
    for (domain, services) in hub.services.describe() {
        if domain == DOMAIN || !services.contains_key("reload") {
            continue;
        }
        let request = CallRequest {
            domain,
            service: "reload".to_owned(),
            data: Map::new(),
            context,
            return_response: false,
        };
        hub.services.call(request).await?;
    }
    Ok(())
}
