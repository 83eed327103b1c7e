//! Failed sign-ins, counted by where they come from (spec auth §5, "Failed-login ban").
//!
//! A few mistakes cost nothing: people mistype. After [`AttemptSettings::free`] of them each
//! further one makes the address wait before its next password is looked at, twice as long each
//! time; one success forgets them all. The table is bounded: the address that was quiet longest is
//! forgotten first.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use lru::LruCache;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many credentials that had their day are told apart by address.
const STALE_TOLD_APART: usize = 8;
/// How long to wait for others of the same address who try at the same time.
const NEXT_TURN: Duration = Duration::from_secs(1);

/// What is counted, and banned, as one: an IPv4 address, or the /64 network that a host with IPv6
/// takes its addresses from. Of link-local addresses each one, since a whole home shares their
/// network. IPv4 within IPv6 counts as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressBlock(IpAddr);

impl AddressBlock {
    /// The block that `address` lies in.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() && !v6.is_unicast_link_local() => {
                let network = v6.to_bits() >> 64 << 64;
                Self(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
            whole => Self(whole),
        }
    }

    /// Whether these are programs on the hub's own machine.
    pub(crate) fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }

    fn is_network(self) -> bool {
        matches!(self.0, IpAddr::V6(v6) if !v6.is_loopback() && !v6.is_unicast_link_local())
    }
}

impl fmt::Display for AddressBlock {
    /// `203.0.113.7`, `2001:db8::/64`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_network() {
            true => write!(f, "{}/64", self.0),
            false => write!(f, "{}", self.0),
        }
    }
}

/// The text is neither an address nor a /64 network of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as 203.0.113.7 or a network such as 2001:db8::/64")]
pub struct NotAnAddress;

impl FromStr for AddressBlock {
    type Err = NotAnAddress;

    /// Takes what [`fmt::Display`] writes, and any address within it.
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let block = |text: &str| text.parse().map(Self::of).map_err(|_| NotAnAddress);
        match text.strip_suffix("/64") {
            None => block(text),
            Some(network) => block(network).and_then(|block: Self| match block.is_network() {
                true => Ok(block),
                false => Err(NotAnAddress),
            }),
        }
    }
}

impl Serialize for AddressBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

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
}

impl Default for AttemptSettings {
    /// 5 free failures, waits of at most 30 s, a window of an hour, 10,000 addresses.
    fn default() -> Self {
        Self {
            free: 5,
            longest_wait: Duration::from_secs(30),
            window: Duration::from_secs(60 * 60),
            addresses: 10_000,
        }
    }
}

/// The failures of all addresses. One lock, held for a look-up: failures are rare, and nobody
/// else takes it.
pub(crate) struct Attempts {
    settings: AttemptSettings,
    by_address: Mutex<LruCache<AddressBlock, Record>>,
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
        }
    }
}

impl Attempts {
    pub(crate) fn new(settings: AttemptSettings) -> Self {
        let most = NonZeroUsize::new(settings.addresses).unwrap_or(NonZeroUsize::MIN);
        Self {
            settings,
            by_address: Mutex::new(LruCache::new(most)),
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

    /// Forgets an address: someone there knew a password or had a good token.
    pub(crate) fn succeeded(&self, block: AddressBlock) {
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
            record.pending += 1;
            Ok(())
        })
    }

    /// A password that was [begun](Attempts::begin) with was looked at.
    pub(crate) fn end(&self, block: AddressBlock) {
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
    fn a_host_counts_as_one_however_many_addresses_it_has() {
        for (a, b, same) in [
            ("203.0.113.7", "::ffff:203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("fe80::1", "fe80::2", false),
        ] {
            assert_eq!(block(a) == block(b), same, "{a} {b}");
        }
        assert!(block("::1").is_loopback() && block("127.0.0.9").is_loopback());
    }

    #[test]
    fn a_block_is_written_and_read() {
        for (address, text) in [
            ("203.0.113.7", "203.0.113.7"),
            ("2001:db8::17", "2001:db8::/64"),
            ("fe80::1", "fe80::1"),
            ("::1", "::1"),
        ] {
            assert_eq!(block(address).to_string(), text);
            assert_eq!(text.parse(), Ok(block(address)));
            assert_eq!(address.parse(), Ok(block(address)));
        }
        for bad in ["", "home", "203.0.113.7/64", "2001:db8::/48", "::1/64"] {
            assert_eq!(bad.parse::<AddressBlock>(), Err(NotAnAddress), "{bad}");
        }
    }

    #[test]
    fn the_wait_grows_after_the_free_failures_up_to_the_longest() {
        let attempts = Attempts::new(AttemptSettings::default());
        let (one, now) = (block("203.0.113.7"), SECOND);
        let wait = |block, now| {
            let begun = attempts.begin(block, now);
            attempts.end(block);
            begun.err()
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
        attempts.succeeded(one);
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
        attempts.succeeded(one);
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
    fn an_address_starts_anew_after_the_window() {
        let attempts = Attempts::new(AttemptSettings::default());
        let one = block("203.0.113.7");
        assert_eq!(attempts.failed(one, SECOND), 1);
        assert_eq!(attempts.failed(one, 3601 * SECOND), 2);
        assert_eq!(attempts.failed(one, 3602 * SECOND), 1);
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
