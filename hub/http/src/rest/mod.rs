//! The REST API: one file a view, one table.
//!
//! A view takes what it needs ([`SignedIn`](crate::auth_gate::SignedIn) or
//! [`Administrator`](crate::auth_gate::Administrator) first, which answer 401) and gives a reply or
//! a [`Refusal`](crate::reply::Refusal). Beside it stands a function that describes it for the
//! [OpenAPI document](crate::openapi). Spec: rest-api.

mod check_config;
mod config_entries;
mod config_flows;
mod conversation;
mod error;
mod error_log;
mod events;
mod services;
mod state;
mod states;
mod status;
mod stream;
mod template;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

use crate::endpoint::{Endpoint, serve};
use crate::openapi::operation::{Content, Operation};
use crate::{auth, openapi, pages, probes, views, webhook, websocket};

/// Every endpoint of the hub; with the page at `/` or without. What no row names goes to the
/// views of integrations.
pub(crate) fn configure(app: &mut ServiceConfig, page: bool) {
    // A prefix and no pattern: a pattern is matched by a regular expression, which costs a phone's
    // message a quarter of its time. It stands first because it is the busiest.
    app.service(web::scope(webhook::PREFIX).default_service(web::to(webhook::handle)));
    serve(app, endpoints(page));
    app.default_service(web::to(views::dispatch));
}

/// The rows of all tables.
pub(crate) fn endpoints(page: bool) -> impl Iterator<Item = &'static Endpoint> {
    let signing_in = auth::TABLE.iter();
    TABLE.iter().chain(signing_in).chain(page.then_some(&PAGE))
}

static PAGE: Endpoint = Endpoint::plain(Method::GET, "/", |r| r.to(pages::home), pages::describe);

/// The busiest first; rows of one path together.
#[rustfmt::skip]
static TABLE: [Endpoint; 42] = [
    Endpoint::elsewhere(Method::GET, "/api/webhook/{webhook_id}", webhook::describe_get),
    Endpoint::elsewhere(Method::HEAD, "/api/webhook/{webhook_id}", webhook::describe_head),
    Endpoint::elsewhere(Method::POST, "/api/webhook/{webhook_id}", webhook::describe_post),
    Endpoint::elsewhere(Method::PUT, "/api/webhook/{webhook_id}", webhook::describe_put),
    Endpoint::plain(Method::GET, "/api/websocket", |r| r.to(websocket::upgrade), describe_websocket),
    Endpoint::plain(Method::GET, "/api/stream", |r| r.to(stream::open), stream::describe),
    Endpoint::plain(Method::GET, "/healthz", |r| r.to(probes::health), probes::describe_health),
    Endpoint::plain(Method::GET, "/metrics", |r| r.to(probes::scrape), probes::describe_scrape),
    Endpoint::json(Method::GET, "/api/", |r| r.to(status::running), status::describe_running),
    Endpoint::json(Method::GET, "/api/config", |r| r.to(status::config), status::describe_config),
    Endpoint::json(Method::GET, "/api/core/state", |r| r.to(status::core_state), status::describe_core_state),
    Endpoint::json(Method::GET, "/api/components", |r| r.to(status::components), status::describe_components),
    Endpoint::json(Method::GET, "/api/states", |r| r.to(states::list), states::describe),
    Endpoint::json(Method::GET, "/api/states/{entity_id}", |r| r.to(state::read), state::describe_read),
    Endpoint::json(Method::POST, "/api/states/{entity_id}", |r| r.to(state::write), state::describe_write),
    Endpoint::json(Method::DELETE, "/api/states/{entity_id}", |r| r.to(state::remove), state::describe_remove),
    Endpoint::json(Method::GET, "/api/events", |r| r.to(events::list), events::describe_list),
    Endpoint::json(Method::POST, "/api/events/{event_type}", |r| r.to(events::fire), events::describe_fire),
    Endpoint::json(Method::GET, "/api/services", |r| r.to(services::list), services::describe_list),
    Endpoint::json(Method::POST, "/api/services/{domain}/{service}", |r| r.to(services::call), services::describe_call),
    Endpoint::json(Method::POST, "/api/template", |r| r.to(template::render), template::describe),
    Endpoint::plain(Method::GET, "/api/error_log", |r| r.to(error_log::read), error_log::describe),
    Endpoint::json(Method::POST, "/api/config/core/check_config", |r| r.to(check_config::check), check_config::describe),
    Endpoint::json(Method::POST, "/api/conversation/process", |r| r.to(conversation::process), conversation::describe_process),
    Endpoint::json(Method::POST, "/api/intent/handle", |r| r.to(conversation::handle_intent), conversation::describe_handle_intent),
    Endpoint::json(Method::GET, "/api/config/config_entries/entry", |r| r.to(config_entries::list), config_entries::describe_list),
    Endpoint::json(Method::DELETE, "/api/config/config_entries/entry/{entry_id}", |r| r.to(config_entries::remove), config_entries::describe_remove),
    Endpoint::json(Method::POST, "/api/config/config_entries/entry/{entry_id}/reload", |r| r.to(config_entries::reload), config_entries::describe_reload),
    Endpoint::json(Method::GET, "/api/config/config_entries/flow_handlers", |r| r.to(config_flows::handlers), config_flows::describe_handlers),
    Endpoint::json(Method::POST, "/api/config/config_entries/flow", |r| r.to(config_flows::start), config_flows::describe_start),
    Endpoint::json(Method::GET, "/api/config/config_entries/flow/{flow_id}", |r| r.to(config_flows::current), config_flows::describe_current),
    Endpoint::json(Method::POST, "/api/config/config_entries/flow/{flow_id}", |r| r.to(config_flows::next), config_flows::describe_next),
    Endpoint::json(Method::DELETE, "/api/config/config_entries/flow/{flow_id}", |r| r.to(config_flows::abort), config_flows::describe_abort),
    Endpoint::json(Method::POST, "/api/config/config_entries/options/flow", |r| r.to(config_flows::start_options), config_flows::describe_start_options),
    Endpoint::json(Method::GET, "/api/config/config_entries/options/flow/{flow_id}", |r| r.to(config_flows::current), config_flows::describe_current_options),
    Endpoint::json(Method::POST, "/api/config/config_entries/options/flow/{flow_id}", |r| r.to(config_flows::next), config_flows::describe_next_options),
    Endpoint::json(Method::DELETE, "/api/config/config_entries/options/flow/{flow_id}", |r| r.to(config_flows::abort), config_flows::describe_abort_options),
    Endpoint::json(Method::POST, "/api/config/config_entries/subentries/flow", |r| r.to(config_flows::start_subentry), config_flows::describe_start_subentry),
    Endpoint::json(Method::GET, "/api/config/config_entries/subentries/flow/{flow_id}", |r| r.to(config_flows::current), config_flows::describe_current_subentry),
    Endpoint::json(Method::POST, "/api/config/config_entries/subentries/flow/{flow_id}", |r| r.to(config_flows::next), config_flows::describe_next_subentry),
    Endpoint::json(Method::DELETE, "/api/config/config_entries/subentries/flow/{flow_id}", |r| r.to(config_flows::abort), config_flows::describe_abort_subentry),
    Endpoint::json(Method::GET, "/api/openapi.json", |r| r.to(openapi::document), openapi::describe_document),
];

fn describe_websocket() -> Operation {
    Operation::new("Opens the WebSocket, on which a token is asked for")
        .public()
        .replies(101, "From here on messages", Content::Empty)
        .replies(400, "No WebSocket handshake", Content::Text)
}
