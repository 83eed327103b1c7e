//! Commands: a request with exactly one answer, by name.
//!
//! An integration registers a handler for a name; every door offers that name to its clients and
//! checks the caller against the [`Access`] that the command declares.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use actix::Recipient;
use dashmap::DashMap;
use serde_json::{Map, Value};

use crate::ask::{Ask, Question, Unanswered, ask};
use crate::event::Context;
use crate::ids::UserId;
use crate::subscription::Subscriber;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The context of everything that the command does, with the user where there is one.
    pub context: Context,
    /// What the caller may.
    pub authority: Access,
}

impl Caller {
    /// A caller with this authority.
    pub fn new(context: Context, authority: Access) -> Self {
        Self { context, authority }
    }

    /// An integration that calls another one.
    pub fn inside(context: Context) -> Self {
        Self::new(context, Access::Inside)
    }

    /// The user, where there is one.
    pub fn user_id(&self) -> Option<UserId> {
        self.context.user_id
    }

    /// Whether the caller is at least an administrator.
    pub fn is_admin(&self) -> bool {
        self.authority >= Access::Admin
    }
}

/// What a command asks of its caller, and what a caller has; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Every signed-in user.
    AnyUser,
    /// Administrators.
    Admin,
    /// The command line on the hub's own machine.
    Local,
    /// Other integrations of the hub; no door reaches it.
    Inside,
}

/// A request: the name was looked up, the permission checked.
#[derive(Debug)]
pub struct Command {
    /// Under which name it was called; one handler may serve several.
    pub name: Arc<str>,
    /// The parameters, an object.
    pub data: Map<String, Value>,
    /// Who asks.
    pub caller: Caller,
    /// Who hears the events that follow the answer, where the command is a
    /// [subscription](crate::subscription).
    pub subscriber: Option<Subscriber>,
    /// A large answer; see [`Command::written`].
    written: Arc<OnceLock<Arc<str>>>,
}

impl Command {
    /// The answer as JSON text, which goes to the client as it is: for large answers, whose
    /// [`Value`] would cost many times their text. Return what this returns.
    pub fn written(&self, json: String) -> Result<Value, CommandError> {
        // A command has one handler, which answers once.
        let _ = self.written.set(json.into());
        Ok(Value::Null)
    }
}

/// What a command was answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    /// A value.
    Value(Value),
    /// JSON text.
    Written(Arc<str>),
}

impl From<Answered> for Value {
    fn from(answered: Answered) -> Self {
        match answered {
            Answered::Value(value) => value,
            // Integrations write JSON.
            Answered::Written(json) => serde_json::from_str(&json).unwrap_or_default(),
        }
    }
}

impl Question for Command {
    type Answer = Result<Value, CommandError>;
}

/// What a command handler is registered as.
pub type CommandHandler = Recipient<Ask<Command>>;

/// Why a command failed, in the protocol's words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CommandError {
    /// A code that clients know.
    pub code: ErrorCode,
    /// For a person.
    pub message: String,
    /// For translation on the client, where the error has one.
    pub translation: Option<Box<Translation>>,
}

/// How a client finds its own words for an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// Which integration's words.
    pub domain: Cow<'static, str>,
    /// Which text.
    pub key: Cow<'static, str>,
    /// What goes into it.
    pub placeholders: Map<String, Value>,
}

/// The code of a [`CommandError`] (spec websocket-api §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCode(Cow<'static, str>);

impl ErrorCode {
    /// The data has not the shape that was expected.
    pub const INVALID_FORMAT: Self = Self::new("invalid_format");
    /// No such thing.
    pub const NOT_FOUND: Self = Self::new("not_found");
    /// Exists, but not for this.
    pub const NOT_ALLOWED: Self = Self::new("not_allowed");
    /// Cannot do this.
    pub const NOT_SUPPORTED: Self = Self::new("not_supported");
    /// The caller may not.
    pub const UNAUTHORIZED: Self = Self::new("unauthorized");
    /// No command of this name.
    pub const UNKNOWN_COMMAND: Self = Self::new("unknown_command");
    /// A failure that the integration explains.
    pub const HOME_ASSISTANT_ERROR: Self = Self::new("home_assistant_error");
    /// A service refused its data.
    pub const SERVICE_VALIDATION: Self = Self::new("service_validation_error");
    /// A template failed.
    pub const TEMPLATE: Self = Self::new("template_error");
    /// Took too long.
    pub const TIMEOUT: Self = Self::new("timeout");
    /// A failure nobody foresaw.
    pub const UNKNOWN: Self = Self::new("unknown_error");
    /// Too much is waiting; try again.
    pub const BUSY: Self = Self::new("busy");

    /// A code named in an integration's code.
    pub const fn new(code: &'static str) -> Self {
        Self(Cow::Borrowed(code))
    }

