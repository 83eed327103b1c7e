//! Token buckets: how often something may happen, and how often at once.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;

/// A rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How many a second.
    pub per_second: f64,
    /// How many at once.
    pub burst: f64,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Duration,
    rate: Rate,
}

impl Bucket {
    fn refill(&mut self, rate: Rate, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.rate = rate;
        self.tokens = (self.tokens + passed * rate.per_second).min(rate.burst);
        self.at = now.max(self.at);
    }

    fn is_full(&self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.tokens + passed * self.rate.per_second >= self.rate.burst
    }
}

/// The buckets of one kind of thing; a bounded table. A bucket that is full again is forgotten,
/// and where all are in use a new one is not held to its rate.
#[derive(Debug)]
pub struct Rates<K: Eq + Hash> {
    buckets: DashMap<K, Bucket, foldhash::fast::RandomState>,
    limit: usize,
    /// When the full ones were last taken out, in milliseconds.
    swept: AtomicU64,
}

impl<K: Eq + Hash> Rates<K> {
    /// A table for so many.
    pub fn new(limit: usize) -> Self {
        Self {
            buckets: DashMap::default(),
            limit,
            swept: AtomicU64::new(0),
        }
    }

    /// Takes one, at `now` since any steady beginning.
    ///
    /// # Errors
    /// How long until there is one again.
    pub fn take(&self, key: K, rate: Rate, now: Duration) -> Result<(), Duration> {
        if self.is_crowded(&key, now) {
            return Ok(());
        }
        let mut bucket = self.bucket(key, rate, now);
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - bucket.tokens) / rate.per_second;
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }

    /// Takes so many more for something that has happened; what is missing is owed.
    pub fn charge(&self, key: K, rate: Rate, tokens: f64, now: Duration) {
        if self.is_crowded(&key, now) {
            return;
        }
        let mut bucket = self.bucket(key, rate, now);
        bucket.tokens = (bucket.tokens - tokens).max(-rate.burst);
    }

    fn bucket(
        &self,
        key: K,
        rate: Rate,
        now: Duration,
    ) -> dashmap::mapref::one::RefMut<'_, K, Bucket> {
        let mut bucket = self.buckets.entry(key).or_insert(Bucket {
            tokens: rate.burst,
            at: now,
            rate,
        });
        bucket.refill(rate, now);
        bucket
    }

    fn is_crowded(&self, key: &K, now: Duration) -> bool {
        if self.buckets.len() < self.limit || self.buckets.contains_key(key) {
            return false;
        }
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let before = self.swept.load(Ordering::Relaxed);
        if millis.saturating_sub(before) < 1000 && before != 0
            || self
                .swept
                .compare_exchange(before, millis, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return true;
        }
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
        self.buckets.len() >= self.limit
    }
}

/// A source of requests: an address, or a network where one customer has many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source(u64, bool);

impl Source {
    /// Where this address belongs.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u64::from(address.to_bits()), false),
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64;
                Self(u64::try_from(network).unwrap_or(u64::MAX), true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const RATE: Rate = Rate {
        per_second: 10.0,
        burst: 5.0,
    };

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let rates = Rates::new(10);
        for _ in 0..5 {
            assert_eq!(rates.take("a", RATE, at(0)), Ok(()));
        }
        assert_eq!(rates.take("a", RATE, at(0)), Err(at(100)));
        assert_eq!(rates.take("b", RATE, at(0)), Ok(()));
        assert_eq!(rates.take("a", RATE, at(100)), Ok(()));
        assert!(rates.take("a", RATE, at(100)).is_err());
    }

    #[test]
    fn what_is_charged_is_owed_but_no_more_than_a_burst() {
        let rates = Rates::new(10);
        rates.charge("a", RATE, 1000.0, at(0));
        assert_eq!(rates.take("a", RATE, at(0)), Err(at(600)));
        assert_eq!(rates.take("a", RATE, at(600)), Ok(()));
    }

    #[test]
    fn a_full_table_forgets_what_has_rested_and_lets_new_ones_pass() {
        let rates = Rates::new(2);
        for key in ["a", "b"] {
            rates.charge(key, RATE, 5.0, at(1000));
        }
        assert_eq!(rates.take("c", RATE, at(1000)), Ok(()));
        assert_eq!(rates.buckets.len(), 2);
        assert_eq!(rates.take("c", RATE, at(3000)), Ok(()));
        assert_eq!(rates.buckets.len(), 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let source = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:2"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
        assert_eq!(source("::ffff:10.0.0.1"), source("10.0.0.1"));
    }
}
