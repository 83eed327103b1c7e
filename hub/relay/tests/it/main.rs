//! What senders and the operator see of a relay, over real sockets.
#![allow(clippy::unwrap_used)]

mod admin;
mod bodies;
mod hostile;
mod hubs;
mod registrations;
mod relay;
mod repeats;
mod routing;
mod statuses;
