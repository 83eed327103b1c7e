//! Users and fixed tokens from the configuration, for labs that start the same way every time.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use hearth_core::ids::TokenId;

use crate::auth::Auth;
use crate::digest::SecretDigest;
use crate::error::AuthError;
use crate::tables::{Inner, Token};
use crate::token::{LONGEST_BEARER, TokenRecord, TokenType};
use crate::user::{GroupId, NewUser, User};

/// Shortest fixed token, in characters.
const SHORTEST_TOKEN: usize = 16;

/// A bearer token whose text stands in the configuration. Only its hash is kept, in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct ProvisionedToken(SecretDigest);

impl ProvisionedToken {
    /// From 16 to 1024 printable ASCII characters without spaces, so that a header can carry it.
    ///
    /// # Errors
    /// [`AuthError::InvalidProvisionedToken`].
    pub fn new(text: &str) -> Result<Self, AuthError> {
        let fits = (SHORTEST_TOKEN..=LONGEST_BEARER).contains(&text.len());
        if !fits || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AuthError::InvalidProvisionedToken);
        }
        Ok(Self(SecretDigest::of(text)))
    }
}

impl fmt::Debug for ProvisionedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProvisionedToken(…)")
    }
}

/// A user that shall exist.
#[derive(Debug, Clone)]
pub struct ProvisionedUser {
    /// Found by user name or name, else made with this name and no password.
    pub name: String,
    /// Made as an owner.
    pub owner: bool,
    /// Made as an administrator.
    pub admin: bool,
    /// Opens the hub as this user, until the hub stops.
    pub token: Option<ProvisionedToken>,
}

impl Auth {
    /// Makes the users that are missing, and takes their tokens. Users that exist stay as they
    /// are. Owners come first; where there are none, the first user of a hub owns it as ever.
    /// Returns the users that were made.
    ///
    /// # Errors
    /// [`AuthError::ProvisionedTokenTaken`] if two users were given one token,
    /// [`AuthError::InvalidText`], [`AuthError::Store`].
    pub async fn provision(
        &self,
        users: Vec<ProvisionedUser>,
    ) -> Result<Vec<Arc<User>>, AuthError> {
        let mut texts = HashSet::new();
        for user in &users {
            if user
                .token
                .as_ref()
                .is_some_and(|token| !texts.insert(token.0))
            {
                return Err(AuthError::ProvisionedTokenTaken(user.name.clone()));
            }
        }
        let (owners, others): (Vec<_>, Vec<_>) = users.into_iter().partition(|user| user.owner);
        let mut made = Vec::new();
        for wanted in owners.into_iter().chain(others) {
            let user = match self.find_user_by_name(&wanted.name) {
                Some(user) => user,
                None => {
                    let user = self.create_user(wanted.as_new_user()).await?;
                    made.push(user.clone());
                    user
                }
            };
            if let Some(token) = wanted.token {
                self.change(move |inner| async move { inner.take_provisioned(&user, token) })
                    .await?;
            }
        }
        Ok(made)
    }
}

impl ProvisionedUser {
    fn as_new_user(&self) -> NewUser {
        let new = NewUser::person(&self.name);
        match (self.owner, self.admin) {
            (true, _) => new.owner(),
            (false, true) => new.in_groups(vec![GroupId::Admin]),
            (false, false) => new,
        }
    }
}

impl Inner {
    fn take_provisioned(&self, user: &User, token: ProvisionedToken) -> Result<(), AuthError> {
        let holder = self.secrets.get(&token.0).map(|id| *id);
        if let Some(holder) = holder.and_then(|id| self.token(id)) {
            // Provisioned again, which changes nothing, unless it was someone else's.
            return match holder.record().user_id == user.id {
                true => Ok(()),
                false => Err(AuthError::ProvisionedTokenTaken(user.name.clone())),
            };
        }
        let account = self.account(user.id).ok_or(AuthError::UnknownUser)?;
        let record = TokenRecord {
            id: TokenId::generate(&self.env),
            user_id: user.id,
            token_type: TokenType::LongLivedAccessToken,
            client_id: None,
            client_name: Some("Provisioned by the configuration".to_owned()),
            client_icon: None,
            auth_provider_type: None,
            created_at: self.env.now(),
            last_used_at: None,
            last_used_ip: None,
            expire_at: None,
            access_token_seconds: 0,
        };
        self.publish_token(Token::Provisioned {
            record,
            text: token.0,
            account,
        });
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_token_must_be_long_and_fit_in_a_header() {
        let long = "x".repeat(1025);
        for bad in [
            "",
            "fifteen-letters",
            "has a space in the text",
            "ümlaut-in-the-text",
            &long,
        ] {
            assert!(ProvisionedToken::new(bad).is_err(), "{bad}");
        }
        let token = ProvisionedToken::new("sixteen-letters!").unwrap();
        assert_eq!(format!("{token:?}"), "ProvisionedToken(…)");
    }
}
