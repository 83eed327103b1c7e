//! Which pages of other origins may call the API from a browser (spec rest-api §0, auth §7).
//!
//! The API goes by bearer tokens and by nothing that a browser adds on its own, so a foreign page
//! can do no more than anybody who has no token; that is also why a WebSocket is opened to pages of
//! any origin. What the rules here decide is whether such a page may read the answer: pages of
//! `http.cors_origins`, and of any origin where a client has to get its tokens first. Webhooks
//! answer pages of any origin and look after themselves. Credentials such as cookies are never
//! allowed to come along.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use actix_web::http::{Method, StatusCode};
use hearth_core::settings::HttpSettings;

use crate::reply::status_text;
use crate::webhook;

/// Where clients get their tokens, from pages of any origin.
const OPEN: [&str; 2] = ["/auth/token", "/auth/revoke"];
const FIELDS: HeaderValue =
    HeaderValue::from_static("Origin, Accept, X-Requested-With, Content-Type, Authorization");

/// The rules.
#[derive(Debug)]
pub(crate) struct CrossOrigin {
    any: bool,
    origins: Vec<String>,
}

impl CrossOrigin {
    pub(crate) fn from_settings(settings: &HttpSettings) -> Self {
        let origins = settings.cors_origins.iter();
        Self {
            any: settings.cors_origins.iter().any(|origin| origin == "*"),
            origins: origins
                .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
                .collect(),
        }
    }

    fn allows(&self, path: &str, origin: &HeaderValue) -> bool {
        self.any
            || OPEN.contains(&path)
            || origin.to_str().is_ok_and(|origin| {
                let mut known = self.origins.iter();
                known.any(|known| known.eq_ignore_ascii_case(origin))
            })
    }

    /// The answer to a browser that asks whether a page may call; `None` for any other request.
    pub(crate) fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        if request.method() != Method::OPTIONS || is_webhook(request.path()) {
            return None;
        }
        let fields = request.headers();
        let origin = fields.get(ORIGIN)?;
        let method = fields.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        if !self.allows(request.path(), origin) {
            return Some(status_text(StatusCode::FORBIDDEN));
        }
        // The origin is added where all replies get theirs.
        let allowed = HttpResponse::Ok()
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, method.clone()))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, FIELDS))
            .finish();
        Some(allowed)
    }

    /// Says in a reply that the page that asked may read it, if it may.
    pub(crate) fn mark(&self, path: &str, asked: &HeaderMap, reply: &mut HeaderMap) {
        let Some(origin) = asked.get(ORIGIN) else {
            return;
        };
        if is_webhook(path) {
            return;
        }
        reply.append(VARY, HeaderValue::from_static("Origin"));
        if self.allows(path, origin) {
            reply.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
    }
}

fn is_webhook(path: &str) -> bool {
    path.strip_prefix(webhook::PREFIX)
        .is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(origins: &[&str]) -> CrossOrigin {
        CrossOrigin::from_settings(&HttpSettings {
            cors_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            ..HttpSettings::default()
        })
    }

    #[test]
    fn pages_of_the_origins_that_are_set_may_call_and_others_not() {
        let origin = HeaderValue::from_static;
        let default = CrossOrigin::from_settings(&HttpSettings::default());
        let home = rules(&["https://Home.example/"]);
        for (rules, path, from, allowed) in [
            (&default, "/api/", "https://cast.home-assistant.io", true),
            (&default, "/api/", "http://cast.home-assistant.io", false),
            (&default, "/api/", "https://evil.example", false),
            (&default, "/api/", "null", false),
            (&default, "/auth/token", "https://evil.example", true),
            (&default, "/auth/revoke", "null", true),
            (&default, "/auth/token/", "https://evil.example", false),
            (&home, "/api/", "https://home.example", true),
            (&home, "/api/", "https://home.example.evil", false),
            (&rules(&["*"]), "/api/", "https://any.example", true),
            (&rules(&[]), "/api/", "https://any.example", false),
        ] {
            assert_eq!(rules.allows(path, &origin(from)), allowed, "{path} {from}");
        }
    }
}
