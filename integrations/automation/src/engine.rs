//! The engine behind triggers: one actor that hears the bus, the clock, webhooks and templates for
//! all who wait, and tells each what it has waited for.
//!
//! Whoever waits is an *attachment*: some triggers and a sink that is told when one of them fires.
//! Clients attach through the command `subscribe_trigger`.
//!
//! The engine has a thread of its own: however much is made to happen at once, phones and other
//! integrations do not wait for it.

mod clock;
mod hearing;
mod holding;
mod hooks;
mod templates;
mod timers;
mod values;

use std::collections::HashMap;

use actix::prelude::*;
use hearth_core::ask::{Ask, Reply};
use hearth_core::bus::{Filter, Pace, SubscriptionId};
use hearth_core::command::ErrorCode;
use hearth_core::fields::Fields;
use hearth_core::prelude::{Access, Arc, Command, CommandError, EntityId, Hub, Map, Value, json};
use hearth_core::subscription::{Sent, Subscriber};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::checks;
use crate::trigger::{self, Kind, Match, Reaction, Trigger};
use clock::Appointment;
use hearing::Hearing;
use holding::{Held, Place};
use hooks::Hooks;
use timers::Timers;
use values::Valuer;

/// Questions, events and requests that may wait for the engine.
const MAILBOX: usize = 1024;

/// Why something happened: the context of what a trigger waited for.
pub(crate) type Cause = Option<hearth_core::event::Context>;

/// Who is told.
type Sink = Box<dyn Fn(&Value, Cause) -> Sent>;

/// A trigger of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    attachment: u64,
    trigger: usize,
}

impl Key {
    fn new(attachment: u64, trigger: usize) -> Self {
        Self {
            attachment,
            trigger,
        }
    }
}

/// See the module's guide.
pub(crate) struct Engine {
    hub: Hub,
    attachments: HashMap<u64, Attachment>,
    last: u64,
    hearing: Hearing,
    /// Tells when the home's time zone may have changed.
    of_the_home: Option<SubscriptionId>,
    timers: Timers,
    hooks: Hooks,
    /// Its thread, which ends with it.
    arbiter: ArbiterHandle,
}

struct Attachment {
    triggers: Vec<Trigger>,
    sink: Sink,
    /// What happened before it was there is no business of it.
    is_listening: bool,
    /// What has happened and must stay so.
    held: HashMap<Place, Held>,
    /// What waits for the clock, by trigger.
    appointments: HashMap<usize, Appointment>,
    /// Where changes wait for a template to make a number of them, by trigger.
    valuers: HashMap<usize, Valuer>,
    /// What waits for templates.
    tasks: Vec<Task>,
}

/// How a trigger's first look at its template went.
type Beginning = Result<(), CommandError>;

/// Says it, once it has.
type Ready = oneshot::Receiver<Beginning>;

/// Something that goes on beside the engine; it ends when this is dropped.
struct Task(JoinHandle<()>);

