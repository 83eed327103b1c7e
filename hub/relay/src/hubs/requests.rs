//! What a hub asks, each answered by one `result` (spec relay §6).

use hearth_core::store::StoreError;
use hearth_relay_protocol::{FromHub, Register, Result as Outcome};

use crate::ids::{CloudhookId, HubId, WebhookId};
use crate::registry::{CloudhookError, RegisterError};
use crate::relay::Relay;

/// Answers a question; none where the frame is none. What is changed is stored before.
pub(super) async fn answer(relay: &Relay, hub: HubId, question: FromHub) -> Option<Outcome> {
    let (id, outcome) = match question {
        FromHub::Register(asked) => (asked.id, register(relay, hub, &asked).await),
        FromHub::Unregister(asked) => {
            let done = unregister(relay, hub, &asked.webhook_id).await;
            (asked.id, done)
        }
        FromHub::CloudhookCreate(asked) => (asked.id, create(relay, hub).await),
        FromHub::CloudhookDelete(asked) => {
            let cloudhook_id = asked.cloudhook_id.unwrap_or_default();
            (asked.id, delete(relay, hub, &cloudhook_id).await)
        }
        FromHub::CloudhookPublish(asked) => {
            // What is no id is not served either.
            let ids = asked.cloudhook_ids.iter().filter_map(|id| id.parse().ok());
            let ids: Vec<CloudhookId> = ids.collect();
            let published = relay.cloudhooks.publish(hub, &ids).await;
            (asked.id, published.map(|()| done()).unwrap_or_else(stored))
        }
        _ => return None,
    };
    Some(Outcome { id, ..outcome })
}

async fn register(relay: &Relay, hub: HubId, asked: &Register) -> Outcome {
    let now = relay.env.monotonic();
    if let Some(wait) = relay.door.failures.shut_for(hub, now) {
        let limited = [("scope", "registrations")];
        relay.metrics.rate_limited.get_or_create(&limited).inc();
        let wait = wait.as_secs() + 1;
        return refused("rate_limited", format!("try again in {wait} seconds"));
    }
    let id: Option<WebhookId> = asked.webhook_id.parse().ok();
    let Some(webhook) = relay.webhooks.check(id, &asked.secret) else {
        relay.door.failures.note(hub, now);
        let message = "there is no webhook of this id and secret";
        return refused("invalid_webhook_credentials", message.to_owned());
    };
    let data = asked.data.as_ref().map_or("{}", |data| data.get());
    match relay.registrations.register(hub, &webhook, data).await {
        Ok(warning) => Outcome {
            warning: warning.map(|warning| warning.code().to_owned()),
            ..done()
        },
        Err(RegisterError::Store(error)) => stored(error),
        Err(error) => refused(error.code(), error.to_string()),
    }
}

/// One that is not registered is unregistered already.
async fn unregister(relay: &Relay, hub: HubId, webhook_id: &str) -> Outcome {
    let Ok(webhook) = webhook_id.parse() else {
        return done();
    };
    match relay.registrations.unregister(hub, webhook).await {
        Ok(_) => done(),
        Err(error) => stored(error),
    }
}

async fn create(relay: &Relay, hub: HubId) -> Outcome {
    match relay.cloudhooks.create(hub).await {
        Ok(id) => Outcome {
            cloudhook_id: Some(id.to_string()),
            ..done()
        },
        Err(error @ CloudhookError::TooMany(_)) => refused("too_many", error.to_string()),
        Err(CloudhookError::Store(error)) => stored(error),
    }
}

async fn delete(relay: &Relay, hub: HubId, cloudhook_id: &str) -> Outcome {
    let Ok(id) = cloudhook_id.parse() else {
        return unknown_cloudhook();
    };
    match relay.cloudhooks.delete(hub, id).await {
        Ok(true) => done(),
        Ok(false) => unknown_cloudhook(),
        Err(error) => stored(error),
    }
}

fn unknown_cloudhook() -> Outcome {
    let message = "this hub has no such cloudhook";
    refused("unknown_cloudhook", message.to_owned())
}

fn done() -> Outcome {
    Outcome {
        ok: true,
        ..Outcome::default()
    }
}

fn refused(code: &str, message: String) -> Outcome {
    Outcome {
        error: Some(code.to_owned()),
        message: Some(message),
        ..Outcome::default()
    }
}

fn stored(error: StoreError) -> Outcome {
    tracing::error!(%error, "what a hub asked for was not stored");
    refused("unavailable", "it could not be stored".to_owned())
}
