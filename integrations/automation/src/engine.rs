//! The engine behind triggers: one actor that hears the bus, the clock, webhooks and templates for
//! all who wait, and tells each what it has waited for.
//!
//! Whoever waits is an *attachment*: some triggers and a sink that is told when one of them fires.
//! Clients attach through the command `subscribe_trigger`.

mod holding;
mod hooks;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use actix::prelude::*;
use hearth_core::ask::{Ask, Reply};
use hearth_core::bus::{Delivery, Entities, Filter, Pace, SubscriptionId, Types};
use hearth_core::command::ErrorCode;
use hearth_core::event::{Event, EventData, EventType};
use hearth_core::fields::Fields;
use hearth_core::prelude::{
    Access, Caller, Command, CommandError, EntityId, Hub, Map, Value, json,
};
use hearth_core::subscription::{Sent, Subscriber, subscription};
use hearth_core::webhook::WebhookRequest;

use crate::condition::Condition;
use crate::trigger::{self, Change, Kind, Match, Reaction, Trigger};
use hooks::Hooks;

/// The wall clock is looked at this often at least: it may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(600);
/// Questions, events and requests that may wait for the engine.
const MAILBOX: usize = 4096;

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

/// See the module's guide.
pub(crate) struct Engine {
    hub: Hub,
    attachments: HashMap<u64, Attachment>,
    last: u64,
    /// Whose bus subscriptions these are.
    heard: HashMap<SubscriptionId, u64>,
    hooks: Hooks,
}

struct Attachment {
    triggers: Vec<Trigger>,
    sink: Sink,
    heard: Vec<Heard>,
    /// What has happened and must stay so, by trigger and entity.
    held: HashMap<(usize, Option<EntityId>), SpawnHandle>,
    /// What waits for the clock or for a template, by trigger.
    tasks: HashMap<usize, SpawnHandle>,
}

/// What an attachment hears of the bus.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hearing {
    /// Changes of entities.
    Changes,
    /// Events of any type.
    Events,
}

struct Heard {
    subscription: SubscriptionId,
    hearing: Hearing,
}

