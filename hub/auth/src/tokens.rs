//! Token records: making, listing, revoking them, and issuing access tokens.

use std::net::IpAddr;
use std::sync::Arc;

use hearth_core::ids::{TokenId, UserId};
use hearth_core::time::Timestamp;

use crate::auth::Auth;
use crate::digest::SecretDigest;
use crate::error::AuthError;
use crate::jwt::{Claims, TokenKey};
use crate::records::{self, StoredToken};
use crate::tables::{Account, Inner, Token};
use crate::token::{
    AccessToken, NewToken, REFRESH_TOKEN_DAYS, RefreshToken, TokenRecord, TokenType,
};
use crate::user::{checked_name, checked_text};

const DAY_SECONDS: u64 = 24 * 60 * 60;
/// Longest URL of a client, in characters.
const LONGEST_CLIENT_ID: usize = 2048;

impl Auth {
    /// Makes a record for a client that signed in, or for a system user, and the opaque value
    /// that names it. The value is not kept. Where a user has as many as they may, the sign-in
    /// that was not used longest ends, so that nobody is shut out by programs of their own that
    /// sign in again and again.
    ///
    /// # Errors
    /// [`AuthError::UnknownUser`], [`AuthError::Inactive`], [`AuthError::WrongTokenType`],
    /// [`AuthError::TooManyTokens`], [`AuthError::InvalidText`], [`AuthError::Store`].
    pub async fn create_refresh_token(
        &self,
        user: UserId,
        new: NewToken,
    ) -> Result<(TokenRecord, RefreshToken), AuthError> {
        self.change(move |inner| async move {
            let value = inner.env.hex::<64>();
            let digest = SecretDigest::of(&value);
            let made = inner.new_token(user, new.clone(), Some(digest));
            let (stored, account) = match made {
                Err(AuthError::TooManyTokens(_)) if inner.end_idlest_sign_in(user).await? => {
                    inner.new_token(user, new, Some(digest))?
                }
                made => made?,
            };
            let record = stored.record.clone();
            inner.save_token(stored, account).await?;
            Ok((record, RefreshToken::new(value)))
        })
        .await
    }

    /// Makes a long-lived token of a name that the user has not given before, for `days` days.
    /// The text returned is its only one, and is not kept.
    ///
    /// # Errors
    /// [`AuthError::ClientNameTaken`], [`AuthError::InvalidLifespan`] and those of
    /// [`Auth::create_refresh_token`].
    pub async fn create_long_lived_token(
        &self,
        user: UserId,
        client_name: &str,
        days: u32,
    ) -> Result<AccessToken, AuthError> {
        self.create_long_lived_token_with_icon(user, client_name, None, days)
            .await
    }

    /// The same, with an icon for lists, such as `mdi:home`.
    ///
    /// # Errors
    /// As [`Auth::create_long_lived_token`].
    pub async fn create_long_lived_token_with_icon(
        &self,
        user: UserId,
        client_name: &str,
        client_icon: Option<&str>,
        days: u32,
    ) -> Result<AccessToken, AuthError> {
        if days == 0 {
            return Err(AuthError::InvalidLifespan);
        }
        let mut new = NewToken::long_lived(client_name, u64::from(days) * DAY_SECONDS);
        if let Some(icon) = client_icon {
            new = new.with_icon(icon);
        }
        self.change(move |inner| async move {
            let (stored, account) = inner.new_token(user, new, None)?;
            let token = inner.sign(&stored, stored.record.created_at)?;
            inner.save_token(stored, account).await?;
            Ok(token)
        })
        .await
    }

