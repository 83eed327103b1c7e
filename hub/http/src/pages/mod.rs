//! The pages that the hub makes itself: the first visit, signing in, and a small home page.
//!
//! They are plain HTML from the server and work without scripts; the one script makes signing in
//! from an app smoother. Text is escaped by its type (`maud`), nothing is loaded from elsewhere,
//! and the policy that goes out with each page allows no script but that file.
//!
//! A browser that signed in on `/` holds a cookie, of which see [`session`]. Forms are taken from
//! our own pages only: [`is_foreign`]. The cookie opens these pages and nothing of the API.

mod authorize;
mod files;
mod home;
mod layout;
mod session;
mod tokens;
mod welcome;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderValue, LOCATION, ORIGIN, REFERRER_POLICY,
    X_FRAME_OPTIONS,
};
use actix_web::web::{self, ServiceConfig, get, post};
use actix_web::{HttpRequest, HttpResponse, Resource, Route};
use maud::Markup;

pub(crate) use home::show as home;

use crate::client_address::client_address;
use crate::openapi::operation::{Content, Operation};
use crate::reply;

/// The pages; those for people who do not come from an app only with `people`.
pub(crate) fn configure(app: &mut ServiceConfig, people: bool) {
    let mut table = |path: &'static str, routes: Vec<Route>| {
        app.service(routes.into_iter().fold(resource(path), Resource::route));
    };
    table(
        "/auth/authorize",
        vec![get().to(authorize::show), post().to(authorize::sign_in)],
    );
    table("/auth/page.css", vec![get().to(files::style)]);
    table("/auth/authorize.js", vec![get().to(files::script)]);
    table("/auth/icon.svg", vec![get().to(files::icon)]);
    if !people {
        return;
    }
    table("/manifest.json", vec![get().to(files::manifest)]);
    table("/onboarding", vec![post().to(welcome::make_owner)]);
    table("/sign-in", vec![post().to(home::sign_in)]);
    table("/sign-out", vec![post().to(home::sign_out)]);
    table("/tokens", vec![post().to(tokens::create)]);
    table("/tokens/{id}/revoke", vec![post().to(tokens::revoke)]);
}

/// What the OpenAPI document says of `/`.
pub(crate) fn describe() -> Operation {
    Operation::new("The page for people: the first visit, signing in, or what the home has")
        .public()
        .replies(200, "The page", Content::Other("text/html"))
}

fn resource(path: &'static str) -> Resource {
    let refuse = || async { reply::status_text(StatusCode::METHOD_NOT_ALLOWED) };
    web::resource(path).default_service(web::to(refuse))
}

/// Whether a page of another site sent this request. Browsers name the site of the page with every
/// form and script that changes something; programs that are no browsers name none, and have no
/// cookies that somebody could misuse.
pub(crate) fn is_foreign(request: &HttpRequest) -> bool {
    let fields = request.headers();
    let Some(origin) = fields.get(ORIGIN) else {
        return false;
    };
    let site = origin.to_str().ok().and_then(|origin| {
        let without_scheme = origin.strip_prefix("http://");
        without_scheme.or_else(|| origin.strip_prefix("https://"))
    });
    let host = fields.get(HOST).and_then(|host| host.to_str().ok());
    let is_proxied = client_address(request) != request.peer_addr().map(|peer| peer.ip());
    let named = |host: &str| site.is_some_and(|site| site.eq_ignore_ascii_case(host));
    let is_own = host.is_some_and(named) || (is_proxied && named(request.connection_info().host()));
    !is_own
}

/// What a page of another site gets.
fn refuse_foreign() -> HttpResponse {
    let text = layout::plain("Not from here", "This form was sent from another site.");
    send(StatusCode::FORBIDDEN, text, "'self'")
}

/// A page, with the header fields that guard it. `form_targets` are where its forms may lead.
fn send(status: StatusCode, page: Markup, form_targets: &str) -> HttpResponse {
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
         img-src 'self'; manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
         form-action {form_targets}"
    );
    let mut answer = HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .body(page.into_string());
    let fields = answer.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        fields.insert(CONTENT_SECURITY_POLICY, policy);
    }
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // Without a referrer, browsers would not say which site a form comes from either.
    fields.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

/// To another page, with GET.
fn go_to(target: &str) -> HttpResponse {
    let mut answer = HttpResponse::SeeOther().finish();
    let fields = answer.headers_mut();
    if let Ok(target) = HeaderValue::from_str(target) {
        fields.insert(LOCATION, target);
    }
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
