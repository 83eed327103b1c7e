//! `POST /api/conversation/process`, a sentence for the hub's assistant, and
//! `POST /api/intent/handle`, an intent for whoever handles it. Both go over the bus; where no
//! integration answers there, the path does not exist.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value};

use super::error::refuse_command;
use crate::auth_gate::SignedIn;
use crate::body::{self, parse_json};
use crate::door::Door;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{any, map, object, object_with, or_null, text};
use crate::reply::{self, Refusal};

const PROCESS: &str = "conversation/process";
const HANDLE_INTENT: &str = "intent/handle";

/// Keys beside `text`, all of them text or null.
const OPTIONAL: [&str; 3] = ["conversation_id", "language", "agent_id"];

/// `POST /api/conversation/process`
pub(super) async fn process(
    user: SignedIn,
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let data = read(&door, &request, payload, PROCESS).await?;
    if !data.get("text").is_some_and(Value::is_string) {
        return Err(malformed("text", "required key not provided"));
    }
    for (key, value) in data.iter().filter(|(key, _)| *key != "text") {
        if !OPTIONAL.contains(&key.as_str()) {
            return Err(malformed(key, "extra keys not allowed"));
        }
        if !value.is_string() && !value.is_null() {
            return Err(malformed(key, "expected str"));
        }
    }
    call(&door, &user, PROCESS, data).await
}

pub(super) fn describe_process() -> Operation {
    let mut body = object_with(
        [("text", text())],
        OPTIONAL.map(|key| (key, or_null(text()))),
    );
    body["additionalProperties"] = false.into();
    let answer = object_with([("response", map(any()))], [("conversation_id", any())]);
    Operation::new("Says a sentence to the assistant")
        .body(body)
        .replies(200, "What it says and did", Content::Json(answer))
        .replies(404, "There is no assistant", Content::Text)
}

/// `POST /api/intent/handle`
pub(super) async fn handle_intent(
    user: SignedIn,
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let data = read(&door, &request, payload, HANDLE_INTENT).await?;
    if !data.get("name").is_some_and(Value::is_string) {
        return Err(malformed("name", "required key not provided"));
    }
    if !data.get("data").is_none_or(Value::is_object) {
        return Err(malformed("data", "expected a dictionary"));
    }
    if let Some(key) = data.keys().find(|key| *key != "name" && *key != "data") {
        return Err(malformed(key, "extra keys not allowed"));
    }
    call(&door, &user, HANDLE_INTENT, data).await
}

pub(super) fn describe_handle_intent() -> Operation {
    let mut body = object_with([("name", text())], [("data", map(any()))]);
    body["additionalProperties"] = false.into();
    let answer = object([
        ("speech", any()),
        ("card", any()),
        ("language", text()),
        ("response_type", text()),
        ("data", map(any())),
    ]);
    Operation::new("Handles an intent")
        .body(body)
        .replies(200, "What was said and done", Content::Json(answer))
        .replies(404, "Nobody handles intents", Content::Text)
}

/// The object that `command` is called with; 404 where nobody answers it.
async fn read(
    door: &Door,
    request: &HttpRequest,
    payload: web::Payload,
    command: &str,
) -> Result<Map<String, Value>, Refusal> {
    if !door.hub.commands.contains(command) {
        return Err(Refusal::Status(StatusCode::NOT_FOUND));
    }
    let body = body::read(request, payload, door.http()).await?;
    match parse_json(&body, door.http()) {
        Some(Value::Object(data)) => Ok(data),
        _ => Err(Refusal::bad_request("Invalid JSON specified.")),
    }
}

async fn call(
    door: &Door,
    user: &SignedIn,
    command: &str,
    data: Map<String, Value>,
) -> Result<HttpResponse, Refusal> {
    let caller = user.caller(&door.hub);
    let answer = door.hub.commands.call(command, data, caller).await;
    answer
        .map(|answer| reply::json(&answer))
        .map_err(refuse_command)
}

fn malformed(key: &str, why: &str) -> Refusal {
    Refusal::bad_request(format!("Message format incorrect: {why} @ data['{key}']"))
}
