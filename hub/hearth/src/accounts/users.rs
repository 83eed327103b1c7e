//! `auth/user/…`: people, what they are called and what they may do.

use std::sync::Arc;

use hearth_auth::{Auth, AuthError, GroupId, NewUser, User, UserUpdate};
use hearth_core::command::CommandError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asking, failed, parse};

/// `{name, password?, admin, local_only}` → the user.
pub(crate) const ADD: &str = "auth/user/add";
/// `{}` → an array of users.
pub(crate) const LIST: &str = "auth/user/list";
/// `{user}` → the user, with its tokens.
pub(crate) const SHOW: &str = "auth/user/show";
/// `{user, password}` → the user. One without a login name gets its name as one.
pub(crate) const PASSWORD: &str = "auth/user/password";
/// `{user, name}` → the user. A login name follows.
pub(crate) const RENAME: &str = "auth/user/rename";
/// `{user, active}` → the user.
pub(crate) const ACTIVATE: &str = "auth/user/activate";
/// `{user}` → the user as it was.
pub(crate) const REMOVE: &str = "auth/user/remove";
/// `{user, group}` → the user. `admin`, `users` or `read-only`.
pub(crate) const GROUP: &str = "auth/user/group";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    name: String,
    password: Option<String>,
    admin: bool,
    local_only: bool,
}

/// Makes a user.
pub(super) async fn add(data: Value, asking: &Asking) -> Result<Value, CommandError> {
    let wanted: Add = parse(data)?;
    let mut new = NewUser::person(&wanted.name);
    if wanted.admin {
        new = new.in_groups(vec![GroupId::Admin]);
    }
    if wanted.local_only {
        new = new.local_only();
    }
    if let Some(password) = &wanted.password {
        new = new.with_password(&wanted.name, password);
    }
    let user = asking.create(new).await?;
    Ok(describe(&user))
}

/// Every person and every system user.
pub(super) fn list(auth: &Auth) -> Value {
    auth.list_users()
        .iter()
        .map(|user| describe(user))
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfUser {
    user: String,
}

/// One user.
pub(super) fn show(data: Value, auth: &Auth) -> Result<Value, CommandError> {
    let wanted: OfUser = parse(data)?;
    let user = find(auth, &wanted.user)?;
    let mut shown = describe(&user);
    shown["tokens"] = super::tokens::of(auth, &user);
    Ok(shown)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    user: String,
    password: String,
}

/// Gives a user a password.
pub(super) async fn password(data: Value, asking: &Asking) -> Result<Value, CommandError> {
    let wanted: Password = parse(data)?;
    let user = find(&asking.auth, &wanted.user)?;
    let changed = match &user.username {
        Some(_) => asking.auth.set_password(user.id, &wanted.password).await,
        None => asking
            .auth
            .set_credentials(user.id, &user.name, &wanted.password)
            .await
            .map(drop),
    };
    changed.map_err(failed)?;
    asking.updated(&user).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    user: String,
    name: String,
}

/// Gives a user another name.
pub(super) async fn rename(data: Value, asking: &Asking) -> Result<Value, CommandError> {
    let wanted: Rename = parse(data)?;
    let user = find(&asking.auth, &wanted.user)?;
    let same_name = |other: &Arc<User>| {
        other.id != user.id && other.name.to_lowercase() == wanted.name.trim().to_lowercase()
    };
    if asking.auth.list_users().iter().any(same_name) {
        return Err(failed(AuthError::UserNameTaken));
    }
    if user.username.is_some() {
        let renamed = asking.auth.set_username(user.id, &wanted.name).await;
        renamed.map_err(failed)?;
    }
    let update = UserUpdate {
        name: Some(wanted.name),
        ..UserUpdate::default()
    };
    asking.update(&user, update).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Activate {
    user: String,
    active: bool,
}

/// Lets a user in again, or shuts it out with all its tokens.
pub(super) async fn activate(data: Value, asking: &Asking) -> Result<Value, CommandError> {
    let wanted: Activate = parse(data)?;
    let user = find(&asking.auth, &wanted.user)?;
    let update = UserUpdate {
        is_active: Some(wanted.active),
        ..UserUpdate::default()
    };
    asking.update(&user, update).await
}

/// Removes a user with its tokens.
pub(super) async fn remove(data: Value, asking: &Asking) -> Result<Value, CommandError> {
    let wanted: OfUser = parse(data)?;
    let user = find(&asking.auth, &wanted.user)?;
    let removed = asking.auth.delete_user(user.id).await.map_err(failed)?;
    asking.tell("user_removed", &removed).await;
    Ok(describe(&removed))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    user: String,
    group: String,
}

/// Puts a user into one group instead of those before.
pub(super) async fn group(data: Value, asking: &Asking) -> Result<Value, CommandError> {
    let wanted: Group = parse(data)?;
    let user = find(&asking.auth, &wanted.user)?;
    let group = GroupId::from_id(&format!("system-{}", wanted.group)).ok_or_else(|| {
        CommandError::invalid(format!(
            "there is no group `{}`; expected admin, users or read-only",
            wanted.group
        ))
    })?;
    if user.is_owner && group != GroupId::Admin {
        let why = format!("{} owns the hub and stays an administrator", user.name);
        return Err(CommandError::failed(why));
    }
    let update = UserUpdate {
        groups: Some(vec![group]),
        ..UserUpdate::default()
    };
    asking.update(&user, update).await
}

/// The user of this name or id.
pub(super) fn find(auth: &Auth, name: &str) -> Result<Arc<User>, CommandError> {
    let by_id = || auth.find_user(name.parse().ok()?);
    auth.find_user_by_name(name).or_else(by_id).ok_or_else(|| {
        CommandError::not_found(format!(
            "there is no user `{name}`; `hearth user list` shows them"
        ))
    })
}

/// A user as the command line shows it.
pub(super) fn describe(user: &User) -> Value {
    let groups: Vec<&str> = user
        .groups
        .iter()
        .map(|group| group.as_str().trim_start_matches("system-"))
        .collect();
    json!({
        "id": user.id,
        "name": user.name,
        "username": user.username,
        "is_owner": user.is_owner,
        "is_admin": user.is_admin(),
        "is_active": user.is_active,
        "is_system": user.system_generated,
        "local_only": user.local_only,
        "groups": groups,
        "created_at": user.created_at,
    })
}