impl Engine {
    /// Starts it on one of the hub's arbiters.
    pub(crate) fn launch(hub: &Hub) -> Addr<Self> {
        let hub = hub.clone();
        let arbiter = hub.arbiters.next();
        Self::start_in_arbiter(&arbiter, move |context| {
            context.set_mailbox_capacity(MAILBOX);
            Self {
                hooks: Hooks::new(&hub),
                hub,
                attachments: HashMap::new(),
                last: 0,
                heard: HashMap::new(),
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
        let gone = async move { subscriber.gone().await };
        ctx.spawn(gone.into_actor(self).map(move |(), engine, ctx| {
            engine.detach(id, ctx);
        }));
        self.begin(id, variables, reply, ctx);
    }

    /// A client wants to know whether a condition holds.
    fn test(&mut self, command: Command, reply: Reply<Command>, ctx: &mut Context<Self>) {
        let (condition, variables) = match read_condition(command.data) {
            Ok(read) => read,
            Err(error) => return reply.send(Err(error)),
        };
        let (hub, caller) = (self.hub.clone(), command.caller);
        let testing = async move {
            let holds = condition.check(&hub, caller, &variables).await;
            reply.send(holds.map(|holds| json!({ "result": holds })));
        };
        ctx.spawn(testing.into_actor(self));
    }

    fn attach(&mut self, triggers: Vec<Trigger>, sink: Sink) -> u64 {
        self.last += 1;
        let attachment = Attachment {
            triggers,
            sink,
            heard: Vec::new(),
            held: HashMap::new(),
            tasks: HashMap::new(),
        };
        self.attachments.insert(self.last, attachment);
        self.last
    }

    fn detach(&mut self, id: u64, ctx: &mut Context<Self>) {
        let Some(attachment) = self.attachments.remove(&id) else {
            return;
        };
        for Heard { subscription, .. } in attachment.heard {
            self.heard.remove(&subscription);
            self.hub.bus.unsubscribe(subscription);
        }
        let waiting = attachment.held.into_values();
        for handle in waiting.chain(attachment.tasks.into_values()) {
            ctx.cancel_future(handle);
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
        let Some(attachment) = self.attachments.get(&id) else {
            return;
        };
        let (bus, me) = (self.hub.bus.clone(), ctx.address().recipient());
        let filters = attachment.filters();
        let hearing = async move {
            let mut heard = Vec::new();
            for (hearing, filter) in filters {
                let subscription = bus.subscribe(filter, Pace::Lag, me.clone()).await;
                heard.push(Heard {
                    subscription,
                    hearing,
                });
            }
            heard
        };
        // Nothing is handled meanwhile, so what is heard finds its attachment.
        ctx.wait(hearing.into_actor(self).map(move |heard, engine, ctx| {
            let subscriptions = heard.iter().map(|heard| (heard.subscription, id));
            engine.heard.extend(subscriptions);
            if let Some(attachment) = engine.attachments.get_mut(&id) {
                attachment.heard = heard;
            }
            engine.open_webhooks(id, variables, reply, ctx);
        }));
    }

    fn open_webhooks(
        &mut self,
        id: u64,
        variables: Map<String, Value>,
        reply: Reply<Command>,
        ctx: &mut Context<Self>,
    ) {
        let Some(attachment) = self.attachments.get(&id) else {
            return;
        };
        let wanted = attachment
            .triggers
            .iter()
            .enumerate()
            .filter_map(|(trigger, one)| match &one.kind {
                Kind::Webhook(hook) => Some((hook.clone(), trigger)),
                _ => None,
            });
        let wanted = wanted.map(|(hook, trigger)| {
            let attachment = id;
            (
                hook,
                Key {
                    attachment,
                    trigger,
                },
            )
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
            if let Err(taken) = opened {
                // None of them was opened, so none is to be closed.
                engine.hooks.remove(|key| key.attachment == id);
                engine.detach(id, ctx);
                return reply.send(Err(CommandError::failed(taken.to_string())));
            }
            engine.start_all(id, &variables, ctx);
            reply.send(Ok(Value::Null));
        }));
    }

    fn start_all(&mut self, id: u64, variables: &Map<String, Value>, ctx: &mut Context<Self>) {
        let Some(attachment) = self.attachments.get_mut(&id) else {
            return;
        };
        let mut templates = Vec::new();
        let mut clocks = Vec::new();
        for (index, trigger) in attachment.triggers.iter_mut().enumerate() {
            match &mut trigger.kind {
                Kind::Changes(changes) => changes.begin(&self.hub),
                Kind::Template(template) => templates.push((index, template.template.clone())),
                Kind::Clock(_) => clocks.push(index),
                Kind::Event(_) | Kind::Webhook(_) => {}
            }
        }
        for trigger in clocks {
            let attachment = id;
            self.wait_for_the_clock(
                Key {
                    attachment,
                    trigger,
                },
                ctx,
            );
        }
        for (trigger, template) in templates {
            let key = Key {
                attachment: id,
                trigger,
            };
            self.watch_template(key, &template, variables, ctx);
        }
    }

    /// Has a template rendered by the integration that can, again and again.
    fn watch_template(
        &mut self,
        key: Key,
        template: &str,
        variables: &Map<String, Value>,
        ctx: &mut Context<Self>,
    ) {
        let (hub, me) = (self.hub.clone(), ctx.address());
        let data = json!({"template": template, "variables": variables});
        let watching = async move {
            let (subscriber, mut events) = subscription();
            let caller = Caller::inside(hearth_core::event::Context::new(&hub.env));
            let Value::Object(data) = data else { return };
            let commands = &hub.commands;
            let answer = commands.subscribe("render_template", data, caller, subscriber);
            if let Err(error) = answer.await {
                tracing::warn!(%error, "the template of a trigger is not watched");
            }
            while let Some(event) = events.next().await {
                let event: Value = serde_json::from_slice(&event).unwrap_or_default();
                // What waits here is bounded by the subscription behind it.
                if me.send(Rendered { key, event }).await.is_err() {
                    return;
                }
            }
        };
        let handle = ctx.spawn(watching.into_actor(self));
        if let Some(attachment) = self.attachments.get_mut(&key.attachment) {
            attachment.tasks.insert(key.trigger, handle);
        }
    }

    fn wait_for_the_clock(&mut self, key: Key, ctx: &mut Context<Self>) {
        let now = self.hub.env.now();
        let Some(attachment) = self.attachments.get_mut(&key.attachment) else {
            return;
        };
        if let Some(before) = attachment.tasks.remove(&key.trigger) {
            ctx.cancel_future(before);
        }
        let Some(trigger) = attachment.triggers.get(key.trigger) else {
            return;
        };
        let Kind::Clock(clock) = &trigger.kind else {
            return;
        };
        // Nothing is due until an entity says so.
        let Some(due) = clock.next(now, &self.hub) else {
            return;
        };
        let wait = u64::try_from(due.at.as_micros() - now.as_micros()).unwrap_or(0);
        let wait = Duration::from_micros(wait).min(LONGEST_SLEEP);
        let handle = ctx.run_later(wait, move |engine, ctx| {
            if engine.hub.env.now() >= due.at {
                engine.fire_for_the_clock(key, &due, ctx);
            }
            engine.wait_for_the_clock(key, ctx);
        });
        attachment.tasks.insert(key.trigger, handle);
    }

    fn fire_for_the_clock(&mut self, key: Key, due: &trigger::clock::Due, ctx: &mut Context<Self>) {
        let trigger = self
            .attachments
            .get(&key.attachment)
            .and_then(|attachment| attachment.triggers.get(key.trigger));
        if let Some(Trigger {
            kind: Kind::Clock(clock),
            ..
        }) = trigger
        {
            let payload = clock.payload(due, &self.hub);
            self.fire(key, payload, None, ctx);
        }
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

    fn changed(&mut self, id: u64, change: &Change<'_>, cause: Cause, ctx: &mut Context<Self>) {
        let Some(attachment) = self.attachments.get_mut(&id) else {
            return;
        };
        let hub = &self.hub;
        let mut reactions = Vec::new();
        let mut moved = Vec::new();
        for (index, trigger) in attachment.triggers.iter_mut().enumerate() {
            match &mut trigger.kind {
                Kind::Changes(changes) if changes.entities().contains(change.entity_id) => {
                    reactions.push((index, changes.change(change, hub)));
                }
                Kind::Clock(clock) if clock.entities().contains(change.entity_id) => {
                    moved.push(index);
                }
                _ => {}
            }
        }
        for (trigger, reaction) in reactions {
            let key = Key {
                attachment: id,
                trigger,
            };
            self.react(key, Some(change.entity_id), reaction, cause, ctx);
        }
        for trigger in moved {
            let attachment = id;
            self.wait_for_the_clock(
                Key {
                    attachment,
                    trigger,
                },
                ctx,
            );
        }
    }

    fn happened(&mut self, id: u64, event: &Event, ctx: &mut Context<Self>) {
        let Some(attachment) = self.attachments.get(&id) else {
            return;
        };
        let fired: Vec<(usize, Value)> = attachment
            .triggers
            .iter()
            .enumerate()
            .filter_map(|(index, trigger)| match &trigger.kind {
                Kind::Event(wanted) => wanted.event(event).map(|payload| (index, payload)),
                _ => None,
            })
            .collect();
        for (trigger, payload) in fired {
            let key = Key {
                attachment: id,
                trigger,
            };
            self.fire(key, payload, Some(event.context), ctx);
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
            self.release(key.attachment, &place, ctx);
        }
        match reaction.matched {
            None => {}
            Some(Match {
                payload,
                hold: None,
            }) => self.fire(key, payload, cause, ctx),
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

/// The parameters of `test_condition`.
fn read_condition(
    data: Map<String, Value>,
) -> Result<(Condition, Map<String, Value>), CommandError> {
    let mut fields = Fields::new(data);
    let condition = Condition::read(fields.required("condition")?)?;
    let variables = fields.object("variables")?.unwrap_or_default();
    fields.finish()?;
    Ok((condition, variables))
}

impl Attachment {
    /// What of the bus its triggers must hear.
    fn filters(&self) -> Vec<(Hearing, Filter)> {
        let mut entities: HashSet<EntityId> = HashSet::new();
        let mut types: Vec<EventType> = Vec::new();
        for trigger in &self.triggers {
            match &trigger.kind {
                Kind::Changes(changes) => entities.extend(changes.entities().iter().cloned()),
                Kind::Clock(clock) => entities.extend(clock.entities()),
                Kind::Event(event) => types.extend(event.types().iter().cloned()),
                Kind::Template(_) | Kind::Webhook(_) => {}
            }
        }
        types.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        types.dedup();
        let mut filters = Vec::new();
        if !entities.is_empty() {
            let filter = Filter {
                types: Types::Only(vec![EventType::STATE_CHANGED]),
                entities: Entities::Ids(entities),
            };
            filters.push((Hearing::Changes, filter));
        }
        if !types.is_empty() {
            let filter = Filter {
                types: Types::Only(types),
                entities: Entities::Any,
            };
            filters.push((Hearing::Events, filter));
        }
        filters
    }

    /// What it hears by this subscription.
    fn hearing(&self, subscription: SubscriptionId) -> Option<Hearing> {
        let found = self
            .heard
            .iter()
            .find(|heard| heard.subscription == subscription);
        found.map(|heard| heard.hearing)
    }
}

impl Actor for Engine {
    type Context = Context<Self>;
}

impl Handler<Ask<Command>> for Engine {
    type Result = ();

    fn handle(&mut self, ask: Ask<Command>, ctx: &mut Self::Context) {
        let (command, reply) = ask.take();
        match &*command.name {
            crate::TEST_CONDITION => self.test(command, reply, ctx),
            _ => self.subscribe(command, reply, ctx),
        }
    }
}

impl Handler<Delivery> for Engine {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, ctx: &mut Self::Context) {
        let (subscription, event) = match delivery {
            Delivery::Event {
                subscription,
                event,
                ..
            } => (subscription, event),
            Delivery::Lagged { missed, .. } => {
                return tracing::error!(missed, "triggers have missed events");
            }
        };
        let Some(id) = self.heard.get(&subscription).copied() else {
            return;
        };
        let hearing = self
            .attachments
            .get(&id)
            .and_then(|attachment| attachment.hearing(subscription));
        match &event.data {
            EventData::StateChanged {
                entity_id,
                old,
                new,
            } if hearing == Some(Hearing::Changes) => {
                let change = Change {
                    entity_id,
                    old: old.as_ref(),
                    new: new.as_ref(),
                };
                self.changed(id, &change, Some(event.context), ctx);
            }
            _ => self.happened(id, &event, ctx),
        }
    }
}

/// The template of a trigger was rendered.
#[derive(Message)]
#[rtype(result = "()")]
struct Rendered {
    key: Key,
    event: Value,
}

impl Handler<Rendered> for Engine {
    type Result = ();

    fn handle(&mut self, Rendered { key, event }: Rendered, ctx: &mut Self::Context) {
        let trigger = self
            .attachments
            .get_mut(&key.attachment)
            .and_then(|attachment| attachment.triggers.get_mut(key.trigger));
        if let Some(Trigger {
            kind: Kind::Template(template),
            ..
        }) = trigger
        {
            let reaction = template.rendered(&event["result"]);
            self.react(key, None, reaction, None, ctx);
        }
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
    let handler = engine.clone().recipient();
    hub.commands
        .register_subscription(crate::SUBSCRIBE, Access::Admin, handler);
    let handler = engine.clone().recipient();
    hub.commands
        .register(crate::TEST_CONDITION, Access::Admin, handler);
}

/// The opposite.
pub(crate) fn unregister(hub: &Hub) {
    hub.commands.unregister(crate::SUBSCRIBE);
    hub.commands.unregister(crate::TEST_CONDITION);
}
