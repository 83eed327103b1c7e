//! `/api/events`: who listens, and firing an event.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_core::event::{Event, EventData, EventType, Origin};
use serde_json::{Value, json};

use crate::auth_gate::{Administrator, SignedIn};
use crate::body::{self, Parsed, parse_object};
use crate::door::Door;
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
