//! The door of the hubs: the WebSocket `/hub/v1`, over which messages go out, and the addresses
//! `/c/{id}` of hubs' own webhooks, whose requests go the same way (spec relay §6 and §7).
//!
//! [`connect`] signs a hub in and opens its connection. An actor reads it ([`socket`]); what goes
//! out waits in its [`outbox`]. Each connection has one [`session`], a task on its worker that
//! greets, watches the clock and [`delivery`]s what is in the hub's queue, within the [`window`]
//! that the hub asked for. What the hub asks is answered in [`requests`]. A [`line`] is how callers
//! of [`cloudhook`]s on other threads reach the session.
//!
//! Nothing of a hub's queue is in memory beyond what its connection is taking at the moment: a hub
//! that is slow waits for itself, and no other hub waits for it.

mod cloudhook;
mod connect;
mod delivery;
mod door;
mod failures;
mod line;
mod outbox;
mod requests;
mod session;
mod socket;
mod window;

use actix_web::web;

pub(crate) use door::Door;

/// Adds its paths.
pub(crate) fn configure(app: &mut web::ServiceConfig) {
    app.service(web::resource(hearth_relay_protocol::PATH).route(web::get().to(connect::connect)))
        .service(web::resource(format!("{}{{id}}", cloudhook::PATH)).to(cloudhook::serve));
}
