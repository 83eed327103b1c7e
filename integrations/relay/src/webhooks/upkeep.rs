//! What the relay is told of webhooks, and when.

use std::time::Duration;

use actix::prelude::*;
use hearth_core::hub::Phase;
use hearth_core::prelude::{CommandError, Map, Subscriber, Value, json};
use hearth_relay_protocol::{FromHub, Register, Result as Outcome, Unregister};
use serde_json::value::to_raw_value;

use super::Watch;
use crate::commands::{Waiting, is_passing, not_connected, refused};
use crate::journal::{Registered, WEBHOOKS, later};
use crate::link::{Link, Unreached};
use crate::messages::short;
use crate::notices::{self, Notice};
use crate::secret::Secret;

/// When a relay that cannot register a webhook now is asked again.
const AGAIN: Duration = Duration::from_secs(60);

/// A listener has ended its subscription or is gone.
#[derive(Message)]
#[rtype(result = "()")]
struct ListenerGone {
    webhook_id: String,
    subscriber: Subscriber,
}

impl Handler<ListenerGone> for Link {
    type Result = ();

    fn handle(&mut self, gone: ListenerGone, ctx: &mut Self::Context) {
        // When the hub stops all go, and come back with it.
        if self.hub.phase() == Phase::Stopping {
            return;
        }
        let now = self.hub.env.monotonic();
        let id = gone.webhook_id;
        if self.webhooks.take_away(&id, &gone.subscriber, now) {
            self.unregister_later(ctx);
        } else {
            self.tell_again(id, ctx);
        }
    }
}

impl Link {
    /// Adds a listener to a webhook, and tells the relay.
    pub(crate) fn register(
        &mut self,
        id: String,
        secret: Secret,
        data: Map<String, Value>,
        subscriber: Subscriber,
        reply: Waiting,
        ctx: &mut Context<Self>,
    ) {
        let known = self.webhooks.get(&id);
        if known.is_none() && self.webhooks.len() >= self.settings.webhooks {
            let limit = self.settings.webhooks;
            let message = format!(
                "no more than {limit} webhooks can be registered (setting relay_link.webhooks)"
            );
            return reply.send(Err(CommandError::failed(message)));
        }
        // The relay is asked about every secret. Away, it cannot be asked about two of one webhook.
        let other = known.and_then(|webhook| webhook.secret.as_ref());
        if !self.is_connected() && other.is_some_and(|other| !other.is(&secret)) {
            return reply.send(Err(not_connected()));
        }
        let watch = watch(&id, &subscriber, ctx);
        let listener = subscriber.clone();
        self.webhooks
            .add(&id, secret.clone(), data, listener, watch);
        let answered = self.ask_to_register(&id, Some(&secret));
        let answered = answered.into_actor(self).map(move |answered, link, ctx| {
            let accepted = match answered {
                Ok(outcome) if outcome.ok => Ok(outcome),
                Ok(outcome) => Err(refused(outcome)),
                // It is registered when the relay is there again.
                Err(Unreached) => return reply.send(Ok(registered(false, None))),
            };
            match accepted {
                Ok(outcome) => {
                    link.accepted(&id, Some(secret));
                    reply.send(Ok(registered(true, outcome.warning)));
                }
                Err(error) => {
                    let now = link.hub.env.monotonic();
                    link.forget_refused_secret(&id);
                    link.webhooks.take_away(&id, &subscriber, now);
                    // The keys of the others only.
                    link.tell_again(id, ctx);
                    reply.send(Err(error));
                }
            }
        });
        ctx.spawn(answered);
    }

    /// Tells the relay again what a webhook's listeners want, where it has any.
    fn tell_again(&mut self, id: String, ctx: &mut Context<Self>) {
        if self
            .webhooks
            .get(&id)
            .is_some_and(|webhook| webhook.has_listeners())
        {
            self.register_again(id, ctx);
        }
    }

    /// A secret that the relay refused must not stand in the way of the right one.
    fn forget_refused_secret(&mut self, id: &str) {
        if let Some(webhook) = self.webhooks.get_mut(id)
            && !webhook.is_confirmed
        {
            webhook.secret = None;
        }
    }

    /// The relay has confirmed a webhook's secret.
    fn accepted(&mut self, id: &str, secret: Option<Secret>) {
        let Some(webhook) = self.webhooks.get_mut(id) else {
            return;
        };
        let is_new = !webhook.is_registered;
        webhook.accept(secret);
        if is_new {
            let relay = self.relay.key();
            let documents = self.hub.store.collection::<Registered>(WEBHOOKS);
            let put = documents.put(id, &Registered { relay });
            later(put, "a webhook's registration is not noted");
        }
    }

