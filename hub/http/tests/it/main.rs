//! The doors over real sockets, on a hub in memory.
#![allow(clippy::unwrap_used, missing_docs)]

mod client;
mod config_entries;
mod home;
mod lifecycle;
mod limits;
mod probes;
mod rest;
mod security;
mod services;
mod states;
mod stream;
mod views;
mod webhooks;
mod websocket;
