//! Which messages were taken, and up to where they can be acknowledged. Pure: what it says is
//! stored and sent by others.
//!
//! An acknowledgement covers all messages before it. So one that was put off holds back the
//! acknowledgement of those behind it, though they are handed over meanwhile; messages of one
//! webhook stay in their order.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use hearth_core::time::Timestamp;
use hearth_relay_protocol::RETRY_AFTER_MAX_S;

/// How long a delivery is remembered.
const REMEMBERED_US: i64 = 24 * 60 * 60 * 1_000_000;
/// A message that was to come again and did not, while later ones came, comes no more.
const OVERDUE: Duration = Duration::from_secs(5);
/// The first pause of a message that nobody takes.
const FIRST_PAUSE_S: u64 = 2;
/// The longest one. What waits behind the message fills the window meanwhile: all together, so
/// often as the relay has patience, are five minutes.
const LONGEST_PAUSE_S: u64 = 60;
/// After so many attempts the relay may file it as undeliverable; the pause must then be short,
/// or what waits behind it would.
const LAST_ATTEMPTS: u32 = 10;
const LAST_PAUSE_S: u64 = 10;

/// Messages that may be put off at a time, and shards that a relay may have: many times what one
/// that keeps to the window has.
const HELD_MAX: usize = 1024;
/// The longest id of a delivery, in bytes.
const DELIVERY_ID_MAX: usize = 128;

/// See the module's guide.
pub(crate) struct Inbox {
    shards: BTreeMap<u32, Shard>,
    seen: Seen,
}

#[derive(Default)]
struct Shard {
    /// The last one that was taken.
    taken: u64,
    /// Those that were put off, and are to come again.
    put_off: BTreeMap<u64, PutOff>,
}

struct PutOff {
    webhook_id: String,
    due: Duration,
}

impl Inbox {
    /// With what the store remembers: cursors, and deliveries with their times, the oldest first.
    pub(crate) fn new(
        cursors: impl IntoIterator<Item = (u32, u64)>,
        seen: impl IntoIterator<Item = (String, Timestamp)>,
        limit: usize,
    ) -> Self {
        let shard = |(number, taken)| {
            let put_off = BTreeMap::new();
            (number, Shard { taken, put_off })
        };
        let mut remembered = Seen {
            ids: HashSet::new(),
            ages: VecDeque::new(),
            limit: limit.max(1),
        };
        for (id, at) in seen {
            remembered.add(id, at);
        }
        Self {
            shards: cursors.into_iter().map(shard).collect(),
            seen: remembered,
        }
    }

    /// A connection begins: all that was not acknowledged comes again, in order.
    pub(crate) fn starts_over(&mut self) {
        for shard in self.shards.values_mut() {
            if let Some(cursor) = shard.cursor() {
                shard.taken = cursor;
            }
            shard.put_off.clear();
        }
    }

    /// Whether a relay that keeps to the protocol may send this message.
    pub(crate) fn can_take(&self, shard: u32, delivery_id: &str) -> bool {
        let held = self.shards.values().map(|shard| shard.put_off.len());
        let has_room = self.shards.contains_key(&shard) || self.shards.len() < HELD_MAX;
        delivery_id.len() <= DELIVERY_ID_MAX && has_room && held.sum::<usize>() < HELD_MAX
    }

    /// Up to where a shard can be acknowledged.
    pub(crate) fn cursor(&self, shard: u32) -> Option<u64> {
        self.shards.get(&shard)?.cursor()
    }

    /// Whether this delivery was handed over before.
    pub(crate) fn is_repeat(&self, delivery_id: &str) -> bool {
        self.seen.ids.contains(delivery_id)
    }

    /// Whether an earlier message of this webhook is to come again, so that this one must wait.
    pub(crate) fn must_wait(
        &mut self,
        shard: u32,
        seq: u64,
        webhook_id: &str,
        now: Duration,
    ) -> bool {
        let Some(shard) = self.shards.get_mut(&shard) else {
            return false;
        };
        shard
            .put_off
            .retain(|other, put_off| *other >= seq || now < put_off.due + OVERDUE);
        let mut before = shard.put_off.range(..seq);
        before.any(|(_, put_off)| put_off.webhook_id == webhook_id)
    }

    /// A message was handed over, or is not wanted.
    pub(crate) fn took(&mut self, shard: u32, seq: u64) {
        let shard = self.shards.entry(shard).or_default();
        shard.put_off.remove(&seq);
        shard.taken = shard.taken.max(seq);
    }

    /// Remembers a delivery; gives those that are forgotten for it.
    pub(crate) fn remember(&mut self, delivery_id: String, now: Timestamp) -> Vec<String> {
        self.seen.add(delivery_id, now);
        self.seen.forget(now)
    }

    /// A message cannot be handed over now; says in how many seconds it may come again.
    pub(crate) fn put_off(
        &mut self,
        (shard, seq): (u32, u64),
        webhook_id: String,
        attempt: u32,
        now: Duration,
    ) -> u64 {
        let pause = pause_s(attempt);
        let due = now + Duration::from_secs(pause);
        let shard = self.shards.entry(shard).or_default();
        shard.put_off.insert(seq, PutOff { webhook_id, due });
        pause
    }
}

