//! `/auth/token` and `/auth/revoke`: codes and refresh tokens for access tokens, and their end
//! (spec auth §3).

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, PRAGMA};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use hearth_auth::{
    ACCESS_TOKEN_SECONDS, AccessToken, AuthError, ClientId, NewToken, SignInBlocked, TokenId, User,
};
use serde_json::{Value, json};

use super::counted;
use super::form::Form;
use super::json_body::Fields;
use crate::auth_gate::SignedIn;
use crate::client_address::client_address;
use crate::door::Door;
use crate::pages::is_foreign;
use crate::reply::{self, Refusal};

/// What a client is told that gets no token. Never `invalid_grant` but for a refresh token that is
/// gone: apps sign their user out on it.
enum Refused {
    Request(Option<&'static str>),
    Grant,
    UnsupportedGrant,
    Denied(String),
    /// A failure of the hub's own, which a client may try again after.
    Failed,
}

/// `POST /auth/token`
pub(super) async fn exchange(
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let address = client_address(&request);
    let answer = match Form::read(&request, payload, &door).await {
        Err(refusal) => refusal.error_response(),
        Ok(form) if form.get("action") == Some("revoke") => {
            return revoke_token(&door, &form).await;
        }
        Ok(form) => match grant(&door, &form, address).await {
            Ok(tokens) => unstored(reply::json(&tokens)),
            Err(Refused::Grant) => {
                if let Some(address) = address.filter(|_| !is_foreign(&request)) {
                    let token = form.text("refresh_token");
                    door.auth.note_bad_token(address, "a refresh token", token);
                }
                return Refused::Grant.into_reply();
            }
            Err(refused) => refused.into_reply(),
        },
    };
    counted(&door, &request, "a code or refresh token", answer)
}

/// `POST /auth/revoke`: 200, whether there was such a token or not.
pub(super) async fn revoke(
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    match Form::read(&request, payload, &door).await {
        Ok(form) => revoke_token(&door, &form).await,
        Err(refusal) => refusal.error_response(),
    }
}

/// `POST /auth/link_user`: a hub with one kind of credentials has nothing to link, but says so in
/// the protocol's words.
pub(super) async fn link_user(
    _: SignedIn,
    door: web::Data<Door>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let mut fields = Fields::read(&request, payload, &door).await?;
    let (code, client_id) = (fields.text("code")?, fields.text("client_id")?);
    fields.end()?;
    let client = ClientId::parse(&client_id).ok();
    let user = client.and_then(|client| door.auth.redeem_code(&code, &client));
    Err(Refusal::bad_request(match user {
        Some(_) => "Credential already linked",
        None => "Invalid code",
    }))
}

async fn revoke_token(door: &Door, form: &Form) -> HttpResponse {
    let record = form
        .get("token")
        .and_then(|token| door.auth.find_refresh_token(token));
    if let Some(record) = record {
        match door.auth.revoke_token(record.id).await {
            Ok(_) | Err(AuthError::UnknownToken) => {}
            // Saying that it is revoked would be a lie.
            Err(error) => {
                tracing::error!(%error, "a token could not be revoked");
                return reply::status_text(StatusCode::INTERNAL_SERVER_ERROR);
            }
        }
    }
    HttpResponse::Ok().finish()
}

async fn grant(door: &Door, form: &Form, address: Option<IpAddr>) -> Result<Value, Refused> {
    match form.get("grant_type") {
        Some("authorization_code") => redeem(door, form, address).await,
        Some("refresh_token") => refresh(door, form, address).await,
        _ => Err(Refused::UnsupportedGrant),
    }
}

async fn redeem(door: &Door, form: &Form, address: Option<IpAddr>) -> Result<Value, Refused> {
    let client = ClientId::parse(form.text("client_id")).map_err(|_| Refused::BAD_CLIENT)?;
    let user = form
        .get("code")
        .and_then(|code| door.auth.redeem_code(code, &client))
        .and_then(|user| door.auth.find_user(user))
        .ok_or(Refused::Request(Some("Invalid code")))?;
    check(door, &user, address)?;
    let new = NewToken::normal(client.as_str()).made_with("homeassistant");
    let (record, refresh_token) = door.auth.create_refresh_token(user.id, new).await?;
    let access_token = door.auth.issue_access_token(record.id, address).await?;
    let mut tokens = described(&access_token);
    tokens["refresh_token"] = refresh_token.secret().into();
    tokens["ha_auth_provider"] = "homeassistant".into();
    Ok(tokens)
}

async fn refresh(door: &Door, form: &Form, address: Option<IpAddr>) -> Result<Value, Refused> {
    let client_id = form.get("client_id");
    if client_id.is_some_and(|text| ClientId::parse(text).is_err()) {
        return Err(Refused::BAD_CLIENT);
    }
    let token = form.get("refresh_token").ok_or(Refused::Request(None))?;
    let record = door.auth.find_refresh_token(token).ok_or(Refused::Grant)?;
    if record.client_id.as_deref() != client_id {
        return Err(Refused::Request(None));
    }
    let user = door.auth.find_user(record.user_id).ok_or(Refused::Grant)?;
    check(door, &user, address)?;
    Ok(described(&issue(door, record.id, address).await?))
}

async fn issue(door: &Door, id: TokenId, address: Option<IpAddr>) -> Result<AccessToken, Refused> {
    match door.auth.issue_access_token(id, address).await {
        // Revoked a moment ago.
        Err(AuthError::UnknownToken) => Err(Refused::Grant),
        issued => Ok(issued?),
    }
}

fn check(door: &Door, user: &User, address: Option<IpAddr>) -> Result<(), Refused> {
    door.auth
        .may_sign_in(user, address)
        .map_err(|why: SignInBlocked| Refused::Denied(why.to_string()))
}

fn described(token: &AccessToken) -> Value {
    json!({
        "access_token": token.secret(),
        "token_type": "Bearer",
        "expires_in": ACCESS_TOKEN_SECONDS,
    })
}

fn unstored(mut answer: HttpResponse) -> HttpResponse {
    let fields = answer.headers_mut();
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    answer
}

impl Refused {
    const BAD_CLIENT: Self = Self::Request(Some("Invalid client id"));

    fn into_reply(self) -> HttpResponse {
        let bad = |body: Value| reply::json_text(StatusCode::BAD_REQUEST, body.to_string());
        match self {
            Self::Request(None) => bad(json!({"error": "invalid_request"})),
            Self::Request(Some(why)) => {
                bad(json!({"error": "invalid_request", "error_description": why}))
            }
            Self::Grant => bad(json!({"error": "invalid_grant"})),
            Self::UnsupportedGrant => bad(json!({"error": "unsupported_grant_type"})),
            Self::Denied(why) => {
                let body = json!({"error": "access_denied", "error_description": why});
                reply::json_text(StatusCode::FORBIDDEN, body.to_string())
            }
            Self::Failed => reply::status_text(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl From<AuthError> for Refused {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Inactive | AuthError::TooManyTokens(_) => Self::Denied(error.to_string()),
            other => {
                tracing::error!(error = %other, "a token could not be issued");
                Self::Failed
            }
        }
    }
}
