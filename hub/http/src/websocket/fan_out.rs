//! From the bus to the sockets: one subscriber a worker for all of its sockets.
//!
//! The bus delivers an event once to each worker; here it goes to the outbox of every socket that
//! asked for it, as one shared event whose JSON is made once. The worker's thread does both this
//! and the writing, so the fan-out hands on a portion at a time and then lets the sessions write.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use hearth_core::bus::{Bus, Delivery, Entities, Filter, Pace, SubscriptionId, Types};
use hearth_core::event::{Event, EventType};

use super::entity_feed::Change;
use super::entity_filter::EntityFilter;
use super::sockets::{Socket, Sockets};

/// How many messages are handed on before the sessions get their turn.
const PORTION: usize = 512;
/// How many a reader that is behind gets at a time, and how long all wait then for it to read.
/// The bus goes on at this pace at least, whoever is slow.
const SMALL_PORTION: usize = 16;
const PAUSE: Duration = Duration::from_millis(1);
/// How long a command's answer may take to its socket: the answer to the one that revoked the
/// socket's own token still goes out.
const LAST_WORD: Duration = Duration::from_millis(20);

/// Which events a subscription is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Topic {
    /// Every type that can be heard that way.
    All,
    /// This type.
    Type(EventType),
    /// Changes of states, told as differences.
    Entities,
}

impl Topic {
    fn filter(&self) -> Filter {
        Filter {
            types: match self {
                Self::All => Types::All,
                Self::Type(event_type) => Types::Only(vec![event_type.clone()]),
                Self::Entities => Types::Only(vec![EventType::STATE_CHANGED]),
            },
            entities: Entities::Any,
        }
    }
}

/// Who wants to hear what, on one worker.
#[derive(Default)]
pub(super) struct Topics {
    audiences: RefCell<HashMap<SubscriptionId, Audience>>,
    heard: RefCell<HashMap<Topic, SubscriptionId>>,
    /// Held while the bus is asked: two sockets that want a new topic must not both ask.
    asking: tokio::sync::Mutex<()>,
}

struct Audience {
    topic: Topic,
    /// By socket and the id of its subscription.
    subscribers: HashMap<(u64, u64), Subscriber>,
}

/// One who hears a topic.
#[derive(Clone)]
pub(super) struct Subscriber {
    socket: Rc<Socket>,
    /// Which entities it wants; all where there is none.
    filter: Option<Rc<EntityFilter>>,
    /// It gets nothing until it has what it starts from.
    has_begun: Rc<Cell<bool>>,
}

impl Subscriber {
    /// One who hears all of it from now on.
    pub(super) fn of_all(socket: Rc<Socket>) -> Self {
        Self {
            socket,
            filter: None,
            has_begun: Rc::new(Cell::new(true)),
        }
    }

    /// One who hears of some entities, from when the flag is set.
    pub(super) fn of_entities(
        socket: Rc<Socket>,
        filter: Option<Rc<EntityFilter>>,
        has_begun: Rc<Cell<bool>>,
    ) -> Self {
        Self {
            socket,
            filter,
            has_begun,
        }
    }

    fn wants(&self, event: &Event) -> bool {
        self.has_begun.get()
            && !self.socket.outbox.is_closing()
            && self
                .filter
                .as_ref()
                .is_none_or(|filter| event.entity_id().is_none_or(|id| filter.passes(id)))
            && self.socket.may_hear(event)
    }
}

/// A subscription of a socket, until it is dropped.
pub(super) struct Subscription {
    sockets: Rc<Sockets>,
    heard: SubscriptionId,
    /// See [`Audience::subscribers`].
    key: (u64, u64),
}

impl Subscription {
    /// Subscribes; every event published after this returns goes to the subscriber's socket, under
    /// `id`.
    pub(super) async fn new(
        sockets: Rc<Sockets>,
        subscriber: Subscriber,
        id: u64,
        topic: Topic,
    ) -> Self {
        let heard = {
            let _turn = sockets.topics.asking.lock().await;
            let known = sockets.topics.heard.borrow().get(&topic).copied();
            match known {
                Some(heard) => heard,
                None => {
                    let bus = &sockets.door.hub.bus;
                    let fan_out = sockets.fan_out.clone().recipient();
                    let heard = bus.subscribe(topic.filter(), Pace::Hold, fan_out).await;
                    sockets.topics.begin(topic, heard);
                    heard
                }
            }
            // No await from here: the topic could end in between.
        };
        let key = (subscriber.socket.key, id);
        sockets.topics.join(heard, key, subscriber);
        Self {
            sockets,
            heard,
            key,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let bus = &self.sockets.door.hub.bus;
        let ended = self.sockets.topics.leave(self.heard, self.key, bus);
        if ended == Some(Topic::Entities) {
            self.sockets.entities.forget();
        }
    }
}

/// What handing an event on has led to.
#[derive(Default)]
struct Handed {
    messages: usize,
    /// How many of them went to sockets that are behind.
    behind: usize,
    too_slow: Vec<Rc<Socket>>,
}

impl Topics {
    fn begin(&self, topic: Topic, heard: SubscriptionId) {
        let audience = Audience {
            topic: topic.clone(),
            subscribers: HashMap::new(),
        };
        self.audiences.borrow_mut().insert(heard, audience);
        self.heard.borrow_mut().insert(topic, heard);
    }

