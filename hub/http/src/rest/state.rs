//! `/api/states/{entity_id}`: one state.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_core::attributes::Attributes;
use hearth_core::ids::EntityId;
use hearth_core::state::{STATE_MAX, State, StateWrite, WriteError, Written};
use serde_json::{Map, Value, json};

use crate::auth_gate::{Administrator, SignedIn};
use crate::body::{self, parse_json};
use crate::door::Door;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{
    any, map, message as message_schema, object_with, or_null, state as state_schema,
};
use crate::reply::{Refusal, json_text, message};

const NOT_FOUND: &str = "Entity not found.";

/// `GET`
pub(super) async fn read(
    user: SignedIn,
    door: web::Data<Door>,
    entity_id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let entity_id = entity_id.to_ascii_lowercase();
    if !user.0.may_read(entity_id.as_str()) {
        return Err(Refusal::UNAUTHORIZED);
    }
    match door.hub.states.get(&entity_id) {
        Some(state) => Ok(full(StatusCode::OK, &state)),
        None => Err(Refusal::not_found(NOT_FOUND)),
    }
}

pub(super) fn describe_read() -> Operation {
    Operation::new("One state")
        .path_like("entity_id", "In any case", "zone.home")
        .replies(200, "The state", Content::Json(state_schema()))
}

/// `POST`: writes the state machine and nothing behind it.
pub(super) async fn write(
    Administrator(user): Administrator,
    door: web::Data<Door>,
    given_id: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let body = body::read(&request, payload, door.http()).await?;
    let Some(Value::Object(given)) = parse_json(&body, door.http()) else {
        return Err(Refusal::bad_request("Invalid JSON specified."));
    };
    let (state, attributes, force) = parse(given)?;
    let entity_id: EntityId = given_id
        .parse()
        .map_err(|_| Refusal::bad_request("Invalid entity ID specified."))?;
    let write = StateWrite {
        state,
        attributes,
        force,
        context: user.context(&door.hub),
    };
    let written = door
        .hub
        .states
        .try_set(&entity_id, write)
        .map_err(|error| match error {
            WriteError::TooLong { .. } => Refusal::bad_request("Invalid state specified."),
            WriteError::Busy(_) => Refusal::Busy,
        })?;
    let status = match written {
        Written::Created(_) => StatusCode::CREATED,
        Written::Changed(_) | Written::Reported(_) => StatusCode::OK,
    };
    let mut reply = full(status, written.state());
    // An entity id has no characters that a header field may not have.
    if let Ok(location) = HeaderValue::from_str(&format!("/api/states/{given_id}")) {
        reply.headers_mut().insert(LOCATION, location);
    }
    Ok(reply)
}

pub(super) fn describe_write() -> Operation {
    let scalar = json!({"type": ["string", "number", "boolean"], "maxLength": STATE_MAX});
    let body = object_with(
        [("state", scalar)],
        [("attributes", or_null(map(any()))), ("force_update", any())],
    );
    Operation::new("Writes one state, and nothing behind it")
        .administrators()
        .path_like("entity_id", "A new one or a known one", "sensor.water")
        .body(body)
        .replies(
            200,
            "The state that was changed",
            Content::Json(state_schema()),
        )
        .replies(
            201,
            "The state that was made",
            Content::Json(state_schema()),
        )
}

/// `DELETE`
pub(super) async fn remove(
    Administrator(user): Administrator,
    door: web::Data<Door>,
    entity_id: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    let entity_id: EntityId = entity_id
        .parse()
        .map_err(|_| Refusal::not_found(NOT_FOUND))?;
    match door
        .hub
        .states
        .remove(&entity_id, user.context(&door.hub))
        .await
    {
        Some(_) => Ok(message(StatusCode::OK, "Entity removed.")),
        None => Err(Refusal::not_found(NOT_FOUND)),
    }
}

pub(super) fn describe_remove() -> Operation {
    Operation::new("Removes one state")
        .administrators()
        .path("entity_id", "Which")
        .replies(200, "It is gone", Content::Json(message_schema()))
}

/// State, attributes and whether to force the write.
fn parse(mut given: Map<String, Value>) -> Result<(Arc<str>, Attributes, bool), Refusal> {
    let state = match given.remove("state") {
        None | Some(Value::Null) => return Err(Refusal::bad_request("No state specified.")),
        Some(value) => state_text(value).ok_or(Refusal::bad_request("Invalid state specified."))?,
    };
    let attributes = match given.remove("attributes") {
        None | Some(Value::Null) => Attributes::empty(),
        Some(Value::Object(attributes)) => Attributes::from(&attributes),
        Some(_) => return Err(Refusal::bad_request("Invalid attributes specified.")),
    };
    let force = given
        .remove("force_update")
        .is_some_and(|force| force == Value::Bool(true));
    Ok((state.into(), attributes, force))
}

/// A scalar as the protocol writes it: `25`, `True`. `None` for what cannot be a state.
fn state_text(value: Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (text.chars().count() <= STATE_MAX).then_some(text)
}

fn full(status: StatusCode, state: &State) -> HttpResponse {
    let mut text = String::with_capacity(512);
    state.write_json(&mut text);
    json_text(status, text)
}
