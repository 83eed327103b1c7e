//! `GET /api/states`: every state that the caller may read.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use hearth_core::state::State;

use crate::auth_gate::SignedIn;
use crate::door::Door;
use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{array, state};
use crate::reply::{Refusal, json_text};

/// Writing more states than this takes long enough to be left to a thread for blocking work.
const MANY: usize = 2000;

/// `GET /api/states`
pub(super) async fn list(user: SignedIn, door: web::Data<Door>) -> Result<HttpResponse, Refusal> {
    let mut states = door.hub.states.all();
    if !user.0.may_read_all() {
        states.retain(|state| user.0.may_read(&state.entity_id));
    }
    let text = if states.len() > MANY {
        // Fails only when the thread panics or the server goes down.
        web::block(move || write(&states))
            .await
            .map_err(|_| Refusal::Status(StatusCode::INTERNAL_SERVER_ERROR))?
    } else {
        write(&states)
    };
    Ok(json_text(StatusCode::OK, text))
}

pub(super) fn describe() -> Operation {
    Operation::new("Every state that the caller may read").replies(
        200,
        "States, in no order",
        Content::Json(array(state())),
    )
}

fn write(states: &[Arc<State>]) -> String {
    let mut text = String::with_capacity(2 + states.len() * 512);
    text.push('[');
    for (index, state) in states.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        state.write_json(&mut text);
    }
    text.push(']');
    text
}
