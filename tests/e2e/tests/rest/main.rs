//! The REST API (spec rest-api.md), the P0 routes and those of step 1.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod access;
mod config;
mod config_entries;
mod events;
mod services;
mod states;
mod template;

use hearth_e2e::Reply;

/// The text of a JSON message.
fn message(reply: &Reply) -> String {
    reply.json()["message"].as_str().unwrap().to_owned()
}
