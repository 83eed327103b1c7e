//! One watched template: what it was told, how long it must wait, and what its client hears.

use std::time::Duration;

use hearth_core::ask::Reply;
use hearth_core::command::ErrorCode;
use hearth_core::ids::EntityId;
use hearth_core::prelude::{Command, CommandError, Value, json};
use hearth_core::subscription::{Sent, Subscriber};
use tokio::task::JoinHandle;

use crate::error::TemplateError;
use crate::renderer::Watched;
use crate::tracking::Reads;

/// How often a template that reads every state, or that failed, is rendered at most.
const ALL_PAUSE: Duration = Duration::from_secs(60);
/// The same for one that reads whole domains.
const DOMAIN_PAUSE: Duration = Duration::from_secs(1);
/// Changes during a render that are kept apart; with more it is rendered again in any case.
const CHANGES_KEPT: usize = 256;

/// One template and who watches it.
pub(super) struct Watch {
    pub(super) request: Watched,
    pub(super) report_errors: bool,
    /// What it counts for among all that is kept.
    pub(super) bytes: usize,
    pub(super) subscriber: Subscriber,
    /// Until the command is answered.
    pub(super) reply: Option<Reply<Command>>,
    pub(super) reads: Reads,
    /// What the client was told last.
    pub(super) told: Option<Value>,
    pub(super) stage: Stage,
    pub(super) failed: bool,
    pub(super) rendered_at: tokio::time::Instant,
    /// It waits for this before it is rendered again.
    pub(super) pause: Option<Pause>,
}

/// Where a watch is between one render and the next.
pub(super) enum Stage {
    /// Rendered, and nothing has changed since.
    Settled,
    /// In the queue.
    Waiting,
    /// Being rendered; what has changed meanwhile.
    Rendering(Vec<Change>),
    /// Being rendered, and so much has changed that it is rendered again.
    Outdated,
}

/// A change of a state.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) entity_id: EntityId,
    /// The entity appeared or vanished.
    pub(super) is_lifecycle: bool,
}

/// Time that must pass; what is to happen then does not, once this is dropped.
pub(super) struct Pause(JoinHandle<()>);

impl Pause {
    /// Not a timer of the actor, which looks at each of its timers whenever it is waked.
    pub(super) fn before(then: impl FnOnce() + 'static, time: Duration) -> Self {
        Self(actix::spawn(async move {
            tokio::time::sleep(time).await;
            then();
        }))
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watch {
    /// How long after its last render it may be rendered because of this change.
    pub(super) fn pause_before(&self, change: Option<&Change>) -> Duration {
        let is_named = change.is_some_and(|change| self.reads.entities.contains(&change.entity_id));
        if is_named {
            Duration::ZERO
        } else if self.reads.all || self.reads.number || self.failed {
            ALL_PAUSE
        } else if self.reads.domains.is_empty() {
            Duration::ZERO
        } else {
            DOMAIN_PAUSE
        }
    }

    /// Keeps a change in mind while it is being rendered.
    pub(super) fn note(&mut self, change: &Change) {
        if let Stage::Rendering(changes) = &mut self.stage {
            if changes.len() < CHANGES_KEPT {
                changes.push(change.clone());
            } else {
                self.stage = Stage::Outdated;
            }
        }
    }

    /// Tells the client what is new; false where nobody listens any more.
    pub(super) fn tell(&mut self, rendered: Result<Value, TemplateError>) -> bool {
        self.failed = rendered.is_err();
        if let Some(reply) = self.reply.take() {
            match &rendered {
                Err(error) if self.took_too_long(error) => {
                    reply.send(Err(CommandError::new(
                        ErrorCode::TEMPLATE,
                        self.timeout_message(),
                    )));
                    return false;
                }
                _ => reply.send(Ok(Value::Null)),
            }
        }
        // Only the first render is bound by the client.
        self.request.timeout = None;
        if self.report_errors {
            for warning in std::mem::take(&mut self.reads.warnings) {
                if !self.send(json!({"error": warning, "level": "WARNING"})) {
                    return false;
                }
            }
        }
        let event = match rendered {
            Ok(result) => json!({"result": result}),
            Err(_) if !self.report_errors => return !self.subscriber.is_gone(),
            Err(error) => json!({"error": error.to_string(), "level": "ERROR"}),
        };
        if self.told.as_ref() == Some(&event) {
            return !self.subscriber.is_gone();
        }
        self.told = Some(event.clone());
        let mut event = event;
        if event.get("result").is_some() {
            event["listeners"] = self.listeners();
        }
        self.send(event)
    }

    fn send(&self, event: Value) -> bool {
        self.subscriber.send(&event) == Sent::OnItsWay
    }

    fn took_too_long(&self, error: &TemplateError) -> bool {
        self.request.timeout.is_some()
            && matches!(error, TemplateError::Limit(text) if text.starts_with("Exceeded maximum execution time"))
    }

    fn timeout_message(&self) -> String {
        let timeout = self.request.timeout.unwrap_or_default().as_secs_f64();
        format!("Exceeded maximum execution time of {timeout:?}s")
    }

    fn listeners(&self) -> Value {
        let reads = &self.reads;
        if reads.all || reads.number {
            return json!({"all": true, "entities": [], "domains": [], "time": reads.time});
        }
        json!({
            "all": false,
            "entities": reads.entities,
            "domains": reads.domains.keys().collect::<Vec<_>>(),
            "time": reads.time,
        })
    }
}
