//! `POST /api/template`: renders a template to text.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_core::command::{Caller, ErrorCode};
use serde_json::{Map, Value, json};

use super::error::refuse_command;
use crate::auth_gate::Administrator;
use crate::body::{self, parse_json};
use crate::door::Door;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{any, map, object_with, or_null};
use crate::reply::{Refusal, text};

/// `POST /api/template`
pub(super) async fn render(
    Administrator(user): Administrator,
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let body = body::read(&request, payload, door.http()).await?;
    let Some(given) = parse_json(&body, door.http()) else {
        return Err(failed("JSONDecodeError: the body is not valid JSON"));
    };
    let Value::Object(mut given) = given else {
        return Err(failed("TypeError: expected an object"));
    };
    let mut data = Map::new();
    match given.remove("template") {
        Some(Value::String(template)) => data.insert("template".to_owned(), template.into()),
        Some(_) => return Err(failed("TypeError: `template` must be text")),
        None => return Err(failed("KeyError: 'template'")),
    };
    match given.remove("variables") {
        None | Some(Value::Null) => {}
        Some(variables @ Value::Object(_)) => {
            data.insert("variables".to_owned(), variables);
        }
        Some(_) => return Err(failed("TypeError: `variables` must be an object")),
    }
    data.insert("typed".to_owned(), false.into());
    // The endpoint is for administrators; the command behind it is for the hub's own parts.
    let caller = Caller::inside(user.context(&door.hub));
    match door
        .hub
        .commands
        .call("template/render", data, caller)
        .await
    {
        Ok(Value::String(rendered)) => Ok(text(StatusCode::OK, rendered)),
        Ok(other) => Ok(text(StatusCode::OK, other.to_string())),
        Err(error) if error.code == ErrorCode::TEMPLATE => Err(failed(&error.message)),
        Err(error) => Err(refuse_command(error)),
    }
}

fn failed(why: &str) -> Refusal {
    Refusal::bad_request(format!("Error rendering template: {why}"))
}

pub(super) fn describe() -> Operation {
    let template = json!({"type": "string", "examples": ["{{ 1 + 1 }}"]});
    let body = object_with(
        [("template", template)],
        [("variables", or_null(map(any())))],
    );
    Operation::new("Renders a template to text")
        .administrators()
        .body(body)
        .replies(200, "The text", Content::Text)
}