    /// Issues an access token from a record, notes when and for which address, and lets a normal
    /// record last another 90 days.
    ///
    /// # Errors
    /// [`AuthError::UnknownToken`], [`AuthError::Inactive`], [`AuthError::Store`].
    pub async fn issue_access_token(
        &self,
        id: TokenId,
        address: Option<IpAddr>,
    ) -> Result<AccessToken, AuthError> {
        self.change(move |inner| async move {
            let now = inner.env.now();
            let token = inner.token(id).ok_or(AuthError::UnknownToken)?;
            let Token::Signed { stored, account } = &*token else {
                return Err(AuthError::UnknownToken);
            };
            if stored.record.has_expired(now) {
                return Err(AuthError::UnknownToken);
            }
            if !account.user.load().is_active {
                return Err(AuthError::Inactive);
            }
            let access_token = inner.sign(stored, now)?;
            let mut used = stored.clone();
            used.record.last_used_at = Some(now);
            used.record.last_used_ip = address;
            // One that a person has told to stay is not given an end again.
            if used.record.expire_at.is_some() {
                used.record.expire_at = expiry(used.record.token_type, now);
            }
            inner.save_token(used, account.clone()).await?;
            Ok(access_token)
        })
        .await
    }

    /// The record that an opaque refresh value names, unless it has expired.
    pub fn find_refresh_token(&self, value: &str) -> Option<TokenRecord> {
        let id = *self.inner.secrets.get(&SecretDigest::of(value))?;
        match &*self.inner.token(id)? {
            Token::Signed { stored, .. } if !stored.record.has_expired(self.inner.env.now()) => {
                Some(stored.record.clone())
            }
            _ => None,
        }
    }

    /// A user's records, oldest first.
    pub fn tokens_of(&self, user: UserId) -> Vec<TokenRecord> {
        let mut records = self.inner.live_records(user);
        records.sort_by_key(|record| (record.created_at, record.id));
        records
    }

    /// Deletes a record: its access tokens open nothing from now on, and the connections opened
    /// with them are closed. A provisioned token is back after a restart.
    ///
    /// # Errors
    /// [`AuthError::UnknownToken`], [`AuthError::Store`].
    pub async fn revoke_token(&self, id: TokenId) -> Result<TokenRecord, AuthError> {
        self.change(move |inner| async move {
            let token = inner.token(id).ok_or(AuthError::UnknownToken)?;
            inner.revoke(std::slice::from_ref(&token)).await?;
            Ok(token.record().clone())
        })
        .await
    }

    /// Lets a record end after 90 days without use, or never. A long-lived token ends with its
    /// text either way.
    ///
    /// # Errors
    /// [`AuthError::UnknownToken`], [`AuthError::Store`].
    pub async fn set_token_expiry(&self, id: TokenId, ends: bool) -> Result<(), AuthError> {
        self.change(move |inner| async move {
            let token = inner.token(id).ok_or(AuthError::UnknownToken)?;
            let Token::Signed { stored, account } = &*token else {
                return Err(AuthError::UnknownToken);
            };
            let now = inner.env.now();
            if stored.record.has_expired(now) {
                return Err(AuthError::UnknownToken);
            }
            let mut changed = stored.clone();
            changed.record.expire_at = match ends {
                true => stored
                    .record
                    .expire_at
                    .or_else(|| expiry(stored.record.token_type, now)),
                false => None,
            };
            inner.save_token(changed, account.clone()).await
        })
        .await
    }

    /// Deletes the records that have expired; call it now and then. Returns how many.
    ///
    /// # Errors
    /// [`AuthError::Store`].
    pub async fn remove_expired_tokens(&self) -> Result<usize, AuthError> {
        self.change(|inner| async move {
            let now = inner.env.now();
            let expired = inner.tokens_where(|record| record.has_expired(now));
            inner.revoke(&expired).await?;
            Ok(expired.len())
        })
        .await
    }
}

