//! The event bus: one actor that orders events and delivers them.
//!
//! Publishers hold a [`Bus`]. At most `bus.queue` events are on their way at a time: work inside
//! the hub waits for room ([`Bus::publish`]), requests from outside are told [`Busy`]
//! ([`Bus::try_publish`]). A subscriber never delays the bus: see [`Pace`].
//!
//! ```
//! use actix::prelude::*;
//! use hearth_core::bus::{Bus, Delivery, Filter, Pace};
//! use hearth_core::env::Env;
//! use hearth_core::event::{Context as Cause, Event, EventData, EventType, Origin};
//! use tokio::sync::mpsc;
//!
//! struct Listener(mpsc::UnboundedSender<String>);
//! impl Actor for Listener {
//!     type Context = Context<Self>;
//! }
//! impl Handler<Delivery> for Listener {
//!     type Result = ();
//!     fn handle(&mut self, delivery: Delivery, _: &mut Context<Self>) {
//!         if let Delivery::Event { event, .. } = delivery {
//!             let _ = self.0.send(event.event_type.as_str().to_owned());
//!         }
//!     }
//! }
//!
//! let heard = System::new().block_on(async {
//!     let env = Env::system();
//!     let bus = Bus::start(16);
//!     let (sender, mut heard) = mpsc::unbounded_channel();
//!     let listener = Listener(sender).start();
//!     bus.subscribe(Filter::of_types(["door_opened"]), Pace::Lag, listener.recipient()).await;
//!     for name in ["window_opened", "door_opened"] {
//!         bus.publish(Event::new(
//!             EventType::parse(name).unwrap(),
//!             EventData::Json(serde_json::json!({})),
//!             Origin::Local,
//!             env.now(),
//!             Cause::new(&env),
//!         ))
//!         .await;
//!     }
//!     heard.recv().await
//! });
//! assert_eq!(heard.as_deref(), Some("door_opened"));
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::dev::SendError;
use actix::prelude::*;
use arc_swap::ArcSwap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::event::{Event, EventType};
use crate::ids::EntityId;

/// Too many events are on their way; try again in a moment.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the hub is busy: too many events are waiting")]
pub struct Busy;

/// Room for one event on the bus.
#[must_use]
pub struct Permit(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

/// Names one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(u64);

/// Which event types a subscriber wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Types {
    /// Every type but `state_reported` and `homeassistant_close` (spec state-machine §3).
    All,
    /// These types.
    Only(Vec<EventType>),
}

/// Which entities' events a subscriber wants. Events that are about no entity always pass.
#[derive(Clone, Debug)]
pub enum Entities {
    /// Any.
    Any,
    /// Those of these domains.
    Domains(Vec<Box<str>>),
    /// These.
    Ids(HashSet<EntityId>),
}

/// What a subscriber wants to hear.
#[derive(Clone, Debug)]
pub struct Filter {
    /// By type.
    pub types: Types,
    /// Then by entity.
    pub entities: Entities,
}

impl Filter {
    /// Every event.
    pub fn all() -> Self {
        Self {
            types: Types::All,
            entities: Entities::Any,
        }
    }

    /// Events of types named in the hub's own code.
    pub fn of_types<const N: usize>(names: [&'static str; N]) -> Self {
        Self {
            types: Types::Only(names.map(EventType::known).into()),
            entities: Entities::Any,
        }
    }

    /// The same, of these entities only.
    pub fn of_entities(self, entities: Entities) -> Self {
        Self { entities, ..self }
    }
}

impl Entities {
    fn contain(&self, event: &Event) -> bool {
        event
            .entity_id()
            .is_none_or(|entity_id| self.contain_id(entity_id))
    }

