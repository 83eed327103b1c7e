//! The outermost layer: what every request is held to and every reply carries (spec rest-api §0).
//!
//! Webhooks pass here at full speed, so the layer allocates nothing: it looks, passes on, and
//! writes its header fields into the reply that comes back.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready as ready_or_pending};

use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    HeaderMap, HeaderValue, ORIGIN, REFERRER_POLICY, SERVER, X_CONTENT_TYPE_OPTIONS,
    X_FORWARDED_FOR, X_FRAME_OPTIONS,
};
use actix_web::{Error, HttpResponse};
use hearth_core::hub::Phase;
use pin_project_lite::pin_project;

use crate::chunked::SharedPayload;
use crate::client_address::{TrustedProxies, client_address};
use crate::cross_origin::CrossOrigin;
use crate::door::Door;
use crate::path_filter::is_attack;
use crate::reply::status_text;

/// Wraps an app in the layer.
pub(crate) struct Shell(Rc<Rules>);

struct Rules {
    door: Door,
    proxies: Arc<TrustedProxies>,
    cross_origin: CrossOrigin,
}

impl Shell {
    pub(crate) fn new(door: Door, proxies: Arc<TrustedProxies>) -> Self {
        Self(Rc::new(Rules {
            cross_origin: CrossOrigin::from_settings(door.http()),
            door,
            proxies,
        }))
    }
}

impl Rules {
    /// The reply to a request that goes no further.
    fn refuse(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        if matches!(
            self.door.hub.phase(),
            Phase::Stopping | Phase::FinalWrite | Phase::Stopped
        ) {
            return Some(HttpResponse::ServiceUnavailable().finish());
        }
        let (size, is_forwarded) = survey(request.headers());
        if size > self.door.http().header_limit {
            return Some(status_text(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        }
        if request
            .uri()
            .path_and_query()
            .is_some_and(|url| is_attack(url.as_str()))
        {
            return Some(status_text(StatusCode::BAD_REQUEST));
        }
        if is_forwarded && self.proxies.identify(request.request()).is_err() {
            tracing::debug!(peer = ?request.peer_addr(), "forwarding fields that no setting allows");
            return Some(status_text(StatusCode::BAD_REQUEST));
        }
        if client_address(request.request())
            .is_some_and(|address| self.door.auth.is_banned(address))
        {
            return Some(status_text(StatusCode::FORBIDDEN));
        }
        self.cross_origin.preflight(request)
    }

    fn finish(&self, response: &mut ServiceResponse) {
        self.door.metrics.replied(response.status().as_u16());
        // Most clients are no pages, and a request is not cloned for them.
        if response.request().headers().contains_key(ORIGIN) {
            let request = response.request().clone();
            self.cross_origin
                .mark(request.path(), request.headers(), response.headers_mut());
        }
        let fields = response.headers_mut();
        // Pages with forms have a stricter mind of their own; most replies have a type at most.
        let is_page = fields.len() > 1;
        if !(is_page && fields.contains_key(REFERRER_POLICY)) {
            fields.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let has_frame_options = is_page && fields.contains_key(X_FRAME_OPTIONS);
        if self.door.http().use_x_frame_options && !has_frame_options {
            fields.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
        }
        fields.insert(SERVER, HeaderValue::from_static(""));
    }
}

/// The size of header fields on the wire, with `: ` and the line's end, and whether a proxy tells
/// for whom it asks. One pass over all.
fn survey(fields: &HeaderMap) -> (usize, bool) {
    fields
        .iter()
        .fold((0, false), |(size, is_forwarded), (name, value)| {
            let field = name.as_str().len() + value.len() + 4;
            (size + field, is_forwarded || *name == X_FORWARDED_FOR)
        })
}

impl<S> Transform<S, ServiceRequest> for Shell
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = ShellService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(ShellService {
            service,
            rules: Rc::clone(&self.0),
        }))
    }
}

/// An app within the layer.
pub(crate) struct ShellService<S> {
    service: S,
    rules: Rc<Rules>,
}

impl<S> Service<ServiceRequest> for ShellService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = Finishing<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let rules = Rc::clone(&self.rules);
        let chunked = SharedPayload::of(&mut request);
        match rules.refuse(&request) {
            Some(reply) => Finishing::Refused {
                reply: Some(request.into_response(reply)),
                chunked,
                rules,
            },
            None => Finishing::Passed {
                inner: self.service.call(request),
                chunked,
                rules,
            },
        }
    }
}

pin_project! {
    /// The reply on its way out.
    #[project = FinishingProjected]
    pub(crate) enum Finishing<F> {
        Refused { reply: Option<ServiceResponse>, chunked: Option<SharedPayload>, rules: Rc<Rules> },
        Passed { #[pin] inner: F, chunked: Option<SharedPayload>, rules: Rc<Rules> },
    }
}

impl<F> Future for Finishing<F>
where
    F: Future<Output = Result<ServiceResponse<BoxBody>, Error>>,
{
    type Output = Result<ServiceResponse<BoxBody>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (mut response, chunked, rules) = match self.project() {
            FinishingProjected::Passed {
                inner,
                chunked,
                rules,
            } => (ready_or_pending!(inner.poll(cx))?, chunked, rules),
            FinishingProjected::Refused {
                reply,
                chunked,
                rules,
            } => match reply.take() {
                Some(reply) => (reply, chunked, rules),
                // A future is not polled again once it was ready.
                None => return Poll::Pending,
            },
        };
        rules.finish(&mut response);
        Poll::Ready(Ok(match chunked.take() {
            Some(payload) => payload.held_by(response),
            None => response,
        }))
    }
}
