//! Users: making, finding, changing, removing them, and their passwords.

use std::sync::Arc;

use hearth_core::ids::UserId;

use crate::auth::Auth;
use crate::error::AuthError;
use crate::password::HashedPassword;
use crate::records;
use crate::tables::{Account, Inner};
use crate::user::{GroupId, NewUser, User, UserUpdate, checked_name, fold_username};

/// Why a password opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// No such user, or another password: which of both is not said, nor to be seen in the time
    /// that it took.
    #[error("wrong user name or password")]
    Wrong,
    /// The password is right, but the user is deactivated.
    #[error("User is not active")]
    Inactive,
}

impl Auth {
    /// Makes a user. The first person owns the hub, and administers it.
    ///
    /// # Errors
    /// [`AuthError::UserNameTaken`], [`AuthError::InvalidText`], [`AuthError::InvalidPassword`],
    /// [`AuthError::Store`].
    pub async fn create_user(&self, new: NewUser) -> Result<Arc<User>, AuthError> {
        let password = match &new.credentials {
            Some((_, password)) => Some(self.inner.hashing.hash(password).await?),
            None => None,
        };
        self.change(|inner| async move { inner.create_user(new, password).await })
            .await
    }

    /// Every user, oldest first.
    pub fn list_users(&self) -> Vec<Arc<User>> {
        let accounts = &self.inner.accounts;
        let mut users: Vec<_> = accounts
            .iter()
            .map(|account| account.user.load_full())
            .collect();
        users.sort_by_key(|user| (user.created_at, user.id));
        users
    }

    /// The user with this id.
    pub fn find_user(&self, id: UserId) -> Option<Arc<User>> {
        Some(self.inner.account(id)?.user.load_full())
    }

    /// The user who signs in under this name, trimmed and case-folded.
    pub fn find_user_by_username(&self, username: &str) -> Option<Arc<User>> {
        let account = self.inner.account_named(&fold_username(username))?;
        Some(account.user.load_full())
    }

    /// The user who signs in under this name, else the only one who is called so.
    pub fn find_user_by_name(&self, name: &str) -> Option<Arc<User>> {
        let folded = fold_username(name);
        let users = self.list_users();
        let signs_in = users
            .iter()
            .find(|user| user.username.as_ref() == Some(&folded));
        let mut called = users
            .iter()
            .filter(|user| fold_username(&user.name) == folded);
        match (signs_in, called.next(), called.next()) {
            (Some(user), _, _) | (None, Some(user), None) => Some(user.clone()),
            _ => None,
        }
    }

    /// Who signs in with this name and password. The name is trimmed and case-folded. Takes the
    /// time of one hashing, also when there is no such user.
    ///
    /// # Errors
    /// [`PasswordRefused`].
    pub async fn verify_password(
        &self,
        username: &str,
        password: &str,
    ) -> Result<Arc<User>, PasswordRefused> {
        let account = self.inner.account_named(&fold_username(username));
        let hashed = account
            .as_ref()
            .and_then(|account| account.password.load_full());
        let hashed = hashed.map(|hashed| HashedPassword::clone(&hashed));
        let is_right = self.inner.hashing.verify(password, hashed).await;
        match account.map(|account| account.user.load_full()) {
            Some(user) if is_right && user.is_active => Ok(user),
            Some(_) if is_right => Err(PasswordRefused::Inactive),
            _ => Err(PasswordRefused::Wrong),
        }
    }

    /// Gives a user another password. Tokens and connections stay.
    ///
    /// # Errors
    /// [`AuthError::UnknownUser`], [`AuthError::SystemUser`], [`AuthError::NoUserName`],
    /// [`AuthError::InvalidPassword`], [`AuthError::Store`].
    pub async fn set_password(&self, id: UserId, password: &str) -> Result<(), AuthError> {
        let password = self.inner.hashing.hash(password).await?;
        self.change(move |inner| async move {
            let user = inner.changeable(id)?;
            if user.username.is_none() {
                return Err(AuthError::NoUserName);
            }
            inner.save_user(user, Some(password)).await.map(|_| ())
        })
        .await
    }

