//! The commands that the link answers.

use std::time::Duration;

use actix::prelude::*;
use hearth_core::ask::{Ask, Reply};
use hearth_core::command::ErrorCode;
use hearth_core::fields::Fields;
use hearth_core::ids::WebhookId;
use hearth_core::prelude::{Access, Command, CommandError, Map, Value, json};
use hearth_relay_protocol::Result as Outcome;

use crate::link::{Link, State, Unreached};
use crate::secret::Secret;
use crate::webhooks;

/// Where an answer goes.
pub(crate) type Waiting = Reply<Command>;

/// A command.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) access: Access,
    pub(crate) is_subscription: bool,
    run: fn(&mut Link, Command, Waiting, &mut Context<Link>),
}

const fn entry(
    name: &'static str,
    access: Access,
    run: fn(&mut Link, Command, Waiting, &mut Context<Link>),
) -> Entry {
    Entry {
        name,
        access,
        is_subscription: false,
        run,
    }
}

/// All of them.
pub(crate) const TABLE: [Entry; 8] = [
    entry("relay/hub_id", Access::AnyUser, hub_id),
    Entry {
        is_subscription: true,
        ..entry("relay/webhook/register", Access::Admin, register)
    },
    entry("relay/webhook/unregister", Access::Admin, unregister),
    entry("cloud/cloudhook/create", Access::Admin, create_cloudhook),
    entry("cloud/cloudhook/delete", Access::Admin, delete_cloudhook),
    entry("cloud/cloudhook/get", Access::Inside, get_cloudhook),
    entry("cloud/status", Access::Admin, status),
    entry("relay/system_health", Access::Inside, system_health),
];

impl Handler<Ask<Command>> for Link {
    type Result = ();

    fn handle(&mut self, ask: Ask<Command>, ctx: &mut Self::Context) {
        let (command, reply) = ask.take();
        match TABLE.iter().find(|entry| *entry.name == *command.name) {
            Some(entry) => (entry.run)(self, command, reply, ctx),
            None => reply.send(Err(CommandError::unknown())),
        }
    }
}

/// The relay is not connected now.
pub(crate) fn not_connected() -> CommandError {
    let message = "The hub is not connected to its relay; try again later.";
    CommandError::new(ErrorCode::new("not_connected"), message)
}

/// What the relay refused, in the words of a command.
pub(crate) fn refused(outcome: Outcome) -> CommandError {
    let code = match outcome.error.as_deref() {
        Some("invalid_webhook_credentials") => {
            return CommandError::new(
                ErrorCode::new("invalid_webhook_credentials"),
                "There is no webhook of this id and secret.",
            );
        }
        Some("bad_data") => "bad_data",
        Some("function_webhook_full") => "function_webhook_full",
        Some("too_many") => "too_many",
        Some("rate_limited") => "rate_limited",
        _ => "relay_error",
    };
    let told = outcome.message.or(outcome.error);
    let message: String = told.unwrap_or_default().chars().take(500).collect();
    CommandError::new(
        ErrorCode::new(code),
        format!("The relay refused: {message}"),
    )
}

/// Whether the relay may well do later what it refused now.
pub(crate) fn is_passing(outcome: &Outcome) -> bool {
    matches!(
        outcome.error.as_deref(),
        Some("rate_limited" | "unavailable")
    )
}

pub(crate) fn answer_of(answered: Result<Outcome, Unreached>) -> Result<Outcome, CommandError> {
    match answered {
        Ok(outcome) if outcome.ok => Ok(outcome),
        Ok(outcome) => Err(refused(outcome)),
        Err(Unreached) => Err(not_connected()),
    }
}

fn hub_id(link: &mut Link, command: Command, reply: Waiting, _: &mut Context<Link>) {
    let hub_id = link.relay.hub_id.as_str();
    let answer = Fields::new(command.data).finish();
    reply.send(answer.map(|()| json!({"hub_id": hub_id})));
}

fn register(link: &mut Link, command: Command, reply: Waiting, ctx: &mut Context<Link>) {
    let mut fields = Fields::new(command.data);
    let parsed = (|| {
        let webhook_id = webhook_at_relay(&mut fields)?;
        let secret = Secret::from(fields.text("secret")?);
        let data = fields.object("data")?.unwrap_or_default();
        fields.finish()?;
        Ok((webhook_id, secret, data))
    })();
    match (parsed, command.subscriber) {
        (Ok((id, secret, data)), Some(subscriber)) => {
            link.register(id, secret, data, subscriber, reply, ctx);
        }
        (Err(error), _) => reply.send(Err(error)),
        (Ok(_), None) => reply.send(Err(CommandError::unknown())),
    }
}

