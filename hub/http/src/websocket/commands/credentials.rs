//! User names and passwords (spec websocket-api §6). An owner's are changed by owners only:
//! otherwise an administrator could take the hub over.

use futures_util::FutureExt;
use hearth_auth::{Auth, AuthError, User};
use hearth_core::command::{Access, CommandError, ErrorCode, Translation};
use serde_json::{Map, Value};

use super::users::{News, find};
use super::{Act, Command};
use crate::websocket::fields::Fields;
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

/// Lets a user sign in with a name and a password.
pub(super) struct Create {
    user_id: String,
    username: String,
    password: String,
}

impl Command for Create {
    const TYPE: &'static str = "config/auth_provider/homeassistant/create";
    const ACCESS: Access = Access::Admin;

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let command = Self {
            user_id: fields.text("user_id")?,
            username: fields.text("username")?,
            password: fields.text("password")?,
        };
        fields.finish()?;
        Ok(command)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let auth = session.door.auth.clone();
        let user = find(&self.user_id, &auth)?;
        if user.system_generated {
            let message = "Cannot add credentials to a system generated user.";
            return Err(CommandError::new(
                ErrorCode::new("system_generated"),
                message,
            ));
        }
        guard_owner(&user, session)?;
        if user.username.is_some() {
            return Err(CommandError::failed("The user has a user name already."));
        }
        let news = News::of(session);
        let made = async move {
            let made = auth.set_credentials(user.id, &self.username, &self.password);
            made.await.map_err(|error| refusal(error, &self.username))?;
            news.tell("user_updated", user.id).await;
            Ok(Answer::Nothing)
        };
        Ok(Act::Beside(made.boxed_local()))
    }
}

/// Takes a user name and its password away.
pub(super) struct Delete {
    username: String,
}

impl Command for Delete {
    const TYPE: &'static str = "config/auth_provider/homeassistant/delete";
    const ACCESS: Access = Access::Admin;

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let username = fields.text("username")?;
        fields.finish()?;
        Ok(Self { username })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let auth = session.door.auth.clone();
        if let Some(user) = auth.find_user_by_username(&self.username) {
            guard_owner(&user, session)?;
        }
        let news = News::of(session);
        let removed = async move {
            let removed = auth.remove_credentials(&self.username).await;
            let user = removed.map_err(|error| refusal(error, &self.username))?;
            news.tell("user_updated", user.id).await;
            Ok(Answer::Nothing)
        };
        Ok(Act::Beside(removed.boxed_local()))
    }
}

/// Gives oneself another password.
pub(super) struct ChangeOwnPassword {
    current: String,
    new: String,
}

impl Command for ChangeOwnPassword {
    const TYPE: &'static str = "config/auth_provider/homeassistant/change_password";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let command = Self {
            current: fields.text("current_password")?,
            new: fields.text("new_password")?,
        };
        fields.finish()?;
        Ok(command)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let (auth, address) = (session.door.auth.clone(), session.address);
        let user = session.user.user.clone();
        let username = user.username.clone().ok_or_else(no_credentials)?;
        let attempt = address
            .map(|address| auth.begin_attempt(address))
            .transpose()
            .map_err(|wait| {
                let seconds = wait.as_secs() + 1;
                let message = format!("Too many wrong passwords; try again in {seconds} s.");
                CommandError::failed(message)
            })?;
        let changed = async move {
            let _attempt = attempt;
            if auth
                .verify_password(&username, &self.current)
                .await
                .is_err()
            {
                if let Some(address) = address {
                    auth.note_wrong_password(address, "the current password", &username);
                }
                let code = ErrorCode::new("invalid_current_password");
                return Err(CommandError::new(code, "Invalid current password"));
            }
            let changed = auth.set_password(user.id, &self.new).await;
            changed.map_err(|error| refusal(error, &username))?;
            Ok(Answer::Nothing)
        };
        Ok(Act::Beside(changed.boxed_local()))
    }
}

/// Gives anybody another password; for owners.
pub(super) struct ChangePassword {
    user_id: String,
    password: String,
}

impl Command for ChangePassword {
    const TYPE: &'static str = "config/auth_provider/homeassistant/admin_change_password";
    const ACCESS: Access = Access::Admin;

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let command = Self {
            user_id: fields.text("user_id")?,
            password: fields.text("password")?,
        };
        fields.finish()?;
        Ok(command)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let auth = session.door.auth.clone();
        let user = find_for_owner(&self.user_id, &auth, session)?;
        let changed = async move {
            let changed = auth.set_password(user.id, &self.password).await;
            changed.map_err(|error| refusal(error, ""))?;
            Ok(Answer::Nothing)
        };
        Ok(Act::Beside(changed.boxed_local()))
    }
}

/// Gives anybody another user name; for owners.
pub(super) struct ChangeUserName {
    user_id: String,
    username: String,
}

impl Command for ChangeUserName {
    const TYPE: &'static str = "config/auth_provider/homeassistant/admin_change_username";
    const ACCESS: Access = Access::Admin;

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let command = Self {
            user_id: fields.text("user_id")?,
            username: fields.text("username")?,
        };
        fields.finish()?;
        Ok(command)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let auth = session.door.auth.clone();
        let user = find_for_owner(&self.user_id, &auth, session)?;
        let news = News::of(session);
        let changed = async move {
            let changed = auth.set_username(user.id, &self.username).await;
            changed.map_err(|error| refusal(error, &self.username))?;
            news.tell("user_updated", user.id).await;
            Ok(Answer::Nothing)
        };
        Ok(Act::Beside(changed.boxed_local()))
    }
}

/// Refuses who is no owner to change an owner.
fn guard_owner(user: &User, session: &SignedIn) -> Result<(), CommandError> {
    match user.is_owner && !session.user.user.is_owner {
        true => Err(CommandError::unauthorized()),
        false => Ok(()),
    }
}

fn find_for_owner(
    user_id: &str,
    auth: &Auth,
    session: &SignedIn,
) -> Result<std::sync::Arc<User>, CommandError> {
    if !session.user.user.is_owner {
        return Err(CommandError::unauthorized());
    }
    let unknown = |_| CommandError::new(ErrorCode::new("user_not_found"), "User not found");
    let user = find(user_id, auth).map_err(unknown)?;
    match user.username {
        Some(_) => Ok(user),
        None => Err(no_credentials()),
    }
}

fn no_credentials() -> CommandError {
    let code = ErrorCode::new("credentials_not_found");
    CommandError::new(code, "Credentials not found")
}

fn refusal(error: AuthError, username: &str) -> CommandError {
    match error {
        AuthError::UnknownUser => translated("User not found".to_owned(), "user_not_found", None),
        AuthError::UserNameTaken => {
            let message = format!("Username \"{username}\" already exists");
            translated(message, "username_already_exists", Some(username))
        }
        AuthError::NoUserName => no_credentials(),
        AuthError::InvalidText { .. } | AuthError::InvalidPassword => {
            CommandError::invalid(error.to_string())
        }
        _ => {
            tracing::error!(%error, "a change to credentials failed");
            CommandError::unknown()
        }
    }
}

fn translated(message: String, key: &'static str, username: Option<&str>) -> CommandError {
    let placeholder = username.map(|name| ("username".to_owned(), Value::from(name)));
    CommandError {
        translation: Some(Box::new(Translation {
            domain: "auth".into(),
            key: key.into(),
            placeholders: Map::from_iter(placeholder),
        })),
        ..CommandError::failed(message)
    }
}
