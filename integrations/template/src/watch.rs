//! Templates that clients watch: each is rendered again when something changes that it has read
//! (spec template §7).
//!
//! One actor holds all of them, indexed by what they read, so that a change costs the templates
//! that it concerns and no others. Few renders are under way at a time, whatever happens: a
//! template that is due while it is being rendered is rendered once more behind that.

mod index;
mod request;
mod watched;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use actix::prelude::*;
use hearth_core::ask::{Ask, Reply};
use hearth_core::bus::{Delivery, Filter, Pace, SubscriptionId};
use hearth_core::command::ErrorCode;
use hearth_core::event::EventData;
use hearth_core::prelude::{Command, CommandError, Hub, Value};

use crate::renderer::{Renderer, Seen};
use crate::tracking::Reads;

use index::{Index, WatchId};
use request::WatchRequest;
use watched::{Change, Pause, Stage, Watch};

/// Renders under way at a time; others of the hub need the threads too.
const AT_A_TIME: usize = 4;
/// When to try again after the renderer was busy.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// Subscribing commands that may wait for the actor, and changes of states.
const MAILBOX: usize = 1024;

/// See the module's guide.
pub(crate) struct Watcher {
    hub: Hub,
    renderer: Renderer,
    watches: HashMap<WatchId, Watch>,
    /// Of all templates and their variables.
    bytes: usize,
    index: Index,
    last_id: u64,
    /// Waiting for their turn to be rendered.
    waiting: VecDeque<WatchId>,
    rendering: Vec<WatchId>,
    heard: Option<SubscriptionId>,
    /// The renderer was busy: it is asked again soon.
    will_retry: bool,
    /// Its thread, which ends with it.
    arbiter: ArbiterHandle,
}

impl Watcher {
    /// Starts it on a thread of its own: many templates that watch one entity cost others nothing.
    pub(crate) fn launch(hub: &Hub, renderer: Renderer) -> Addr<Self> {
        let hub = hub.clone();
        let arbiter = Arbiter::new().handle();
        let its_own = arbiter.clone();
        Self::start_in_arbiter(&arbiter, move |context| {
            context.set_mailbox_capacity(MAILBOX);
            Self {
                hub,
                renderer,
                watches: HashMap::new(),
                bytes: 0,
                index: Index::default(),
                last_id: 0,
                waiting: VecDeque::new(),
                rendering: Vec::new(),
                heard: None,
                will_retry: false,
                arbiter: its_own,
            }
        })
    }

    fn subscribe(&mut self, command: Command, reply: Reply<Command>, ctx: &mut Context<Self>) {
        let limits = &self.hub.settings.template;
        let Some(subscriber) = command.subscriber else {
            return reply.send(Err(CommandError::unknown()));
        };
        if self.watches.len() >= limits.subscriptions {
            let message = format!(
                "The hub renders {} templates for its clients, which is the limit.",
                limits.subscriptions
            );
            return reply.send(Err(CommandError::new(ErrorCode::NOT_ALLOWED, message)));
        }
        let request = match WatchRequest::read(command.data, limits.source_limit) {
            Ok(request) => request,
            Err(error) => return reply.send(Err(error)),
        };
        if self.bytes.saturating_add(request.bytes) > limits.subscriptions_bytes {
            let message = format!(
                "The templates that the hub renders for its clients would take more than {} bytes, \
                 which is the limit.",
                limits.subscriptions_bytes
            );
            return reply.send(Err(CommandError::new(ErrorCode::NOT_ALLOWED, message)));
        }
        self.bytes += request.bytes;
        self.last_id += 1;
        let id = WatchId(self.last_id);
        let watch = Watch {
            bytes: request.bytes,
            request: request.watched,
            report_errors: request.report_errors,
            subscriber: subscriber.clone(),
            reply: Some(reply),
            reads: Reads::default(),
            told: None,
            stage: Stage::Waiting,
            failed: false,
            rendered_at: tokio::time::Instant::now(),
            pause: None,
        };
        self.watches.insert(id, watch);
        let me = ctx.address();
        // Not in the actor, which looks at everything that it waits for whenever it is waked.
        actix::spawn(async move {
            subscriber.gone().await;
            // One for each that was let in.
            me.do_send(Gone(id));
        });
        if self.heard.is_some() {
            self.enqueue(id, ctx);
            return;
        }
        // Changes are heard before anything is read.
        let (bus, me) = (self.hub.bus.clone(), ctx.address().recipient());
        let filter = Filter::of_types(["state_changed"]);
        let hearing = async move { bus.subscribe(filter, Pace::Lag, me).await };
        ctx.wait(hearing.into_actor(self).map(move |heard, watcher, ctx| {
            watcher.heard = Some(heard);
            watcher.enqueue(id, ctx);
        }));
    }

