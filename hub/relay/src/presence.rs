//! Which hubs are connected, and telling them that there is something new.
//!
//! A connection that has sent all that was in its queue gets a new message by itself, without a
//! read. It may lose that message, since what waits for a connection is bounded, but it never loses
//! the number of the newest one: then it reads.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::{mpsc, watch};

use crate::ids::HubId;
use crate::store::{Appended, Delivery, Seq};

/// New messages that may wait for one connection; it reads what is more.
const FRESH: usize = 16;
/// Larger ones are always read, so that what waits stays small.
const FRESH_BYTES: usize = 64 * 1024;

/// A message that was just stored.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// Its number.
    pub seq: Seq,
    /// The number of the message before it: who has sent that one may send this one.
    pub previous: Seq,
    /// The message.
    pub delivery: Arc<Delivery>,
}

/// Why a connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// Another connection of the same hub has come.
    Replaced,
    /// The hub is shut out.
    Revoked,
    /// The relay is about to stop.
    Draining,
}

/// What a connection hears from the rest of the relay.
#[derive(Debug)]
pub struct Nudges {
    /// The number of the newest message. It changes after the message was put into `fresh`.
    pub newest: watch::Receiver<Seq>,
    /// New messages, as long as there is room.
    pub fresh: mpsc::Receiver<Fresh>,
    /// Set when it must end.
    pub farewell: watch::Receiver<Option<Farewell>>,
    /// The number of this connection, unlike all others.
    pub connection: u64,
}

struct Connected {
    connection: u64,
    newest: watch::Sender<Seq>,
    fresh: mpsc::Sender<Fresh>,
    farewell: watch::Sender<Option<Farewell>>,
}

/// All connected hubs of this node.
#[derive(Default)]
pub struct Presence {
    hubs: DashMap<HubId, Connected>,
    connections: AtomicU64,
}

impl Presence {
    /// A hub has connected; its connection from before has to end. Read the queue only after
    /// this, so that nothing comes between.
    pub fn enter(self: &Arc<Self>, hub: HubId) -> (Nudges, Present) {
        let (newest, newest_receiver) = watch::channel(0);
        let (fresh, fresh_receiver) = mpsc::channel(FRESH);
        let (farewell, farewell_receiver) = watch::channel(None);
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        let connected = Connected {
            connection,
            newest,
            fresh,
            farewell,
        };
        if let Some(before) = self.hubs.insert(hub, connected) {
            before.farewell.send_replace(Some(Farewell::Replaced));
        }
        let nudges = Nudges {
            newest: newest_receiver,
            fresh: fresh_receiver,
            farewell: farewell_receiver,
            connection,
        };
        let present = Present {
            presence: Arc::clone(self),
            hub,
            connection,
        };
        (nudges, present)
    }

    /// Tells a hub, if it is connected, of a message that was stored.
    pub fn notify(&self, place: Appended, delivery: &Arc<Delivery>) {
        let Some(connected) = self.hubs.get(&place.hub) else {
            return;
        };
        if delivery.message.get().len() <= FRESH_BYTES {
            // Where there is no room the number alone tells.
            let _ = connected.fresh.try_send(Fresh {
                seq: place.seq,
                previous: place.previous,
                delivery: Arc::clone(delivery),
            });
        }
        connected
            .newest
            .send_modify(|newest| *newest = place.seq.max(*newest));
    }

    /// Whether a hub is connected.
    pub fn is_connected(&self, hub: HubId) -> bool {
        self.hubs.contains_key(&hub)
    }

    /// Ends a hub's connection.
    pub fn dismiss(&self, hub: HubId, farewell: Farewell) {
        if let Some(connected) = self.hubs.get(&hub) {
            connected.farewell.send_replace(Some(farewell));
        }
    }

    /// Ends all connections.
    pub fn dismiss_all(&self, farewell: Farewell) {
        for connected in &self.hubs {
            connected.farewell.send_replace(Some(farewell));
        }
    }

    /// How many hubs are connected.
    pub fn len(&self) -> usize {
        self.hubs.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.hubs.is_empty()
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence")
            .field("connected", &self.hubs.len())
            .finish_non_exhaustive()
    }
}

/// A hub counts as connected as long as this is held.
#[must_use]
#[derive(Debug)]
pub struct Present {
    presence: Arc<Presence>,
    hub: HubId,
    connection: u64,
}

impl Drop for Present {
    fn drop(&mut self) {
        if let Entry::Occupied(entry) = self.presence.hubs.entry(self.hub)
            && entry.get().connection == self.connection
        {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use hearth_core::env::Env;

    use super::*;
    use crate::testing::delivery;

    fn at(hub: HubId, seq: Seq) -> Appended {
        Appended {
            hub,
            seq,
            previous: seq - 1,
        }
    }

    #[test]
    fn a_connected_hub_hears_of_its_messages_and_of_no_others() {
        let env = Env::system();
        let presence = Arc::<Presence>::default();
        let (hub, other) = (HubId::random(&env), HubId::random(&env));
        let (mut nudges, _present) = presence.enter(hub);
        presence.notify(at(other, 1), &delivery(&env, "other"));
        assert!(!nudges.newest.has_changed().unwrap());
        presence.notify(at(hub, 2), &delivery(&env, "a"));
        assert!(nudges.newest.has_changed().unwrap());
        let fresh = nudges.fresh.try_recv().unwrap();
        assert_eq!((fresh.seq, fresh.previous), (2, 1));
    }

    #[test]
    fn what_finds_no_room_or_is_large_leaves_its_number() {
        let env = Env::system();
        let presence = Arc::<Presence>::default();
        let hub = HubId::random(&env);
        let (mut nudges, _present) = presence.enter(hub);
        for seq in 1..=100 {
            presence.notify(at(hub, seq), &delivery(&env, "a"));
        }
        assert_eq!(*nudges.newest.borrow_and_update(), 100);
        let held = std::iter::from_fn(|| nudges.fresh.try_recv().ok());
        assert_eq!(held.count(), FRESH);

        let large = delivery(&env, &"x".repeat(FRESH_BYTES));
        presence.notify(at(hub, 101), &large);
        assert!(nudges.fresh.try_recv().is_err());
        assert_eq!(*nudges.newest.borrow_and_update(), 101);
        // Out of order: the number never falls.
        presence.notify(at(hub, 50), &delivery(&env, "late"));
        assert_eq!(*nudges.newest.borrow(), 101);
    }

    #[test]
    fn a_second_connection_of_a_hub_replaces_the_first_and_outlives_it() {
        let env = Env::system();
        let presence = Arc::<Presence>::default();
        let hub = HubId::random(&env);
        let (first, first_present) = presence.enter(hub);
        let (second, second_present) = presence.enter(hub);
        assert_eq!(*first.farewell.borrow(), Some(Farewell::Replaced));
        assert_eq!(*second.farewell.borrow(), None);
        drop(first_present);
        assert!(presence.is_connected(hub));
        presence.dismiss(hub, Farewell::Revoked);
        assert_eq!(*second.farewell.borrow(), Some(Farewell::Revoked));
        drop(second_present);
        assert!(presence.is_empty());
    }
}
