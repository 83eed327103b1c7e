//! The actor behind [`Bus`](super::Bus): it keeps the subscribers and hands each event on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::dev::SendError;
use actix::prelude::*;
use arc_swap::ArcSwap;

use super::filter::{Entities, Types, Wanted};
use super::{Delivery, Filter, Pace, Permit, SubscriptionId};
use crate::event::{Event, EventType};

/// The log says at most this often that a subscriber is too slow.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Publish {
    pub(super) event: Arc<Event>,
    pub(super) permit: Permit,
}

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Subscribe {
    pub(super) id: SubscriptionId,
    pub(super) filter: Filter,
    pub(super) pace: Pace,
    pub(super) subscriber: Recipient<Delivery>,
}

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Unsubscribe(pub(super) SubscriptionId);

#[derive(Message)]
#[rtype(result = "BTreeMap<String, usize>")]
pub(super) struct Listeners;

struct Subscriber {
    id: SubscriptionId,
    filter: Filter,
    pace: Pace,
    recipient: Recipient<Delivery>,
    /// Events that its full mailbox made it miss and that it was not yet told of.
    missed: u64,
    /// When the log said last that it is too slow.
    warned_at: Option<Instant>,
}

/// The actor behind [`Bus`]: by type first, then by entity.
#[derive(Default)]
pub(super) struct EventBus {
    by_type: HashMap<EventType, Vec<Subscriber>>,
    of_all: Vec<Subscriber>,
    /// Whether some subscriber has missed events; saves looking through them each tick.
    lagging: bool,
    wanted: Arc<ArcSwap<Wanted>>,
}

/// How often subscribers that lag are told so, when nothing else is delivered to them.
const LAG_NOTICE: Duration = Duration::from_millis(100);

impl Actor for EventBus {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // `do_send` is bounded by the permits; subscribing must not fail at the default of 16.
        ctx.set_mailbox_capacity(1024);
        ctx.run_interval(LAG_NOTICE, |bus, _| bus.tell_laggards());
    }
}

impl EventBus {
    /// Without subscribers; `wanted` is where it tells publishers what subscribers want.
    pub(super) fn telling(wanted: Arc<ArcSwap<Wanted>>) -> Self {
        Self {
            wanted,
            ..Self::default()
        }
    }

    fn subscribers(&mut self) -> impl Iterator<Item = &mut Subscriber> {
        self.by_type.values_mut().flatten().chain(&mut self.of_all)
    }

    /// Tells publishers what is wanted. Done before a subscriber is told that it is subscribed, so
    /// it misses nothing from then on.
    fn publish_wanted(&self) {
        let wishes = |subscribers: &[Subscriber]| -> Vec<Entities> {
            let any = subscribers
                .iter()
                .any(|subscriber| matches!(subscriber.filter.entities, Entities::Any));
            match any {
                true => vec![Entities::Any],
                false => subscribers
                    .iter()
                    .map(|s| s.filter.entities.clone())
                    .collect(),
            }
        };
        let by_type = self.by_type.iter();
        self.wanted.store(Arc::new(Wanted::new(
            by_type
                .map(|(name, all)| (name.clone(), wishes(all)))
                .collect(),
            wishes(&self.of_all),
        )));
    }

    fn tell_laggards(&mut self) {
        if !self.lagging {
            return;
        }
        let mut lagging = false;
        for subscriber in self.subscribers() {
            lagging |= !subscriber.told_of_lag();
        }
        self.lagging = lagging;
    }
}

impl Subscriber {
    /// Whether the subscriber knows of all that it missed.
    fn told_of_lag(&mut self) -> bool {
        if self.missed == 0 {
            return true;
        }
        let notice = Delivery::Lagged {
            subscription: self.id,
            missed: self.missed,
        };
        if matches!(self.recipient.try_send(notice), Err(SendError::Full(_))) {
            return false;
        }
        self.missed = 0;
        true
    }

