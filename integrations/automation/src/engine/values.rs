//! Triggers on numbers that a template makes of a state (`value_template`). Another integration
//! renders it; changes wait for their turn, so that they are looked at in order.

use actix::prelude::*;
use hearth_core::prelude::{Arc, Caller, EntityId, Hub, Map, Value};
use hearth_core::state::State;
use tokio::sync::{mpsc, oneshot};

use super::{Cause, Engine, Key, Ready, Task};
use crate::render::render;
use crate::trigger::{Change, Kind, Trigger};

/// Changes that may wait for the template of one trigger; beyond it they are missed.
const QUEUE: usize = 1024;

/// A change of a state whose number is to be found out.
pub(super) struct Valuable {
    entity_id: EntityId,
    old: Option<Arc<State>>,
    new: Option<Arc<State>>,
    cause: Cause,
    /// It is no change, but how things stand at first.
    is_first: bool,
}

/// The way to a trigger's template.
pub(super) type Valuer = mpsc::Sender<Valuable>;

impl Engine {
    /// Has a trigger's template rendered for each change, and first for how things stand; gives
    /// what says when it was.
    pub(super) fn value_changes(
        &mut self,
        key: Key,
        template: Arc<str>,
        variables: &Map<String, Value>,
        ctx: &mut Context<Self>,
    ) -> Option<Ready> {
        let (done, ready) = oneshot::channel();
        let (sender, mut waiting) = mpsc::channel::<Valuable>(QUEUE);
        let (hub, me, variables) = (self.hub.clone(), ctx.address(), variables.clone());
        let attachment = self.attachments.get_mut(&key.attachment)?;
        let entities = match attachment.triggers.get(key.trigger).map(|one| &one.kind) {
            Some(Kind::Changes(changes)) => changes.entities().to_vec(),
            _ => Vec::new(),
        };
        let valuing = async move {
            for entity_id in entities {
                let first = Valuable {
                    old: None,
                    new: hub.states.get(entity_id.as_str()),
                    entity_id,
                    cause: None,
                    is_first: true,
                };
                let value = value(&hub, &template, &variables, &first).await;
                if me
                    .send(Valued {
                        key,
                        of: first,
                        value,
                    })
                    .await
                    .is_err()
                {
                    return;
                }
            }
            // Whoever waited may be gone.
            let _ = done.send(Ok(()));
            while let Some(of) = waiting.recv().await {
                let value = value(&hub, &template, &variables, &of).await;
                if me.send(Valued { key, of, value }).await.is_err() {
                    return;
                }
            }
        };
        attachment.valuers.insert(key.trigger, sender);
        attachment.tasks.push(Task::start(valuing));
        Some(ready)
    }

    /// Queues a change for a trigger's template; false where it has none.
    pub(super) fn is_valued(&mut self, key: Key, change: &Change<'_>, cause: Cause) -> bool {
        let valuer = self
            .attachments
            .get(&key.attachment)
            .and_then(|attachment| attachment.valuers.get(&key.trigger));
        let Some(valuer) = valuer else {
            return false;
        };
        let valuable = Valuable {
            entity_id: change.entity_id.clone(),
            old: change.old.cloned(),
            new: change.new.cloned(),
            cause,
            is_first: false,
        };
        if valuer.try_send(valuable).is_err() {
            self.hearing.miss(1);
        }
        true
    }
}

/// What the template gives; `None` without a state, and where it fails.
async fn value(
    hub: &Hub,
    template: &Arc<str>,
    variables: &Map<String, Value>,
    of: &Valuable,
) -> Option<Value> {
    let caller = Caller::inside(hearth_core::event::Context::new(&hub.env));
    let mut variables = variables.clone();
    variables.insert("state".to_owned(), of.new.as_ref()?.to_value());
    let rendered = render(hub, template, &variables, caller).await;
    rendered
        .inspect_err(|error| tracing::debug!(%error, "the template of a trigger fails"))
        .ok()
}

/// A template has made a value of a state.
#[derive(Message)]
#[rtype(result = "()")]
struct Valued {
    key: Key,
    of: Valuable,
    value: Option<Value>,
}

impl Handler<Valued> for Engine {
    type Result = ();

    fn handle(&mut self, Valued { key, of, value }: Valued, ctx: &mut Self::Context) {
        let trigger = self
            .attachments
            .get_mut(&key.attachment)
            .and_then(|attachment| attachment.triggers.get_mut(key.trigger));
        let Some(Trigger {
            kind: Kind::Changes(changes),
            ..
        }) = trigger
        else {
            return;
        };
        let change = Change {
            entity_id: &of.entity_id,
            old: of.old.as_ref(),
            new: of.new.as_ref(),
        };
        let value = value.unwrap_or_default();
        if of.is_first {
            changes.first_value(&change, &value, &self.hub);
        } else {
            let reaction = changes.valued(&change, &value, &self.hub);
            self.react(key, Some(&of.entity_id), reaction, of.cause, ctx);
        }
    }
}
