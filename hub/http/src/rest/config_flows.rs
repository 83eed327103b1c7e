//! `/api/config/config_entries/flow` and its like: setting something up by hand.
//!
//! An integration that can be set up answers the command `<domain>/config_flow/start` with a step
//! without `flow_id` and `handler`. No integration of this hub asks anything yet: each of their
//! flows ends with its first step, so no flow is ever under way.

use actix_web::{HttpRequest, HttpResponse, web};
use hearth_core::command::ErrorCode;
use serde_json::{Map, Value};

use super::error::refuse_command;
use crate::auth_gate::Administrator;
use crate::body::{self, parse_json};
use crate::door::Door;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{any, array, flow_step, map, object_with, or_null, text, word};
use crate::reply::{self, Refusal};

const START: &str = "/config_flow/start";
const UNKNOWN_HANDLER: &str = "Invalid handler specified";
const UNKNOWN_FLOW: &str = "Invalid flow specified";

/// Which kind of integration is asked for; all of Hearth's that can be set up are no helpers.
#[derive(serde::Deserialize)]
pub(super) struct Wanted {
    r#type: Option<String>,
}

/// `GET …/flow_handlers`: the integrations that can be set up by hand.
pub(super) async fn handlers(
    _: Administrator,
    door: web::Data<Door>,
    wanted: web::Query<Wanted>,
) -> HttpResponse {
    if wanted.r#type.as_deref() == Some("helper") {
        return reply::json(&Value::Array(Vec::new()));
    }
    let names = door.hub.commands.names();
    let domains = names.iter().filter_map(|name| name.strip_suffix(START));
    reply::json(&domains.map(Value::from).collect())
}

pub(super) fn describe_handlers() -> Operation {
    Operation::new("Which integrations can be set up by hand")
        .administrators()
        .query("type", "integration, helper, …", text())
        .replies(200, "Their domains", Content::Json(array(text())))
}

/// `POST …/flow`: sets an integration up by hand.
pub(super) async fn start(
    Administrator(user): Administrator,
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let mut data = read(&door, &request, payload).await?;
    let handler = match data.remove("handler") {
        Some(Value::String(handler)) => handler,
        Some(_) => return Err(malformed("expected str @ data['handler']")),
        None => return Err(malformed("required key not provided @ data['handler']")),
    };
    let caller = user.caller(&door.hub);
    let command = format!("{handler}{START}");
    match door.hub.commands.call(&command, data, caller).await {
        Ok(Value::Object(mut step)) => {
            step.insert("flow_id".to_owned(), door.hub.env.hex::<16>().into());
            step.insert("handler".to_owned(), handler.into());
            Ok(reply::json(&Value::Object(step)))
        }
        Ok(_) => Err(Refusal::not_found(UNKNOWN_HANDLER)),
        Err(error) if error.code == ErrorCode::UNKNOWN_COMMAND => {
            Err(Refusal::not_found(UNKNOWN_HANDLER))
        }
        Err(error) => Err(refuse_command(error)),
    }
}

pub(super) fn describe_start() -> Operation {
    describe_first_step("Sets an integration up by hand", text())
}

/// `POST …/options/flow`: no entry of this hub has options; each says so (`supports_options`).
pub(super) async fn start_options(
    _: Administrator,
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    match read(&door, &request, payload).await?.get("handler") {
        Some(Value::String(_)) => Err(Refusal::not_found(UNKNOWN_HANDLER)),
        _ => Err(malformed("expected str @ data['handler']")),
    }
}

pub(super) fn describe_start_options() -> Operation {
    describe_first_step("Changes the options of what was set up", text())
}

/// `POST …/subentries/flow`: no entry of this hub has parts of its own.
pub(super) async fn start_subentry(
    _: Administrator,
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    match read(&door, &request, payload).await?.get("handler") {
        Some(Value::Array(parts)) if parts.len() == 2 && parts.iter().all(Value::is_string) => {
            Err(Refusal::not_found(UNKNOWN_HANDLER))
        }
        _ => Err(malformed("expected entry and kind @ data['handler']")),
    }
}

pub(super) fn describe_start_subentry() -> Operation {
    let entry_and_kind = serde_json::json!({
        "type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2,
    });
    describe_first_step("Adds a part to what was set up", entry_and_kind)
}

/// `GET …/flow/{flow_id}`
pub(super) async fn current(
    _: Administrator,
    _: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    Err(Refusal::not_found(UNKNOWN_FLOW))
}

/// `POST …/flow/{flow_id}`
pub(super) async fn next(
    _: Administrator,
    door: web::Data<Door>,
    _: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    read(&door, &request, payload).await?;
    Err(Refusal::not_found(UNKNOWN_FLOW))
}

/// `DELETE …/flow/{flow_id}`
pub(super) async fn abort(_: Administrator, _: web::Path<String>) -> Result<HttpResponse, Refusal> {
    Err(Refusal::not_found(UNKNOWN_FLOW))
}

async fn read(
    door: &Door,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Map<String, Value>, Refusal> {
    let body = body::read(request, payload, door.http()).await?;
    match parse_json(&body, door.http()) {
        Some(Value::Object(data)) => Ok(data),
        Some(_) => Err(malformed("expected a dictionary")),
        None => Err(Refusal::bad_request("Invalid JSON specified.")),
    }
}

fn malformed(why: &str) -> Refusal {
    Refusal::bad_request(format!("Message format incorrect: {why}"))
}

fn describe_first_step(summary: &'static str, handler: Value) -> Operation {
    let body = object_with(
        [("handler", handler)],
        [
            ("show_advanced_options", any()),
            ("entry_id", or_null(text())),
        ],
    );
    Operation::new(summary)
        .administrators()
        .body(body)
        .replies(200, "The first step", Content::Json(flow_step()))
        .replies(404, "Nothing like it", Content::Refusal)
}

fn of_a_flow(summary: &'static str) -> Operation {
    Operation::new(summary)
        .administrators()
        .path("flow_id", "Which flow")
}

fn step(summary: &'static str) -> Operation {
    of_a_flow(summary).replies(200, "The step", Content::Json(flow_step()))
}

fn abortion(summary: &'static str) -> Operation {
    let aborted = object_with([("message", word(&["Flow aborted"]))], []);
    of_a_flow(summary).replies(200, "It is aborted", Content::Json(aborted))
}

pub(super) fn describe_current() -> Operation {
    step("The step that a flow is at")
}

pub(super) fn describe_next() -> Operation {
    step("Answers a step of a flow").body(map(any()))
}

pub(super) fn describe_abort() -> Operation {
    abortion("Aborts a flow")
}

pub(super) fn describe_current_options() -> Operation {
    step("The step that a flow of options is at")
}

pub(super) fn describe_next_options() -> Operation {
    step("Answers a step of a flow of options").body(map(any()))
}

pub(super) fn describe_abort_options() -> Operation {
    abortion("Aborts a flow of options")
}

pub(super) fn describe_current_subentry() -> Operation {
    step("The step that a flow of a part is at")
}

pub(super) fn describe_next_subentry() -> Operation {
    step("Answers a step of a flow of a part").body(map(any()))
}

pub(super) fn describe_abort_subentry() -> Operation {
    abortion("Aborts a flow of a part")
}