fn pause_s(attempt: u32) -> u64 {
    let pause = match attempt {
        LAST_ATTEMPTS.. => LAST_PAUSE_S,
        _ => (FIRST_PAUSE_S << attempt.saturating_sub(1)).min(LONGEST_PAUSE_S),
    };
    pause.min(RETRY_AFTER_MAX_S)
}

impl Shard {
    /// The last one that was taken with all before it; none where there is none.
    fn cursor(&self) -> Option<u64> {
        let cursor = match self.put_off.first_key_value() {
            Some((first, _)) => self.taken.min(first.saturating_sub(1)),
            None => self.taken,
        };
        (cursor > 0).then_some(cursor)
    }
}

/// Deliveries of the last day.
struct Seen {
    ids: HashSet<String>,
    ages: VecDeque<(Timestamp, String)>,
    limit: usize,
}

impl Seen {
    fn add(&mut self, id: String, at: Timestamp) {
        if self.ids.insert(id.clone()) {
            self.ages.push_back((at, id));
        }
    }

    fn forget(&mut self, now: Timestamp) -> Vec<String> {
        let mut forgotten = Vec::new();
        while let Some((at, _)) = self.ages.front() {
            let age = now.as_micros().saturating_sub(at.as_micros());
            if self.ages.len() <= self.limit && age <= REMEMBERED_US {
                break;
            }
            if let Some((_, id)) = self.ages.pop_front() {
                self.ids.remove(&id);
                forgotten.push(id);
            }
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn empty() -> Inbox {
        Inbox::new([], [], 3)
    }

    #[test]
    fn what_is_put_off_holds_back_the_acknowledgement_but_not_the_messages_behind_it() {
        let mut inbox = empty();
        assert_eq!(inbox.cursor(0), None);
        inbox.took(0, 4);
        assert_eq!(inbox.put_off((0, 7), "a".to_owned(), 1, s(0)), 2);
        assert!(
            inbox.must_wait(0, 8, "a", s(1)),
            "one webhook's stay in order"
        );
        assert!(!inbox.must_wait(0, 9, "b", s(1)));
        inbox.took(0, 9);
        assert_eq!(inbox.cursor(0), Some(6), "4, and nothing else before 7");
        assert!(!inbox.must_wait(0, 7, "a", s(5)), "it comes again");
        inbox.took(0, 7);
        assert_eq!(inbox.cursor(0), Some(9));
    }

    #[test]
    fn a_message_that_does_not_come_again_holds_nothing_back_for_long() {
        let mut inbox = empty();
        assert_eq!(inbox.put_off((0, 7), "a".to_owned(), 10, s(0)), 10);
        inbox.took(0, 8);
        assert!(inbox.must_wait(0, 9, "a", s(14)));
        assert!(!inbox.must_wait(0, 9, "a", s(15)));
        inbox.took(0, 9);
        assert_eq!(inbox.cursor(0), Some(9));
    }

    #[test]
    fn a_new_connection_begins_where_the_acknowledgements_end() {
        let mut inbox = Inbox::new([(0, 5), (3, 1)], [("d1".to_owned(), at(0))], 3);
        assert!(inbox.is_repeat("d1"));
        inbox.put_off((0, 6), "a".to_owned(), 1, s(0));
        inbox.took(0, 7);
        inbox.starts_over();
        assert_eq!((inbox.cursor(0), inbox.cursor(3)), (Some(5), Some(1)));
        assert!(!inbox.must_wait(0, 7, "a", s(0)));
    }

    #[test]
    fn deliveries_are_remembered_for_a_day_and_no_more_than_the_limit() {
        let mut inbox = empty();
        for number in 0..3 {
            assert!(inbox.remember(format!("d{number}"), at(number)).is_empty());
        }
        assert_eq!(inbox.remember("d3".to_owned(), at(3)), ["d0"]);
        assert!(inbox.remember("d3".to_owned(), at(4)).is_empty());
        assert!(!inbox.is_repeat("d0") && inbox.is_repeat("d1"));
        let next_day = at(24 * 60 * 60 + 2);
        assert_eq!(inbox.remember("d4".to_owned(), next_day), ["d1"]);
    }

    #[test]
    fn a_relay_that_keeps_to_no_window_fills_nothing() {
        let mut inbox = empty();
        assert!(!inbox.can_take(0, &"d".repeat(129)));
        for seq in 0..HELD_MAX as u64 {
            assert!(inbox.can_take(0, "d"));
            inbox.put_off((0, seq), "a".to_owned(), 1, s(0));
        }
        assert!(!inbox.can_take(0, "d"));
        let mut inbox = empty();
        for shard in 0..HELD_MAX as u32 {
            inbox.took(shard, 1);
        }
        assert!(inbox.can_take(0, "d") && !inbox.can_take(u32::MAX, "d"));
    }

    #[test]
    fn pauses_grow_and_end_short() {
        let pauses: Vec<u64> = (0..12).map(pause_s).collect();
        assert_eq!(pauses, [2, 2, 4, 8, 16, 32, 60, 60, 60, 60, 10, 10]);
        assert_eq!(pause_s(u32::MAX), 10);
    }
}
