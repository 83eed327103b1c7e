//! The webhooks of triggers: several triggers may share an id (spec webhook §5).

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;
use hearth_core::ask::Reply;
use hearth_core::hub::Hub;
use hearth_core::ids::WebhookId;
use hearth_core::webhook::{Hook, WebhookRequest, WebhookResponse};

use super::{Called, Engine, Key};
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
    /// Answers a request, once those who wait for it are being told.
    pub(super) fn called(
        &mut self,
        request: WebhookRequest,
        reply: Reply<WebhookRequest>,
        ctx: &mut Context<Self>,
    ) {
        let keys = self.hooks.waiting.get(&request.id).cloned();
        let (depth, me) = (self.hooks.depth, ctx.address());
        ctx.spawn(
            async move {
                // A body that is not what it says it is fires nothing.
                if let Some(payload) = payload(&request, depth).await {
                    let keys = keys.unwrap_or_default();
                    // The engine is gone with all who wait.
                    let _ = me.send(Called { keys, payload }).await;
                }
                reply.send(WebhookResponse::empty(200));
            }
            .into_actor(self),
        );
    }
}
