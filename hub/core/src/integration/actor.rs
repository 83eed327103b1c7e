//! Runs one integration: one message at a time, restarted after a crash.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

use super::host::{Host, TimerId};
use super::{Factory, Health, Integration, StartError, StopReason};
use crate::ask::{Ask, Question};
use crate::bus::Delivery;
use crate::command::Command;
use crate::hub::Hub;
use crate::service::ServiceCall;
use crate::view::ViewRequest;
use crate::webhook::WebhookRequest;

/// Crashes within [`CRASH_WINDOW`] after which an integration stays down.
const MAX_CRASHES: usize = 5;
const CRASH_WINDOW: Duration = Duration::from_secs(600);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Messages that may wait for an integration.
const MAILBOX: usize = 4096;

/// The actor around one integration.
pub(crate) struct IntegrationActor {
    hub: Hub,
    factory: Factory,
    /// Absent while a call is under way, and after a crash.
    integration: Option<Box<dyn Integration>>,
    host: Option<Host>,
    timers: HashMap<u64, SpawnHandle>,
    /// When it crashed lately, by the steady clock.
    crashes: Vec<Duration>,
    /// Starts that were refused in a row, for the pause.
    refusals: u32,
    /// Told at the end of the first start, whichever way it ended.
    started: Option<oneshot::Sender<()>>,
}

impl IntegrationActor {
    pub(crate) fn new(hub: Hub, factory: Factory, started: oneshot::Sender<()>) -> Self {
        Self {
            hub,
            factory,
            integration: None,
            host: None,
            timers: HashMap::new(),
            crashes: Vec::new(),
            refusals: 0,
            started: Some(started),
        }
    }

    fn domain(&self) -> &str {
        &self.factory.manifest.domain
    }

    fn begin(&mut self, ctx: &mut Context<Self>) {
        self.report(Health::Starting, None);
        let host = Host::new(
            self.hub.clone(),
            self.factory.manifest.clone(),
            ctx.address(),
        );
        self.host = Some(host.clone());
        let hub = self.hub.clone();
        let factory = self.factory.clone();
        let start = async move {
            let start = async {
                let mut integration = factory.make(&hub);
                integration.start(host).await.map(|()| integration)
            };
            AssertUnwindSafe(start).catch_unwind().await
        };
        ctx.wait(start.into_actor(self).map(|outcome, actor, ctx| {
            match outcome {
                Ok(Ok(integration)) => {
                    actor.integration = Some(integration);
                    actor.refusals = 0;
                    actor.report(Health::Running, None);
                }
                Ok(Err(refused)) => actor.refused(refused, ctx),
                Err(panic) => actor.crashed(panic_text(&*panic), ctx),
            }
            if let Some(started) = actor.started.take() {
                // Whoever waited for the start may have gone.
                let _ = started.send(());
            }
        }));
    }

    /// Calls the integration and waits; later messages stay in the mailbox meanwhile.
    fn run(
        &mut self,
        ctx: &mut Context<Self>,
        call: impl for<'a> FnOnce(&'a mut dyn Integration) -> LocalBoxFuture<'a, ()> + 'static,
    ) {
        let Some(mut integration) = self.integration.take() else {
            return;
        };
        let guarded = async move {
            let outcome = AssertUnwindSafe(call(&mut *integration))
                .catch_unwind()
                .await;
            (integration, outcome)
        };
        ctx.wait(guarded.into_actor(self).map(
            |(integration, outcome), actor, ctx| match outcome {
                Ok(()) => actor.integration = Some(integration),
                Err(panic) => actor.crashed(panic_text(&*panic), ctx),
            },
        ));
    }

    fn answer<Q: Question>(
        &mut self,
        ask: Ask<Q>,
        ctx: &mut Context<Self>,
        call: impl for<'a> FnOnce(&'a mut dyn Integration, Q) -> LocalBoxFuture<'a, Q::Answer> + 'static,
    ) {
        // While it is down a question goes back to whoever asked.
        if self.integration.is_none() {
            return;
        }
        let (question, reply) = ask.take();
        self.run(ctx, move |integration| {
            Box::pin(async move { reply.send(call(integration, question).await) })
        });
    }

    fn refused(&mut self, error: StartError, ctx: &mut Context<Self>) {
        tracing::error!(integration = self.domain(), %error, "the integration did not start");
        self.refusals = self.refusals.saturating_add(1);
        let pause =
            Duration::from_secs(5u64.saturating_mul(1 << self.refusals.min(7).saturating_sub(1)));
        self.report(Health::Backoff, Some(error.0));
        self.down(ctx, Some(pause.min(LONGEST_PAUSE)));
    }

    fn crashed(&mut self, why: String, ctx: &mut Context<Self>) {
        let now = self.hub.env.monotonic();
        self.crashes
            .retain(|at| now.saturating_sub(*at) < CRASH_WINDOW);
        self.crashes.push(now);
        let count = self.crashes.len();
        self.hub.integrations.crashed(self.domain());
        if count >= MAX_CRASHES {
            tracing::error!(integration = self.domain(), error = %why, "the integration crashed too often and stays down");
            self.report(Health::Failed, Some(why));
            self.down(ctx, None);
            return;
        }
        tracing::error!(integration = self.domain(), error = %why, "the integration crashed and will be restarted");
        self.report(Health::Backoff, Some(why));
        let pause = Duration::from_secs(1 << (count - 1).min(8));
        self.down(ctx, Some(pause.min(LONGEST_PAUSE)));
    }

    /// Withdraws what it had registered; starts it again after `pause`.
    fn down(&mut self, ctx: &mut Context<Self>, pause: Option<Duration>) {
        for (_, timer) in self.timers.drain() {
            ctx.cancel_future(timer);
        }
        if let Some(host) = self.host.take() {
            ctx.wait(async move { host.withdraw_all().await }.into_actor(self));
        }
        if let Some(pause) = pause {
            ctx.run_later(pause, Self::begin);
        }
    }

    fn report(&self, health: Health, error: Option<String>) {
        self.hub
            .integrations
            .report(&self.factory.manifest, health, error);
    }
}

