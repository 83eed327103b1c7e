//! Signed paths: a request that carries its own permission in its query, for what fetches a picture
//! and cannot send a header (spec auth §4).
//!
//! A signature is good for GET of one path with one list of parameters, for the user of the token
//! that it was made with, as long as that token lives and this hub runs.

use std::time::Duration;

use hearth_core::ids::TokenId;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::auth::{Auth, Authenticated};
use crate::error::{AuthError, Refused};
use crate::jwt::TokenKey;
use crate::token::{LEEWAY_SECONDS, NewToken};
use crate::user::{GroupId, NewUser};

/// The query's parameter that carries the signature.
pub const SIGNATURE: &str = "authSig";
/// The user in whose name the hub signs for itself; it reads, and no more.
pub const CONTENT_USER: &str = "Home Assistant Content";

/// Parameters that a client may set after signing: they change the size of a picture.
const FREE: [&str; 2] = ["width", "height"];
/// Longest path that is signed or looked at, in bytes.
const LONGEST_PATH: usize = 8192;
/// Longest life of a signature.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PathClaims {
    iss: TokenId,
    path: String,
    params: Vec<(String, String)>,
    iat: i64,
    exp: i64,
}

impl Auth {
    /// Signs `path` (`/api/…`, with a query or without) in the name of a token, for so long.
    /// Returns it with the signature added; one that was there is replaced.
    ///
    /// # Errors
    /// [`AuthError::InvalidPath`], [`AuthError::UnknownToken`], [`AuthError::Interrupted`].
    pub fn sign_path(
        &self,
        token_id: TokenId,
        path: &str,
        lasts: Duration,
    ) -> Result<String, AuthError> {
        let whole = path.split_once('#').map_or(path, |(whole, _)| whole);
        let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
        let is_own = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
        if !is_own || whole.len() > LONGEST_PATH || whole.chars().any(char::is_control) {
            return Err(AuthError::InvalidPath);
        }
        let inner = &self.inner;
        let now = inner.env.now();
        inner
            .admit(token_id, now)
            .map_err(|_| AuthError::UnknownToken)?;
        let (iat, seconds) = (now.as_seconds(), lasts.min(LONGEST_LIFE).as_secs());
        let claims = PathClaims {
            iss: token_id,
            path: decoded(path),
            params: signed_params(query),
            iat,
            exp: iat.saturating_add_unsigned(seconds),
        };
        let key = inner
            .path_key
            .get_or_init(|| TokenKey::generate(&inner.env));
        let signature = key.sign(&claims).map_err(|error| {
            tracing::error!(%error, "a path could not be signed");
            AuthError::Interrupted
        })?;
        let mut signed = format!("{path}?");
        let kept = query
            .split('&')
            .filter(|pair| !pair.is_empty() && name(pair) != SIGNATURE);
        for pair in kept {
            signed.push_str(pair);
            signed.push('&');
        }
        signed.push_str(SIGNATURE);
        signed.push('=');
        // A JWT has no character that a query would have to escape.
        signed.push_str(&signature);
        Ok(signed)
    }

    /// Signs a path for the hub's own use: it may be fetched by whoever is given it.
    ///
    /// # Errors
    /// As [`Auth::sign_path`] and [`Auth::create_refresh_token`].
    pub async fn sign_path_as_content(
        &self,
        path: &str,
        lasts: Duration,
    ) -> Result<String, AuthError> {
        let token_id = self.content_token().await?;
        self.sign_path(token_id, path, lasts)
    }

    /// Who signed this GET request; `None` where it carries no signature.
    ///
    /// # Errors
    /// [`Refused`], with no word on why.
    pub fn authenticate_path(
        &self,
        path: &str,
        query: &str,
    ) -> Option<Result<Authenticated, Refused>> {
        let signature = signature(query)?;
        let verdict = self.signer_of(path, query, &signature);
        Some(verdict.map_err(|why| {
            tracing::debug!(why, "a signed path was refused");
            Refused
        }))
    }

    fn signer_of(
        &self,
        path: &str,
        query: &str,
        signature: &str,
    ) -> Result<Authenticated, &'static str> {
        if path.len() + query.len() > 2 * LONGEST_PATH {
            return Err("too long");
        }
        let key = self.inner.path_key.get().ok_or("nothing was signed yet")?;
        let claims: PathClaims = key.verify(signature).map_err(|_| "forged")?;
        let now = self.inner.env.now();
        if now.as_seconds() >= claims.exp.saturating_add(LEEWAY_SECONDS) {
            return Err("expired");
        }
        if claims.path != decoded(path) || claims.params != signed_params(query) {
            return Err("signed for another request");
        }
        self.inner.admit(claims.iss, now)
    }

    /// The token of the user in whose name the hub signs for itself; made where there is none.
    async fn content_token(&self) -> Result<TokenId, AuthError> {
        let users = self.list_users();
        let known = users
            .iter()
            .find(|user| user.system_generated && user.name == CONTENT_USER);
        let user = match known {
            Some(user) => user.id,
            None => {
                let new = NewUser::system(CONTENT_USER, vec![GroupId::ReadOnly]);
                self.create_user(new).await?.id
            }
        };
        match self.tokens_of(user).first() {
            Some(token) => Ok(token.id),
            None => {
                let made = self.create_refresh_token(user, NewToken::system()).await?;
                Ok(made.0.id)
            }
        }
    }
}

/// The value of the query's signature, where it has one.
pub fn signature(query: &str) -> Option<String> {
    // Most requests have no query, and none is taken apart without need.
    if !query.contains(SIGNATURE) {
        return None;
    }
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == SIGNATURE)
        .map(|(_, value)| value.into_owned())
}

/// The parameters that a signature covers, in their order.
fn signed_params(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name != SIGNATURE && !FREE.contains(&&**name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn name(pair: &str) -> String {
    let name = pair.split('=').next().unwrap_or_default();
    percent_decode_str(name).decode_utf8_lossy().into_owned()
}

fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}
