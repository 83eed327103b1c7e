//! One `subscribe_entities` of a socket: the states that it starts from, then their changes.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use hearth_auth::Authenticated;
use hearth_core::ids::EntityId;

use super::entity_feed::Snapshot;
use super::entity_filter::EntityFilter;
use super::fan_out::{Subscriber, Subscription, Topic};
use super::sockets::{Socket, Sockets};

/// The subscription, until it is dropped.
pub(super) struct EntityStream {
    id: u64,
    socket: Rc<Socket>,
    reader: Reader,
    has_begun: Rc<Cell<bool>>,
    #[expect(dead_code, reason = "held for its drop")]
    heard: Subscription,
}

/// Who reads, and what.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) user: Authenticated,
    pub(super) filter: Option<Rc<EntityFilter>>,
}

impl Reader {
    fn wants(&self, id: &EntityId) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.passes(id)) && self.user.may_read(id)
    }

    async fn states(&self, snapshot: &Snapshot) -> Bytes {
        if self.filter.is_none() && self.user.may_read_all() {
            return snapshot.whole().await;
        }
        let of_those = snapshot.of_those(|state| self.wants(&state.entity_id));
        of_those.await
    }
}

/// What a stream begins with.
pub(super) struct Beginning {
    snapshot: Rc<Snapshot>,
    states: Bytes,
}

impl EntityStream {
    /// Subscribes; nothing is sent before [`EntityStream::begin`].
    pub(super) async fn new(
        sockets: Rc<Sockets>,
        socket: Rc<Socket>,
        id: u64,
        reader: Reader,
    ) -> (Self, Beginning) {
        let has_begun = Rc::<Cell<bool>>::default();
        let subscriber = Subscriber::of_entities(
            Rc::clone(&socket),
            reader.filter.clone(),
            Rc::clone(&has_begun),
        );
        let heard = Subscription::new(Rc::clone(&sockets), subscriber, id, Topic::Entities).await;
        let feed = &sockets.entities;
        let snapshot = feed.snapshot(&sockets.door.hub, &sockets.fan_out).await;
        let states = reader.states(&snapshot).await;
        let beginning = Beginning { snapshot, states };
        let stream = Self {
            id,
            socket,
            reader,
            has_begun,
            heard,
        };
        (stream, beginning)
    }

    /// Sends the states, what has changed since, and from then on every change.
    pub(super) fn begin(&self, beginning: Beginning) {
        let outbox = &self.socket.outbox;
        outbox.stream_event(self.id, beginning.states);
        for change in beginning.snapshot.since() {
            if self.reader.wants(&change.entity_id) {
                outbox.change(self.id, &change);
            }
        }
        self.has_begun.set(true);
    }
}
