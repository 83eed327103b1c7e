//! The handle to everything here, and the hot path: whose bearer token is this?

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hearth_core::env::Env;
use hearth_core::ids::TokenId;
use hearth_core::store::Store;

use crate::address::is_local;
use crate::error::{AuthError, Refused};
use crate::permission::{Access, EntityFacts};
use crate::records::Snapshot;
use crate::sessions::SessionGuard;
use crate::settings::AuthSettings;
use crate::tables::Inner;
use crate::user::User;

/// The users and tokens of a hub. A cheap handle, for any thread.
///
/// Methods that change something need a running actix or tokio runtime. They commit before they
/// return, and are carried out whole even when their future is dropped.
#[derive(Clone)]
pub struct Auth {
    pub(crate) inner: Arc<Inner>,
}

/// Someone whose token was good a moment ago. A connection that outlives the request asks
/// [`Auth::recheck`] before each command, since users and their rights change.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// The user, as it was then.
    pub user: Arc<User>,
    /// The token record that the bearer token came from.
    pub token_id: TokenId,
}

impl Authenticated {
    /// An owner or an administrator.
    pub fn is_admin(&self) -> bool {
        self.user.is_admin()
    }

    /// Whether they may see this entity's state. Takes an entity id, or [`EntityFacts`].
    pub fn may_read<'a>(&self, entity: impl Into<EntityFacts<'a>>) -> bool {
        self.user.may(Access::Read, &entity.into())
    }

    /// Whether they may call services on this entity. Takes an entity id, or [`EntityFacts`].
    pub fn may_control<'a>(&self, entity: impl Into<EntityFacts<'a>>) -> bool {
        self.user.may(Access::Control, &entity.into())
    }

    /// Whether they may see every entity's state, so that lists need not be gone through.
    pub fn may_read_all(&self) -> bool {
        self.user.may_all(Access::Read)
    }

    /// Whether they may come from there: users marked local-only may not from outside.
    pub fn may_come_from(&self, address: IpAddr) -> bool {
        !self.user.local_only || is_local(address)
    }
}

impl Auth {
    /// Reads all users and tokens. Blocks, for the start.
    ///
    /// # Errors
    /// [`AuthError::Store`] if the store cannot be read.
    pub fn load(store: Store, env: Env, settings: AuthSettings) -> Result<Self, AuthError> {
        let snapshot = Snapshot::read(&store)?;
        let inner = Inner::new(store, env, settings);
        inner.publish(snapshot);
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Reads the store again and takes over what another process changed there, such as a
    /// command-line tool beside a running hub. Tokens that are gone are shut out.
    ///
    /// # Errors
    /// [`AuthError::Store`] if the store cannot be read; nothing has changed then.
    pub async fn reload(&self) -> Result<(), AuthError> {
        self.change(|inner| async move {
            let store = inner.store.clone();
            let snapshot = tokio::task::spawn_blocking(move || Snapshot::read(&store))
                .await
                .map_err(|_| AuthError::Interrupted)??;
            inner.publish(snapshot);
            Ok(())
        })
        .await
    }

    /// Whose bearer token this is.
    ///
    /// Costs one SHA-256 and two look-ups when the text was seen before, a signature check else.
    ///
    /// # Errors
    /// [`Refused`], with no word on why, when it is anybody's but an active user's.
    pub fn authenticate(&self, bearer: &str) -> Result<Authenticated, Refused> {
        let now = self.inner.env.now();
        self.inner
            .token_behind(bearer, now)
            .and_then(|token_id| self.inner.admit(token_id, now))
            .map_err(|why| {
                tracing::debug!(why, "access token refused");
                Refused
            })
    }

    /// The same caller as of now, for connections that outlive a request.
    ///
    /// # Errors
    /// [`Refused`] once the token is revoked or the user deactivated.
    pub fn recheck(&self, caller: &Authenticated) -> Result<Authenticated, Refused> {
        self.inner
            .admit(caller.token_id, self.inner.env.now())
            .map_err(|_| Refused)
    }

    /// Lists an open connection. `close` is called, once and soon, when the token is revoked or
    /// the user deactivated or deleted; it runs on any thread and must not block.
    ///
    /// # Errors
    /// [`Refused`] if that happened since the caller was authenticated; `close` is not called.
    pub fn open_session(
        &self,
        caller: &Authenticated,
        close: impl FnOnce() + Send + 'static,
    ) -> Result<SessionGuard, Refused> {
        let sessions = &self.inner.sessions;
        let guard = sessions.add(caller.token_id, caller.user.id, Box::new(close));
        // Checked after it is listed: a revocation either sees it there or is seen here. Where
        // both happen, `close` may have run, on a connection that was to be refused anyway.
        self.recheck(caller)?;
        Ok(guard)
    }

    /// How many connections are listed as open.
    pub fn open_sessions(&self) -> usize {
        self.inner.sessions.count()
    }

    /// Carries out a change in its turn, whole even if the caller goes away halfway: otherwise a
    /// revocation could be committed and never take effect.
    pub(crate) async fn change<T, F>(
        &self,
        work: impl FnOnce(Arc<Inner>) -> F + Send + 'static,
    ) -> Result<T, AuthError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AuthError>> + Send,
    {
        let inner = self.inner.clone();
        let done = tokio::spawn(async move {
            let _turn = inner.changing.lock().await;
            work(inner.clone()).await
        });
        done.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a change to users or tokens was interrupted");
            Err(AuthError::Interrupted)
        })
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("users", &self.inner.accounts.len())
            .field("tokens", &self.inner.tokens.len())
            .finish_non_exhaustive()
    }
}
