//! Services: calling them and describing them (spec websocket-api §5).

use std::borrow::Cow;

use futures_util::FutureExt;
use hearth_core::command::{CommandError, ErrorCode, Translation};
use hearth_core::ids::EntityId;
use hearth_core::service::{CallRequest, ServiceError, TARGET_KEYS};
use serde_json::{Map, Value, json};

use super::{Act, Command};
use crate::websocket::fields::{Fields, wrong, wrong_kind};
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

/// Calls a service and waits for its end.
pub(super) struct Call {
    domain: String,
    service: String,
    /// With the targets merged in.
    data: Map<String, Value>,
    return_response: bool,
}

impl Command for Call {
    const TYPE: &'static str = "call_service";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let domain = fields.text("domain")?;
        let service = fields.text("service")?;
        let mut data = fields.object("service_data")?;
        data.extend(targets(fields.take("target"))?);
        let return_response = fields.flag("return_response")?;
        fields.finish()?;
        Ok(Self {
            domain,
            service,
            data,
            return_response,
        })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let hub = session.door.hub.clone();
        let context = session.context();
        let called = async move {
            let request = CallRequest {
                domain: self.domain.clone(),
                service: self.service.clone(),
                data: self.data,
                context,
                return_response: self.return_response,
            };
            let response = hub
                .services
                .call(request)
                .await
                .map_err(|error| refusal(error, &self.domain, &self.service))?;
            let mut result = json!({ "context": context });
            if self.return_response {
                result["response"] = response.unwrap_or_else(|| json!({}));
            }
            Ok(Answer::Value(result))
        };
        Ok(Act::Beside(called.boxed_local()))
    }
}

/// The targets as lists, but `all` and `none` as they are.
fn targets(given: Option<Value>) -> Result<Map<String, Value>, CommandError> {
    let given = match given {
        None => return Ok(Map::new()),
        Some(Value::Object(given)) => given,
        Some(other) => return Err(wrong_kind("dict", "target", &other)),
    };
    let mut targets = Map::new();
    for (key, value) in given {
        let path = format!("['target']['{key}']");
        if !TARGET_KEYS.contains(&key.as_str()) {
            return Err(wrong("extra keys not allowed", &path, &value));
        }
        let listed = match &value {
            Value::String(text) if matches!(text.to_lowercase().as_str(), "all" | "none") => {
                Value::from(text.to_lowercase())
            }
            Value::String(text) => text
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .collect(),
            Value::Array(names) if names.iter().all(Value::is_string) => value.clone(),
            _ => {
                return Err(wrong(
                    "expected a text or a list of texts for dictionary value",
                    &path,
                    &value,
                ));
            }
        };
        check_names(&key, &path, &listed)?;
        targets.insert(key, listed);
    }
    Ok(targets)
}

fn check_names(key: &str, path: &str, listed: &Value) -> Result<(), CommandError> {
    for name in listed
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if ["{{", "{%", "{#"]
            .iter()
            .any(|opening| name.contains(opening))
        {
            return Err(wrong("templates are not allowed", path, listed));
        }
        if key == "entity_id" && name.parse::<EntityId>().is_err() {
            let reason = format!("Entity ID {name} is an invalid entity ID for dictionary value");
            return Err(wrong(&reason, path, listed));
        }
    }
    Ok(())
}

/// A service's refusal in the socket's words.
fn refusal(error: ServiceError, domain: &str, service: &str) -> CommandError {
    let message = error.to_string();
    match error {
        ServiceError::NotFound(missing_domain, missing_service) => {
            let (domain, service) = (domain.to_lowercase(), service.to_lowercase());
            if *missing_domain == *domain && *missing_service == *service {
                let placeholders = json!({"domain": domain, "service": service});
                let error = CommandError::not_found(message);
                return translated(error, "homeassistant", "service_not_found", placeholders);
            }
            let placeholders = json!({
                "domain": missing_domain, "service": missing_service,
                "child_domain": domain, "child_service": service,
            });
            let error = CommandError::failed(format!(
                "Service {missing_domain}.{missing_service} called service {domain}.{service} which was not found."
            ));
            translated(
                error,
                "websocket_api",
                "child_service_not_found",
                placeholders,
            )
        }
        ServiceError::Invalid(message) => CommandError::invalid(message),
        ServiceError::Validation(_, translation) => CommandError {
            translation,
            ..invalid_for_service(&message)
        },
        ServiceError::NoResponse => {
            let error = invalid_for_service(&message);
            translated(
                error,
                "homeassistant",
                "service_does_not_support_response",
                return_response(),
            )
        }
        ServiceError::ResponseRequired => {
            let error = invalid_for_service(&message);
            translated(
                error,
                "homeassistant",
                "service_lacks_response_request",
                return_response(),
            )
        }
        // Not the code `unauthorized`: spec §5.
        ServiceError::Unauthorized | ServiceError::Failed(_) => CommandError::failed(message),
        ServiceError::Busy => CommandError::busy(),
        ServiceError::Unknown => CommandError::unknown(),
    }
}