    /// Gives a user a name and password to sign in with, instead of those before.
    ///
    /// # Errors
    /// [`AuthError::UserNameTaken`] and those of [`Auth::set_password`].
    pub async fn set_credentials(
        &self,
        id: UserId,
        username: &str,
        password: &str,
    ) -> Result<Arc<User>, AuthError> {
        let username = username.to_owned();
        let password = self.inner.hashing.hash(password).await?;
        self.change(move |inner| async move {
            let mut user = inner.changeable(id)?;
            user.username = Some(inner.free_username(&username, Some(id))?);
            inner.save_user(user, Some(password)).await
        })
        .await
    }

    /// Gives a user who signs in with a password another name to do so.
    ///
    /// # Errors
    /// [`AuthError::UnknownUser`], [`AuthError::SystemUser`], [`AuthError::NoUserName`],
    /// [`AuthError::UserNameTaken`], [`AuthError::InvalidText`], [`AuthError::Store`].
    pub async fn set_username(&self, id: UserId, username: &str) -> Result<Arc<User>, AuthError> {
        let username = username.to_owned();
        self.change(move |inner| async move {
            let mut user = inner.changeable(id)?;
            if user.username.is_none() {
                return Err(AuthError::NoUserName);
            }
            user.username = Some(inner.free_username(&username, Some(id))?);
            inner.save_user(user, None).await
        })
        .await
    }

    /// Takes the user name and password away from who signs in under this name. Tokens stay.
    ///
    /// # Errors
    /// [`AuthError::UnknownUser`], [`AuthError::SystemUser`], [`AuthError::Store`].
    pub async fn remove_credentials(&self, username: &str) -> Result<Arc<User>, AuthError> {
        let folded = fold_username(username);
        self.change(move |inner| async move {
            let account = inner.account_named(&folded).ok_or(AuthError::UnknownUser)?;
            let id = account.user.load().id;
            let mut user = inner.changeable(id)?;
            user.username = None;
            let mut batch = inner.store.batch();
            records::put_user(&mut batch, &user)?;
            records::delete_password(&mut batch, &user);
            batch.commit().await?;
            Ok(inner.publish_user(user, None))
        })
        .await
    }

    /// Changes a user. Deactivating closes its connections and shuts its tokens out until it is
    /// activated again; making it local-only, or no
    /// administrator any more, closes its connections too: they may come from anywhere, and hear what
    /// is for administrators.
    ///
    /// # Errors
    /// [`AuthError::UnknownUser`], [`AuthError::SystemUser`], [`AuthError::LastOwner`],
    /// [`AuthError::InvalidText`], [`AuthError::Store`].
    pub async fn update_user(
        &self,
        id: UserId,
        update: UserUpdate,
    ) -> Result<Arc<User>, AuthError> {
        self.change(move |inner| async move {
            let mut user = inner.changeable(id)?;
            if update.is_active == Some(false) {
                inner.keep_an_owner(&user)?;
            }
            if let Some(name) = update.name {
                user.name = checked_name("name", &name)?;
            }
            user.is_active = update.is_active.unwrap_or(user.is_active);
            let before = user.clone();
            user.local_only = update.local_only.unwrap_or(user.local_only);
            user.groups = update.groups.unwrap_or(user.groups);
            let user = inner.save_user(user, None).await?;
            let is_confined = user.local_only && !before.local_only;
            let is_demoted = before.is_admin() && !user.is_admin();
            if is_confined || is_demoted {
                inner.sessions.close_user(id);
            }
            Ok(user)
        })
        .await
    }

    /// [`Auth::update_user`] for the one change that closes connections.
    ///
    /// # Errors
    /// As [`Auth::update_user`].
    pub async fn deactivate_user(&self, id: UserId) -> Result<Arc<User>, AuthError> {
        let update = UserUpdate {
            is_active: Some(false),
            ..UserUpdate::default()
        };
        self.update_user(id, update).await
    }

