//! How the courier is asked: by the notify services, and by phones that open a channel.

use std::collections::HashSet;
use std::sync::Arc;

use actix::prelude::*;
use hearth_core::ask::Ask;
use hearth_core::command::{Access, Command, CommandError, ErrorCode};
use hearth_core::ids::WebhookId;
use hearth_core::service::{ServiceCall, ServiceError};
use serde_json::{Map, Value};

use super::TO_ALL;
use super::courier::Courier;
use super::outbox::PushError;
use super::payload::payload;
use crate::record::Record;

const CHANNEL: &str = "mobile_app/push_notification_channel";
const CONFIRM: &str = "mobile_app/push_notification_confirm";

/// A command that the courier answers.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) access: Access,
    pub(crate) is_subscription: bool,
}

/// All of them.
pub(crate) const COMMANDS: [Entry; 2] = [
    Entry {
        name: CHANNEL,
        access: Access::AnyUser,
        is_subscription: true,
    },
    Entry {
        name: CONFIRM,
        access: Access::AnyUser,
        is_subscription: false,
    },
];

impl Handler<Ask<ServiceCall>> for Courier {
    type Result = ();

    fn handle(&mut self, ask: Ask<ServiceCall>, ctx: &mut Self::Context) {
        let (call, reply) = ask.take();
        let (phones, has_unknown) = self.phones_of(&call);
        let payload = payload(call.data);
        let size = serde_json::to_string(&payload).map_or(0, |text| text.len());
        let limit = self.hub.settings.push.message_limit;
        if size > limit {
            let problem = format!(
                "the notification has {size} bytes; at most {limit} are allowed \
                 (setting push.message_limit)"
            );
            return reply.send(Err(ServiceError::Invalid(problem)));
        }
        let pushed: Vec<_> = phones
            .iter()
            .map(|id| self.push(id, payload.clone(), ctx))
            .collect();
        actix_rt::spawn(async move {
            let mut answer = Ok(None);
            for pushed in pushed {
                // One that is gone with its courier was not delivered.
                let result = pushed.await.unwrap_or(Err(PushError::NotStored));
                if let (Err(error), Ok(_)) = (result, &answer) {
                    answer = Err(ServiceError::Failed(error.to_string()));
                }
            }
            if has_unknown && answer.is_ok() {
                let problem = "a target is no phone that takes notifications".to_owned();
                answer = Err(ServiceError::Failed(problem));
            }
            reply.send(answer);
        });
    }
}

impl Courier {
    /// To whom a call goes, and whether it names somebody else too. The service of one phone does
    /// not look at `target`.
    fn phones_of(&self, call: &ServiceCall) -> (Vec<WebhookId>, bool) {
        if &*call.service != TO_ALL {
            return (
                self.names
                    .owner(&call.service)
                    .cloned()
                    .into_iter()
                    .collect(),
                false,
            );
        }
        let named = call.data.get("target").and_then(Value::as_array);
        let Some(named) = named.filter(|named| !named.is_empty()) else {
            return (self.names.phones(), false);
        };
        let mut has_unknown = false;
        let mut seen = HashSet::new();
        let mut phones = Vec::new();
        for id in named.iter().map(|id| id.as_str().unwrap_or_default()) {
            // One that is named twice gets it once.
            if !seen.insert(id) {
                continue;
            }
            let id = WebhookId::from(id);
            match self.names.contains(&id) {
                true => phones.push(id),
                false => has_unknown = true,
            }
        }
        (phones, has_unknown)
    }

    fn command(
        &mut self,
        command: Command,
        ctx: &mut Context<Self>,
    ) -> Result<Value, CommandError> {
        let data = &command.data;
        let webhook_id = WebhookId::from(text(data, "webhook_id")?);
        match (&*command.name, command.subscriber) {
            (CHANNEL, Some(subscriber)) => {
                let support_confirm = match data.get("support_confirm") {
                    None => false,
                    Some(Value::Bool(truth)) => *truth,
                    Some(_) => return Err(wrong("expected bool", "support_confirm")),
                };
                only(data, &["webhook_id", "support_confirm"])?;
                let record = self.own(&webhook_id, &command.caller)?;
                self.open_channel(&record.webhook_id, subscriber, support_confirm, ctx);
                Ok(Value::Null)
            }
            (CONFIRM, _) => {
                let confirm_id = text(data, "confirm_id")?;
                only(data, &["webhook_id", "confirm_id"])?;
                let record = self.own(&webhook_id, &command.caller)?;
                match self.confirm(&record.webhook_id, confirm_id) {
                    true => Ok(Value::Null),
                    false => Err(CommandError::not_found(
                        "Push notification channel not found",
                    )),
                }
            }
            _ => Err(CommandError::unknown()),
        }
    }

    /// The registration, which must be the caller's own: administrators' too.
    fn own(
        &self,
        id: &WebhookId,
        caller: &hearth_core::command::Caller,
    ) -> Result<Arc<Record>, CommandError> {
        let record = self.record(id);
        let record = record.ok_or_else(|| CommandError::not_found("Webhook ID not found"))?;
        match caller.user_id() == Some(record.user_id) {
            true => Ok(record),
            false => Err(CommandError::new(
                ErrorCode::UNAUTHORIZED,
                "User not linked to this webhook ID",
            )),
        }
    }
}

impl Handler<Ask<Command>> for Courier {
    type Result = ();

    fn handle(&mut self, ask: Ask<Command>, ctx: &mut Self::Context) {
        let (command, reply) = ask.take();
        reply.send(self.command(command, ctx));
    }
}

fn text<'a>(data: &'a Map<String, Value>, key: &str) -> Result<&'a str, CommandError> {
    match data.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(wrong("expected str", key)),
        None => Err(CommandError::invalid(format!(
            "required key not provided @ data['{key}']. Got None"
        ))),
    }
}

fn wrong(problem: &str, key: &str) -> CommandError {
    CommandError::invalid(format!("{problem} for dictionary value @ data['{key}']"))
}

fn only(data: &Map<String, Value>, keys: &[&str]) -> Result<(), CommandError> {
    match data.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(CommandError::invalid(format!(
            "extra keys not allowed @ data['{key}']"
        ))),
        None => Ok(()),
    }
}
