//! What the OpenAPI document says of signing in.

use serde_json::{Value, json};

use crate::openapi::operation::{Content, Operation};
use crate::openapi::schema::{
    any, array, boolean, integer, map, message, object, object_with, or_null, text, word,
};

pub(super) fn providers() -> Operation {
    let provider = object([("name", text()), ("id", or_null(text())), ("type", text())]);
    let answer = object([
        ("providers", array(provider)),
        ("preselect_remember_me", boolean()),
    ]);
    Operation::new("How one may sign in")
        .public()
        .replies(200, "The ways", Content::Json(answer))
}

pub(super) fn open_flow() -> Operation {
    let handler = json!({"anyOf": [text(), array(or_null(text()))]});
    let body = object_with(
        [
            ("client_id", text()),
            ("handler", handler),
            ("redirect_uri", text()),
        ],
        [("type", or_null(text()))],
    );
    Operation::new("Begins to sign in")
        .public()
        .body(body)
        .replies(200, "The form", Content::Json(step()))
        .replies(403, "Not from here", Content::Refusal)
        .replies(404, "No such way to sign in", Content::Refusal)
        .replies(429, "Too many failures", Content::Json(message()))
}

pub(super) fn flows() -> Operation {
    Operation::new("Flows of signing in are not listed")
        .public()
        .replies(405, "Never", Content::Empty)
}

pub(super) fn step_flow() -> Operation {
    let body = object([
        ("client_id", text()),
        ("username", text()),
        ("password", text()),
    ]);
    flow("Signs in")
        .body(body)
        .replies(200, "The form again, or the code", Content::Json(step()))
        .replies(403, "Not from here, or not to there", Content::Refusal)
        .replies(429, "Too many failures", Content::Json(message()))
}

pub(super) fn abort_flow() -> Operation {
    flow("Gives up signing in").replies(200, "It is given up", Content::Json(message()))
}

pub(super) fn show_flow() -> Operation {
    flow("Flows of signing in are not shown")
}

fn flow(summary: &'static str) -> Operation {
    Operation::new(summary)
        .public()
        .path("flow_id", "Which flow")
}

fn step() -> Value {
    object_with(
        [
            ("type", word(&["form", "create_entry", "abort"])),
            ("flow_id", text()),
            ("handler", array(or_null(text()))),
        ],
        [("result", text()), ("errors", map(any()))],
    )
}

pub(super) fn token() -> Operation {
    let form = object_with(
        [("grant_type", word(&["authorization_code", "refresh_token"]))],
        [
            ("client_id", text()),
            ("code", text()),
            ("refresh_token", text()),
        ],
    );
    let tokens = object_with(
        [
            ("access_token", text()),
            ("token_type", word(&["Bearer"])),
            ("expires_in", integer()),
        ],
        [("refresh_token", text()), ("ha_auth_provider", text())],
    );
    let refused = object_with([], [("error", text()), ("error_description", text())]);
    Operation::new("Gives tokens for a code or a refresh token")
        .public()
        .form(form)
        .replies(200, "The tokens", Content::Json(tokens))
        .replies(400, "No tokens", Content::Json(refused.clone()))
        .replies(403, "The user may not sign in", Content::Json(refused))
}

pub(super) fn revoke() -> Operation {
    Operation::new("Ends a refresh token and its access tokens")
        .public()
        .optional_form(any())
        .replies(200, "There is no such token any more", Content::Empty)
}

pub(super) fn link_user() -> Operation {
    Operation::new("Links other credentials to the user")
        .body(object([("code", text()), ("client_id", text())]))
        .replies(200, "They are linked", Content::Json(message()))
}

pub(super) fn metadata() -> Operation {
    let answer = object([
        ("issuer", text()),
        ("authorization_endpoint", text()),
        ("token_endpoint", text()),
        ("revocation_endpoint", text()),
    ]);
    Operation::new("Where to sign in, by RFC 8414")
        .public()
        .replies(200, "The endpoints", Content::Json(answer))
}

pub(super) fn onboarding() -> Operation {
    let step = object([("step", text()), ("done", boolean())]);
    Operation::new("How far the first visit is")
        .public()
        .replies(200, "Its steps", Content::Json(array(step)))
        .replies(404, "It is over", Content::Text)
}

pub(super) fn installation_type() -> Operation {
    let answer = object([("installation_type", text())]);
    Operation::new("What the hub is installed as")
        .public()
        .replies(200, "What", Content::Json(answer))
        .replies(401, "The first visit has begun", Content::Text)
        .replies(404, "It is over", Content::Text)
}

pub(super) fn make_owner() -> Operation {
    let body = object_with(
        [
            ("name", text()),
            ("username", text()),
            ("password", text()),
            ("client_id", text()),
            ("language", text()),
        ],
        [("onboarding_code", text())],
    );
    onboarding_step("Makes the owner's account", code())
        .public()
        .body(body)
        .replies(429, "Too many wrong codes", Content::Json(message()))
}

pub(super) fn core_config() -> Operation {
    onboarding_step("Ends the step of the home's configuration", map(any()))
}

pub(super) fn analytics() -> Operation {
    onboarding_step(
        "Ends the step of analytics, of which there are none",
        map(any()),
    )
}

pub(super) fn integration() -> Operation {
    let body = object([("client_id", text()), ("redirect_uri", text())]);
    onboarding_step("Ends the first visit", code()).body(body)
}

fn onboarding_step(summary: &'static str, answer: Value) -> Operation {
    Operation::new(summary)
        .replies(200, "It is done", Content::Json(answer))
        .replies(
            403,
            "It was done before, or not from here",
            Content::Refusal,
        )
        .replies(404, "The first visit is over", Content::Text)
}

fn code() -> Value {
    object([("auth_code", text())])
}
