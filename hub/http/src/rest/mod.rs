//! The REST API: one file a view, one table.
//!
//! A view takes what it needs ([`SignedIn`](crate::auth_gate::SignedIn) or
//! [`Administrator`](crate::auth_gate::Administrator) first, which answer 401) and gives a reply or
//! a [`Refusal`](crate::reply::Refusal). Spec: rest-api.

mod config_entries;
mod conversation;
mod error;
mod events;
mod services;
mod state;
mod states;
mod status;
mod stream;
mod template;

use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig, delete, get, post};
use actix_web::{HttpResponse, Resource, Route};

use crate::compression::compress;
use crate::{probes, reply, views, webhook};

/// Every endpoint of the hub; with the page at `/` or without.
pub(crate) fn configure(app: &mut ServiceConfig, page: bool) {
    // Plain resources, the busiest first: no layer but the shell.
    // A prefix and no pattern: a pattern is matched by a regular expression, which costs a phone's
    // message a quarter of its time.
    app.service(web::scope(webhook::PREFIX).default_service(web::to(webhook::handle)));
    app.service(resource(
        "/api/websocket",
        [get().to(crate::websocket::upgrade)],
    ));
    app.service(resource("/api/stream", [get().to(stream::open)]));
    app.service(resource("/healthz", [get().to(probes::health)]));
    app.service(resource("/metrics", [get().to(probes::scrape)]));
    if page {
        app.service(resource("/", [get().to(crate::page::page)]));
    }

    // Resources whose replies may be large.
    let mut table = |path: &'static str, routes: Vec<Route>| {
        app.service(resource(path, routes).wrap(from_fn(compress)));
    };
    table("/api/", vec![get().to(status::running)]);
    table("/api/config", vec![get().to(status::config)]);
    table("/api/core/state", vec![get().to(status::core_state)]);
    table("/api/components", vec![get().to(status::components)]);
    table("/api/states", vec![get().to(states::list)]);
    table(
        "/api/states/{entity_id}",
        vec![
            get().to(state::read),
            post().to(state::write),
            delete().to(state::remove),
        ],
    );
    table("/api/events", vec![get().to(events::list)]);
    table("/api/events/{event_type}", vec![post().to(events::fire)]);
    table("/api/services", vec![get().to(services::list)]);
    table(
        "/api/services/{domain}/{service}",
        vec![post().to(services::call)],
    );
    table("/api/template", vec![post().to(template::render)]);
    table(
        "/api/conversation/process",
        vec![post().to(conversation::process)],
    );
    table(
        "/api/config/config_entries/entry",
        vec![get().to(config_entries::list)],
    );
    table(
        "/api/config/config_entries/entry/{entry_id}",
        vec![delete().to(config_entries::remove)],
    );

    app.default_service(web::to(views::dispatch));
}

fn resource(path: &'static str, routes: impl IntoIterator<Item = Route>) -> Resource {
    routes
        .into_iter()
        .fold(web::resource(path), Resource::route)
        .default_service(web::to(method_not_allowed))
}

async fn method_not_allowed() -> HttpResponse {
    reply::status_text(StatusCode::METHOD_NOT_ALLOWED)
}
