//! The actor at home: it answers for phones that sleep, registers new ones, and serves the
//! integration's commands. It never waits itself: each request is a task of its own, so a hundred
//! registrations share the store's commits.

use std::sync::Arc;
use std::time::Duration;

use actix::dev::channel::channel;
use actix::prelude::*;
use hearth_core::ask::Ask;
use hearth_core::command::Command;
use hearth_core::hub::Hub;
use hearth_core::store::StoreError;
use hearth_core::view::{ViewRequest, ViewResponse};
use hearth_core::webhook::WebhookRequest;
use serde_json::json;

use crate::cloudhook;
use crate::form::{Form, Limits};
use crate::register::RegisterError;
use crate::registrations::Registrations;
use crate::registry_commands;

/// Requests that may wait for the registrar; it hands each on at once.
const MAILBOX: usize = 4096;
/// Tasks that may run at a time; one more is told `busy`.
const TASKS: usize = 16_384;

/// See the module's guide.
pub(crate) struct Registrar {
    registrations: Arc<Registrations>,
    /// Counts the tasks under way: each holds a clone.
    tasks: std::rc::Rc<()>,
}

impl Registrar {
    /// Reads the registrations and starts the registrar on this arbiter.
    pub(crate) fn start_for(hub: &Hub) -> Result<(Addr<Self>, Arc<Registrations>), StoreError> {
        let (sender, receiver) = channel(MAILBOX);
        let registrar: Addr<Self> = Addr::new(sender);
        let home = registrar.clone().recipient();
        let registrations = Arc::new(Registrations::load(hub, home)?);
        let actor = Self {
            registrations: Arc::clone(&registrations),
            tasks: std::rc::Rc::new(()),
        };
        actix_rt::spawn(Context::with_receiver(receiver).into_future(actor));
        Ok((registrar, registrations))
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let running = std::rc::Rc::clone(&self.tasks);
        actix_rt::spawn(async move {
            task.await;
            drop(running);
        });
    }

    fn is_busy(&self) -> bool {
        std::rc::Rc::strong_count(&self.tasks) > TASKS
    }
}

impl Actor for Registrar {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let settings = &self.registrations.hub().settings.mobile_app;
        let pause = Duration::from_millis(settings.idle_s.max(1).saturating_mul(500));
        ctx.run_interval(pause, |registrar, _| {
            registrar.registrations.let_the_idle_sleep();
        });
    }
}

impl Handler<Ask<WebhookRequest>> for Registrar {
    type Result = ();

    fn handle(&mut self, ask: Ask<WebhookRequest>, _: &mut Self::Context) {
        let near = ask.origin().cloned();
        let (request, reply) = ask.take();
        if self.is_busy() {
            return reply.send(hearth_core::webhook::WebhookResponse::empty(503));
        }
        let registrations = Arc::clone(&self.registrations);
        self.spawn(async move {
            if let Some(response) = registrations.answer(request, near).await {
                reply.send(response);
            }
        });
    }
}

impl Handler<Ask<ViewRequest>> for Registrar {
    type Result = ();

    fn handle(&mut self, ask: Ask<ViewRequest>, _: &mut Self::Context) {
        let (request, reply) = ask.take();
        if self.is_busy() {
            return reply.send(ViewResponse::message(503, "The hub is busy"));
        }
        let registrations = Arc::clone(&self.registrations);
        self.spawn(async move { reply.send(register(&registrations, request).await) });
    }
}

impl Handler<Ask<Command>> for Registrar {
    type Result = ();

    fn handle(&mut self, ask: Ask<Command>, _: &mut Self::Context) {
        let (command, reply) = ask.take();
        if self.is_busy() {
            return reply.send(Err(hearth_core::command::CommandError::busy()));
        }
        let registrations = Arc::clone(&self.registrations);
        self.spawn(
            async move { reply.send(registry_commands::run(&registrations, command).await) },
        );
    }
}

/// Ends the registrar and every phone's actor; answered when all is stored.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Close;

impl Handler<Close> for Registrar {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Close, _: &mut Self::Context) -> Self::Result {
        let registrations = Arc::clone(&self.registrations);
        let rest = async move { registrations.rest().await };
        Box::pin(rest.into_actor(self).map(|(), _, ctx| ctx.stop()))
    }
}

/// `POST /api/mobile_app/registrations`.
async fn register(registrations: &Registrations, request: ViewRequest) -> ViewResponse {
    let hub = registrations.hub();
    let Some(user) = request.caller.and_then(|caller| caller.user_id()) else {
        return ViewResponse::message(401, "Unauthorized");
    };
    let form = match Form::parse(&request.body, Limits::of(&hub.settings), &hub.env) {
        Ok(form) => form,
        Err(error) => return ViewResponse::message(400, &error.to_string()),
    };
    let credentials = registrations.new_credentials(form.supports_encryption);
    match registrations.register(user, form, credentials).await {
        Ok(record) => ViewResponse::json(
            201,
            &json!({
                "cloudhook_url": cloudhook::url(hub, &record.webhook_id).await,
                "remote_ui_url": null,
                "secret": record.secret.as_ref().map(|secret| secret.to_hex()),
                "webhook_id": record.webhook_id,
            }),
        ),
        Err(error @ RegisterError::TooMany(_)) => {
            tracing::warn!(%error, "a device was not registered");
            ViewResponse::message(503, &error.to_string())
        }
        Err(error) => {
            tracing::error!(%error, "a device was not registered");
            ViewResponse::message(503, "The registration could not be stored")
        }
    }
}
