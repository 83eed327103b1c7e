//! The WebSocket API (spec websocket-api.md), its P0 parts and those of step 1.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod auth;
mod events;
mod limits;
mod messages;
mod services;
mod webhook_handle;