    fn ask_to_register(
        &mut self,
        id: &str,
        secret: Option<&Secret>,
    ) -> impl Future<Output = Result<Outcome, Unreached>> + use<> {
        let webhook = self.webhooks.get(id);
        let known = webhook.and_then(|webhook| webhook.secret.as_ref());
        let secret = secret.or(known).cloned();
        let data = webhook.and_then(|webhook| to_raw_value(&webhook.data()).ok());
        let webhook_id = id.to_owned();
        self.ask_relay(move |id| {
            FromHub::Register(Register {
                id,
                webhook_id,
                secret: secret.map_or_else(String::new, |secret| secret.reveal().to_owned()),
                data,
            })
        })
    }

    /// After a connection was opened: tells the relay of all webhooks that are listened to.
    pub(crate) fn register_all(&mut self, ctx: &mut Context<Self>) {
        let listened_to = self
            .webhooks
            .iter()
            .filter(|(_, webhook)| webhook.has_listeners());
        let ids: Vec<String> = listened_to.map(|(id, _)| id.to_owned()).collect();
        for id in ids {
            self.register_again(id, ctx);
        }
    }

    fn register_again(&mut self, id: String, ctx: &mut Context<Self>) {
        let answered = self.ask_to_register(&id, None).into_actor(self);
        ctx.spawn(answered.map(move |answered, link, ctx| match answered {
            Ok(outcome) if outcome.ok => link.accepted(&id, None),
            Ok(outcome) if is_passing(&outcome) => {
                ctx.run_later(AGAIN, |link, ctx| link.tell_again(id, ctx));
            }
            Ok(outcome) => link.has_refused(&id, outcome),
            // The next connection tells it again.
            Err(Unreached) => {}
        }));
    }

    /// The relay refuses a webhook that was taken up while it was away: whoever listens learns it
    /// by the end of the subscription.
    fn has_refused(&mut self, id: &str, outcome: Outcome) {
        let error = refused(outcome);
        tracing::error!(webhook = short(id), %error, "the relay refused a webhook");
        let message = format!(
            "The relay refused the webhook {}…: {}",
            short(id),
            error.message
        );
        notices::show(&self.hub, Notice::Webhook, &message);
        self.forget(id);
    }

    fn forget(&mut self, id: &str) {
        if self
            .webhooks
            .remove(id)
            .is_some_and(|webhook| webhook.is_registered)
        {
            let documents = self.hub.store.collection::<Registered>(WEBHOOKS);
            later(
                documents.delete(id),
                "a webhook's registration is not forgotten",
            );
        }
    }

    /// Looks after a while for webhooks that nobody listens to any more.
    pub(crate) fn unregister_later(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(self.kept(), |link, ctx| link.unregister_unwanted(ctx));
    }

    /// Unregisters those that nobody has listened to for long enough. Without a connection this
    /// waits for the next.
    pub(crate) fn unregister_unwanted(&mut self, ctx: &mut Context<Self>) {
        if !self.is_connected() {
            return;
        }
        let (now, kept) = (self.hub.env.monotonic(), self.kept());
        let alone = self.webhooks.iter().filter(|(_, webhook)| {
            let since = webhook.alone_since;
            since.is_some_and(|since| now.saturating_sub(since) >= kept)
        });
        let ids: Vec<String> = alone.map(|(id, _)| id.to_owned()).collect();
        for id in ids {
            tracing::info!(webhook = short(&id), "nobody listens to a webhook any more");
            self.unregister(&id, ctx);
        }
    }

    /// Ends all subscriptions to a webhook, and tells the relay, or will when it is there again.
    pub(crate) fn unregister(&mut self, id: &str, ctx: &mut Context<Self>) {
        if !self.is_connected() {
            let is_registered = self
                .webhooks
                .get(id)
                .is_some_and(|known| known.is_registered);
            self.webhooks.remove(id);
            if is_registered {
                self.webhooks.restore(id.to_owned(), Duration::ZERO);
            }
            return;
        }
        let webhook_id = id.to_owned();
        let answered = self.ask_relay(move |id| FromHub::Unregister(Unregister { id, webhook_id }));
        self.forget(id);
        let webhook_id = id.to_owned();
        ctx.spawn(answered.into_actor(self).map(move |answered, _, _| {
            if !matches!(answered, Ok(Outcome { ok: true, .. })) {
                tracing::warn!(
                    webhook = short(&webhook_id),
                    "the relay did not unregister a webhook"
                );
            }
        }));
    }
}

fn watch(id: &str, subscriber: &Subscriber, ctx: &Context<Link>) -> Watch {
    let (link, webhook_id, subscriber) = (ctx.address(), id.to_owned(), subscriber.clone());
    Watch(actix_rt::spawn(async move {
        subscriber.gone().await;
        link.do_send(ListenerGone {
            webhook_id,
            subscriber,
        });
    }))
}

fn registered(is_registered: bool, warning: Option<String>) -> Value {
    json!({"is_registered": is_registered, "warning": warning})
}