    /// Says in the log that it is too slow; one that is so for long fills no log.
    fn warn(&mut self) {
        let now = Instant::now();
        if self.warned_at.is_none_or(|at| now - at >= BETWEEN_WARNINGS) {
            tracing::warn!(
                subscription = self.id.0,
                "a subscriber is too slow and misses events"
            );
            self.warned_at = Some(now);
        }
    }

    /// Whether the subscriber still lives.
    fn deliver(&mut self, event: &Arc<Event>, permit: &Arc<Permit>) -> bool {
        if !self.filter.entities.contain(event) {
            return true;
        }
        let delivery = |hold| Delivery::Event {
            subscription: self.id,
            event: Arc::clone(event),
            hold,
        };
        if self.pace == Pace::Hold {
            self.recipient.do_send(delivery(Some(Arc::clone(permit))));
            return self.recipient.connected();
        }
        if self.missed > 0 {
            let notice = Delivery::Lagged {
                subscription: self.id,
                missed: self.missed,
            };
            if matches!(self.recipient.try_send(notice), Err(SendError::Full(_))) {
                self.missed += 1;
                return true;
            }
            self.missed = 0;
        }
        match self.recipient.try_send(delivery(None)) {
            Ok(()) => true,
            Err(SendError::Full(_)) => {
                self.warn();
                self.missed += 1;
                true
            }
            Err(SendError::Closed(_)) => false,
        }
    }
}

impl Handler<Publish> for EventBus {
    type Result = ();

    fn handle(&mut self, message: Publish, _: &mut Self::Context) {
        let Publish { event, permit } = message;
        let permit = Arc::new(permit);
        let mut lagging = false;
        let mut deliver = |subscribers: &mut Vec<Subscriber>| {
            subscribers.retain_mut(|subscriber| {
                let lives = subscriber.deliver(&event, &permit);
                lagging |= subscriber.missed > 0;
                lives
            });
        };
        if let Some(subscribers) = self.by_type.get_mut(event.event_type.as_str()) {
            deliver(subscribers);
        }
        let hidden = matches!(
            event.event_type.as_str(),
            "state_reported" | "homeassistant_close"
        );
        if !hidden {
            deliver(&mut self.of_all);
        }
        self.lagging |= lagging;
    }
}

impl Handler<Subscribe> for EventBus {
    type Result = ();

    fn handle(&mut self, message: Subscribe, _: &mut Self::Context) {
        let subscriber = |filter| Subscriber {
            id: message.id,
            filter,
            pace: message.pace,
            recipient: message.subscriber.clone(),
            missed: 0,
            warned_at: None,
        };
        match &message.filter.types {
            Types::All => self.of_all.push(subscriber(message.filter.clone())),
            Types::Only(types) => {
                for event_type in types {
                    self.by_type
                        .entry(event_type.clone())
                        .or_default()
                        .push(subscriber(message.filter.clone()));
                }
            }
        }
        self.publish_wanted();
    }
}

impl Handler<Unsubscribe> for EventBus {
    type Result = ();

    fn handle(&mut self, Unsubscribe(id): Unsubscribe, _: &mut Self::Context) {
        self.of_all.retain(|subscriber| subscriber.id != id);
        self.by_type.retain(|_, subscribers| {
            subscribers.retain(|subscriber| subscriber.id != id);
            !subscribers.is_empty()
        });
        self.publish_wanted();
    }
}

impl Handler<Listeners> for EventBus {
    type Result = MessageResult<Listeners>;

    fn handle(&mut self, _: Listeners, _: &mut Self::Context) -> Self::Result {
        let mut counts: BTreeMap<String, usize> = self
            .by_type
            .iter()
            .map(|(event_type, subscribers)| (event_type.as_str().to_owned(), subscribers.len()))
            .collect();
        if !self.of_all.is_empty() {
            counts.insert("*".to_owned(), self.of_all.len());
        }
        MessageResult(counts)
    }
}
