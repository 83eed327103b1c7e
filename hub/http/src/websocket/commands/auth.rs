//! The user and its tokens (spec websocket-api §6, auth §4).

use futures_util::FutureExt;
use hearth_auth::{AuthError, TokenId, TokenRecord};
use hearth_core::command::{CommandError, ErrorCode};
use serde_json::{Value, json};

use super::{Act, Command};
use crate::websocket::fields::{Fields, wrong};
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

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
}

impl Command for LongLivedToken {
    const TYPE: &'static str = "auth/long_lived_access_token";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let lifespan = fields.integer("lifespan")?;
        let client_name = fields.text("client_name")?;
        // Lists show no icons of tokens that are made here.
        fields.optional_text("client_icon")?;
        fields.finish()?;
        let days = u32::try_from(lifespan)
            .ok()
            .filter(|days| *days > 0)
            .ok_or_else(|| {
                let expected = "expected a number of days for dictionary value";
                wrong(expected, "['lifespan']", &lifespan.into())
            })?;
        Ok(Self { days, client_name })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let auth = session.door.auth.clone();
        let user = session.user.user.id;
        let made = async move {
            match auth
                .create_long_lived_token(user, &self.client_name, self.days)
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
        let auth = session.door.auth.clone();
        let own = auth.tokens_of(session.user.user.id);
        let known = self.token_id.parse::<TokenId>().ok();
        let Some(token_id) = known.filter(|id| own.iter().any(|record| record.id == *id)) else {
            return Err(invalid_token_id());
        };
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
