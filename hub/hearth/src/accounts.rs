//! Users and tokens as commands of the bus: what the command line asks of a hub.

use std::sync::Arc;

use actix::prelude::*;
use hearth_auth::{Access as Wish, Auth, AuthError, EntityFacts, GroupId, NewUser, User};
use hearth_core::ask::Ask;
use hearth_core::command::{Access, Command, CommandError};
use hearth_core::event::Context as Cause;
use hearth_core::hub::Hub;
use hearth_core::ids::{EntityId, UserId};
use hearth_core::users::UserDirectory;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Answers the commands below.
struct Accounts {
    hub: Hub,
    auth: Auth,
}

const COMMANDS: [&str; 5] = [
    ADD_USER,
    LIST_USERS,
    CREATE_TOKEN,
    LIST_TOKENS,
    REVOKE_TOKEN,
];
/// `{name, password?, admin, local_only}` → the user.
pub(crate) const ADD_USER: &str = "auth/user/add";
/// `{}` → an array of users.
pub(crate) const LIST_USERS: &str = "auth/user/list";
/// `{user, name, days}` → the token's text.
pub(crate) const CREATE_TOKEN: &str = "auth/token/create";
/// `{user}` → an array of tokens, without their secrets.
pub(crate) const LIST_TOKENS: &str = "auth/token/list";
/// `{id}` → null.
pub(crate) const REVOKE_TOKEN: &str = "auth/token/revoke";

/// Registers the commands, and lets services ask what users may do.
pub(crate) fn start(hub: &Hub, auth: &Auth) {
    hub.users.set(Arc::new(Directory(auth.clone())));
    let accounts = Accounts {
        hub: hub.clone(),
        auth: auth.clone(),
    }
    .start();
    for command in COMMANDS {
        hub.commands
            .register(command, Access::Local, accounts.clone().recipient());
    }
}

struct Directory(Auth);

impl UserDirectory for Directory {
    fn is_admin(&self, user: UserId) -> bool {
        self.0.find_user(user).is_some_and(|user| user.is_admin())
    }

    fn may_control(&self, user: UserId, entity: &EntityId) -> bool {
        self.0
            .find_user(user)
            .is_some_and(|user| user.may(Wish::Control, &EntityFacts::from(entity)))
    }

    fn owner(&self) -> Option<(UserId, String)> {
        let users = self.0.list_users();
        let owner = users.iter().find(|user| user.is_owner && user.is_active)?;
        Some((owner.id, owner.name.clone()))
    }
}

impl Actor for Accounts {
    type Context = Context<Self>;
}

impl Handler<Ask<Command>> for Accounts {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, ask: Ask<Command>, _: &mut Self::Context) -> Self::Result {
        let (command, reply) = ask.take();
        let (hub, auth) = (self.hub.clone(), self.auth.clone());
        Box::pin(async move { reply.send(carry_out(&hub, &auth, command).await) })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddUser {
    name: String,
    password: Option<String>,
    admin: bool,
    local_only: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateToken {
    user: String,
    name: String,
    days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfUser {
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ById {
    id: String,
}

async fn carry_out(hub: &Hub, auth: &Auth, command: Command) -> Result<Value, CommandError> {
    let data = Value::Object(command.data);
    match &*command.name {
        ADD_USER => {
            let wanted: AddUser = parse(data)?;
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
            let user = create(hub, auth, new, command.caller.context).await?;
            Ok(describe(&user))
        }
        LIST_USERS => Ok(auth
            .list_users()
            .iter()
            .map(|user| describe(user))
            .collect()),
        CREATE_TOKEN => {
            let wanted: CreateToken = parse(data)?;
            let user = match auth.find_user_by_name(&wanted.user) {
                Some(user) => user,
                // The first person of a hub owns it; later ones are added on purpose.
                None if auth.list_users().iter().all(|user| user.system_generated) => {
                    create(
                        hub,
                        auth,
                        NewUser::person(&wanted.user).owner(),
                        command.caller.context,
                    )
                    .await?
                }
                None => return Err(no_such_user(&wanted.user)),
            };
            let token = auth
                .create_long_lived_token(user.id, &wanted.name, wanted.days)
                .await
                .map_err(failed)?;
            Ok(token.secret().into())
        }
        LIST_TOKENS => {
            let wanted: OfUser = parse(data)?;
            let user = auth
                .find_user_by_name(&wanted.user)
                .ok_or_else(|| no_such_user(&wanted.user))?;
            let tokens = auth.tokens_of(user.id).into_iter().map(|token| {
                json!({
                    "id": token.id.to_string(),
                    "type": token.token_type.as_str(),
                    "name": token.client_name.or(token.client_id),
                    "created_at": token.created_at,
                    "last_used_at": token.last_used_at,
                })
            });
            Ok(tokens.collect())
        }
        REVOKE_TOKEN => {
            let wanted: ById = parse(data)?;
            let id = wanted
                .id
                .parse()
                .map_err(|error| CommandError::invalid(format!("id: {error}")))?;
            auth.revoke_token(id).await.map_err(failed)?;
            Ok(Value::Null)
        }
        _ => Err(CommandError::unknown()),
    }
}

async fn create(
    hub: &Hub,
    auth: &Auth,
    new: NewUser,
    cause: Cause,
) -> Result<Arc<User>, CommandError> {
    let user = auth.create_user(new).await.map_err(failed)?;
    hub.fire("user_added", json!({"user_id": user.id}), cause)
        .await;
    Ok(user)
}

fn describe(user: &User) -> Value {
    json!({
        "id": user.id,
        "name": user.name,
        "username": user.username,
        "is_owner": user.is_owner,
        "is_admin": user.is_admin(),
        "is_active": user.is_active,
        "local_only": user.local_only,
    })
}

fn parse<T: DeserializeOwned>(data: Value) -> Result<T, CommandError> {
    serde_json::from_value(data).map_err(|error| CommandError::invalid(error.to_string()))
}

fn no_such_user(name: &str) -> CommandError {
    CommandError::not_found(format!(
        "there is no user `{name}`; `hearth user list` shows them"
    ))
}

fn failed(error: AuthError) -> CommandError {
    CommandError::failed(error.to_string())
}
