//! The WebSocket API (spec websocket-api.md), its P0 parts and those of step 1.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod auth;
mod entities;
mod events;
mod limits;
mod messages;
mod registries;
mod services;
mod templates;
mod triggers;
mod webhook_handle;
