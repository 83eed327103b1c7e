//! HTTP views of integrations: neutral requests and responses, so that an integration offers a
//! page, a stream or an endpoint without knowing the web server.

use std::borrow::Cow;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use actix::Recipient;
use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::ask::{Ask, Question};
use crate::command::Caller;
use crate::webhook::Headers;

/// Who may open a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewAccess {
    /// Everyone; the view checks for itself.
    Public,
    /// Every signed-in user.
    AnyUser,
    /// Administrators.
    Admin,
}

/// A request to a view.
#[derive(Debug)]
pub struct ViewRequest {
    /// The path that was asked for.
    pub path: String,
    /// The parts of the path that the pattern names, decoded.
    pub params: Vec<(String, String)>,
    /// URL-encoded text behind the `?`.
    pub query: String,
    /// Header fields.
    pub headers: Headers,
    /// The body, at most `http.body_limit` bytes.
    pub body: Bytes,
    /// Who asks; `None` only for [`ViewAccess::Public`].
    pub caller: Option<Caller>,
    /// From where.
    pub remote: IpAddr,
}

impl ViewRequest {
    /// A named part of the path.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(param, _)| param == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Question for ViewRequest {
    type Answer = ViewResponse;
}

/// A body that comes in pieces.
pub type BodyStream = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// What a view sends.
pub enum ViewBody {
    /// All of it.
    Whole(Bytes),
    /// As it comes, such as a camera's pictures.
    Stream(BodyStream),
}

/// What a view answers.
pub struct ViewResponse {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub content_type: Cow<'static, str>,
    /// Further header fields.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: ViewBody,
}

impl ViewResponse {
    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            content_type: Cow::Borrowed("application/json"),
            headers: Vec::new(),
            body: ViewBody::Whole(body.to_string().into()),
        }
    }

    /// `{"message": …}`, as the REST API words its errors.
    pub fn message(status: u16, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "message": message }))
    }
}

/// One view.
#[derive(Clone)]
pub struct View {
    /// `GET`, `POST`, …
    pub method: http::Method,
    /// A path such as `/api/camera_proxy/{entity_id}`.
    pub path: Arc<str>,
    /// Who may.
    pub access: ViewAccess,
    /// Who answers.
    pub handler: Recipient<Ask<ViewRequest>>,
}

/// All views that integrations registered. Cheap to clone; readers never wait.
#[derive(Clone, Default)]
pub struct Views(Arc<ArcSwap<Vec<View>>>);

impl Views {
    /// Adds a view; one of the same method and path is replaced.
    pub fn register(&self, view: View) {
        self.0.rcu(|views| {
            let mut views: Vec<View> = Vec::clone(views);
            views.retain(|known| known.method != view.method || known.path != view.path);
            views.push(view.clone());
            views
        });
    }

    /// Takes a view away.
    pub fn unregister(&self, method: &http::Method, path: &str) {
        self.0.rcu(|views| {
            let mut views: Vec<View> = Vec::clone(views);
            views.retain(|known| known.method != *method || *known.path != *path);
            views
        });
    }

    /// The views as they are now. The `Arc` is the same until one is added or taken away.
    pub fn current(&self) -> Arc<Vec<View>> {
        self.0.load_full()
    }
}
