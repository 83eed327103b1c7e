//! Views that integrations registered, found by method and path.
//!
//! Each worker keeps a router of its own, made anew when the hub's list of views has changed.

use std::cell::RefCell;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use hearth_core::ask::{Unanswered, ask};
use hearth_core::view::{View, ViewAccess, ViewBody, ViewRequest, ViewResponse};
use hearth_core::webhook::Headers;
use percent_encoding::percent_decode_str;

use crate::auth_gate::{authenticate, without_signature};
use crate::body;
use crate::client_address::client_address;
use crate::door::Door;
use crate::endpoint::method_not_allowed;
use crate::reply::Refusal;

/// Answers every request that no endpoint of the table takes.
pub(crate) async fn dispatch(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> Result<HttpResponse, Refusal> {
    let Found { view, params } = match find(&door, &request)? {
        Sought::Found(found) => found,
        Sought::OtherMethods(allowed) => {
            return Ok(method_not_allowed(HeaderValue::from_str(&allowed).ok()));
        }
    };
    let caller = match view.access {
        ViewAccess::Public => None,
        ViewAccess::AnyUser | ViewAccess::Admin => {
            let user = authenticate(&request, &door)?;
            if view.access == ViewAccess::Admin && !user.0.is_admin() {
                return Err(Refusal::UNAUTHORIZED);
            }
            Some(user.caller(&door.hub))
        }
    };
    let body = body::read(&request, payload, door.http()).await?;
    // Where the hub itself checked the token or the signature, the view has no use for it.
    let fields = request
        .headers()
        .iter()
        .filter(|(name, _)| caller.is_none() || *name != AUTHORIZATION);
    let question = ViewRequest {
        path: request.path().to_owned(),
        params,
        query: match caller {
            Some(_) => without_signature(request.query_string()),
            None => request.query_string().to_owned(),
        },
        headers: Headers::new(
            fields
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        ),
        body,
        caller,
        remote: client_address(&request).ok_or(Refusal::Status(StatusCode::BAD_REQUEST))?,
    };
    match ask(&view.handler, question).await {
        Ok(answer) => Ok(translate(answer)),
        Err(Unanswered::Busy(_)) => Err(Refusal::Busy),
        Err(Unanswered::Gone(_) | Unanswered::Dropped) => {
            tracing::error!(view = %view.path, "the handler of a view failed");
            Err(Refusal::Status(StatusCode::INTERNAL_SERVER_ERROR))
        }
    }
}

fn translate(answer: ViewResponse) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = HttpResponse::build(status);
    if let Ok(content_type) = HeaderValue::from_str(&answer.content_type)
        && !content_type.is_empty()
    {
        reply.insert_header((CONTENT_TYPE, content_type));
    }
    for field in answer.headers {
        reply.append_header(field);
    }
    match answer.body {
        ViewBody::Whole(body) => reply.body(body),
        ViewBody::Stream(stream) => reply.streaming(stream),
    }
}

/// What stands at a path.
enum Sought {
    Found(Found),
    /// Only views for these methods, as a header field names them.
    OtherMethods(String),
}

struct Found {
    view: View,
    params: Vec<(String, String)>,
}

type Router = matchit::Router<Vec<usize>>;

thread_local! {
    static ROUTER: RefCell<Option<(Arc<Vec<View>>, Router)>> = const { RefCell::new(None) };
}

/// The view for a request; 404 where no view has its path.
fn find(door: &Door, request: &HttpRequest) -> Result<Sought, Refusal> {
    let views = door.hub.views.current();
    ROUTER.with_borrow_mut(|cached| {
        let fresh = cached
            .take()
            .filter(|(known, _)| Arc::ptr_eq(known, &views));
        let (_, router) =
            cached.insert(fresh.unwrap_or_else(|| (Arc::clone(&views), build(&views))));
        let matched = router
            .at(request.uri().path())
            .map_err(|_| Refusal::Status(StatusCode::NOT_FOUND))?;
        let here = matched.value.iter().filter_map(|index| views.get(*index));
        let Some(view) = here.clone().find(|view| view.method == *request.method()) else {
            let methods: Vec<&str> = here.map(|view| view.method.as_str()).collect();
            return Ok(Sought::OtherMethods(methods.join(", ")));
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Ok(Sought::Found(Found {
            view: view.clone(),
            params: matched
                .params
                .iter()
                .map(|(name, value)| (name.to_owned(), decoded(value)))
                .collect(),
        }))
    })
}

fn build(views: &[View]) -> Router {
    let mut by_path: Vec<(&str, Vec<usize>)> = Vec::new();
    for (index, view) in views.iter().enumerate() {
        match by_path.iter_mut().find(|(path, _)| *path == &*view.path) {
            Some((_, indices)) => indices.push(index),
            None => by_path.push((&view.path, vec![index])),
        }
    }
    let mut router = Router::new();
    for (path, indices) in by_path {
        if let Err(error) = router.insert(path, indices) {
            tracing::error!(path, %error, "a view's path cannot be routed");
        }
    }
    router
}
