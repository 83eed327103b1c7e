//! When each message of a phase is due.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How late the runtime's timer may wake a lane that had nothing to do. A delay up to this is the
/// generator's own and does not count as latency; any longer one does.
const TIMER_RESOLUTION: Duration = Duration::from_millis(2);

/// The times of a phase. Message number `n` of a phase with a rate is due at `start + n / rate`,
/// whether or not the server has answered the ones before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    start: Instant,
    /// Messages a second; 0 is as soon as a connection is free.
    rate: f64,
    end: Option<Instant>,
}

impl Schedule {
    /// A schedule that starts now and, given a duration, ends.
    pub(crate) fn starting_now(rate: f64, duration: Option<Duration>) -> Self {
        let start = Instant::now();
        Self {
            start,
            rate,
            end: duration.and_then(|duration| start.checked_add(duration)),
        }
    }

    /// Since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Whether the phase ends by the clock, and not with the last job.
    pub(crate) fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// Waits until message `number` is due, and says the time that its latency counts from;
    /// `None` if the phase ends before.
    ///
    /// With a rate, a message that finds every connection busy counts from the time when it was
    /// due: a stalled server cannot hide behind the messages it kept from being sent.
    pub(crate) async fn due(&self, number: u64) -> Option<Instant> {
        let now = Instant::now();
        if self.end.is_some_and(|end| now >= end) {
            return None;
        }
        if self.rate == 0.0 {
            return Some(now);
        }
        let offset = Duration::try_from_secs_f64(number as f64 / self.rate).ok()?;
        let due = self.start.checked_add(offset)?;
        if self.end.is_some_and(|end| due >= end) {
            return None;
        }
        if due <= now {
            return Some(due);
        }
        sleep_until(due).await;
        let woken = Instant::now();
        Some(if woken - due <= TIMER_RESOLUTION {
            woken
        } else {
            due
        })
    }

    /// How many messages the whole phase has, if rate and end fix it.
    pub(crate) fn planned(&self) -> Option<u64> {
        let end = self.end.filter(|_| self.rate > 0.0)?;
        Some(((end - self.start).as_secs_f64() * self.rate).ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_message_that_is_late_counts_from_when_it_was_due() {
        let schedule = Schedule {
            start: Instant::now() - Duration::from_secs(3),
            rate: 10.0,
            end: None,
        };
        let due = schedule.due(20).await.unwrap();
        assert_eq!(due - schedule.start, Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_message_is_not_sent_before_it_is_due() {
        let schedule = Schedule::starting_now(100.0, None);
        let counted = schedule.due(2).await.unwrap();
        assert!(counted - schedule.start >= Duration::from_millis(20));
    }

    #[tokio::test]
    async fn nothing_is_due_after_the_end() {
        let schedule = Schedule::starting_now(10.0, Some(Duration::from_secs(1)));
        assert!(schedule.due(9).await.is_some());
        assert!(schedule.due(10).await.is_none());
        assert_eq!(schedule.planned(), Some(10));
    }
}
