//! `/api/events`: who listens, and firing an event.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_core::event::{Event, EventData, EventType, Origin};
use serde_json::{Value, json};

use crate::auth_gate::{Administrator, SignedIn};
use crate::body::{self, Parsed, parse_object};
use crate::door::Door;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{any, array, integer, map, message, object, text};
use crate::reply::{self, Refusal};

/// `GET /api/events`
pub(super) async fn list(_: SignedIn, door: web::Data<Door>) -> HttpResponse {
    let listeners = door.hub.bus.listeners().await;
    let listed: Value = listeners
        .into_iter()
        .map(|(event, count)| json!({"event": event, "listener_count": count}))
        .collect();
    reply::json(&listed)
}

pub(super) fn describe_list() -> Operation {
    let listeners = object([("event", text()), ("listener_count", integer())]);
    Operation::new("Which events are listened to").replies(
        200,
        "Event types, and * for listeners to all",
        Content::Json(array(listeners)),
    )
}

/// `POST /api/events/{event_type}`
pub(super) async fn fire(
    Administrator(user): Administrator,
    door: web::Data<Door>,
    event_type: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let body = body::read(&request, payload, door.http()).await?;
    let data = match parse_object(&body, door.http()) {
        Parsed::Object(data) => data,
        Parsed::Other => return Err(Refusal::bad_request("Event data should be a JSON object")),
        Parsed::NotJson => return Err(Refusal::bad_request("Event data should be valid JSON.")),
    };
    let name =
        EventType::parse(&event_type).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let event = Event::new(
        name,
        EventData::Json(Value::Object(data)),
        Origin::Remote,
        door.hub.env.now(),
        user.context(&door.hub),
    );
    door.hub.bus.try_publish(event).map_err(|_| Refusal::Busy)?;
    Ok(reply::message(
        StatusCode::OK,
        &format!("Event {event_type} fired."),
    ))
}

pub(super) fn describe_fire() -> Operation {
    Operation::new("Fires an event")
        .administrators()
        .path_like("event_type", "At most 64 characters", "doorbell_pressed")
        .optional_body(map(any()))
        .replies(200, "It was fired", Content::Json(message()))
}
