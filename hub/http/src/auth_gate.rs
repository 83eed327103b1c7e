//! Who asks: bearer tokens, checked before an endpoint runs.
//!
//! An endpoint says what it needs by what it takes: a [`SignedIn`] user or an [`Administrator`].
//! Whatever is missing, the answer is 401 (spec rest-api §0).

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use hearth_auth::Authenticated;
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

/// Whose request this is.
pub(crate) fn authenticate(request: &HttpRequest, door: &Door) -> Result<SignedIn, Refusal> {
    let admitted = bearer(request.headers())
        .and_then(|token| door.auth.authenticate(token).ok())
        .filter(|user| client_address(request).is_some_and(|address| user.may_come_from(address)));
    match admitted {
        Some(user) => Ok(SignedIn(user)),
        None => {
            tracing::debug!(address = ?client_address(request), "a request without a good token");
            Err(Refusal::UNAUTHORIZED)
        }
    }
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
