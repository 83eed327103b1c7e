//! Failed sign-ins, counted by where they come from (spec auth §5, "Failed-login ban").
//!
//! A few mistakes cost nothing: people mistype. After [`AttemptSettings::free`] of them each
//! further one makes the address wait before its next password is looked at, twice as long each
//! time; a success forgets them, but for those at passwords of others: whoever lives in the house
//! must not guess between two sign-ins of their own. The table is bounded: the address that was quiet longest is
//! forgotten first.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hearth_core::ids::UserId;
use lru::LruCache;
use parking_lot::Mutex;

use crate::address::AddressBlock;

/// How many credentials that had their day are told apart by address.
const STALE_TOLD_APART: usize = 8;
/// How long to wait for others of the same address who try at the same time.
const NEXT_TURN: Duration = Duration::from_secs(1);

/// How failures are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptSettings {
    /// How many failures make nobody wait.
    pub free: u32,
    /// The longest wait.
    pub longest_wait: Duration,
    /// After this time without going over the ban's threshold an address starts anew.
    pub window: Duration,
    /// How many addresses are remembered, some 150 bytes each.
    pub addresses: usize,
    /// How many passwords may wait to be looked at, of all addresses; half of them of strangers,
    /// so that a flood from outside leaves the home its turn.
    pub pending: usize,
}

impl Default for AttemptSettings {
    /// 5 free failures, waits of at most 30 s, a window of an hour, 10,000 addresses, 64 passwords
    /// at a time.
    fn default() -> Self {
        Self {
            free: 5,
            longest_wait: Duration::from_secs(30),
            window: Duration::from_secs(60 * 60),
            addresses: 10_000,
            pending: 64,
        }
    }
}

/// The failures of all addresses. One lock, held for a look-up: failures are rare, and nobody
/// else takes it.
pub(crate) struct Attempts {
    settings: AttemptSettings,
    by_address: Mutex<LruCache<AddressBlock, Record>>,
    /// How many passwords are being looked at or wait for it.
    pending: AtomicUsize,
}

/// The failures of one address. Times are the hub's monotonic ones.
struct Record {
    since: Duration,
    failures: u32,
    waits_until: Duration,
    /// How many passwords are being looked at.
    pending: u32,
    /// Digests of credentials that were good once; see [`Attempts::is_repeated`].
    stale: [u64; STALE_TOLD_APART],
    next_stale: usize,
    aim: Aim,
}

/// Whose passwords were tried in vain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aim {
    Nobody,
    One(UserId),
    Several,
}

impl Record {
    fn new(now: Duration) -> Self {
        Self {
            since: now,
            failures: 0,
            waits_until: Duration::ZERO,
            pending: 0,
            stale: [0; STALE_TOLD_APART],
            next_stale: 0,
            aim: Aim::Nobody,
        }
    }
}

impl Attempts {
    pub(crate) fn new(settings: AttemptSettings) -> Self {
        let most = NonZeroUsize::new(settings.addresses).unwrap_or(NonZeroUsize::MIN);
        Self {
            settings,
            by_address: Mutex::new(LruCache::new(most)),
            pending: AtomicUsize::new(0),
        }
    }

    /// Counts a failure; returns how many there were within the window, this one included.
    pub(crate) fn failed(&self, block: AddressBlock, now: Duration) -> u32 {
        self.with_record(block, now, |record, settings| {
            record.failures = record.failures.saturating_add(1);
            if let Some(beyond) = record.failures.checked_sub(settings.free)
                && beyond > 0
            {
                let seconds = 1u64.checked_shl(beyond - 1).unwrap_or(u64::MAX);
                let wait = Duration::from_secs(seconds).min(settings.longest_wait);
                record.waits_until = now.saturating_add(wait);
            }
            record.failures
        })
    }

    /// Whether this address has sent this credential before, which was good once: a phone whose
    /// token ended sends it again and again, and gains nothing by it.
    pub(crate) fn is_repeated(&self, block: AddressBlock, credential: u64, now: Duration) -> bool {
        self.with_record(block, now, |record, _| {
            if record.stale.contains(&credential) {
                return true;
            }
            record.stale[record.next_stale] = credential;
            record.next_stale = (record.next_stale + 1) % STALE_TOLD_APART;
            false
        })
    }

