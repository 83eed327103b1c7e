//! The actor of one registered device: started when it sends, asleep when it is idle.
//!
//! A message is read, carried out and answered here: locations and sensor values at once, in the
//! order in which they came. What waits for others runs beside the actor and ends even if the
//! actor sleeps or the sender hangs up. What must be stored holds the actor's other messages until
//! it is, so that changes of one registration stand in the store in the order of their answers.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::dev::channel::channel;
use actix::prelude::*;
use bytestring::ByteString;
use futures_util::future::LocalBoxFuture;
use hearth_core::ask::{Ask, Reply};
use hearth_core::event::Context as Cause;
use hearth_core::registry::{Changes, EntityUpdateError};
use hearth_core::webhook::WebhookRequest;

use crate::answer::Answer;
use crate::commands::Run;
use crate::phone::{Message, Phone};
use crate::record::{COLLECTION, Record};
use crate::registrations::Registrations;

/// How a command goes on.
pub(crate) enum Done {
    /// It is done.
    Now(Answer),
    /// It waits for others; the phone's next messages do not wait for it.
    Later(LocalBoxFuture<'static, Answer>),
    /// It stores something; the phone's next messages wait for it.
    Durably(LocalBoxFuture<'static, Settled>),
}

/// What a command has stored.
pub(crate) struct Settled {
    /// The record from now on, where it changed.
    pub(crate) record: Option<Arc<Record>>,
    /// The answer.
    pub(crate) answer: Answer,
}

impl Settled {
    /// The store failed: nothing changed, the app tries again.
    pub(crate) fn failed(error: &EntityUpdateError) -> Self {
        tracing::error!(%error, "a phone's change was not stored");
        Self {
            record: None,
            answer: Answer::BUSY,
        }
    }
}

/// See the module's guide.
pub(crate) struct Registration {
    phone: Phone,
    registrations: Arc<Registrations>,
    /// When the last message came, by the steady clock.
    last_used: Duration,
    /// Counts the commands that run beside the actor: each holds a clone.
    beside: Rc<()>,
}

impl Registration {
    /// Starts the actor of this record where its phone's first message came in: a phone keeps its
    /// connection, so its later messages come to the same thread and need no switch to another.
    /// Without such a place, on one of the hub's arbiters.
    pub(crate) fn wake(
        registrations: &Arc<Registrations>,
        record: Arc<Record>,
        near: Option<&ArbiterHandle>,
    ) -> Addr<Self> {
        let hub = registrations.hub().clone();
        // The channel is made here so that the mailbox has its size from the first message on.
        let (sender, receiver) = channel(hub.settings.mobile_app.mailbox.max(1));
        let registrations = Arc::clone(registrations);
        let place = near.cloned().unwrap_or_else(|| hub.arbiters.next());
        place.spawn_fn(move || {
            let actor = Self {
                last_used: hub.env.monotonic(),
                phone: Phone::new(hub, record, &registrations),
                registrations,
                beside: Rc::new(()),
            };
            actix_rt::spawn(Context::with_receiver(receiver).into_future(actor));
        });
        Addr::new(sender)
    }

    fn answer(&mut self, ask: Ask<WebhookRequest>, ctx: &mut Context<Self>) {
        self.last_used = self.phone.hub.env.monotonic();
        let (request, reply) = ask.take();
        match self.phone.read(&request.body) {
            Message::Refused(answer) => self.reply(reply, answer),
            Message::Command {
                run,
                data,
                voids_legacy: false,
            } => self.carry_out(run, &data, reply, ctx),
            Message::Command { run, data, .. } => self.void_legacy(run, data, reply, ctx),
        }
    }

    fn carry_out(
        &mut self,
        run: Option<Run>,
        data: &str,
        reply: Reply<WebhookRequest>,
        ctx: &mut Context<Self>,
    ) {
        let Some(run) = run else {
            return self.reply(reply, Answer::NOTHING);
        };
        match run(data, &mut self.phone) {
            Done::Now(answer) => self.reply(reply, answer),
            Done::Later(answer) => self.run_beside(answer, reply),
            Done::Durably(change) => {
                ctx.wait(change.into_actor(self).map(|settled, actor, _| {
                    if let Some(record) = settled.record {
                        actor.adopt(record);
                    }
                    actor.reply(reply, settled.answer);
                }));
            }
        }
    }

    fn run_beside(&self, answer: LocalBoxFuture<'static, Answer>, reply: Reply<WebhookRequest>) {
        let limit = self.phone.hub.settings.mobile_app.mailbox.max(1);
        if Rc::strong_count(&self.beside) > limit {
            return self.reply(reply, Answer::BUSY);
        }
        let (running, env) = (Rc::clone(&self.beside), self.phone.hub.env.clone());
        // Sealed with the key that was in force when the message came.
        let record = Arc::clone(&self.phone.record);
        actix_rt::spawn(async move {
            reply.send(answer.await.into_response(&record, &env));
            drop(running);
        });
    }

    /// Notes that the legacy key is void, durably, then carries the command out.
    fn void_legacy(
        &mut self,
        run: Option<Run>,
        data: ByteString,
        reply: Reply<WebhookRequest>,
        ctx: &mut Context<Self>,
    ) {
        let record = Record {
            no_legacy_encryption: true,
            ..Record::clone(&self.phone.record)
        };
        let stored = store(&self.phone, record, |_| Ok(()));
        ctx.wait(
            stored
                .into_actor(self)
                .map(move |stored, actor, ctx| match stored {
                    Ok(record) => {
                        actor.adopt(record);
                        actor.carry_out(run, &data, reply, ctx);
                    }
                    Err(error) => actor.reply(reply, Settled::failed(&error).answer),
                }),
        );
    }

    fn adopt(&mut self, record: Arc<Record>) {
        self.registrations.update(Arc::clone(&record));
        self.phone.record = record;
    }

    fn reply(&self, reply: Reply<WebhookRequest>, answer: Answer) {
        reply.send(answer.into_response(&self.phone.record, &self.phone.hub.env));
    }

    /// Sleeps if nothing came for a while.
    fn sleep_if_idle(&mut self, ctx: &mut Context<Self>) {
        let idle = Duration::from_secs(self.phone.hub.settings.mobile_app.idle_s.max(1));
        let now = self.phone.hub.env.monotonic();
        if now.saturating_sub(self.last_used) < idle {
            return;
        }
        // New requests go home first; those that wait here by then go there when this one stops.
        let id = self.phone.record.webhook_id.clone();
        let webhooks = self.phone.hub.webhooks.clone();
        let unset = async move { webhooks.set_live(id, None).await };
        ctx.wait(unset.into_actor(self).map(|(), actor, ctx| {
            actor
                .registrations
                .has_gone(&actor.phone.record.webhook_id, &ctx.address());
            ctx.stop();
        }));
    }
}

/// Stores a record and what `more` adds; gives it shared.
pub(crate) fn store(
    phone: &Phone,
    record: Record,
    more: impl FnOnce(&mut Changes) -> Result<(), EntityUpdateError>,
) -> LocalBoxFuture<'static, Result<Arc<Record>, EntityUpdateError>> {
    let hub = phone.hub.clone();
    let mut changes = Changes::new(&hub.store);
    let noted = changes
        .put(COLLECTION, &record.entry_id.to_string(), &record)
        .map_err(EntityUpdateError::from)
        .and_then(|()| more(&mut changes));
    Box::pin(async move {
        noted?;
        let context = Cause::of_user(&hub.env, record.user_id);
        changes.commit(&hub.bus, &hub.env, context).await?;
        Ok(Arc::new(record))
    })
}

impl Actor for Registration {
    type Context = Context<Self>;
}

/// Asks whether it is time to sleep. The registrar asks all who are awake: a timer in each actor
/// would be looked at with each message.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SleepIfIdle;

impl Handler<SleepIfIdle> for Registration {
    type Result = ();

    fn handle(&mut self, _: SleepIfIdle, ctx: &mut Self::Context) {
        self.sleep_if_idle(ctx);
    }
}

impl Handler<Ask<WebhookRequest>> for Registration {
    type Result = ();

    fn handle(&mut self, ask: Ask<WebhookRequest>, ctx: &mut Self::Context) {
        self.answer(ask, ctx);
    }
}

/// Ends the actor for good: what it was storing is stored, what waits goes back to its askers.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Retire;

impl Handler<Retire> for Registration {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