    /// The code's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl CommandError {
    /// An error from its parts.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            translation: None,
        }
    }

    /// `invalid_format`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::INVALID_FORMAT, message)
    }

    /// `not_found`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NOT_FOUND, message)
    }

    /// `home_assistant_error`.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::HOME_ASSISTANT_ERROR, message)
    }

    /// `unauthorized`.
    pub fn unauthorized() -> Self {
        Self::new(ErrorCode::UNAUTHORIZED, "Unauthorized")
    }

    /// `unknown_error`.
    pub fn unknown() -> Self {
        Self::new(ErrorCode::UNKNOWN, "Unknown error")
    }

    /// `busy`.
    pub fn busy() -> Self {
        Self::new(ErrorCode::BUSY, "The hub is busy; try again in a moment")
    }
}

/// One command's entry in the route table.
#[derive(Clone)]
pub struct Route {
    /// Who may call it.
    pub access: Access,
    /// Who answers.
    pub handler: CommandHandler,
    /// Whether events follow the answer.
    pub is_subscription: bool,
}

/// The route table: name → handler. Cheap to clone; read from any thread without a mailbox hop.
#[derive(Clone, Default)]
pub struct Commands(Arc<DashMap<Arc<str>, Route>>);

impl Commands {
    /// Registers `handler` for `name`; an earlier handler of that name is replaced.
    pub fn register(&self, name: &str, access: Access, handler: CommandHandler) {
        self.insert(name, access, handler, false);
    }

    /// The same for a [subscription](crate::subscription): events follow the answer.
    pub fn register_subscription(&self, name: &str, access: Access, handler: CommandHandler) {
        self.insert(name, access, handler, true);
    }

    fn insert(&self, name: &str, access: Access, handler: CommandHandler, is_subscription: bool) {
        let route = Route {
            access,
            handler,
            is_subscription,
        };
        self.0.insert(name.into(), route);
    }

    /// Takes a command away.
    pub fn unregister(&self, name: &str) {
        self.0.remove(name);
    }

    /// Every name that someone answers, in no order.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.0.iter().map(|entry| Arc::clone(entry.key())).collect()
    }

    /// Whether someone answers `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Who answers `name`, and how.
    pub fn find(&self, name: &str) -> Option<Route> {
        self.0.get(name).map(|route| route.clone())
    }

    /// Checks the caller's permission and calls the handler.
    ///
    /// Errors: `unknown_command`, `unauthorized`, `busy`, `not_supported` for a subscription,
    /// `unknown_error` where the handler failed, and whatever the handler answers.
    pub async fn call(
        &self,
        name: &str,
        data: Map<String, Value>,
        caller: Caller,
    ) -> Result<Value, CommandError> {
        self.call_written(name, data, caller).await.map(Value::from)
    }

    /// The same for a door that passes JSON text on as it is.
    pub async fn call_written(
        &self,
        name: &str,
        data: Map<String, Value>,
        caller: Caller,
    ) -> Result<Answered, CommandError> {
        self.ask(name, data, caller, None).await
    }

    /// The same for a [subscription](crate::subscription), whose events go to `subscriber`.
    pub async fn subscribe(
        &self,
        name: &str,
        data: Map<String, Value>,
        caller: Caller,
        subscriber: Subscriber,
    ) -> Result<Value, CommandError> {
        let answered = self.ask(name, data, caller, Some(subscriber)).await;
        answered.map(Value::from)
    }

    async fn ask(
        &self,
        name: &str,
        data: Map<String, Value>,
        caller: Caller,
        subscriber: Option<Subscriber>,
    ) -> Result<Answered, CommandError> {
        let found = self
            .0
            .get(name)
            .map(|entry| (Arc::clone(entry.key()), entry.value().clone()));
        let Some((name, route)) = found else {
            return Err(CommandError::new(
                ErrorCode::UNKNOWN_COMMAND,
                "Unknown command.",
            ));
        };
        if caller.authority < route.access {
            return Err(CommandError::unauthorized());
        }
        if route.is_subscription && subscriber.is_none() {
            let message = format!("{name} sends events: it needs a connection that stays open.");
            return Err(CommandError::new(ErrorCode::NOT_SUPPORTED, message));
        }
        let written = Arc::<OnceLock<_>>::default();
        let command = Command {
            written: Arc::clone(&written),
            name: Arc::clone(&name),
            data,
            caller,
            subscriber: subscriber.filter(|_| route.is_subscription),
        };
        match ask(&route.handler, command).await {
            Ok(answer) => answer.map(|value| match written.get() {
                Some(json) => Answered::Written(Arc::clone(json)),
                None => Answered::Value(value),
            }),
            Err(Unanswered::Busy(_)) => Err(CommandError::busy()),
            Err(Unanswered::Gone(_) | Unanswered::Dropped) => {
                tracing::error!(command = %name, "the handler of a command failed");
                Err(CommandError::unknown())
            }
        }
    }
}