    fn forget(&mut self, id: WatchId) {
        let Some(watch) = self.watches.remove(&id) else {
            return;
        };
        self.bytes -= watch.bytes;
        self.index.remove(id, &watch.reads);
        if let Some(reply) = watch.reply {
            reply.send(Ok(Value::Null));
        }
        if self.watches.is_empty()
            && let Some(heard) = self.heard.take()
        {
            self.hub.bus.unsubscribe(heard);
        }
    }

    /// Has a template rendered as soon as it may be.
    fn due(&mut self, id: WatchId, change: Option<&Change>, ctx: &mut Context<Self>) {
        let Some(watch) = self.watches.get_mut(&id) else {
            return;
        };
        match watch.stage {
            Stage::Settled => {}
            Stage::Rendering(_) => {
                watch.stage = Stage::Outdated;
                return;
            }
            Stage::Waiting | Stage::Outdated => return,
        }
        let pause = watch.pause_before(change);
        let due_at = watch.rendered_at + pause;
        if due_at <= tokio::time::Instant::now() {
            watch.pause = None;
            return self.enqueue(id, ctx);
        }
        if watch.pause.is_none() {
            let wait = due_at - tokio::time::Instant::now();
            let me = ctx.address();
            // One for each watch.
            let over = move || me.do_send(PauseOver(id));
            watch.pause = Some(Pause::before(over, wait));
            // Until then only what it names makes a difference (spec template §7).
            self.index.narrow(id, &watch.reads);
        }
    }

    fn enqueue(&mut self, id: WatchId, ctx: &mut Context<Self>) {
        if let Some(watch) = self.watches.get_mut(&id) {
            watch.stage = Stage::Waiting;
            self.waiting.push_back(id);
            self.render_next(ctx);
        }
    }

    fn render_next(&mut self, ctx: &mut Context<Self>) {
        while self.rendering.len() < AT_A_TIME {
            let Some(id) = self.waiting.pop_front() else {
                return;
            };
            let Some(watch) = self.watches.get_mut(&id) else {
                continue;
            };
            let me = ctx.address();
            let submitted = self
                .renderer
                .submit_watched(watch.request.clone(), move |seen| {
                    // Bounded by what is under way.
                    me.do_send(Rendered { id, seen });
                });
            if submitted.is_err() {
                self.waiting.push_front(id);
                if !std::mem::replace(&mut self.will_retry, true) {
                    ctx.run_later(BUSY_PAUSE, |watcher, ctx| {
                        watcher.will_retry = false;
                        watcher.render_next(ctx);
                    });
                }
                return;
            }
            watch.stage = Stage::Rendering(Vec::new());
            self.rendering.push(id);
        }
    }

    fn rendered(&mut self, id: WatchId, seen: Seen, ctx: &mut Context<Self>) {
        self.rendering.retain(|rendering| *rendering != id);
        if let Some(watch) = self.watches.get_mut(&id) {
            let before = std::mem::replace(&mut watch.reads, seen.reads);
            self.index.remove(id, &before);
            self.index.insert(id, &watch.reads);
            let stage = std::mem::replace(&mut watch.stage, Stage::Settled);
            watch.rendered_at = tokio::time::Instant::now();
            watch.request.compiled = seen.compiled;
            let change = match stage {
                Stage::Rendering(changes) => changes
                    .into_iter()
                    .find(|change| Index::concerns(&watch.reads, change))
                    .map(Some),
                Stage::Outdated => Some(None),
                Stage::Settled | Stage::Waiting => None,
            };
            match watch.tell(seen.rendered) {
                true => {
                    if let Some(change) = change {
                        self.due(id, change.as_ref(), ctx);
                    }
                }
                false => self.forget(id),
            }
        }
        self.render_next(ctx);
    }

