//! Users, tokens and bans as commands of the bus: what the command line asks of a hub. One file
//! a noun; each command's data and answer stand at its name.

pub(crate) mod bans;
pub(crate) mod tokens;
pub(crate) mod users;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use hearth_auth::{Access as Wish, Auth, AuthError, EntityFacts, NewUser, User, UserUpdate};
use hearth_core::ask::Ask;
use hearth_core::command::{Access, Command, CommandError};
use hearth_core::event::Context as Cause;
use hearth_core::hub::Hub;
use hearth_core::ids::{EntityId, UserId};
use hearth_core::users::UserDirectory;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Answers the commands below.
struct Accounts {
    hub: Hub,
    auth: Auth,
}

const COMMANDS: [&str; 13] = [
    users::ADD,
    users::LIST,
    users::SHOW,
    users::PASSWORD,
    users::RENAME,
    users::ACTIVATE,
    users::REMOVE,
    users::GROUP,
    tokens::CREATE,
    tokens::LIST,
    tokens::REVOKE,
    bans::LIST,
    bans::REMOVE,
];

/// How often tokens that have expired are removed; they open nothing meanwhile.
const REMOVE_EXPIRED: Duration = Duration::from_secs(60 * 60);

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

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(REMOVE_EXPIRED, |accounts, _| {
            let auth = accounts.auth.clone();
            actix::spawn(async move {
                if let Err(error) = auth.remove_expired_tokens().await {
                    tracing::warn!(%error, "expired tokens could not be removed");
                }
            });
        });
    }
}

impl Handler<Ask<Command>> for Accounts {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, ask: Ask<Command>, _: &mut Self::Context) -> Self::Result {
        let (command, reply) = ask.take();
        let asking = Asking {
            hub: self.hub.clone(),
            auth: self.auth.clone(),
            cause: command.caller.context,
        };
        Box::pin(async move { reply.send(carry_out(command, asking).await) })
    }
}

async fn carry_out(command: Command, asking: Asking) -> Result<Value, CommandError> {
    let data = Value::Object(command.data);
    let auth = &asking.auth;
    match &*command.name {
        users::ADD => users::add(data, &asking).await,
        users::LIST => Ok(users::list(auth)),
        users::SHOW => users::show(data, auth),
        users::PASSWORD => users::password(data, &asking).await,
        users::RENAME => users::rename(data, &asking).await,
        users::ACTIVATE => users::activate(data, &asking).await,
        users::REMOVE => users::remove(data, &asking).await,
        users::GROUP => users::group(data, &asking).await,
        tokens::CREATE => tokens::create(data, &asking).await,
        tokens::LIST => tokens::list(data, auth),
        tokens::REVOKE => tokens::revoke(data, auth).await,
        bans::LIST => Ok(bans::list(auth)),
        bans::REMOVE => bans::remove(data, auth).await,
        _ => Err(CommandError::unknown()),
    }
}

/// What a command works with.
struct Asking {
    hub: Hub,
    auth: Auth,
    cause: Cause,
}

impl Asking {
    async fn create(&self, new: NewUser) -> Result<Arc<User>, CommandError> {
        let user = self.auth.create_user(new).await.map_err(failed)?;
        self.tell("user_added", &user).await;
        Ok(user)
    }

    async fn update(&self, user: &User, update: UserUpdate) -> Result<Value, CommandError> {
        let updated = self.auth.update_user(user.id, update).await;
        let user = updated.map_err(failed)?;
        self.updated(&user).await
    }

    /// Tells of a change; returns the user as it is now.
    async fn updated(&self, user: &User) -> Result<Value, CommandError> {
        self.tell("user_updated", user).await;
        let now = self.auth.find_user(user.id);
        Ok(users::describe(now.as_deref().unwrap_or(user)))
    }

    async fn tell(&self, event: &'static str, user: &User) {
        let data = json!({"user_id": user.id});
        self.hub.fire(event, data, self.cause).await;
    }
}

fn parse<T: DeserializeOwned>(data: Value) -> Result<T, CommandError> {
    serde_json::from_value(data).map_err(|error| CommandError::invalid(error.to_string()))
}

fn failed(error: AuthError) -> CommandError {
    CommandError::failed(error.to_string())
}
