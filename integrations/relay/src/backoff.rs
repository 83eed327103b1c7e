//! How long to wait before the next try to connect: full jitter (spec relay §6, Reconnect).

use std::time::Duration;

/// A connection that lived so long was a good one.
pub(crate) const GOOD: Duration = Duration::from_secs(60);

/// Counts the failures in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    failures: u32,
    longest: Duration,
}

impl Backoff {
    pub(crate) fn new(longest: Duration) -> Self {
        Self {
            failures: 0,
            longest,
        }
    }

    /// The pause after another failure: a random part of a time that doubles. `random` is any
    /// number, each as likely as the next.
    pub(crate) fn pause(&mut self, random: u64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let doubled = Duration::from_secs(1 << self.failures.min(32));
        part_of(doubled.min(self.longest), random)
    }

    /// A connection ended that had lived so long.
    pub(crate) fn had_lived(&mut self, lifetime: Duration) {
        if lifetime >= GOOD {
            self.failures = 0;
        }
    }
}

/// A random part of a time.
pub(crate) fn part_of(whole: Duration, random: u64) -> Duration {
    // Of 53 bits, so that it is exact.
    whole.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_start_again_after_a_good_connection() {
        let mut backoff = Backoff::new(Duration::from_secs(300));
        let ceilings: Vec<f64> = (0..10)
            .map(|_| backoff.pause(u64::MAX).as_secs_f64().ceil())
            .collect();
        assert_eq!(
            ceilings,
            [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]
        );
        assert_eq!(backoff.pause(0), Duration::ZERO);
        backoff.had_lived(Duration::from_secs(59));
        assert!(backoff.pause(u64::MAX) > Duration::from_secs(299));
        backoff.had_lived(GOOD);
        assert!(backoff.pause(u64::MAX) <= Duration::from_secs(2));
    }
}
