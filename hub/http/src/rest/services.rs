//! `/api/services`: what can be done, and doing it.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_core::hub::Hub;
use hearth_core::service::{CallRequest, ServiceError};
use hearth_core::state::State;
use serde_json::{Value, json};

use super::error::refuse_service;
use crate::auth_gate::SignedIn;
use crate::body::{self, Parsed, parse_object};
use crate::door::Door;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{any, array, map, message, object, state, text};
use crate::reply::{self, Refusal, json_text};

/// `GET /api/services`
pub(super) async fn list(_: SignedIn, door: web::Data<Door>) -> HttpResponse {
    let domains = door.hub.services.describe();
    let listed: Value = domains
        .into_iter()
        .map(|(domain, services)| json!({"domain": domain, "services": services}))
        .collect();
    reply::json(&listed)
}

pub(super) fn describe_list() -> Operation {
    let domain = object([("domain", text()), ("services", map(map(any())))]);
    Operation::new("What can be done").replies(
        200,
        "Services by domain",
        Content::Json(array(domain)),
    )
}

/// `POST /api/services/{domain}/{service}`
pub(super) async fn call(
    user: SignedIn,
    door: web::Data<Door>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let body = body::read(&request, payload, door.http()).await?;
    let data = match parse_object(&body, door.http()) {
        Parsed::Object(data) => data,
        Parsed::Other => return Err(Refusal::Status(StatusCode::BAD_REQUEST)),
        Parsed::NotJson => return Err(Refusal::bad_request("Data should be valid JSON.")),
    };
    let (domain, service) = path.into_inner();
    let return_response = asks_for_response(request.query_string());
    let call = CallRequest {
        domain,
        service,
        data,
        context: user.context(&door.hub),
        return_response,
    };
    // A task of its own: a client that goes away does not undo half a service.
    let work = actix_web::rt::spawn(carry_out(door.hub.clone(), call));
    let (changed, response) = work
        .await
        .unwrap_or(Err(ServiceError::Unknown))
        .map_err(refuse_service)?;
    let mut text = String::with_capacity(64 + changed.len() * 512);
    if return_response {
        text.push_str("{\"changed_states\":");
        write_states(&changed, &mut text);
        text.push_str(",\"service_response\":");
        text.push_str(&response.unwrap_or_else(|| json!({})).to_string());
        text.push('}');
    } else {
        write_states(&changed, &mut text);
    }
    Ok(json_text(StatusCode::OK, text))
}

pub(super) fn describe_call() -> Operation {
    let with_response = object([
        ("changed_states", array(state())),
        ("service_response", any()),
    ]);
    let answer = json!({"anyOf": [array(state()), with_response]});
    Operation::new("Calls a service and waits for its end")
        .path_like("domain", "Whose service", "homeassistant")
        .path_like("service", "Which", "update_entity")
        .query(
            "return_response",
            "With any value: the answer is an object with the service's response",
            any(),
        )
        .optional_body(map(any()))
        .replies(
            200,
            "The states that the call changed",
            Content::Json(answer),
        )
        .replies(500, "The service failed", Content::Json(message()))
}

type Done = (Vec<Arc<State>>, Option<Value>);

/// Calls the service; gives the states that changed under the call's own context, and its answer.
async fn carry_out(hub: Hub, call: CallRequest) -> Result<Done, ServiceError> {
    let watch = hub.states.watch_context(call.context.id);
    let response = hub.services.call(call).await?;
    Ok((watch.changed(), response))
}

fn write_states(states: &[Arc<State>], text: &mut String) {
    text.push('[');
    for (index, state) in states.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        state.write_json(text);
    }
    text.push(']');
}

/// `?return_response`, with any value or none.
fn asks_for_response(query: &str) -> bool {
    query
        .split('&')
        .any(|pair| pair.split('=').next() == Some("return_response"))
}
