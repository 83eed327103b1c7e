//! Sign-in over HTTP (spec auth): one file an endpoint, one table.
//!
//! Rules stand in `hearth-auth`; here stand paths, shapes, statuses and texts. The pages that
//! people see are in `pages` and go through the same functions, so that nothing is easier there.

mod client_page;
mod described;
mod form;
mod json_body;
mod login_flow;
mod metadata;
mod onboarding;
mod providers;
mod rooms;
mod take_over;
mod token;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use hearth_core::settings::HttpSettings;

pub(crate) use form::Form;
pub(crate) use login_flow::{Refused, check_password, sign_in};
pub(crate) use take_over::{MayNot, NewOwner, check_right, make_owner};

use crate::client_address::client_address;
use crate::door::Door;
use crate::endpoint::Endpoint;
use crate::pages::is_foreign;

/// Largest body of a sign-in, in bytes. Nothing that belongs here comes near it, and everybody may
/// send one.
const BODY_LIMIT: usize = 64 * 1024;

/// Every endpoint of the sign-in but its pages.
#[rustfmt::skip]
pub(crate) static TABLE: [Endpoint; 16] = [
    Endpoint::plain(Method::GET, "/auth/providers", |r| r.to(providers::list), described::providers),
    Endpoint::plain(Method::POST, "/auth/login_flow", |r| r.to(login_flow::open), described::open_flow),
    Endpoint::plain(Method::GET, "/auth/login_flow", |r| r.to(nothing_to_get), described::flows),
    Endpoint::plain(Method::POST, "/auth/login_flow/{flow_id}", |r| r.to(login_flow::step), described::step_flow),
    Endpoint::plain(Method::DELETE, "/auth/login_flow/{flow_id}", |r| r.to(login_flow::abort), described::abort_flow),
    Endpoint::plain(Method::GET, "/auth/login_flow/{flow_id}", |r| r.to(login_flow::unknown), described::show_flow),
    Endpoint::plain(Method::POST, "/auth/token", |r| r.to(token::exchange), described::token),
    Endpoint::plain(Method::POST, "/auth/revoke", |r| r.to(token::revoke), described::revoke),
    Endpoint::plain(Method::POST, "/auth/link_user", |r| r.to(token::link_user), described::link_user),
    Endpoint::plain(Method::GET, "/.well-known/oauth-authorization-server", |r| r.to(metadata::describe), described::metadata),
    Endpoint::plain(Method::GET, "/api/onboarding", |r| r.to(onboarding::progress), described::onboarding),
    Endpoint::plain(Method::GET, "/api/onboarding/installation_type", |r| r.to(onboarding::installation_type), described::installation_type),
    Endpoint::plain(Method::POST, "/api/onboarding/users", |r| r.to(onboarding::make_owner), described::make_owner),
    Endpoint::plain(Method::POST, "/api/onboarding/core_config", |r| r.to(onboarding::core_config), described::core_config),
    Endpoint::plain(Method::POST, "/api/onboarding/analytics", |r| r.to(onboarding::analytics), described::analytics),
    Endpoint::plain(Method::POST, "/api/onboarding/integration", |r| r.to(onboarding::integration), described::integration),
];

async fn nothing_to_get() -> HttpResponse {
    HttpResponse::MethodNotAllowed().finish()
}

/// The limits of bodies here.
fn limits(door: &Door) -> HttpSettings {
    let settings = door.http();
    HttpSettings {
        body_limit: BODY_LIMIT.min(settings.body_limit),
        ..settings.clone()
    }
}

/// Counts a refusal against the address that it goes to (spec auth §2); being told to wait is
/// none, and neither is what a page of another site made a browser send. Passwords are counted
/// where they are looked at.
fn counted(door: &Door, request: &HttpRequest, what: &str, answer: HttpResponse) -> HttpResponse {
    let status = answer.status();
    if status.is_client_error()
        && status != StatusCode::TOO_MANY_REQUESTS
        && !is_foreign(request)
        && let Some(address) = client_address(request)
    {
        door.auth.note_failure(address, what);
    }
    answer
}

/// Whether a page of another site sent this without asking whether it may: browsers ask before they
/// send JSON that says that it is JSON.
fn is_slipped_in(request: &HttpRequest) -> bool {
    let field = request.headers().get(CONTENT_TYPE);
    let kind = field.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let essence = kind.split(';').next().unwrap_or("").trim();
    is_foreign(request) && !essence.eq_ignore_ascii_case("application/json")
}

/// `scheme://host` under which the client reached the hub, from its own header fields: fit for
/// showing and comparing, not for trusting.
pub(crate) fn own_origin(request: &HttpRequest) -> String {
    let (scheme, host) = {
        let connection = request.connection_info();
        let proxied = client_address(request) != request.peer_addr().map(|peer| peer.ip());
        let scheme = if proxied { connection.scheme() } else { "http" };
        let host = if proxied {
            connection.host().to_owned()
        } else {
            let field = request.headers().get(actix_web::http::header::HOST);
            field
                .and_then(|host| host.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        (scheme.to_owned(), host)
    };
    format!("{scheme}://{host}")
}