    fn join(&self, heard: SubscriptionId, key: (u64, u64), subscriber: Subscriber) {
        if let Some(audience) = self.audiences.borrow_mut().get_mut(&heard) {
            audience.subscribers.insert(key, subscriber);
        }
    }

    /// Which topic nobody hears any more now.
    fn leave(&self, heard: SubscriptionId, key: (u64, u64), bus: &Bus) -> Option<Topic> {
        let mut audiences = self.audiences.borrow_mut();
        let audience = audiences.get_mut(&heard)?;
        audience.subscribers.remove(&key);
        if !audience.subscribers.is_empty() {
            return None;
        }
        self.heard.borrow_mut().remove(&audience.topic);
        bus.unsubscribe(heard);
        audiences.remove(&heard).map(|audience| audience.topic)
    }

    /// Puts an event into the outboxes of its audience; `None` where there is none.
    fn hand_on(
        &self,
        heard: SubscriptionId,
        event: &Arc<Event>,
        sockets: &Sockets,
        queue: usize,
    ) -> Option<Handed> {
        let audiences = self.audiences.borrow();
        let audience = audiences.get(&heard)?;
        let change = match audience.topic {
            Topic::Entities => Change::of(event).map(Rc::new),
            Topic::All | Topic::Type(_) => None,
        };
        if let Some(change) = &change {
            sockets.entities.note(change);
        }
        let mut handed = Handed::default();
        for ((_, id), subscriber) in &audience.subscribers {
            if !subscriber.wants(event) {
                continue;
            }
            let socket = &subscriber.socket;
            let waiting = match &change {
                Some(change) => socket.outbox.change(*id, change),
                None => socket.outbox.event(*id, event),
            };
            handed.messages += 1;
            if waiting > queue {
                handed.too_slow.push(Rc::clone(socket));
            } else if waiting > queue / 2 && socket.asks_for_patience() {
                handed.behind += 1;
            }
        }
        Some(handed)
    }
}

/// The actor that hears the bus for a worker's sockets. It counts as fast enough for the bus
/// ([`Pace::Hold`]): a socket that cannot keep up with it is cut off, never skipped.
pub(super) struct FanOut {
    sockets: Weak<Sockets>,
    /// How many messages may wait for one socket.
    queue: usize,
    /// How many messages were handed on since the sessions had their turn.
    messages: usize,
    /// How many of them went to sockets that are behind.
    behind: usize,
}

impl FanOut {
    pub(super) fn new(sockets: Weak<Sockets>, queue: usize) -> Self {
        Self {
            sockets,
            queue,
            messages: 0,
            behind: 0,
        }
    }

    fn hand_on(&mut self, heard: SubscriptionId, event: &Arc<Event>, ctx: &mut Context<Self>) {
        let Some(sockets) = self.sockets.upgrade() else {
            return ctx.stop();
        };
        let Some(handed) = sockets.topics.hand_on(heard, event, &sockets, self.queue) else {
            // Asked for by a socket that went away while it waited.
            sockets.door.hub.bus.unsubscribe(heard);
            return;
        };
        for socket in &handed.too_slow {
            // The same socket is listed twice where it has two subscriptions to this.
            if !socket.outbox.is_closing() {
                sockets.cut_off(socket);
            }
        }
        self.messages += handed.messages.max(1);
        self.behind += handed.behind;
        if self.behind >= SMALL_PORTION {
            self.take_a_break(tokio::time::sleep(PAUSE), ctx);
        } else if self.messages >= PORTION {
            self.take_a_break(tokio::task::yield_now(), ctx);
        }
    }

    fn take_a_break(&mut self, pause: impl Future<Output = ()> + 'static, ctx: &mut Context<Self>) {
        self.messages = 0;
        self.behind = 0;
        ctx.wait(pause.into_actor(self));
    }
}

impl Actor for FanOut {
    type Context = Context<Self>;
}

impl Handler<Delivery> for FanOut {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, ctx: &mut Context<Self>) {
        match delivery {
            // The hold goes with the delivery, when the event is in every outbox.
            Delivery::Event {
                subscription,
                event,
                ..
            } => self.hand_on(subscription, &event, ctx),
            // The bus does not skip subscribers that hold it up.
            Delivery::Lagged { missed, .. } => tracing::error!(missed, "the fan-out missed events"),
        }
    }
}

/// Answered when all that the bus has delivered before is handed on.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct HandOnAll;

impl Handler<HandOnAll> for FanOut {
    type Result = ();

    fn handle(&mut self, HandOnAll: HandOnAll, _: &mut Context<Self>) {}
}

/// The user of a socket was shut out, or its token revoked.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ShutOut(pub(super) u64);

impl Handler<ShutOut> for FanOut {
    type Result = ();

    fn handle(&mut self, ShutOut(key): ShutOut, ctx: &mut Context<Self>) {
        ctx.run_later(LAST_WORD, move |fan_out, _| {
            if let Some(sockets) = fan_out.sockets.upgrade() {
                sockets.shut_out(key);
            }
        });
    }
}