fn invalid_for_service(message: &str) -> CommandError {
    CommandError::new(
        ErrorCode::SERVICE_VALIDATION,
        format!("Validation error: {message}"),
    )
}

fn return_response() -> Value {
    json!({"return_response": "return_response=True"})
}

fn translated(
    error: CommandError,
    domain: &'static str,
    key: &'static str,
    placeholders: Value,
) -> CommandError {
    let placeholders = match placeholders {
        Value::Object(placeholders) => placeholders,
        _ => Map::new(),
    };
    CommandError {
        translation: Some(Box::new(Translation {
            domain: Cow::Borrowed(domain),
            key: Cow::Borrowed(key),
            placeholders,
        })),
        ..error
    }
}

/// All services, described.
pub(super) struct GetServices;

impl Command for GetServices {
    const TYPE: &'static str = "get_services";

    fn parse(fields: Fields) -> Result<Self, CommandError> {
        fields.finish().map(|()| Self)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let described = session.door.hub.services.describe();
        Ok(Act::Done(Answer::Value(json!(described))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn targets_become_lists_and_templates_in_them_are_refused() {
        for (given, expected) in [
            (
                json!({"entity_id": "light.a, light.b"}),
                Ok(json!({"entity_id": ["light.a", "light.b"]})),
            ),
            (
                json!({"entity_id": "ALL", "area_id": ["x"]}),
                Ok(json!({"entity_id": "all", "area_id": ["x"]})),
            ),
            (
                json!({"area_id": "{{ area }}"}),
                Err("templates are not allowed @ data['target']['area_id']. Got ['{{ area }}']"),
            ),
            (
                json!({"entity_id": "nope"}),
                Err(
                    "Entity ID nope is an invalid entity ID for dictionary value @ data['target']['entity_id']. Got ['nope']",
                ),
            ),
            (
                json!({"room": "x"}),
                Err("extra keys not allowed @ data['target']['room']. Got 'x'"),
            ),
            (
                json!("light.a"),
                Err("expected dict for dictionary value @ data['target']. Got 'light.a'"),
            ),
        ] {
            let targets = targets(Some(given))
                .map(Value::Object)
                .map_err(|error| error.message);
            assert_eq!(targets, expected.map_err(str::to_owned));
        }
    }

    #[test]
    fn a_services_refusal_has_the_code_of_the_protocol() {
        let missing = |domain: &str| ServiceError::NotFound(domain.into(), "turn_on".into());
        for (error, code, message, key) in [
            (
                missing("nope"),
                "not_found",
                "Service nope.turn_on not found.",
                Some("service_not_found"),
            ),
            (
                missing("other"),
                "home_assistant_error",
                "Service other.turn_on called service nope.turn_on which was not found.",
                Some("child_service_not_found"),
            ),
            (
                ServiceError::Invalid("x @ data['y']".into()),
                "invalid_format",
                "x @ data['y']",
                None,
            ),
            (
                ServiceError::Validation("too hot".into(), None),
                "service_validation_error",
                "Validation error: too hot",
                None,
            ),
            (
                ServiceError::NoResponse,
                "service_validation_error",
                "Validation error: An action which does not return responses can't be called with return_response=True",
                Some("service_does_not_support_response"),
            ),
            (
                ServiceError::ResponseRequired,
                "service_validation_error",
                "Validation error: The action requires responses and must be called with return_response=True",
                Some("service_lacks_response_request"),
            ),
            (
                ServiceError::Unauthorized,
                "home_assistant_error",
                "Unauthorized",
                None,
            ),
            (
                ServiceError::Failed("it broke".into()),
                "home_assistant_error",
                "it broke",
                None,
            ),
            (
                ServiceError::Unknown,
                "unknown_error",
                "Unknown error",
                None,
            ),
        ] {
            let refused = refusal(error, "Nope", "turn_on");
            let translation = refused
                .translation
                .as_ref()
                .map(|translation| &*translation.key);
            assert_eq!(
                (refused.code.as_str(), &*refused.message, translation),
                (code, message, key)
            );
        }
    }
}
