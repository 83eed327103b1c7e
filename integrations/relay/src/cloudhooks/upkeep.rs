//! What the relay is told of cloudhooks, and when.

use actix::prelude::*;
use hearth_core::ids::WebhookId;
use hearth_core::prelude::{CommandError, Value};
use hearth_relay_protocol::{CloudhookChange, CloudhookPublish, FromHub, Result as Outcome};

use super::{COLLECTION, Cloudhook, is_id};
use crate::commands::{Waiting, answer_of, is_passing, not_connected};
use crate::journal::later;
use crate::link::{Link, State};

impl Link {
    /// The address of a webhook of this hub; made where there is none.
    pub(crate) fn create_cloudhook(
        &mut self,
        webhook_id: WebhookId,
        managed: bool,
        reply: Waiting,
        ctx: &mut Context<Self>,
    ) {
        if let Some((id, cloudhook)) = self.cloudhooks.of(&webhook_id) {
            return reply.send(Ok(cloudhook.shown(id)));
        }
        if self.cloudhooks.len() + self.creating.len() >= self.settings.cloudhooks {
            let limit = self.settings.cloudhooks;
            let message = format!(
                "no more than {limit} cloudhooks can be made (setting relay_link.cloudhooks)"
            );
            return reply.send(Err(CommandError::failed(message)));
        }
        let State::Connected { base, .. } = &self.state else {
            return reply.send(Err(not_connected()));
        };
        let base = base.clone();
        let waiting = self.creating.entry(webhook_id.clone()).or_default();
        waiting.push(reply);
        if waiting.len() > 1 {
            return;
        }
        let answered = self.ask_relay(|id| {
            FromHub::CloudhookCreate(CloudhookChange {
                id,
                cloudhook_id: None,
            })
        });
        let (relay, created_at) = (self.relay.key(), self.hub.env.now());
        let documents = self.hub.store.collection::<Cloudhook>(COLLECTION);
        let id_of_webhook = webhook_id.clone();
        let made = async move {
            let made = answer_of(answered.await)?.cloudhook_id;
            let id = made
                .filter(|id| is_id(id))
                .ok_or_else(|| CommandError::failed("The relay gave no id."))?;
            let cloudhook = Cloudhook {
                relay,
                webhook_id: id_of_webhook,
                cloudhook_url: format!("{base}{id}"),
                managed,
                created_at,
                is_deleted: false,
                blocked_local_only: 0,
            };
            let put = documents.put(&id, &cloudhook);
            put.await.map_err(|error| {
                tracing::error!(%error, "a cloudhook is not stored");
                CommandError::failed("The cloudhook could not be stored.")
            })?;
            Ok((id, cloudhook))
        };
        ctx.spawn(made.into_actor(self).map(move |made, link, ctx| {
            let answer = made.map(|(id, cloudhook)| {
                let shown = cloudhook.shown(&id);
                link.cloudhooks.insert(id, cloudhook);
                link.publish(ctx);
                shown
            });
            for reply in link.creating.remove(&webhook_id).unwrap_or_default() {
                reply.send(answer.clone());
            }
        }));
    }

    /// Ends an address: whoever calls it is told that it is gone for good.
    pub(crate) fn delete_cloudhook(
        &mut self,
        webhook_id: &WebhookId,
        reply: Waiting,
        ctx: &mut Context<Self>,
    ) {
        let Some((id, cloudhook)) = self.cloudhooks.delete(webhook_id) else {
            let message = "This webhook has no cloudhook.";
            return reply.send(Err(CommandError::not_found(message)));
        };
        let documents = self.hub.store.collection::<Cloudhook>(COLLECTION);
        let put = documents.put(&id, &cloudhook);
        ctx.spawn(
            put.into_actor(self)
                .map(move |stored, link, ctx| match stored {
                    Ok(()) => {
                        link.tell_deleted(id, ctx);
                        reply.send(Ok(Value::Null));
                    }
                    Err(error) => {
                        tracing::error!(%error, "that a cloudhook was deleted is not stored");
                        let undone = Cloudhook {
                            is_deleted: false,
                            ..cloudhook
                        };
                        link.cloudhooks.insert(id, undone);
                        let message = "That the cloudhook is deleted could not be stored.";
                        reply.send(Err(CommandError::failed(message)));
                    }
                }),
        );
    }

    /// After a connection was opened: tells the relay what was deleted meanwhile, and what is left.
    pub(crate) fn tell_cloudhooks(&mut self, base: &str, ctx: &mut Context<Self>) {
        for (id, cloudhook) in self.cloudhooks.rebase(base) {
            let documents = self.hub.store.collection::<Cloudhook>(COLLECTION);
            later(
                documents.put(&id, &cloudhook),
                "a cloudhook's address is not stored",
            );
        }
        for id in self.cloudhooks.deleted_ids() {
            self.tell_deleted(id, ctx);
        }
        self.publish(ctx);
    }

    fn tell_deleted(&mut self, id: String, ctx: &mut Context<Self>) {
        let cloudhook_id = Some(id.clone());
        let answered =
            self.ask_relay(|id| FromHub::CloudhookDelete(CloudhookChange { id, cloudhook_id }));
        let told = answered.into_actor(self).map(move |answered, link, _| {
            // Otherwise the next connection tells it again. A relay that does not know it has as
            // good as deleted it.
            if answered.is_ok_and(|outcome| !is_passing(&outcome)) {
                link.cloudhooks.forget(&id);
                let documents = link.hub.store.collection::<Cloudhook>(COLLECTION);
                let delete = documents.delete(&id);
                later(delete, "a deleted cloudhook is not forgotten");
            }
        });
        ctx.spawn(told);
    }

    fn publish(&mut self, ctx: &mut Context<Self>) {
        let ids = self.cloudhooks.served().map(|(id, _)| id.to_owned());
        let cloudhook_ids: Vec<String> = ids.collect();
        let answered =
            self.ask_relay(|id| FromHub::CloudhookPublish(CloudhookPublish { id, cloudhook_ids }));
        ctx.spawn(answered.into_actor(self).map(|answered, _, _| {
            if let Ok(Outcome {
                ok: false, error, ..
            }) = answered
            {
                tracing::error!(error, "the relay did not take the list of cloudhooks");
            }
        }));
    }
}
