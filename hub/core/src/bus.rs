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

mod actor;
mod filter;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::prelude::*;
use arc_swap::ArcSwap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::event::Event;
use crate::ids::EntityId;
use actor::{EventBus, Listeners, Publish, Subscribe, Unsubscribe};
use filter::Wanted;
pub use filter::{Entities, Filter, Types};

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
        let bus = EventBus::telling(Arc::clone(&wanted));
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
