//! What a socket has subscribed to, by the id of the command that did.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use hearth_core::command::{CommandError, ErrorCode};

use super::entity_stream::EntityStream;
use super::fan_out;
use super::stream;

/// One subscription; dropping it ends it.
pub(super) enum Subscription {
    /// Events of the bus.
    Events(#[expect(dead_code, reason = "held for its drop")] fan_out::Subscription),
    /// States and their changes.
    Entities(#[expect(dead_code, reason = "held for its drop")] EntityStream),
    /// What an integration sends.
    Stream(#[expect(dead_code, reason = "held for its drop")] stream::End),
}

/// All subscriptions of a socket. They end with the socket's session, which owns this.
#[derive(Default)]
pub(super) struct Subscriptions(RefCell<HashMap<u64, Subscription>>);

impl Subscriptions {
    /// Refuses where `limit` subscriptions are there already (`websocket.subscriptions`).
    pub(super) fn check_room(&self, limit: usize) -> Result<(), CommandError> {
        if self.0.borrow().len() < limit {
            return Ok(());
        }
        let message = format!("This connection has {limit} subscriptions, which is the limit.");
        Err(CommandError::new(ErrorCode::NOT_ALLOWED, message))
    }

    pub(super) fn insert(&self, id: u64, subscription: Subscription) {
        self.0.borrow_mut().insert(id, subscription);
    }

    /// Ends one; whether there was one of this id.
    pub(super) fn end(&self, id: u64) -> bool {
        // It is dropped after the table is free again.
        let ended = self.0.borrow_mut().remove(&id);
        ended.is_some()
    }
}

/// One subscription of a socket that may end before it.
pub(super) struct Listed {
    pub(super) id: u64,
    subscriptions: Weak<Subscriptions>,
}

impl Listed {
    pub(super) fn new(id: u64, subscriptions: &Rc<Subscriptions>) -> Self {
        Self {
            id,
            subscriptions: Rc::downgrade(subscriptions),
        }
    }

    /// Takes it off the list, so that nobody can end it any more.
    pub(super) fn withdraw(&self) {
        if let Some(subscriptions) = self.subscriptions.upgrade() {
            subscriptions.end(self.id);
        }
    }
}
