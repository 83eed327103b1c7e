//! What the engine hears of the bus, for whom: one subscription to the changes of each domain and
//! one to each type of event, shared by all triggers that wait for them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use actix::prelude::*;
use hearth_core::bus::{Delivery, Entities, Filter, Pace, SubscriptionId, Types};
use hearth_core::event::{Event, EventData, EventType};
use hearth_core::prelude::{Arc, EntityId};
use tokio::time::Instant;

use super::{Engine, Key};
use crate::trigger::{Change, Kind, Trigger};

/// The log says at most this often that events were missed.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// What is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Topic {
    /// Changes of a domain's entities.
    Domain(Box<str>),
    /// Events of a type.
    Type(EventType),
}

impl Topic {
    fn filter(&self) -> Filter {
        match self {
            Self::Domain(domain) => Filter {
                types: Types::Only(vec![EventType::STATE_CHANGED]),
                entities: Entities::Domains(vec![domain.clone()]),
            },
            Self::Type(event_type) => Filter {
                types: Types::Only(vec![event_type.clone()]),
                entities: Entities::Any,
            },
        }
    }
}

/// See the module's guide.
#[derive(Default)]
pub(super) struct Hearing {
    heard: HashMap<Topic, SubscriptionId>,
    topics: HashMap<SubscriptionId, Topic>,
    by_entity: HashMap<EntityId, BTreeSet<Key>>,
    /// How many of these entities each domain has.
    domains: HashMap<Box<str>, usize>,
    by_type: HashMap<EventType, BTreeSet<Key>>,
    missed: u64,
    warned_at: Option<Instant>,
}

/// Whose changes a trigger waits for, and which events.
fn wishes(trigger: &Trigger) -> (Vec<EntityId>, Vec<EventType>) {
    match &trigger.kind {
        Kind::Changes(changes) => (changes.entities().to_vec(), Vec::new()),
        Kind::Clock(clock) => (clock.entities(), Vec::new()),
        Kind::Event(event) => (Vec::new(), event.types().to_vec()),
        Kind::Template(_) | Kind::Webhook(_) => (Vec::new(), Vec::new()),
    }
}

impl Hearing {
    /// Notes what triggers wait for; gives what must be subscribed to for it.
    fn add(&mut self, id: u64, triggers: &[Trigger]) -> HashSet<Topic> {
        let mut topics = HashSet::new();
        for (index, trigger) in triggers.iter().enumerate() {
            let key = Key::new(id, index);
            let (entities, types) = wishes(trigger);
            for entity in entities {
                topics.insert(Topic::Domain(entity.domain().into()));
                if !self.by_entity.contains_key(&entity) {
                    *self.domains.entry(entity.domain().into()).or_default() += 1;
                }
                self.by_entity.entry(entity).or_default().insert(key);
            }
            for event_type in types {
                topics.insert(Topic::Type(event_type.clone()));
                self.by_type.entry(event_type).or_default().insert(key);
            }
        }
        topics.retain(|topic| !self.heard.contains_key(topic));
        topics
    }

    fn heard(&mut self, topic: Topic, subscription: SubscriptionId) {
        self.topics.insert(subscription, topic.clone());
        self.heard.insert(topic, subscription);
    }

    /// The opposite of adding; gives the subscriptions that nobody needs any more.
    pub(super) fn remove(&mut self, id: u64, triggers: &[Trigger]) -> Vec<SubscriptionId> {
        let mut over = Vec::new();
        for (index, trigger) in triggers.iter().enumerate() {
            let key = Key::new(id, index);
            let (entities, types) = wishes(trigger);
            for entity in entities {
                if is_last(&mut self.by_entity, &entity, key) && self.leaves(entity.domain()) {
                    over.push(Topic::Domain(entity.domain().into()));
                }
            }
            for event_type in types {
                if is_last(&mut self.by_type, &event_type, key) {
                    over.push(Topic::Type(event_type));
                }
            }
        }
        over.iter()
            .filter_map(|topic| {
                let subscription = self.heard.remove(topic)?;
                self.topics.remove(&subscription);
                Some(subscription)
            })
            .collect()
    }

    /// One entity of a domain less; whether it was the last.
    fn leaves(&mut self, domain: &str) -> bool {
        let Some(entities) = self.domains.get_mut(domain) else {
            return false;
        };
        *entities -= 1;
        *entities == 0 && self.domains.remove(domain).is_some()
    }

    /// Events were missed: the log says so, now and then.
    pub(super) fn miss(&mut self, missed: u64) {
        self.missed += missed;
        let now = Instant::now();
        if self.warned_at.is_none_or(|at| now - at >= BETWEEN_WARNINGS) {
            let missed = std::mem::take(&mut self.missed);
            tracing::warn!(missed, "triggers were too slow and have missed events");
            self.warned_at = Some(now);
        }
    }
}

