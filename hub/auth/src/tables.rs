//! The tables that every way in looks into: users, token records, verified texts, connections.
//!
//! Readers take no lock that a writer holds for long; a change is written to the store first and
//! published here once it is committed.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};
use dashmap::DashMap;
use hearth_core::env::Env;
use hearth_core::ids::{TokenId, UserId};
use hearth_core::store::Store;
use hearth_core::time::Timestamp;

use crate::attempts::Attempts;
use crate::auth::Authenticated;
use crate::authorization_code::AuthorizationCodes;
use crate::bans::Watch;
use crate::digest::SecretDigest;
use crate::jwt::{Claims, TokenKey, claimed_issuer};
use crate::login_flow::LoginFlows;
use crate::onboarding::Onboarding;
use crate::password::{HashedPassword, Hashing};
use crate::records::{Snapshot, StoredToken};
use crate::sessions::Sessions;
use crate::settings::AuthSettings;
use crate::token::{LEEWAY_SECONDS, LONGEST_BEARER, TokenRecord};
use crate::user::User;
use crate::verified::VerifiedTokens;

/// What all handles share.
pub(crate) struct Inner {
    pub(crate) env: Env,
    pub(crate) store: Store,
    pub(crate) settings: AuthSettings,
    pub(crate) hashing: Hashing,
    /// Changes take turns, so that what one checked still holds when it commits. Readers never
    /// wait for it: a change is published to the tables below once it is committed.
    pub(crate) changing: tokio::sync::Mutex<()>,
    pub(crate) accounts: DashMap<UserId, Arc<Account>>,
    pub(crate) tokens: DashMap<TokenId, Arc<Token>>,
    /// Opaque secrets, both refresh values and provisioned tokens, by digest.
    pub(crate) secrets: DashMap<SecretDigest, TokenId>,
    verified: VerifiedTokens,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) watch: Arc<Watch>,
    /// Signs paths; made at the first one and gone with the hub, so that no signature outlives it.
    pub(crate) path_key: OnceLock<TokenKey>,
    pub(crate) logins: LoginFlows,
    pub(crate) codes: AuthorizationCodes,
    pub(crate) onboarding: Onboarding,
}

/// A user as all its tokens see it.
pub(crate) struct Account {
    pub(crate) user: ArcSwap<User>,
    pub(crate) password: ArcSwapOption<HashedPassword>,
}

/// A token record as it is published.
pub(crate) enum Token {
    /// Opened by JWTs signed with its key.
    Signed {
        stored: StoredToken,
        account: Arc<Account>,
    },
    /// Opened by a fixed text from the configuration; never stored.
    Provisioned {
        record: TokenRecord,
        text: SecretDigest,
        account: Arc<Account>,
    },
}

impl Token {
    pub(crate) fn record(&self) -> &TokenRecord {
        match self {
            Self::Signed { stored, .. } => &stored.record,
            Self::Provisioned { record, .. } => record,
        }
    }

    fn account(&self) -> &Account {
        match self {
            Self::Signed { account, .. } | Self::Provisioned { account, .. } => account,
        }
    }

    fn secret(&self) -> Option<&SecretDigest> {
        match self {
            Self::Signed { stored, .. } => stored.refresh_digest.as_ref(),
            Self::Provisioned { text, .. } => Some(text),
        }
    }
}

impl Inner {
    /// Empty tables over a store.
    pub(crate) fn new(store: Store, env: Env, settings: AuthSettings) -> Self {
        Self {
            hashing: Hashing::new(env.clone(), settings.hashing_at_once),
            env,
            store,
            changing: tokio::sync::Mutex::default(),
            accounts: DashMap::new(),
            tokens: DashMap::new(),
            secrets: DashMap::new(),
            verified: VerifiedTokens::new(settings.verified_tokens),
            sessions: Arc::default(),
            watch: Arc::new(Watch::new(
                settings.bans.clone(),
                Attempts::new(settings.attempts.clone()),
            )),
            path_key: OnceLock::new(),
            logins: LoginFlows::default(),
            codes: AuthorizationCodes::default(),
            onboarding: Onboarding::default(),
            settings,
        }
    }