impl Task {
    fn start(task: impl Future<Output = ()> + 'static) -> Self {
        Self(actix::spawn(task))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Engine {
    /// Starts it, on a thread of its own.
    pub(crate) fn launch(hub: &Hub) -> Addr<Self> {
        let hub = hub.clone();
        let arbiter = Arbiter::new().handle();
        let its_own = arbiter.clone();
        Self::start_in_arbiter(&arbiter, move |context| {
            context.set_mailbox_capacity(MAILBOX);
            Self {
                hooks: Hooks::new(&hub),
                hub,
                attachments: HashMap::new(),
                last: 0,
                hearing: Hearing::default(),
                of_the_home: None,
                timers: Timers::default(),
                arbiter: its_own,
            }
        })
    }

    /// A client waits for triggers.
    fn subscribe(&mut self, command: Command, reply: Reply<Command>, ctx: &mut Context<Self>) {
        let limit = self.hub.settings.automation.subscriptions;
        if self.attachments.len() >= limit {
            let message = format!("{limit} clients wait for triggers already, which is the limit.");
            return reply.send(Err(CommandError::new(ErrorCode::NOT_ALLOWED, message)));
        }
        let (triggers, variables) = match read(command.data) {
            Ok(read) => read,
            Err(error) => return reply.send(Err(error)),
        };
        let Some(subscriber) = command.subscriber else {
            return reply.send(Err(CommandError::unknown()));
        };
        let id = self.attach(triggers, sink(subscriber.clone()));
        let me = ctx.address();
        // Not in the actor, which looks at everything that it waits for whenever it is waked.
        actix::spawn(async move {
            subscriber.gone().await;
            // One for each that was let in.
            me.do_send(Gone(id));
        });
        self.begin(id, variables, reply, ctx);
    }

    fn attach(&mut self, triggers: Vec<Trigger>, sink: Sink) -> u64 {
        self.last += 1;
        let attachment = Attachment {
            triggers,
            sink,
            is_listening: false,
            held: HashMap::new(),
            appointments: HashMap::new(),
            valuers: HashMap::new(),
            tasks: Vec::new(),
        };
        self.attachments.insert(self.last, attachment);
        self.last
    }

    fn detach(&mut self, id: u64, ctx: &mut Context<Self>) {
        let Some(attachment) = self.attachments.remove(&id) else {
            return;
        };
        for subscription in self.hearing.remove(id, &attachment.triggers) {
            self.hub.bus.unsubscribe(subscription);
        }
        self.release_all(attachment.held.into_values());
        for appointment in attachment.appointments.into_values() {
            self.timers.cancel(appointment.timer);
        }
        for id in self.hooks.remove(|key| key.attachment == id) {
            let webhooks = self.hub.webhooks.clone();
            ctx.wait(async move { webhooks.unregister(id).await }.into_actor(self));
        }
    }

    /// Begins to listen: to the bus first, then to everything else, and answers.
    fn begin(
        &mut self,
        id: u64,
        variables: Map<String, Value>,
        reply: Reply<Command>,
        ctx: &mut Context<Self>,
    ) {
        self.listen(id, ctx, move |engine, ctx| {
            engine.open_webhooks(id, ctx, move |opened, engine, ctx| {
                if let Err(error) = opened {
                    return reply.send(Err(error));
                }
                let ready = engine.start_all(id, &variables, ctx);
                let me = ctx.address();
                // What happens once the client has its answer is no beginning any more.
                actix::spawn(async move {
                    for ready in ready {
                        // A task that has ended waits for nothing.
                        if let Ok(Err(error)) = ready.await {
                            // Once for each that was let in.
                            me.do_send(Gone(id));
                            return reply.send(Err(error));
                        }
                    }
                    reply.send(Ok(Value::Null));
                });
            });
        });
    }

    /// Begins to wait for what the bus does not tell; gives what says when templates have shown
    /// how things stand.
    fn start_all(
        &mut self,
        id: u64,
        variables: &Map<String, Value>,
        ctx: &mut Context<Self>,
    ) -> Vec<Ready> {
        let Some(attachment) = self.attachments.get_mut(&id) else {
            return Vec::new();
        };
        let mut templates = Vec::new();
        let mut clocks = Vec::new();
        let mut valued = Vec::new();
        for (index, trigger) in attachment.triggers.iter_mut().enumerate() {
            let key = Key::new(id, index);
            match &mut trigger.kind {
                Kind::Changes(changes) => match changes.value_template() {
                    Some(template) => valued.push((key, Arc::clone(template))),
                    None => changes.begin(&self.hub),
                },
                Kind::Template(template) => templates.push((key, template.template.clone())),
                Kind::Clock(_) => clocks.push(key),
                Kind::Event(_) | Kind::Webhook(_) => {}
            }
        }
        for key in clocks {
            self.wait_for_the_clock(key, ctx);
        }
        let mut ready = Vec::new();
        for (key, template) in valued {
            ready.extend(self.value_changes(key, template, variables, ctx));
        }
        for (key, template) in templates {
            ready.extend(self.watch_template(key, &template, variables, ctx));
        }
        ready
    }

    /// Tells who waits.
    fn fire(&mut self, key: Key, payload: Value, cause: Cause, ctx: &mut Context<Self>) {
        let Some(attachment) = self.attachments.get(&key.attachment) else {
            return;
        };
        let Some(trigger) = attachment.triggers.get(key.trigger) else {
            return;
        };
        let variables = trigger.variables(payload);
        if (attachment.sink)(&variables, cause) != Sent::OnItsWay {
            self.detach(key.attachment, ctx);
        }
    }

    fn react(
        &mut self,
        key: Key,
        entity_id: Option<&EntityId>,
        reaction: Reaction,
        cause: Cause,
        ctx: &mut Context<Self>,
    ) {
        let place = (key.trigger, entity_id.cloned());
        if reaction.releases {
            self.release(key.attachment, &place);
        }
        match reaction.matched {
            None => {}
            Some(Match {
                payload,
                hold: None,
            }) => self.fire(key, payload(), cause, ctx),
            Some(Match {
                payload,
                hold: Some(hold),
            }) => self.hold(key, place, hold, (payload, cause), ctx),
        }
    }
}

/// Brings what fired to a client.
fn sink(subscriber: Subscriber) -> Sink {
    Box::new(move |variables, cause| {
        subscriber.send(&json!({"variables": variables, "context": cause}))
    })
}

/// The parameters of `subscribe_trigger`.
fn read(data: Map<String, Value>) -> Result<(Vec<Trigger>, Map<String, Value>), CommandError> {
    let mut fields = Fields::new(data);
    let triggers = trigger::parse_all(fields.required("trigger")?)?;
    let variables = fields.object("variables")?.unwrap_or_default();
    fields.finish()?;
    Ok((triggers, variables))
}

impl Actor for Engine {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (bus, me) = (self.hub.bus.clone(), ctx.address().recipient());
        let filter = Filter::of_types(["core_config_updated"]);
        let hearing = async move { bus.subscribe(filter, Pace::Lag, me).await };
        ctx.wait(hearing.into_actor(self).map(|heard, engine, _| {
            engine.of_the_home = Some(heard);
        }));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(heard) = self.of_the_home {
            self.hub.bus.unsubscribe(heard);
        }
        self.arbiter.stop();
    }
}

impl Handler<Ask<Command>> for Engine {
    type Result = ();