    /// Notes at whose password the failure of this address was aimed.
    pub(crate) fn aimed_at(&self, block: AddressBlock, user: UserId, now: Duration) {
        self.with_record(block, now, |record, _| {
            record.aim = match record.aim {
                Aim::Nobody => Aim::One(user),
                Aim::One(other) if other == user => Aim::One(user),
                Aim::One(_) | Aim::Several => Aim::Several,
            };
        });
    }

    /// Somebody at this address knew the password of `who`, or had a good token (`None`): its
    /// failures are forgotten, unless they were aimed at another.
    pub(crate) fn succeeded(&self, block: AddressBlock, who: Option<UserId>) {
        let mut records = self.by_address.lock();
        let is_forgiven = records.peek(&block).is_some_and(|record| match record.aim {
            Aim::Nobody => true,
            Aim::One(user) => Some(user) == who,
            Aim::Several => false,
        });
        if is_forgiven {
            records.pop(&block);
        }
    }

    /// Forgets an address.
    pub(crate) fn forget(&self, block: AddressBlock) {
        self.by_address.lock().pop(&block);
    }

    /// Lets an address try a password, or says how long it has to wait. Each that is being looked
    /// at counts as if it had failed already: otherwise many at once would all be free.
    pub(crate) fn begin(&self, block: AddressBlock, now: Duration) -> Result<(), Duration> {
        self.with_record(block, now, |record, settings| {
            let wait = record.waits_until.saturating_sub(now);
            let ahead = record.failures.saturating_add(record.pending);
            if !wait.is_zero() {
                return Err(wait);
            }
            if record.pending > 0 && ahead >= settings.free {
                return Err(NEXT_TURN);
            }
            let most = match block.is_local() {
                true => settings.pending,
                false => settings.pending / 2,
            };
            // Only those who hold the lock add to it.
            if self.pending.load(Ordering::Relaxed) >= most.max(1) {
                return Err(NEXT_TURN);
            }
            self.pending.fetch_add(1, Ordering::Relaxed);
            record.pending += 1;
            Ok(())
        })
    }

    /// A password that was [begun](Attempts::begin) with was looked at.
    pub(crate) fn end(&self, block: AddressBlock) {
        self.pending.fetch_sub(1, Ordering::Relaxed);
        if let Some(record) = self.by_address.lock().peek_mut(&block) {
            record.pending = record.pending.saturating_sub(1);
        }
    }