    fn contain_id(&self, entity_id: &EntityId) -> bool {
        match self {
            Self::Any => true,
            Self::Domains(domains) => domains.iter().any(|d| **d == *entity_id.domain()),
            Self::Ids(ids) => ids.contains(entity_id),
        }
    }
}

/// What the subscribers want, all together.
#[derive(Default)]
struct Wanted {
    by_type: HashMap<EventType, Vec<Entities>>,
    of_all: Vec<Entities>,
    of_states: StatesWanted,
}

/// Whose states somebody wants to hear of: looked at with every write of a state.
#[derive(Default)]
struct StatesWanted {
    any: bool,
    domains: Vec<Box<str>>,
    ids: HashSet<EntityId, foldhash::quality::RandomState>,
}

impl StatesWanted {
    fn add(&mut self, wish: &Entities) {
        match wish {
            Entities::Any => self.any = true,
            Entities::Domains(domains) => {
                for domain in domains {
                    if !self.domains.contains(domain) {
                        self.domains.push(domain.clone());
                    }
                }
            }
            Entities::Ids(ids) => self.ids.extend(ids.iter().cloned()),
        }
    }

    fn contain(&self, entity_id: &EntityId) -> bool {
        let domain = entity_id.domain();
        self.any
            || self.domains.iter().any(|wanted| **wanted == *domain)
            || (!self.ids.is_empty() && self.ids.contains(entity_id))
    }
}

impl Wanted {
    fn new(by_type: HashMap<EventType, Vec<Entities>>, of_all: Vec<Entities>) -> Self {
        let mut of_states = StatesWanted::default();
        let of_types = ["state_changed", "state_reported"];
        let wishes = of_types.iter().filter_map(|name| by_type.get(*name));
        for wish in wishes.flatten().chain(&of_all) {
            of_states.add(wish);
        }
        Self {
            by_type,
            of_all,
            of_states,
        }
    }

    fn contains_state_of(&self, entity_id: &EntityId) -> bool {
        self.of_states.contain(entity_id)
    }

    fn contains(&self, event: &Event) -> bool {
        let any = |wishes: &[Entities]| wishes.iter().any(|wish| wish.contain(event));
        any(&self.of_all)
            || self
                .by_type
                .get(event.event_type.as_str())
                .is_some_and(|wishes| any(wishes))
    }
}

/// What happens when a subscriber is slower than the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Its full mailbox makes it miss events; it is told so by [`Delivery::Lagged`] and reads the
    /// state machine again. For integrations: one that hangs must not stop the others.
    Lag,
    /// Events count as on their way until it has taken them, so publishers wait for it. Only for
    /// subscribers that hand on at once and never publish: the doors' fan-outs.
    Hold,
}

/// What a subscriber receives.
#[derive(Message)]
#[rtype(result = "()")]
pub enum Delivery {
    /// An event.
    Event {
        /// To which subscription.
        subscription: SubscriptionId,
        /// The event.
        event: Arc<Event>,
        /// Keeps the event counted as on its way; `None` for [`Pace::Lag`].
        hold: Option<Arc<Permit>>,
    },
    /// Events were missed since the last delivery.
    Lagged {
        /// By which subscription.
        subscription: SubscriptionId,
        /// How many.
        missed: u64,
    },
}

/// The way to the bus, for publishers and subscribers. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    actor: Addr<EventBus>,
    room: Arc<Semaphore>,
    next_subscription: Arc<AtomicU64>,
    published: Arc<AtomicU64>,
    queue: usize,
    /// What subscribers want, published by the bus: an event that nobody wants makes no hop.
    wanted: Arc<ArcSwap<Wanted>>,
}

impl Bus {
    /// Starts the bus on an arbiter of its own. `queue`: how many events may be on their way.
    pub fn start(queue: usize) -> Self {
        let arbiter = Arbiter::new();
        let wanted = Arc::<ArcSwap<Wanted>>::default();
        let bus = EventBus {
            wanted: Arc::clone(&wanted),
            ..EventBus::default()
        };
        Self {
            actor: EventBus::start_in_arbiter(&arbiter.handle(), |_| bus),
            wanted,
            room: Arc::new(Semaphore::new(queue)),
            next_subscription: Arc::default(),
            published: Arc::default(),
            queue,
        }
    }

