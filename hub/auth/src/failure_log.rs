//! One line in the log for each failed sign-in, as long as somebody could read them.

use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

/// How many lines may come at once, and how often one more.
const AT_ONCE: u32 = 20;
const ONE_MORE: Duration = Duration::from_secs(1);
/// How much of what a client sent stands in a line, in characters.
const LONGEST: usize = 200;

/// Writes the lines, and counts those that it keeps back.
#[derive(Default)]
pub(crate) struct FailureLog(Mutex<Budget>);

#[derive(Default)]
struct Budget {
    spent: u32,
    regained_at: Duration,
    kept_back: u64,
}

impl Budget {
    /// How many lines were kept back before this one, if this one may be written.
    fn take(&mut self, now: Duration) -> Option<u64> {
        let regained = now.saturating_sub(self.regained_at).as_secs() / ONE_MORE.as_secs();
        if regained > 0 {
            self.spent = self
                .spent
                .saturating_sub(u32::try_from(regained).unwrap_or(u32::MAX));
            self.regained_at = now;
        }
        if self.spent >= AT_ONCE {
            self.kept_back += 1;
            return None;
        }
        self.spent += 1;
        Some(std::mem::take(&mut self.kept_back))
    }
}

impl FailureLog {
    /// `failures` of this address so far, at `now`.
    pub(crate) fn write(&self, address: IpAddr, what: &str, failures: u32, now: Duration) {
        let Some(kept_back) = self.0.lock().take(now) else {
            return;
        };
        let what = printable(what);
        if kept_back > 0 {
            tracing::warn!(%address, what, failures, kept_back, "a sign-in failed");
        } else {
            tracing::warn!(%address, what, failures, "a sign-in failed");
        }
    }
}

/// What cannot forge a line of its own.
fn printable(text: &str) -> String {
    text.chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_is_no_flood_of_lines() {
        let mut budget = Budget::default();
        let now = Duration::from_secs(100);
        let written = (0..1000).filter(|_| budget.take(now).is_some()).count();
        assert_eq!(written, 20);
        let later = now + Duration::from_secs(2);
        assert_eq!(budget.take(later), Some(980));
        assert_eq!(budget.take(later), Some(0));
        assert_eq!(budget.take(later), None);
    }

    #[test]
    fn what_a_client_sent_cannot_break_a_line() {
        assert_eq!(
            printable("a\nb\r\u{1b}[2J"),
            "a\u{fffd}b\u{fffd}\u{fffd}[2J"
        );
        assert_eq!(printable(&"x".repeat(1000)).len(), LONGEST);
    }
}