    fn with_record<T>(
        &self,
        block: AddressBlock,
        now: Duration,
        work: impl FnOnce(&mut Record, &AttemptSettings) -> T,
    ) -> T {
        let mut records = self.by_address.lock();
        let record = records.get_or_insert_mut(block, || Record::new(now));
        if now.saturating_sub(record.since) > self.settings.window {
            *record = Record::new(now);
        }
        work(record, &self.settings)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn block(text: &str) -> AddressBlock {
        AddressBlock::of(text.parse().unwrap())
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_wait_grows_after_the_free_failures_up_to_the_longest() {
        let attempts = Attempts::new(AttemptSettings::default());
        let (one, now) = (block("203.0.113.7"), SECOND);
        let wait = |block, now| {
            let begun = attempts.begin(block, now);
            begun.map(|()| attempts.end(block)).err()
        };
        for _ in 0..5 {
            attempts.failed(one, now);
            assert_eq!(wait(one, now), None);
        }
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            attempts.failed(one, now);
            assert_eq!(wait(one, now), Some(seconds * SECOND));
        }
        for _ in 0..100 {
            attempts.failed(one, now);
        }
        assert_eq!(wait(one, now), Some(30 * SECOND));
        assert_eq!(wait(one, now + 30 * SECOND), None);
        assert_eq!(wait(block("203.0.113.8"), now), None);
        attempts.forget(one);
        assert_eq!(attempts.failed(one, now), 1);
    }

    #[test]
    fn passwords_that_are_tried_at_once_are_not_all_free() {
        let attempts = Attempts::new(AttemptSettings::default());
        let (one, now) = (block("203.0.113.7"), SECOND);
        for _ in 0..5 {
            assert_eq!(attempts.begin(one, now), Ok(()));
        }
        assert_eq!(attempts.begin(one, now), Err(SECOND));
        assert_eq!(attempts.begin(block("203.0.113.8"), now), Ok(()));
        attempts.failed(one, now);
        attempts.end(one);
        assert_eq!(attempts.begin(one, now), Err(SECOND));
        attempts.forget(one);
        assert_eq!(attempts.begin(one, now), Ok(()));
        // One at a time may go on.
        let late = block("203.0.113.9");
        for _ in 0..5 {
            attempts.failed(late, now);
        }
        assert_eq!(attempts.begin(late, now), Ok(()));
        assert_eq!(attempts.begin(late, now), Err(SECOND));
        attempts.end(late);
        assert_eq!(attempts.begin(late, now), Ok(()));
    }

    #[test]
    fn a_flood_of_strangers_leaves_the_home_its_turn() {
        let attempts = Attempts::new(AttemptSettings {
            pending: 4,
            ..AttemptSettings::default()
        });
        let (a, b, c) = (
            block("203.0.113.7"),
            block("203.0.113.8"),
            block("203.0.113.9"),
        );
        assert_eq!(attempts.begin(a, SECOND), Ok(()));
        assert_eq!(attempts.begin(b, SECOND), Ok(()));
        assert_eq!(attempts.begin(c, SECOND), Err(NEXT_TURN));
        let home = block("192.168.1.20");
        assert_eq!(attempts.begin(home, SECOND), Ok(()));
        assert_eq!(attempts.begin(home, SECOND), Ok(()));
        assert_eq!(attempts.begin(home, SECOND), Err(NEXT_TURN));
        for one in [a, home, home] {
            attempts.end(one);
        }
        assert_eq!(attempts.begin(c, SECOND), Ok(()));
    }

    #[test]
    fn an_address_starts_anew_after_the_window() {
        let attempts = Attempts::new(AttemptSettings::default());
        let one = block("203.0.113.7");
        assert_eq!(attempts.failed(one, SECOND), 1);
        assert_eq!(attempts.failed(one, 3601 * SECOND), 2);
        assert_eq!(attempts.failed(one, 3602 * SECOND), 1);
    }

    #[test]
    fn a_success_forgives_no_guesses_at_others() {
        let attempts = Attempts::new(AttemptSettings::default());
        let user = |n: u8| format!("{n:032x}").parse::<UserId>().unwrap();
        for (aims, success, failures) in [
            (&[][..], None, 0),
            (&[1][..], Some(1), 0),
            (&[1, 1][..], Some(1), 0),
            (&[1][..], Some(2), 1),
            (&[1][..], None, 1),
            (&[1, 2][..], Some(2), 2),
        ] {
            let one = block("203.0.113.7");
            attempts.forget(one);
            for aim in aims {
                attempts.failed(one, SECOND);
                attempts.aimed_at(one, user(*aim), SECOND);
            }
            attempts.succeeded(one, success.map(user));
            assert_eq!(attempts.failed(one, SECOND), failures + 1, "{aims:?}");
        }
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_was_quiet_longest() {
        let attempts = Attempts::new(AttemptSettings {
            addresses: 2,
            ..AttemptSettings::default()
        });
        let (a, b, c) = (block("10.0.0.1"), block("10.0.0.2"), block("10.0.0.3"));
        attempts.failed(a, SECOND);
        attempts.failed(b, SECOND);
        attempts.failed(a, SECOND);
        attempts.failed(c, SECOND);
        assert_eq!(attempts.by_address.lock().len(), 2);
        assert_eq!(attempts.failed(a, SECOND), 3);
        assert_eq!(attempts.failed(b, SECOND), 1);
    }

    #[test]
    fn a_credential_that_had_its_day_is_known_again() {
        let attempts = Attempts::new(AttemptSettings::default());
        let one = block("203.0.113.7");
        assert!(!attempts.is_repeated(one, 7, SECOND));
        assert!(attempts.is_repeated(one, 7, SECOND));
        assert!(!attempts.is_repeated(block("203.0.113.8"), 7, SECOND));
    }
}