    fn changed(&mut self, change: &Change, ctx: &mut Context<Self>) {
        for id in &self.rendering {
            if let Some(watch) = self.watches.get_mut(id) {
                watch.note(change);
            }
        }
        for id in self.index.concerned(change) {
            self.due(id, Some(change), ctx);
        }
    }

    /// Renders all of these again.
    fn all_due(&mut self, ids: Vec<WatchId>, ctx: &mut Context<Self>) {
        for id in ids {
            self.due(id, None, ctx);
        }
    }

    /// Templates that read the clock are rendered at each full minute.
    fn wait_for_the_minute(&self, ctx: &mut Context<Self>) {
        let into_the_minute = self.hub.env.now().as_micros().rem_euclid(60_000_000);
        let wait = Duration::from_micros(60_000_000 - into_the_minute.unsigned_abs());
        ctx.run_later(wait, |watcher, ctx| {
            for id in watcher.index.of_the_clock() {
                // As if named: the clock is no matter of pauses.
                if let Some(watch) = watcher.watches.get_mut(&id) {
                    match watch.stage {
                        Stage::Settled => {
                            watch.pause = None;
                            watcher.enqueue(id, ctx);
                        }
                        Stage::Rendering(_) => watch.stage = Stage::Outdated,
                        Stage::Waiting | Stage::Outdated => {}
                    }
                }
            }
            watcher.wait_for_the_minute(ctx);
        });
    }
}

impl Actor for Watcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.wait_for_the_minute(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.arbiter.stop();
    }
}

impl Handler<Ask<Command>> for Watcher {
    type Result = ();

    fn handle(&mut self, ask: Ask<Command>, ctx: &mut Self::Context) {
        let (command, reply) = ask.take();
        self.subscribe(command, reply, ctx);
    }
}

/// A client has ended its subscription.
#[derive(Message)]
#[rtype(result = "()")]
struct Gone(WatchId);

impl Handler<Gone> for Watcher {
    type Result = ();

    fn handle(&mut self, Gone(id): Gone, _: &mut Self::Context) {
        self.forget(id);
    }
}

/// A template has waited long enough.
#[derive(Message)]
#[rtype(result = "()")]
struct PauseOver(WatchId);

impl Handler<PauseOver> for Watcher {
    type Result = ();

    fn handle(&mut self, PauseOver(id): PauseOver, ctx: &mut Self::Context) {
        if let Some(watch) = self.watches.get_mut(&id)
            && watch.pause.take().is_some()
        {
            self.enqueue(id, ctx);
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Rendered {
    id: WatchId,
    seen: Seen,
}

impl Handler<Rendered> for Watcher {
    type Result = ();

    fn handle(&mut self, message: Rendered, ctx: &mut Self::Context) {
        self.rendered(message.id, message.seen, ctx);
    }
}

impl Handler<Delivery> for Watcher {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, ctx: &mut Self::Context) {
        match delivery {
            Delivery::Event { event, .. } => {
                if let EventData::StateChanged {
                    entity_id,
                    old,
                    new,
                } = &event.data
                {
                    let change = Change {
                        entity_id: entity_id.clone(),
                        is_lifecycle: old.is_none() || new.is_none(),
                    };
                    self.changed(&change, ctx);
                }
            }
            Delivery::Lagged { .. } => {
                let ids = self.watches.keys().copied().collect();
                self.all_due(ids, ctx);
            }
        }
    }
}

/// The integration ends.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Stop;

impl Handler<Stop> for Watcher {
    type Result = ();

    fn handle(&mut self, Stop: Stop, ctx: &mut Self::Context) {
        if let Some(heard) = self.heard.take() {
            self.hub.bus.unsubscribe(heard);
        }
        ctx.stop();
    }
}