fn unregister(link: &mut Link, command: Command, reply: Waiting, ctx: &mut Context<Link>) {
    let mut fields = Fields::new(command.data);
    let id = webhook_at_relay(&mut fields).and_then(|id| fields.finish().map(|()| id));
    match id {
        Ok(id) if link.webhooks.get(&id).is_some() => {
            link.unregister(&id, ctx);
            reply.send(Ok(Value::Null));
        }
        Ok(_) => reply.send(Err(CommandError::not_found(
            "Nobody registered this webhook.",
        ))),
        Err(error) => reply.send(Err(error)),
    }
}

fn webhook_at_relay(fields: &mut Fields) -> Result<String, CommandError> {
    let id = fields.text("webhook_id")?;
    match webhooks::is_id(&id) {
        true => Ok(id),
        false => Err(CommandError::invalid(
            "webhook_id: expected the id that the relay gave the webhook",
        )),
    }
}

fn own_webhook(data: Map<String, Value>) -> Result<(WebhookId, bool), CommandError> {
    const ID_MAX: usize = 512;
    let mut fields = Fields::new(data);
    let id = fields.text("webhook_id")?;
    let managed = fields.flag("managed")?.unwrap_or_default();
    fields.finish()?;
    match (1..=ID_MAX).contains(&id.len()) {
        true => Ok((WebhookId::from(id.as_str()), managed)),
        false => Err(CommandError::invalid(
            "webhook_id: expected up to 512 bytes",
        )),
    }
}

fn create_cloudhook(link: &mut Link, command: Command, reply: Waiting, ctx: &mut Context<Link>) {
    match own_webhook(command.data) {
        Ok((id, managed)) => link.create_cloudhook(id, managed, reply, ctx),
        Err(error) => reply.send(Err(error)),
    }
}

fn delete_cloudhook(link: &mut Link, command: Command, reply: Waiting, ctx: &mut Context<Link>) {
    match own_webhook(command.data) {
        Ok((id, _)) => link.delete_cloudhook(&id, reply, ctx),
        Err(error) => reply.send(Err(error)),
    }
}

fn get_cloudhook(link: &mut Link, command: Command, reply: Waiting, _: &mut Context<Link>) {
    reply.send(
        own_webhook(command.data).map(|(id, _)| match link.cloudhooks.of(&id) {
            Some((cloudhook_id, cloudhook)) => cloudhook.shown(cloudhook_id),
            None => Value::Null,
        }),
    );
}

fn status(link: &mut Link, command: Command, reply: Waiting, _: &mut Context<Link>) {
    let answer = Fields::new(command.data).finish();
    reply.send(answer.map(|()| link.status()));
}

fn system_health(link: &mut Link, _: Command, reply: Waiting, _: &mut Context<Link>) {
    let (cloud, error) = link.state.shown();
    reply.send(Ok(json!({
        "relay": link.relay.host.to_string(),
        "connection": cloud,
        "error": error,
        "webhooks": link.webhooks.len(),
        "cloudhooks": link.cloudhooks.served().count(),
    })));
}

impl State {
    /// A word for it, and what went wrong.
    fn shown(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Connected { .. } => ("connected", None),
            Self::Connecting => ("connecting", None),
            Self::Waiting(why) => ("disconnected", Some(why)),
            Self::Stopped(why) => ("stopped", Some(why)),
        }
    }
}

impl Link {
    /// How the link is, with the names that the field's pages look for.
    fn status(&self) -> Value {
        let now = self.hub.env.monotonic();
        let (cloud, error) = self.state.shown();
        let connected_s = match &self.state {
            State::Connected { since, .. } => Some(now.saturating_sub(*since).as_secs()),
            _ => None,
        };
        let cloudhooks: Map<String, Value> = self
            .cloudhooks
            .served()
            .map(|(id, cloudhook)| {
                let mut shown = cloudhook.shown(id);
                shown["blocked_local_only"] = cloudhook.blocked_local_only.into();
                (cloudhook.webhook_id.as_str().to_owned(), shown)
            })
            .collect();
        let webhooks: Vec<Value> = self
            .webhooks
            .iter()
            .map(|(id, webhook)| {
                json!({
                    "webhook_id": id,
                    "is_registered": webhook.is_registered,
                    "is_listened_to": webhook.has_listeners(),
                })
            })
            .collect();
        json!({
            "logged_in": self.is_connected(),
            "cloud": cloud,
            "error": error,
            "hub_id": self.relay.hub_id,
            "relay": self.relay.host.to_string(),
            "connected_s": connected_s,
            "calls": self.calls.len(),
            "webhooks": webhooks,
            "prefs": {"cloudhooks": cloudhooks, "remote_enabled": false},
        })
    }

    /// How long a webhook stays registered whose listeners have gone.
    pub(crate) fn kept(&self) -> Duration {
        Duration::from_secs(self.settings.webhook_kept_s)
    }
}
