//! Who asks: bearer tokens and signed paths, checked before an endpoint runs.
//!
//! An endpoint says what it needs by what it takes: a [`SignedIn`] user or an [`Administrator`].
//! Whatever is missing, the answer is 401 (spec rest-api §0).

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use hearth_auth::{Authenticated, SIGNATURE, is_local, signature};
use hearth_core::command::{Access, Caller};
use hearth_core::event::Context;
use hearth_core::hub::Hub;

use crate::client_address::client_address;
use crate::door::Door;
use crate::reply::Refusal;

/// A user with a good token, from an address that the user may come from.
#[derive(Debug)]
pub(crate) struct SignedIn(pub(crate) Authenticated);

impl SignedIn {
    /// A fresh context of this user.
    pub(crate) fn context(&self, hub: &Hub) -> Context {
        Context::of_user(&hub.env, self.0.user.id)
    }

    /// This user as a caller of commands, with a fresh context.
    pub(crate) fn caller(&self, hub: &Hub) -> Caller {
        let authority = if self.0.is_admin() {
            Access::Admin
        } else {
            Access::AnyUser
        };
        Caller::new(self.context(hub), authority)
    }
}

/// A user who is an administrator.
#[derive(Debug)]
pub(crate) struct Administrator(pub(crate) SignedIn);

/// Whose request this is: that of the bearer token, else of who signed the path. What opens nothing
/// counts as a failed sign-in of the address that it came from.
pub(crate) fn authenticate(request: &HttpRequest, door: &Door) -> Result<SignedIn, Refusal> {
    let address = client_address(request);
    let admitted = holder(request, door)
        .filter(|user| address.is_some_and(|address| user.may_come_from(address)));
    match admitted {
        Some(user) => Ok(SignedIn(user)),
        None => {
            if let Some(address) = address {
                // Without the query, which may hold a signature.
                let what = format!("{} {}", request.method(), request.path());
                let credential = credential(request, address);
                door.auth.note_bad_token(address, &what, &credential);
            }
            Err(Refusal::UNAUTHORIZED)
        }
    }
}

fn holder(request: &HttpRequest, door: &Door) -> Option<Authenticated> {
    let by_token = bearer(request.headers()).and_then(|token| door.auth.authenticate(token).ok());
    if by_token.is_some() || request.method() != Method::GET {
        return by_token;
    }
    let (path, query) = (request.uri().path(), request.query_string());
    door.auth.authenticate_path(path, query)?.ok()
}

/// What the client sent to be let in. Within the home a signature counts as nothing: it cannot be
/// guessed, and a page on the internet can make a browser there send any.
fn credential(request: &HttpRequest, address: IpAddr) -> Cow<'_, str> {
    match bearer(request.headers()) {
        Some(token) => token.into(),
        None if is_local(address) => "".into(),
        None => signature(request.query_string()).unwrap_or_default().into(),
    }
}

/// The query without the signature that let it in.
pub(crate) fn without_signature(query: &str) -> String {
    let is_signature = |pair: &&str| pair.split('=').next() == Some(SIGNATURE);
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !is_signature(pair))
        .collect();
    kept.join("&")
}

/// The token of an `Authorization: Bearer …` field; the scheme's case matters.
fn bearer(fields: &HeaderMap) -> Option<&str> {
    let (scheme, token) = fields.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme == "Bearer").then_some(token)
}

impl FromRequest for SignedIn {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.app_data::<web::Data<Door>>() {
            Some(door) => authenticate(request, door),
            // Every app is built with its door; without one nobody can be known.
            None => Err(Refusal::UNAUTHORIZED),
        })
    }
}

impl FromRequest for Administrator {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let user = SignedIn::from_request(request, payload).into_inner();
        ready(match user {
            Ok(user) if user.0.is_admin() => Ok(Self(user)),
            Ok(_) => Err(Refusal::UNAUTHORIZED),
            Err(refusal) => Err(refusal),
        })
    }
}