impl Inner {
    fn new_token(
        &self,
        user: UserId,
        new: NewToken,
        refresh_digest: Option<SecretDigest>,
    ) -> Result<(StoredToken, Arc<Account>), AuthError> {
        let account = self.account(user).ok_or(AuthError::UnknownUser)?;
        let owner = account.user.load();
        if !owner.is_active {
            return Err(AuthError::Inactive);
        }
        if owner.system_generated != (new.token_type == TokenType::System) {
            return Err(AuthError::WrongTokenType);
        }
        let others = self.live_records(user);
        if others.len() >= self.settings.tokens_per_user {
            return Err(AuthError::TooManyTokens(self.settings.tokens_per_user));
        }
        let name = |field, text: Option<String>| text.map(|t| checked_name(field, &t)).transpose();
        let client_name = name("client name", new.client_name)?;
        if new.token_type == TokenType::LongLivedAccessToken
            && others
                .iter()
                .any(|other| other.token_type == new.token_type && other.client_name == client_name)
        {
            return Err(AuthError::ClientNameTaken(client_name.unwrap_or_default()));
        }
        let client_id = new
            .client_id
            .map(|url| checked_text("client id", &url, LONGEST_CLIENT_ID))
            .transpose()?;
        let created_at = self.env.now();
        let record = TokenRecord {
            id: TokenId::generate(&self.env),
            user_id: user,
            token_type: new.token_type,
            client_id,
            client_name,
            client_icon: name("client icon", new.client_icon)?,
            auth_provider_type: name("auth provider type", new.auth_provider_type)?,
            created_at,
            last_used_at: None,
            last_used_ip: None,
            expire_at: expiry(new.token_type, created_at),
            access_token_seconds: new.access_token_seconds,
        };
        let stored = StoredToken {
            record,
            signing_key: TokenKey::generate(&self.env),
            refresh_digest,
        };
        drop(owner);
        Ok((stored, account))
    }

    /// Two tokens signed in the same second are the same text (spec auth §4).
    fn sign(&self, stored: &StoredToken, now: Timestamp) -> Result<AccessToken, AuthError> {
        let iat = now.as_seconds();
        let claims = Claims {
            iss: stored.record.id,
            iat,
            exp: iat.saturating_add_unsigned(stored.record.access_token_seconds),
        };
        match stored.signing_key.sign(&claims) {
            Ok(text) => Ok(AccessToken::new(text)),
            Err(error) => {
                tracing::error!(%error, "an access token could not be signed");
                Err(AuthError::Interrupted)
            }
        }
    }

    /// Commits, then publishes.
    async fn save_token(
        &self,
        stored: StoredToken,
        account: Arc<Account>,
    ) -> Result<(), AuthError> {
        let mut batch = self.store.batch();
        records::put_token(&mut batch, &stored)?;
        batch.commit().await?;
        self.publish_token(Token::Signed { stored, account });
        Ok(())
    }

    async fn revoke(&self, tokens: &[Arc<Token>]) -> Result<(), AuthError> {
        let mut batch = self.store.batch();
        for token in tokens {
            // For a provisioned token, which is not stored, this deletes nothing.
            records::delete_token(&mut batch, token.record());
        }
        batch.commit().await?;
        for token in tokens {
            self.shut_out_token(token.record().id);
        }
        Ok(())
    }

    /// Ends the sign-in of a user that was not used longest; false where there is none.
    async fn end_idlest_sign_in(&self, user: UserId) -> Result<bool, AuthError> {
        let sign_ins = self.tokens_where(|record| {
            record.user_id == user && record.token_type == TokenType::Normal
        });
        let used_at = |token: &Arc<Token>| {
            let record = token.record();
            record.last_used_at.unwrap_or(record.created_at)
        };
        let Some(idlest) = sign_ins.iter().min_by_key(|token| used_at(token)) else {
            return Ok(false);
        };
        tracing::info!(token = %idlest.record().id, %user, "the idlest of too many sign-ins ended");
        self.revoke(std::slice::from_ref(idlest)).await?;
        Ok(true)
    }

    fn live_records(&self, user: UserId) -> Vec<TokenRecord> {
        let now = self.env.now();
        self.tokens_where(|record| record.user_id == user && !record.has_expired(now))
            .iter()
            .map(|token| token.record().clone())
            .collect()
    }
}

fn expiry(token_type: TokenType, from: Timestamp) -> Option<Timestamp> {
    let micros = i64::from(REFRESH_TOKEN_DAYS) * 24 * 60 * 60 * 1_000_000;
    (token_type == TokenType::Normal)
        .then(|| Timestamp::from_micros(from.as_micros().saturating_add(micros)))
}