    fn handle(&mut self, ask: Ask<Command>, ctx: &mut Self::Context) {
        let (command, reply) = ask.take();
        match &*command.name {
            crate::TEST_CONDITION => checks::test_condition(&self.hub, command, reply),
            crate::VALIDATE => reply.send(checks::validate(command.data)),
            _ => self.subscribe(command, reply, ctx),
        }
    }
}

/// A client waits no more.
#[derive(Message)]
#[rtype(result = "()")]
struct Gone(u64);

impl Handler<Gone> for Engine {
    type Result = ();

    fn handle(&mut self, Gone(id): Gone, ctx: &mut Self::Context) {
        self.detach(id, ctx);
    }
}

/// The integration ends.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Stop;

impl Handler<Stop> for Engine {
    type Result = ();

    fn handle(&mut self, Stop: Stop, ctx: &mut Self::Context) {
        let ids: Vec<u64> = self.attachments.keys().copied().collect();
        for id in ids {
            self.detach(id, ctx);
        }
        // After the webhooks are closed.
        ctx.wait(actix::fut::ready(()).map(|(), _: &mut Self, ctx: &mut Context<Self>| ctx.stop()));
    }
}

/// Commands that this engine answers, by name.
pub(crate) fn register(hub: &Hub, engine: &Addr<Engine>) {
    let handler = || engine.clone().recipient();
    let commands = &hub.commands;
    commands.register_subscription(crate::SUBSCRIBE, Access::Admin, handler());
    commands.register(crate::TEST_CONDITION, Access::Admin, handler());
    commands.register(crate::VALIDATE, Access::AnyUser, handler());
}

/// The opposite.
pub(crate) fn unregister(hub: &Hub) {
    for name in [crate::SUBSCRIBE, crate::TEST_CONDITION, crate::VALIDATE] {
        hub.commands.unregister(name);
    }
}