    /// Removes a user with its password and tokens, closes its connections, and returns it as it
    /// was.
    ///
    /// # Errors
    /// [`AuthError::UnknownUser`], [`AuthError::SystemUser`], [`AuthError::LastOwner`],
    /// [`AuthError::Store`].
    pub async fn delete_user(&self, id: UserId) -> Result<Arc<User>, AuthError> {
        self.change(move |inner| async move {
            let user = inner.changeable(id)?;
            inner.keep_an_owner(&user)?;
            let mut batch = inner.store.batch();
            records::delete_user(&mut batch, &user);
            for token in inner.tokens_where(|record| record.user_id == id) {
                records::delete_token(&mut batch, token.record());
            }
            batch.commit().await?;
            inner.shut_out_user(id);
            Ok(Arc::new(user))
        })
        .await
    }
}

impl Inner {
    /// Whether somebody owns the hub, active or not.
    pub(crate) fn has_owner(&self) -> bool {
        self.accounts.iter().any(|a| a.user.load().is_owner)
    }

    pub(crate) async fn create_user(
        &self,
        new: NewUser,
        password: Option<HashedPassword>,
    ) -> Result<Arc<User>, AuthError> {
        let is_first = !self
            .accounts
            .iter()
            .any(|a| !a.user.load().system_generated);
        let is_owner = !new.system_generated && (new.is_owner || is_first);
        let mut groups = new.groups;
        if is_owner && !groups.contains(&GroupId::Admin) {
            groups = vec![GroupId::Admin];
        }
        // Two people of one name could not be told apart where they are named.
        let folded = fold_username(&new.name);
        let is_taken = self.accounts.iter().any(|account| {
            let user = account.user.load();
            !user.system_generated && fold_username(&user.name) == folded
        });
        if !new.system_generated && is_taken {
            return Err(AuthError::UserNameTaken);
        }
        let username = match &new.credentials {
            Some((username, _)) => Some(self.free_username(username, None)?),
            None => None,
        };
        let user = User {
            id: UserId::generate(&self.env),
            name: checked_name("name", &new.name)?,
            username,
            is_owner,
            is_active: true,
            system_generated: new.system_generated,
            local_only: new.local_only,
            groups,
            created_at: self.env.now(),
        };
        self.save_user(user, password).await
    }

    /// Commits, then publishes. Without a `password` the one before stays. The password comes
    /// hashed: hashing waits for other sign-ins, and a change in its turn keeps others waiting.
    async fn save_user(
        &self,
        user: User,
        password: Option<HashedPassword>,
    ) -> Result<Arc<User>, AuthError> {
        let mut batch = self.store.batch();
        records::put_user(&mut batch, &user)?;
        if let Some(password) = &password {
            records::put_password(&mut batch, &user, password)?;
        }
        batch.commit().await?;
        let password = password.or_else(|| {
            let before = self.account(user.id)?.password.load_full()?;
            Some(HashedPassword::clone(&before))
        });
        Ok(self.publish_user(user, password))
    }

    fn account_named(&self, folded: &str) -> Option<Arc<Account>> {
        let accounts = self.accounts.iter();
        accounts
            .map(|account| account.value().clone())
            .find(|account| account.user.load().username.as_deref() == Some(folded))
    }

    /// The folded user name, if nobody but `owner` has it.
    fn free_username(&self, username: &str, owner: Option<UserId>) -> Result<String, AuthError> {
        let folded = fold_username(&checked_name("user name", username)?);
        match self.account_named(&folded) {
            Some(account) if Some(account.user.load().id) != owner => Err(AuthError::UserNameTaken),
            _ => Ok(folded),
        }
    }

    fn changeable(&self, id: UserId) -> Result<User, AuthError> {
        let account = self.account(id).ok_or(AuthError::UnknownUser)?;
        let user = User::clone(&account.user.load());
        if user.system_generated {
            return Err(AuthError::SystemUser);
        }
        Ok(user)
    }

    /// Refuses to shut out the last one who can do everything.
    fn keep_an_owner(&self, leaving: &User) -> Result<(), AuthError> {
        let another = self.accounts.iter().any(|account| {
            let user = account.user.load();
            user.is_owner && user.is_active && user.id != leaving.id
        });
        if leaving.is_owner && !another {
            return Err(AuthError::LastOwner);
        }
        Ok(())
    }
}