    /// The record that a bearer token comes from, if it is genuine and has not ended. `Err` says
    /// why not, for the log.
    pub(crate) fn token_behind(
        &self,
        bearer: &str,
        now: Timestamp,
    ) -> Result<TokenId, &'static str> {
        if bearer.is_empty() || bearer.len() > LONGEST_BEARER {
            return Err("empty or too long");
        }
        let text = SecretDigest::of(bearer);
        if let Some(token_id) = self.verified.get(&text, now.as_seconds()) {
            return Ok(token_id);
        }
        if let Some(token_id) = self.secrets.get(&text).map(|found| *found) {
            // A refresh value is no access token, though the hub knows both.
            return match self.token(token_id).as_deref() {
                Some(Token::Provisioned { .. }) => Ok(token_id),
                _ => Err("a refresh token"),
            };
        }
        let claimed = claimed_issuer(bearer).map_err(|_| "not a JWT")?;
        let token = self.token(claimed).ok_or("no such record")?;
        let Token::Signed { stored, .. } = &*token else {
            return Err("a JWT for a provisioned token");
        };
        let claims: Claims = stored
            .signing_key
            .verify(bearer)
            .map_err(|_| "forged, or of another algorithm")?;
        if claims.iss != claimed {
            return Err("ambiguous issuer");
        }
        let ends = claims.exp.saturating_add(LEEWAY_SECONDS);
        if now.as_seconds() >= ends {
            return Err("expired");
        }
        self.verified.insert(text, claimed, ends, now.as_seconds());
        Ok(claimed)
    }

    /// The user behind a record, as far as both may be used now.
    pub(crate) fn admit(
        &self,
        token_id: TokenId,
        now: Timestamp,
    ) -> Result<Authenticated, &'static str> {
        let token = self.tokens.get(&token_id).ok_or("revoked")?;
        if token.record().has_expired(now) {
            return Err("record expired");
        }
        let user = token.account().user.load_full();
        if !user.is_active {
            return Err("inactive user");
        }
        Ok(Authenticated { user, token_id })
    }

    /// The published token, without holding its place in the table.
    pub(crate) fn token(&self, id: TokenId) -> Option<Arc<Token>> {
        self.tokens.get(&id).map(|token| token.clone())
    }

    pub(crate) fn account(&self, id: UserId) -> Option<Arc<Account>> {
        self.accounts.get(&id).map(|account| account.clone())
    }

    pub(crate) fn publish_token(&self, token: Token) {
        if let Some(secret) = token.secret() {
            self.secrets.insert(*secret, token.record().id);
        }
        self.tokens.insert(token.record().id, Arc::new(token));
    }

    /// Publishes a user; one that is not active loses its connections.
    pub(crate) fn publish_user(&self, user: User, password: Option<HashedPassword>) -> Arc<User> {
        let user = Arc::new(user);
        let account = self.accounts.entry(user.id).or_insert_with(|| {
            Arc::new(Account {
                user: ArcSwap::new(user.clone()),
                password: ArcSwapOption::empty(),
            })
        });
        account.user.store(user.clone());
        account.password.store(password.map(Arc::new));
        drop(account);
        if !user.is_active {
            self.sessions.close_user(user.id);
        }
        user
    }

    /// Takes a record out of use, at once and everywhere.
    pub(crate) fn shut_out_token(&self, id: TokenId) {
        // First the table, which every way in goes through; then what hangs on it.
        if let Some((_, token)) = self.tokens.remove(&id)
            && let Some(secret) = token.secret()
        {
            self.secrets.remove(secret);
        }
        self.verified.forget(id);
        self.sessions.close_token(id);
    }

    /// Takes a user out of use, with its tokens.
    pub(crate) fn shut_out_user(&self, id: UserId) {
        self.accounts.remove(&id);
        for token in self.tokens_where(|record| record.user_id == id) {
            self.shut_out_token(token.record().id);
        }
        self.sessions.close_user(id);
    }

    pub(crate) fn tokens_where(&self, wanted: impl Fn(&TokenRecord) -> bool) -> Vec<Arc<Token>> {
        self.tokens
            .iter()
            .filter(|token| wanted(token.record()))
            .map(|token| token.value().clone())
            .collect()
    }

    /// Makes the tables say what the store says, provisioned tokens aside.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        let users: HashSet<UserId> = snapshot.users.iter().map(|(user, _)| user.id).collect();
        let tokens: HashSet<TokenId> = snapshot.tokens.iter().map(|t| t.record.id).collect();
        let gone: Vec<UserId> = self
            .accounts
            .iter()
            .map(|account| *account.key())
            .filter(|id| !users.contains(id))
            .collect();
        for id in gone {
            self.shut_out_user(id);
        }
        for token in self.tokens_where(|record| !tokens.contains(&record.id)) {
            if matches!(*token, Token::Signed { .. }) {
                self.shut_out_token(token.record().id);
            }
        }
        self.watch.publish(snapshot.bans);
        for (user, password) in snapshot.users {
            self.publish_user(user, password);
        }
        for stored in snapshot.tokens {
            match self.account(stored.record.user_id) {
                Some(account) => self.publish_token(Token::Signed { stored, account }),
                None => {
                    tracing::warn!(token = %stored.record.id, "a token without a user is ignored")
                }
            }
        }
    }
}
