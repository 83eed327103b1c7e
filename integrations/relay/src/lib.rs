//! The hub's side of the relay: webhooks from outside, through a connection that the hub opens.
//!
//! A public relay takes what manufacturers post and hands it to the hubs that it is meant for; this
//! crate keeps this hub's connection to it. Integrations and plugins register webhooks of the relay
//! by a command and hear their messages; the hub's own webhooks get public addresses (cloudhooks),
//! whose requests are answered through the connection (spec relay §3, §6, §7).
//!
//! It must never know what a message means, nor run a relay: that is `hearth-relay`, with which it
//! shares `hearth-relay-protocol` and nothing else. Without a relay in the settings nothing of it
//! runs.
//!
//! Start reading at [`factory`], then `link.rs` (the actor that keeps the connection), `messages.rs`
//! and `inbox.rs` (messages), `calls.rs` (requests to cloudhooks), `commands.rs` (what others of
//! the hub may ask).

mod backoff;
mod calls;
mod cloudhooks;
mod commands;
mod connection;
mod dial;
mod inbox;
mod integration;
mod journal;
mod link;
mod messages;
mod notices;
mod relay;
mod secret;
mod webhooks;

pub use integration::factory;
pub use relay::{Misconfigured, check};
