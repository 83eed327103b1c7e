//! The relay: a public server that takes manufacturers' webhooks and hands each one to the hubs
//! that it is meant for, over connections that the hubs opened; and that gives hubs' own webhooks
//! public addresses.
//!
//! What a sender was told is accepted is on the disk; it reaches each of its hubs at least once, in
//! the order of acceptance, also after a restart of either side. Everything that is kept goes
//! through the [`store::RelayStore`] trait.
//!
//! This crate must never know a home: no entity, no state, no integration. It speaks to hubs in the
//! frames of `hearth-relay-protocol` only. It opens no connection to anywhere.
//!
//! Start reading at [`Relay`] and [`accept`](mod@accept), the way of one request; then
//! [`public`], the door of the senders, and `hubs`, the door of the hubs. The command line's
//! requests are answered in [`admin`].

pub mod accept;
pub mod admin;
mod connections;
pub mod delivery_log;
mod hubs;
pub mod ids;
pub mod matching;
pub mod metrics;
pub mod objects;
mod operator;
pub mod presence;
pub mod public;
pub mod rates;
pub mod registry;
mod relay;
pub mod secret;
mod server;
pub mod signature;
pub mod store;
#[cfg(test)]
mod testing;
mod tls;

pub use relay::{OpenError, Parts, Relay};
pub use server::{ServeError, Serving, serve};
pub use tls::TlsError;
