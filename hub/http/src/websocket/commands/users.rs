//! The users of the hub, for its administrators (spec websocket-api §6, auth §5).

use std::sync::Arc;

use futures_util::FutureExt;
use hearth_auth::{Auth, AuthError, GroupId, NewUser, User, UserUpdate};
use hearth_core::command::{Access, CommandError, ErrorCode};
use hearth_core::event::Context;
use hearth_core::hub::Hub;
use hearth_core::ids::UserId;
use serde_json::{Value, json};

use super::{Act, Command};
use crate::websocket::fields::{Fields, wrong, wrong_kind};
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

/// All users, those that the hub made for itself too.
pub(super) struct List;

impl Command for List {
    const TYPE: &'static str = "config/auth/list";
    const ACCESS: Access = Access::Admin;

    fn parse(fields: Fields) -> Result<Self, CommandError> {
        fields.finish().map(|()| Self)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let users = session.door.auth.list_users();
        let described: Value = users.iter().map(|user| describe(user)).collect();
        Ok(Act::Done(Answer::Value(described)))
    }
}

/// Makes a user, who cannot sign in yet.
pub(super) struct Create {
    name: String,
    groups: Vec<GroupId>,
    local_only: bool,
}

impl Command for Create {
    const TYPE: &'static str = "config/auth/create";
    const ACCESS: Access = Access::Admin;

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let name = fields.text("name")?;
        // Without a group a user may nothing, as with the peer.
        let groups = groups(&mut fields)?.unwrap_or_default();
        let local_only = fields.flag("local_only")?;
        fields.finish()?;
        Ok(Self {
            name,
            groups,
            local_only,
        })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let (auth, news) = (session.door.auth.clone(), News::of(session));
        let mut new = NewUser::person(self.name).in_groups(self.groups);
        if self.local_only {
            new = new.local_only();
        }
        let made = async move {
            let user = auth.create_user(new).await.map_err(refusal)?;
            news.tell("user_added", user.id).await;
            Ok(Answer::Value(json!({"user": describe(&user)})))
        };
        Ok(Act::Beside(made.boxed_local()))
    }
}

/// Changes a user.
pub(super) struct Update {
    user_id: String,
    update: UserUpdate,
}

impl Command for Update {
    const TYPE: &'static str = "config/auth/update";
    const ACCESS: Access = Access::Admin;

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let user_id = fields.text("user_id")?;
        let update = UserUpdate {
            name: fields.optional_text("name")?,
            is_active: optional_flag(&mut fields, "is_active")?,
            local_only: optional_flag(&mut fields, "local_only")?,
            groups: groups(&mut fields)?,
        };
        fields.finish()?;
        Ok(Self { user_id, update })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let (auth, news) = (session.door.auth.clone(), News::of(session));
        let user = find(&self.user_id, &auth)?;
        if user.system_generated {
            return Err(system_generated());
        }
        if user.is_owner && self.update.is_active == Some(false) {
            let code = ErrorCode::new("cannot_deactivate_owner");
            return Err(CommandError::new(code, "Unable to deactivate owner."));
        }
        let changed = async move {
            let user = auth
                .update_user(user.id, self.update)
                .await
                .map_err(refusal)?;
            news.tell("user_updated", user.id).await;
            Ok(Answer::Value(json!({"user": describe(&user)})))
        };
        Ok(Act::Beside(changed.boxed_local()))
    }
}

/// Removes a user with all its tokens.
pub(super) struct Delete {
    user_id: String,
}

impl Command for Delete {
    const TYPE: &'static str = "config/auth/delete";
    const ACCESS: Access = Access::Admin;

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let user_id = fields.text("user_id")?;
        fields.finish()?;
        Ok(Self { user_id })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let (auth, news) = (session.door.auth.clone(), News::of(session));
        if self.user_id.parse() == Ok(session.user.user.id) {
            let code = ErrorCode::new("no_delete_self");
            return Err(CommandError::new(code, "Unable to delete your own account"));
        }
        let user = find(&self.user_id, &auth)?;
        let deleted = async move {
            auth.delete_user(user.id).await.map_err(refusal)?;
            news.tell("user_removed", user.id).await;
            Ok(Answer::Nothing)
        };
        Ok(Act::Beside(deleted.boxed_local()))
    }
}

/// Lets the house know of a change.
pub(super) struct News {
    hub: Hub,
    cause: Context,
}

impl News {
    pub(super) fn of(session: &SignedIn) -> Self {
        Self {
            hub: session.door.hub.clone(),
            cause: session.context(),
        }
    }

    pub(super) async fn tell(self, event_type: &'static str, user: UserId) {
        let data = json!({"user_id": user});
        self.hub.fire(event_type, data, self.cause).await;
    }
}

pub(super) fn find(user_id: &str, auth: &Auth) -> Result<Arc<User>, CommandError> {
    let found = user_id.parse().ok().and_then(|id| auth.find_user(id));
    found.ok_or_else(|| CommandError::not_found("User not found"))
}

fn describe(user: &User) -> Value {
    let credentials = user.username.iter();
    json!({
        "id": user.id,
        "username": user.username,
        "name": user.name,
        "is_owner": user.is_owner,
        "is_active": user.is_active,
        "local_only": user.local_only,
        "system_generated": user.system_generated,
        "group_ids": user.groups.iter().map(|group| group.as_str()).collect::<Value>(),
        "credentials": credentials.map(|_| json!({"type": "homeassistant"})).collect::<Value>(),
    })
}

/// The groups that `group_ids` lists, where it is given.
fn groups(fields: &mut Fields) -> Result<Option<Vec<GroupId>>, CommandError> {
    let Some(given) = fields.take("group_ids") else {
        return Ok(None);
    };
    let Value::Array(ids) = &given else {
        return Err(wrong_kind("list", "group_ids", &given));
    };
    let mut groups = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        let group = id.as_str().and_then(GroupId::from_id).ok_or_else(|| {
            let path = format!("['group_ids'][{index}]");
            wrong("expected the id of a group", &path, id)
        })?;
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Ok(Some(groups))
}

fn optional_flag(fields: &mut Fields, key: &str) -> Result<Option<bool>, CommandError> {
    match fields.take(key) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag)),
        Some(other) => Err(wrong_kind("bool", key, &other)),
    }
}

fn system_generated() -> CommandError {
    let code = ErrorCode::new("cannot_modify_system_generated");
    CommandError::new(code, "Unable to update system generated users.")
}

fn refusal(error: AuthError) -> CommandError {
    match error {
        AuthError::UnknownUser => CommandError::not_found("User not found"),
        AuthError::SystemUser => system_generated(),
        AuthError::InvalidText { .. } => CommandError::invalid(error.to_string()),
        AuthError::LastOwner => CommandError::new(ErrorCode::NOT_ALLOWED, error.to_string()),
        AuthError::UserNameTaken => CommandError::failed("Another user has this name."),
        _ => {
            tracing::error!(%error, "a change to users failed");
            CommandError::unknown()
        }
    }
}
