//! `POST /api/config/core/check_config`: whether the hub would start with its settings as they
//! are on the disk now. Whoever started the hub knows where they are and answers the command.

use actix_web::{HttpResponse, web};
use serde_json::Map;

use super::error::refuse_command;
use crate::auth_gate::Administrator;
use crate::door::Door;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{object, or_null, text, word};
use crate::reply::{self, Refusal};

const CHECK: &str = "config/core/check_config";

/// `POST /api/config/core/check_config`
pub(super) async fn check(
    Administrator(user): Administrator,
    door: web::Data<Door>,
) -> Result<HttpResponse, Refusal> {
    let caller = user.caller(&door.hub);
    let checked = door.hub.commands.call(CHECK, Map::new(), caller).await;
    checked
        .map(|result| reply::json(&result))
        .map_err(refuse_command)
}

pub(super) fn describe() -> Operation {
    let result = object([
        ("result", word(&["valid", "invalid"])),
        ("errors", or_null(text())),
        ("warnings", or_null(text())),
    ]);
    Operation::new("Checks the settings")
        .administrators()
        .replies(
            200,
            "What is wrong with them, if anything",
            Content::Json(result),
        )
        .replies(404, "Nobody can check them", Content::Text)
}
