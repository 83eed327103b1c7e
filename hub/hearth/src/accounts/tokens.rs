//! `auth/token/…`: access tokens, never their text but once.

use hearth_auth::{Auth, NewUser, User};
use hearth_core::command::CommandError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::users::find;
use super::{Asking, failed, parse};

/// `{user, name, days}` → the token's text.
pub(crate) const CREATE: &str = "auth/token/create";
/// `{user?}` → an array of tokens, without their secrets; of everybody without `user`.
pub(crate) const LIST: &str = "auth/token/list";
/// `{id}` → the token.
pub(crate) const REVOKE: &str = "auth/token/revoke";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    user: String,
    name: String,
    days: u32,
}

/// Makes a long-lived token; on a hub without people also the owner.
pub(super) async fn create(data: Value, asking: &Asking) -> Result<Value, CommandError> {
    let wanted: Create = parse(data)?;
    let auth = &asking.auth;
    let is_new_hub = auth.list_users().iter().all(|user| user.system_generated);
    let user = match find(auth, &wanted.user) {
        // The first person of a hub owns it; later ones are added on purpose.
        Err(_) if is_new_hub => asking.create(NewUser::person(&wanted.user).owner()).await?,
        found => found?,
    };
    let token = auth
        .create_long_lived_token(user.id, &wanted.name, wanted.days)
        .await
        .map_err(failed)?;
    Ok(token.secret().into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    user: Option<String>,
}

/// The tokens of one user, or of all.
pub(super) fn list(data: Value, auth: &Auth) -> Result<Value, CommandError> {
    let wanted: List = parse(data)?;
    let users = match &wanted.user {
        Some(name) => vec![find(auth, name)?],
        None => auth.list_users(),
    };
    let tokens = users.iter().flat_map(|user| match of(auth, user) {
        Value::Array(tokens) => tokens,
        _ => Vec::new(),
    });
    Ok(tokens.collect())
}

/// The tokens of a user.
pub(super) fn of(auth: &Auth, user: &User) -> Value {
    let tokens = auth.tokens_of(user.id).into_iter().map(|token| {
        json!({
            "id": token.id.to_string(),
            "user": user.name,
            "type": token.token_type.as_str(),
            "name": token.client_name.or(token.client_id),
            "created_at": token.created_at,
            "last_used_at": token.last_used_at,
            "last_used_ip": token.last_used_ip,
            "expires_at": token.expire_at,
        })
    });
    tokens.collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    id: String,
}

/// Revokes a token and closes its connections.
pub(super) async fn revoke(data: Value, auth: &Auth) -> Result<Value, CommandError> {
    let wanted: Revoke = parse(data)?;
    let unknown = || {
        let id = &wanted.id;
        CommandError::not_found(format!(
            "there is no token `{id}`; `hearth token list` shows the ids"
        ))
    };
    let id = wanted.id.parse().map_err(|_| unknown())?;
    let revoked = auth.revoke_token(id).await.map_err(|error| match error {
        hearth_auth::AuthError::UnknownToken => unknown(),
        other => failed(other),
    })?;
    Ok(json!({"name": revoked.client_name.or(revoked.client_id)}))
}
