//! The HTTP and WebSocket doors of a hub: they turn requests into commands, events and webhook
//! requests, and answers back into replies.
//!
//! This crate holds no home logic and names no integration: what an integration offers is
//! reached through `hearth-core` by its name. It must never write to the store, and never keep
//! state of a home beside its own connections.
//!
//! Start reading at [`serve`] in `server.rs`, which lists the layers that a request passes, then at
//! `rest`, whose table lists every route, at `auth` and `pages` for signing in, and at `websocket`
//! for the socket. [`Door`] is what they all have at hand.

mod alarms;
mod auth;
mod auth_gate;
mod body;
mod chunked;
mod client_address;
mod compression;
mod config_view;
mod connection;
mod cross_origin;
mod door;
mod endpoint;
mod metrics;
mod openapi;
mod pages;
mod path_filter;
mod probes;
mod reply;
mod rest;
mod server;
mod shell;
mod views;
mod webhook;
mod websocket;

pub use client_address::NotANetwork;
pub use door::Door;
pub use metrics::Metrics;
pub use server::{ServeError, Serving, serve};
