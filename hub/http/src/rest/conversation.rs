//! `POST /api/conversation/process`: a sentence for the hub's assistant.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::error::refuse_command;
use crate::auth_gate::SignedIn;
use crate::body::{self, parse_json};
use crate::door::Door;
use crate::reply::{self, Refusal};

/// Keys beside `text`, all of them text or null.
const OPTIONAL: [&str; 3] = ["conversation_id", "language", "agent_id"];

/// `POST /api/conversation/process`
pub(super) async fn process(
    user: SignedIn,
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let body = body::read(&request, payload, door.http()).await?;
    let Some(Value::Object(data)) = parse_json(&body, door.http()) else {
        return Err(Refusal::bad_request("Invalid JSON specified."));
    };
    if !data.get("text").is_some_and(Value::is_string) {
        return Err(malformed("text", "required key not provided"));
    }
    for (key, value) in &data {
        if key == "text" {
            continue;
        }
        if !OPTIONAL.contains(&key.as_str()) {
            return Err(malformed(key, "extra keys not allowed"));
        }
        if !value.is_string() && !value.is_null() {
            return Err(malformed(key, "expected str"));
        }
    }
    let answer = door
        .hub
        .commands
        .call("conversation/process", data, user.caller(&door.hub))
        .await;
    answer
        .map(|answer| reply::json(&answer))
        .map_err(refuse_command)
}

fn malformed(key: &str, why: &str) -> Refusal {
    Refusal::bad_request(format!("Message format incorrect: {why} @ data['{key}']"))
}
