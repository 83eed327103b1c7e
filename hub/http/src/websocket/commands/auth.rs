//! The user and its tokens (spec websocket-api §6, auth §4).

use std::time::Duration;

use futures_util::FutureExt;
use hearth_auth::{AuthError, TokenId, TokenRecord, TokenType};
use hearth_core::command::{CommandError, ErrorCode};
use serde_json::{Value, json};

use super::{Act, Command};
use crate::websocket::fields::{Fields, missing, wrong, wrong_kind};
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

/// How long a socket lives on after it asked for the end of its own token.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a signed path lasts where nobody says otherwise.
const SIGNED_SECONDS: u64 = 30;

/// Who the client is.
pub(super) struct CurrentUser;

impl Command for CurrentUser {
    const TYPE: &'static str = "auth/current_user";

    fn parse(fields: Fields) -> Result<Self, CommandError> {
        fields.finish().map(|()| Self)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let user = &session.user.user;
        let credentials = user
            .username
            .iter()
            .map(|_| json!({"auth_provider_type": "homeassistant", "auth_provider_id": null}));
        Ok(Act::Done(Answer::Value(json!({
            "id": user.id,
            "name": user.name,
            "is_owner": user.is_owner,
            "is_admin": user.is_admin(),
            "credentials": credentials.collect::<Value>(),
            "mfa_modules": [],
        }))))
    }
}

/// Makes a token for a program.
pub(super) struct LongLivedToken {
    days: u32,
    client_name: String,
    client_icon: Option<String>,
}

impl Command for LongLivedToken {
    const TYPE: &'static str = "auth/long_lived_access_token";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let lifespan = fields.integer("lifespan")?;
        let client_name = fields.text("client_name")?;
        let client_icon = fields.optional_text("client_icon")?;
        fields.finish()?;
        let days = u32::try_from(lifespan)
            .ok()
            .filter(|days| *days > 0)
            .ok_or_else(|| {
                let expected = "expected a number of days for dictionary value";
                wrong(expected, "['lifespan']", &lifespan.into())
            })?;
        Ok(Self {
            days,
            client_name,
            client_icon,
        })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let auth = session.door.auth.clone();
        let user = session.user.user.id;
        let made = async move {
            let icon = self.client_icon.as_deref();
            match auth
                .create_long_lived_token_with_icon(user, &self.client_name, icon, self.days)
                .await
            {
                Ok(token) => Ok(Answer::Value(token.secret().into())),
                Err(error) => Err(refusal(&error)),
            }
        };
        Ok(Act::Beside(made.boxed_local()))
    }
}

/// The user's token records.
pub(super) struct RefreshTokens;

impl Command for RefreshTokens {
    const TYPE: &'static str = "auth/refresh_tokens";

    fn parse(fields: Fields) -> Result<Self, CommandError> {
        fields.finish().map(|()| Self)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let current = session.user.token_id;
        let records = session.door.auth.tokens_of(session.user.user.id);
        let described = records.iter().map(|record| describe(record, current));
        Ok(Act::Done(Answer::Value(described.collect())))
    }
}

fn describe(record: &TokenRecord, current: TokenId) -> Value {
    json!({
        "id": record.id,
        "type": record.token_type,
        "client_id": record.client_id,
        "client_name": record.client_name,
        "client_icon": record.client_icon,
        "created_at": record.created_at,
        "last_used_at": record.last_used_at,
        "last_used_ip": record.last_used_ip,
        "expire_at": record.expire_at,
        "is_current": record.id == current,
        "auth_provider_type": record.auth_provider_type,
    })
}

/// Revokes one of the user's tokens.
pub(super) struct DeleteRefreshToken {
    token_id: String,
}

impl Command for DeleteRefreshToken {
    const TYPE: &'static str = "auth/delete_refresh_token";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let token_id = fields.text("refresh_token_id")?;
        fields.finish()?;
        Ok(Self { token_id })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let token_id = own_token(&self.token_id, session)?;
        let auth = session.door.auth.clone();
        let revoked = async move {
            match auth.revoke_token(token_id).await {
                Ok(_) => Ok(Answer::Value(json!({}))),
                Err(AuthError::UnknownToken) => Err(invalid_token_id()),
                Err(error) => Err(refusal(&error)),
            }
        };
        Ok(Act::Beside(revoked.boxed_local()))
    }
}

/// Revokes the user's tokens, of one type or all; the socket's own last, when its answer is out.
pub(super) struct DeleteAllRefreshTokens {
    token_type: Option<TokenType>,
    with_current: bool,
}

