//! Which deliveries were stored lately, so that a repeat is known.

use std::collections::{HashMap, VecDeque};

use hearth_core::time::Timestamp;

use super::SeenKey;
use crate::ids::DeliveryId;

#[derive(Clone, Copy, Debug)]
struct Sight {
    delivery: DeliveryId,
    until: Timestamp,
}

/// A bounded table; the oldest gives way.
#[derive(Debug)]
pub(super) struct Seen {
    sights: HashMap<SeenKey, Sight>,
    /// In the order of their coming, which is that of their ending: all last equally long.
    order: VecDeque<(Timestamp, SeenKey)>,
    limit: usize,
}

impl Seen {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            sights: HashMap::new(),
            order: VecDeque::new(),
            limit: limit.max(1),
        }
    }

    pub(super) fn get(&self, key: SeenKey, now: Timestamp) -> Option<DeliveryId> {
        let sight = self.sights.get(&key)?;
        (now < sight.until).then_some(sight.delivery)
    }

    /// Remembers one; says which had to go for it.
    pub(super) fn insert(
        &mut self,
        key: SeenKey,
        delivery: DeliveryId,
        until: Timestamp,
    ) -> Option<SeenKey> {
        self.sights.insert(key, Sight { delivery, until });
        self.order.push_back((until, key));
        if self.order.len() <= self.limit {
            return None;
        }
        self.pop_front()
    }

    /// Forgets those that are over.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<SeenKey> {
        let mut gone = Vec::new();
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            gone.extend(self.pop_front());
        }
        gone
    }

    /// The key of the oldest, unless it was remembered anew since.
    fn pop_front(&mut self) -> Option<SeenKey> {
        let (until, key) = self.order.pop_front()?;
        if self
            .sights
            .get(&key)
            .is_some_and(|sight| sight.until == until)
        {
            self.sights.remove(&key);
            return Some(key);
        }
        None
    }
}