/// What a panic said.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let said = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    said.unwrap_or_else(|| "it panicked without a message".to_owned())
}

impl Actor for IntegrationActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.begin(ctx);
    }
}

impl Handler<Delivery> for IntegrationActor {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, ctx: &mut Self::Context) {
        match delivery {
            Delivery::Event {
                subscription,
                event,
                ..
            } => {
                self.run(ctx, move |integration| {
                    integration.on_event(subscription, event)
                });
            }
            Delivery::Lagged {
                subscription,
                missed,
            } => {
                self.run(ctx, move |integration| {
                    integration.on_lagged(subscription, missed)
                });
            }
        }
    }
}

impl Handler<Ask<Command>> for IntegrationActor {
    type Result = ();

    fn handle(&mut self, ask: Ask<Command>, ctx: &mut Self::Context) {
        self.answer(ask, ctx, |integration, command| {
            integration.command(command)
        });
    }
}

impl Handler<Ask<ServiceCall>> for IntegrationActor {
    type Result = ();

    fn handle(&mut self, ask: Ask<ServiceCall>, ctx: &mut Self::Context) {
        let host = self.host.clone();
        self.answer(ask, ctx, |integration, mut call| {
            if let Some(host) = host {
                host.to_own_ids(&mut call.entities);
            }
            integration.call_service(call)
        });
    }
}

impl Handler<Ask<WebhookRequest>> for IntegrationActor {
    type Result = ();

    fn handle(&mut self, ask: Ask<WebhookRequest>, ctx: &mut Self::Context) {
        self.answer(ask, ctx, |integration, request| {
            integration.webhook(request)
        });
    }
}

impl Handler<Ask<ViewRequest>> for IntegrationActor {
    type Result = ();

    fn handle(&mut self, ask: Ask<ViewRequest>, ctx: &mut Self::Context) {
        self.answer(ask, ctx, |integration, request| integration.view(request));
    }
}

/// Starts a timer of the integration.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StartTimer {
    pub(super) timer: TimerId,
    pub(super) delay: Duration,
    pub(super) tag: std::sync::Arc<str>,
    pub(super) repeats: bool,
}

/// Ends a timer of the integration.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct CancelTimer(pub(super) TimerId);

impl Handler<StartTimer> for IntegrationActor {
    type Result = ();

    fn handle(&mut self, message: StartTimer, ctx: &mut Self::Context) {
        let StartTimer {
            timer,
            delay,
            tag,
            repeats,
        } = message;
        let tag: Rc<str> = Rc::from(&*tag);
        let handle = if repeats {
            ctx.run_interval(delay.max(Duration::from_millis(1)), move |actor, ctx| {
                let tag = Rc::clone(&tag);
                actor.run(ctx, move |integration| integration.on_timer(timer, tag));
            })
        } else {
            ctx.run_later(delay, move |actor, ctx| {
                actor.timers.remove(&timer.0);
                actor.run(ctx, move |integration| integration.on_timer(timer, tag));
            })
        };
        self.timers.insert(timer.0, handle);
    }
}

impl Handler<CancelTimer> for IntegrationActor {
    type Result = ();

    fn handle(&mut self, CancelTimer(timer): CancelTimer, ctx: &mut Self::Context) {
        if let Some(handle) = self.timers.remove(&timer.0) {
            ctx.cancel_future(handle);
        }
    }
}

/// Stops the integration; answered once its `stop` has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Stop;

impl Handler<Stop> for IntegrationActor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) -> Self::Result {
        let integration = self.integration.take();
        let host = self.host.take();
        self.down(ctx, None);
        let stop = async move {
            if let Some(mut integration) = integration {
                let stop = AssertUnwindSafe(integration.stop(StopReason::Shutdown)).catch_unwind();
                if let Err(panic) = stop.await {
                    tracing::error!(
                        error = panic_text(&*panic),
                        "an integration crashed at its stop"
                    );
                }
            }
            if let Some(host) = host {
                host.withdraw_all().await;
            }
        };
        Box::pin(stop.into_actor(self).map(|(), actor, ctx| {
            actor.report(Health::Stopped, None);
            ctx.stop();
        }))
    }
}