impl Command for DeleteAllRefreshTokens {
    const TYPE: &'static str = "auth/delete_all_refresh_tokens";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let token_type = match fields.take("token_type") {
            None => None,
            Some(given) => Some(serde_json::from_value(given.clone()).map_err(|_| {
                let expected = "expected TokenType or one of 'normal', 'long_lived_access_token', \
                                'system' for dictionary value";
                wrong(expected, "['token_type']", &given)
            })?),
        };
        let with_current = match fields.take("delete_current_token") {
            None => true,
            Some(Value::Bool(with_current)) => with_current,
            Some(other) => return Err(wrong_kind("bool", "delete_current_token", &other)),
        };
        fields.finish()?;
        Ok(Self {
            token_type,
            with_current,
        })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let auth = session.door.auth.clone();
        let current = session.user.token_id;
        let mut doomed = auth.tokens_of(session.user.user.id);
        doomed.retain(|record| self.token_type.is_none_or(|kind| record.token_type == kind));
        let ends_current = self.with_current && doomed.iter().any(|record| record.id == current);
        doomed.retain(|record| record.id != current);
        let revoked = async move {
            let mut failed = false;
            for record in doomed {
                match auth.revoke_token(record.id).await {
                    Ok(_) | Err(AuthError::UnknownToken) => {}
                    Err(error) => {
                        tracing::error!(%error, "a token could not be revoked");
                        failed = true;
                    }
                }
            }
            if ends_current {
                actix::spawn(async move {
                    tokio::time::sleep(LAST_WORDS).await;
                    if let Err(error) = auth.revoke_token(current).await {
                        tracing::debug!(%error, "the socket's own token was not revoked");
                    }
                });
            }
            if failed {
                let message = "During removal, an error was raised.";
                return Err(CommandError::new(
                    ErrorCode::new("token_removing_error"),
                    message,
                ));
            }
            Ok(Answer::Value(json!({})))
        };
        Ok(Act::Beside(revoked.boxed_local()))
    }
}

/// Says whether one of the user's tokens ends when it is not used.
pub(super) struct SetExpiry {
    token_id: String,
    ends: bool,
}

impl Command for SetExpiry {
    const TYPE: &'static str = "auth/refresh_token_set_expiry";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let token_id = fields.text("refresh_token_id")?;
        let ends = match fields.take("enable_expiry") {
            Some(Value::Bool(ends)) => ends,
            Some(other) => return Err(wrong_kind("bool", "enable_expiry", &other)),
            None => return Err(missing("enable_expiry")),
        };
        fields.finish()?;
        Ok(Self { token_id, ends })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let token_id = own_token(&self.token_id, session)?;
        let auth = session.door.auth.clone();
        let changed = async move {
            match auth.set_token_expiry(token_id, self.ends).await {
                Ok(()) => Ok(Answer::Value(json!({}))),
                Err(AuthError::UnknownToken) => Err(invalid_token_id()),
                Err(error) => Err(refusal(&error)),
            }
        };
        Ok(Act::Beside(changed.boxed_local()))
    }
}

/// Makes a path that can be fetched without a header, in the user's name.
pub(super) struct SignPath {
    path: String,
    lasts: Duration,
}

impl Command for SignPath {
    const TYPE: &'static str = "auth/sign_path";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let path = fields.text("path")?;
        let seconds = match fields.take("expires") {
            None => SIGNED_SECONDS,
            Some(given) => given
                .as_u64()
                .ok_or_else(|| wrong_kind("int", "expires", &given))?,
        };
        fields.finish()?;
        Ok(Self {
            path,
            lasts: Duration::from_secs(seconds),
        })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let auth = &session.door.auth;
        match auth.sign_path(session.user.token_id, &self.path, self.lasts) {
            Ok(path) => Ok(Act::Done(Answer::Value(json!({ "path": path })))),
            Err(AuthError::InvalidPath) => {
                let expected = "expected a path of this hub for dictionary value";
                Err(wrong(expected, "['path']", &self.path.into()))
            }
            Err(error) => Err(refusal(&error)),
        }
    }
}

/// The user's own token of this id; those of others are as if they were not there.
fn own_token(given: &str, session: &SignedIn) -> Result<TokenId, CommandError> {
    let own = session.door.auth.tokens_of(session.user.user.id);
    let known = given.parse::<TokenId>().ok();
    known
        .filter(|id| own.iter().any(|record| record.id == *id))
        .ok_or_else(invalid_token_id)
}

fn invalid_token_id() -> CommandError {
    CommandError::new(ErrorCode::new("invalid_token_id"), "Received invalid token")
}

fn refusal(error: &AuthError) -> CommandError {
    match error {
        // The protocol has no word for a name that is taken.
        AuthError::ClientNameTaken(_) => CommandError::unknown(),
        AuthError::InvalidText { .. } | AuthError::InvalidLifespan => {
            CommandError::invalid(error.to_string())
        }
        AuthError::TooManyTokens(_) | AuthError::WrongTokenType | AuthError::Inactive => {
            CommandError::failed(error.to_string())
        }
        _ => {
            tracing::error!(%error, "a change to tokens failed");
            CommandError::unknown()
        }
    }
}
