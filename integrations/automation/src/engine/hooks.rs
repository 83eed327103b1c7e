//! The webhooks of triggers: several triggers may share an id (spec webhook §5).

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;
use hearth_core::ask::{Ask, Reply};
use hearth_core::command::CommandError;
use hearth_core::hub::Hub;
use hearth_core::ids::WebhookId;
use hearth_core::prelude::Value;
use hearth_core::webhook::{Hook, WebhookRequest, WebhookResponse};

use super::{Engine, Key};
use crate::trigger::Kind;
use crate::trigger::webhook::{WebhookTrigger, payload};

/// Who waits for which webhook.
pub(super) struct Hooks {
    waiting: HashMap<WebhookId, Vec<Key>>,
    /// How deep the JSON of a request may nest.
    depth: usize,
}

impl Hooks {
    pub(super) fn new(hub: &Hub) -> Self {
        Self {
            waiting: HashMap::new(),
            depth: hub.settings.http.json_depth,
        }
    }

    /// Notes who waits; gives the webhooks that nobody waited for before, to be opened. Of those
    /// that share an id the first says who may call it.
    pub(super) fn add(
        &mut self,
        wanted: Vec<(WebhookTrigger, Key)>,
        engine: &Addr<Engine>,
    ) -> Vec<(WebhookId, Hook)> {
        let mut new = Vec::new();
        for (trigger, key) in wanted {
            let waiting = self.waiting.entry(trigger.id.clone()).or_default();
            if waiting.is_empty() {
                let hook = Hook {
                    domain: "automation".into(),
                    name: "Webhook trigger".into(),
                    methods: trigger.methods,
                    local_only: Some(trigger.local_only),
                    home: Arc::new(engine.clone().recipient()),
                    live: None,
                };
                new.push((trigger.id, hook));
            }
            waiting.push(key);
        }
        new
    }

    /// Forgets who waits; gives the webhooks that nobody waits for any more.
    pub(super) fn remove(&mut self, is_gone: impl Fn(&Key) -> bool) -> Vec<WebhookId> {
        let mut closed = Vec::new();
        self.waiting.retain(|id, keys| {
            keys.retain(|key| !is_gone(key));
            if keys.is_empty() {
                closed.push(id.clone());
            }
            !keys.is_empty()
        });
        closed
    }
}

impl Engine {
    /// Opens the webhooks of an attachment, all of them or none; without them it is detached.
    pub(super) fn open_webhooks(
        &mut self,
        id: u64,
        ctx: &mut Context<Self>,
        then: impl FnOnce(Result<(), CommandError>, &mut Self, &mut Context<Self>) + 'static,
    ) {
        let Some(attachment) = self.attachments.get(&id) else {
            return then(Ok(()), self, ctx);
        };
        let triggers = attachment.triggers.iter().enumerate();
        let wanted = triggers.filter_map(|(trigger, one)| match &one.kind {
            Kind::Webhook(hook) => Some((hook.clone(), Key::new(id, trigger))),
            _ => None,
        });
        let wanted: Vec<_> = wanted.collect();
        let new = self.hooks.add(wanted, &ctx.address());
        let webhooks = self.hub.webhooks.clone();
        let opening = async move {
            match new.is_empty() {
                true => Ok(()),
                false => webhooks.register(new).await,
            }
        };
        ctx.wait(opening.into_actor(self).map(move |opened, engine, ctx| {
            if opened.is_err() {
                // None of them was opened, so none is to be closed.
                engine.hooks.remove(|key| key.attachment == id);
                engine.detach(id, ctx);
            }
            let opened = opened.map_err(|taken| CommandError::failed(taken.to_string()));
            then(opened, engine, ctx);
        }));
    }

    /// Answers a request, once those who wait for it are being told.
    pub(super) fn called(
        &mut self,
        request: WebhookRequest,
        reply: Reply<WebhookRequest>,
        ctx: &mut Context<Self>,
    ) {
        let keys = self.hooks.waiting.get(&request.id).cloned();
        let (depth, me) = (self.hooks.depth, ctx.address());
        actix::spawn(async move {
            // A body that is not what it says it is fires nothing.
            if let Some(payload) = payload(&request, depth).await {
                let keys = keys.unwrap_or_default();
                // The engine is gone with all who wait.
                let _ = me.send(Called { keys, payload }).await;
            }
            reply.send(WebhookResponse::empty(200));
        });
    }
}

/// What a request to a webhook says.
#[derive(Message)]
#[rtype(result = "()")]
struct Called {
    keys: Vec<Key>,
    payload: Value,
}

impl Handler<Called> for Engine {
    type Result = ();

    fn handle(&mut self, called: Called, ctx: &mut Self::Context) {
        for key in called.keys {
            self.fire(key, called.payload.clone(), None, ctx);
        }
    }
}

impl Handler<Ask<WebhookRequest>> for Engine {
    type Result = ();

    fn handle(&mut self, ask: Ask<WebhookRequest>, ctx: &mut Self::Context) {
        let (request, reply) = ask.take();
        self.called(request, reply, ctx);
    }
}