/// Removes a trigger from a list; whether the list is gone with it.
fn is_last<K: std::hash::Hash + Eq>(
    lists: &mut HashMap<K, BTreeSet<Key>>,
    name: &K,
    key: Key,
) -> bool {
    let Some(list) = lists.get_mut(name) else {
        return false;
    };
    list.remove(&key);
    list.is_empty() && lists.remove(name).is_some()
}

impl Engine {
    /// Listens for an attachment's triggers; `then` runs when all that was published before is
    /// handled.
    pub(super) fn listen(
        &mut self,
        id: u64,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, &mut Context<Self>) + Send + 'static,
    ) {
        let Some(attachment) = self.attachments.get(&id) else {
            return then(self, ctx);
        };
        let topics = self.hearing.add(id, &attachment.triggers);
        let (bus, me) = (self.hub.bus.clone(), ctx.address().recipient());
        let subscribing = async move {
            let mut heard = Vec::new();
            for topic in topics {
                let subscribed = bus.subscribe(topic.filter(), Pace::Lag, me.clone());
                heard.push((topic, subscribed.await));
            }
            bus.settle().await;
            heard
        };
        let subscribed = subscribing.into_actor(self);
        ctx.wait(subscribed.map(move |heard, engine, ctx| {
            for (topic, subscription) in heard {
                engine.hearing.heard(topic, subscription);
            }
            // Behind what the bus has sent so far; one for each that was let in.
            ctx.address().do_send(Listening {
                id,
                then: Box::new(then),
            });
        }));
    }

    fn listening(&mut self, key: Key) -> Option<&mut Trigger> {
        let attachment = self.attachments.get_mut(&key.attachment)?;
        let triggers = &mut attachment.triggers;
        attachment
            .is_listening
            .then(|| triggers.get_mut(key.trigger))?
    }

    fn changed(&mut self, change: &Change<'_>, event: &Event, ctx: &mut Context<Self>) {
        let keys = self.hearing.by_entity.get(change.entity_id).cloned();
        let hub = self.hub.clone();
        for key in keys.into_iter().flatten() {
            if self.is_valued(key, change, Some(event.context)) {
                continue;
            }
            match self.listening(key).map(|trigger| &mut trigger.kind) {
                Some(Kind::Changes(changes)) => {
                    let reaction = changes.change(change, &hub);
                    let cause = Some(event.context);
                    self.react(key, Some(change.entity_id), reaction, cause, ctx);
                }
                Some(Kind::Clock(_)) => self.wait_for_the_clock(key, ctx),
                _ => {}
            }
        }
    }

    fn happened(&mut self, event: &Event, ctx: &mut Context<Self>) {
        let keys = self.hearing.by_type.get(&event.event_type).cloned();
        for key in keys.into_iter().flatten() {
            let payload = match self.listening(key).map(|trigger| &trigger.kind) {
                Some(Kind::Event(wanted)) => wanted.event(event),
                _ => None,
            };
            if let Some(payload) = payload {
                self.fire(key, payload, Some(event.context), ctx);
            }
        }
    }

    fn heard(&mut self, subscription: SubscriptionId, event: &Arc<Event>, ctx: &mut Context<Self>) {
        if self.of_the_home == Some(subscription) {
            return self.reset_clocks(ctx);
        }
        match (self.hearing.topics.get(&subscription), &event.data) {
            (
                Some(Topic::Domain(_)),
                EventData::StateChanged {
                    entity_id,
                    old,
                    new,
                },
            ) => {
                let change = Change {
                    entity_id,
                    old: old.as_ref(),
                    new: new.as_ref(),
                };
                self.changed(&change, event, ctx);
            }
            (Some(Topic::Type(_)), _) => self.happened(event, ctx),
            // Its last trigger has gone meanwhile.
            _ => {}
        }
    }
}

/// What comes next.
type Then = Box<dyn FnOnce(&mut Engine, &mut Context<Engine>) + Send>;

/// All that was published before an attachment is handled.
#[derive(Message)]
#[rtype(result = "()")]
struct Listening {
    id: u64,
    then: Then,
}

impl Handler<Listening> for Engine {
    type Result = ();

    fn handle(&mut self, Listening { id, then }: Listening, ctx: &mut Self::Context) {
        if let Some(attachment) = self.attachments.get_mut(&id) {
            attachment.is_listening = true;
        }
        // Also for a client that has gone: what comes next answers it.
        then(self, ctx);
    }
}

impl Handler<Delivery> for Engine {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, ctx: &mut Self::Context) {
        match delivery {
            Delivery::Event {
                subscription,
                event,
                ..
            } => self.heard(subscription, &event, ctx),
            Delivery::Lagged { missed, .. } => self.hearing.miss(missed),
        }
    }
}