    /// Publishes; waits while the bus is full.
    pub async fn publish(&self, event: Event) {
        let permit = self.reserve().await;
        self.publish_reserved(event, permit);
    }

    /// Publishes, or says [`Busy`].
    pub fn try_publish(&self, event: Event) -> Result<(), Busy> {
        let permit = self.try_reserve()?;
        self.publish_reserved(event, permit);
        Ok(())
    }

    /// Waits for room for one event.
    pub async fn reserve(&self) -> Permit {
        // The semaphore is never closed; if it were, the bus would be gone with it.
        Permit(Arc::clone(&self.room).acquire_owned().await.ok())
    }

    /// Room for one event, if there is any now.
    pub fn try_reserve(&self) -> Result<Permit, Busy> {
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => Ok(Permit(Some(permit))),
            Err(_) => Err(Busy),
        }
    }

    /// Room for one change of this entity's state; none is needed, and none taken, where nobody
    /// wants to hear of it.
    pub(crate) fn try_reserve_for(&self, entity_id: &EntityId) -> Result<Permit, Busy> {
        match self.wanted.load().contains_state_of(entity_id) {
            true => self.try_reserve(),
            false => Ok(Permit(None)),
        }
    }

    /// Whether anybody wants to hear of this entity's state.
    pub(crate) fn wants_state_of(&self, entity_id: &EntityId) -> bool {
        self.wanted.load().contains_state_of(entity_id)
    }

    /// Publishes into room that was reserved before. Does not block: safe under a lock.
    pub fn publish_reserved(&self, event: Event, permit: Permit) {
        self.published.fetch_add(1, Ordering::Relaxed);
        if !self.wanted.load().contains(&event) {
            return;
        }
        self.actor.do_send(Publish {
            event: Arc::new(event),
            permit,
        });
    }

    /// Subscribes; every event published after this returns reaches `subscriber`.
    pub async fn subscribe(
        &self,
        filter: Filter,
        pace: Pace,
        subscriber: Recipient<Delivery>,
    ) -> SubscriptionId {
        let id = SubscriptionId(self.next_subscription.fetch_add(1, Ordering::Relaxed));
        let message = Subscribe {
            id,
            filter,
            pace,
            subscriber,
        };
        // Only a hub that is going down has no bus; then there is nothing more to hear.
        let _ = self.actor.send(message).await;
        id
    }

    /// Ends a subscription. Deliveries already on their way may still arrive.
    pub fn unsubscribe(&self, id: SubscriptionId) {
        self.actor.do_send(Unsubscribe(id));
    }

    /// Waits until all that was published before is in its subscribers' mailboxes: what is asked
    /// of them after this, they take up after those events.
    pub async fn settle(&self) {
        self.listeners().await;
    }

    /// How many subscribers each event type has; `*` for those of every type.
    pub async fn listeners(&self) -> BTreeMap<String, usize> {
        self.actor.send(Listeners).await.unwrap_or_default()
    }

    /// How many events were published since the start.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// How many events are on their way now.
    pub fn in_flight(&self) -> usize {
        self.queue.saturating_sub(self.room.available_permits())
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Publish {
    event: Arc<Event>,
    permit: Permit,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Subscribe {
    id: SubscriptionId,
    filter: Filter,
    pace: Pace,
    subscriber: Recipient<Delivery>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Unsubscribe(SubscriptionId);

#[derive(Message)]
#[rtype(result = "BTreeMap<String, usize>")]
struct Listeners;

struct Subscriber {
    id: SubscriptionId,
    filter: Filter,
    pace: Pace,
    recipient: Recipient<Delivery>,
    /// Events that its full mailbox made it miss and that it was not yet told of.
    missed: u64,
}

/// The actor behind [`Bus`]: by type first, then by entity.
#[derive(Default)]
struct EventBus {
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
                tracing::warn!(
                    subscription = self.id.0,
                    "a subscriber is too slow and misses events"
                );
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
