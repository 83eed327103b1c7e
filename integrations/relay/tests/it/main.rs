//! The hub's side of the relay, against a relay of the tests' own over real WebSockets.
#![allow(clippy::unwrap_used, clippy::result_large_err)]

mod cloudhooks;
mod connection;
mod home;
mod messages;
mod relay;
mod tls;
