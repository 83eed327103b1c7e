//! One row of the table of endpoints: a method on a path, who answers it, and what it says of
//! itself.

use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Route};

use crate::compression::compress;
use crate::openapi::operation::Operation;
use crate::reply;

/// A method on a path. It cannot exist without its description.
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    answer: fn(Route) -> Route,
    /// What the OpenAPI document says of it.
    pub(crate) describe: fn() -> Operation,
    replies: Replies,
}

/// What kind of replies an endpoint gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replies {
    /// No layer but the shell: small replies, or streams.
    Plain,
    /// JSON that may be large, compressed for those who ask.
    Json,
    /// Answered by a scope of its own; the row only describes it.
    Elsewhere,
}

impl Endpoint {
    /// Replies are small, or streams.
    pub(crate) const fn plain(
        method: Method,
        path: &'static str,
        answer: fn(Route) -> Route,
        describe: fn() -> Operation,
    ) -> Self {
        Self {
            method,
            path,
            answer,
            describe,
            replies: Replies::Plain,
        }
    }

    /// Replies are JSON that may be large.
    pub(crate) const fn json(
        method: Method,
        path: &'static str,
        answer: fn(Route) -> Route,
        describe: fn() -> Operation,
    ) -> Self {
        Self {
            method,
            path,
            answer,
            describe,
            replies: Replies::Json,
        }
    }

    /// A scope answers it, which the table cannot name.
    pub(crate) const fn elsewhere(
        method: Method,
        path: &'static str,
        describe: fn() -> Operation,
    ) -> Self {
        Self {
            method,
            path,
            answer: |route| route,
            describe,
            replies: Replies::Elsewhere,
        }
    }

    fn route(&self) -> Route {
        (self.answer)(web::method(self.method.clone()))
    }
}

/// Serves a table; rows of one path stand together there.
pub(crate) fn serve<'a>(app: &mut ServiceConfig, table: impl Iterator<Item = &'a Endpoint>) {
    let rows: Vec<&Endpoint> = table
        .filter(|row| row.replies != Replies::Elsewhere)
        .collect();
    for rows in rows.chunk_by(|one, next| one.path == next.path) {
        let mut resource = web::resource(rows[0].path);
        for row in rows {
            resource = resource.route(row.route());
        }
        let methods: Vec<&str> = rows.iter().map(|row| row.method.as_str()).collect();
        // Methods are made of letters, as header fields may be.
        let allowed = HeaderValue::from_str(&methods.join(", ")).ok();
        let resource = resource.default_service(web::to(move || {
            let allowed = allowed.clone();
            async move { method_not_allowed(allowed) }
        }));
        match rows[0].replies {
            Replies::Json => app.service(resource.wrap(from_fn(compress))),
            Replies::Plain | Replies::Elsewhere => app.service(resource),
        };
    }
}

/// 405, and the methods that are allowed.
pub(crate) fn method_not_allowed(allowed: Option<HeaderValue>) -> HttpResponse {
    let mut reply = reply::status_text(StatusCode::METHOD_NOT_ALLOWED);
    if let Some(allowed) = allowed {
        reply.headers_mut().insert(ALLOW, allowed);
    }
    reply
}
