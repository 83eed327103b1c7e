//! What went wrong last: the newest warnings and errors of this process, for `/api/error_log` and
//! the pages that show them. The binary's logger puts them in; logs are the process's, so is the
//! ring.
//!
//! ```
//! use hearth_core::log_ring::{LogEntry, LogLevel, LogRing};
//!
//! let ring = LogRing::default();
//! ring.keep(LogEntry {
//!     time: "2026-01-01T12:00:00+00:00".parse().unwrap(),
//!     level: LogLevel::Warning,
//!     target: "hearth_core::webhook".to_owned(),
//!     message: "the handler of a webhook failed".to_owned(),
//! });
//! let line = "2026-01-01T12:00:00.000000+00:00 WARNING [hearth_core::webhook] \
//!             the handler of a webhook failed\n";
//! assert_eq!(ring.text(), line);
//! ```

use std::collections::VecDeque;
use std::sync::OnceLock;

use parking_lot::Mutex;

use crate::time::Timestamp;

/// How many entries are kept.
const ENTRIES: usize = 500;

/// Most bytes of one message; the rest is cut off.
const MESSAGE_LIMIT: usize = 2048;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something is not as it should be.
    Warning,
    /// Something failed.
    Error,
}

impl LogLevel {
    /// The word that clients know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

/// One warning or error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// When.
    pub time: Timestamp,
    /// How bad.
    pub level: LogLevel,
    /// Which module says it.
    pub target: String,
    /// What it says, with its values behind.
    pub message: String,
}

/// The newest entries, at most 500.
#[derive(Debug, Default)]
pub struct LogRing(Mutex<VecDeque<LogEntry>>);

impl LogRing {
    /// The ring of this process.
    pub fn of_this_process() -> &'static Self {
        static RING: OnceLock<LogRing> = OnceLock::new();
        RING.get_or_init(Self::default)
    }

    /// Keeps an entry, and forgets the oldest where there are too many.
    pub fn keep(&self, mut entry: LogEntry) {
        let end = entry.message.floor_char_boundary(MESSAGE_LIMIT);
        entry.message.truncate(end);
        let mut entries = self.0.lock();
        if entries.len() >= ENTRIES {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// All entries, oldest first.
    pub fn entries(&self) -> Vec<LogEntry> {
        self.0.lock().iter().cloned().collect()
    }

    /// Forgets all entries.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// One line an entry, oldest first.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for entry in self.0.lock().iter() {
            entry.time.write_iso(&mut text);
            let (level, target) = (entry.level.as_str(), &entry.target);
            text.push_str(&format!(" {level} [{target}] "));
            // A message is one line, whatever it holds.
            let printable = |c: char| if c.is_control() { ' ' } else { c };
            text.extend(entry.message.chars().map(printable));
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(message: String) -> LogEntry {
        LogEntry {
            time: Timestamp::from_micros(0),
            level: LogLevel::Error,
            target: "here".to_owned(),
            message,
        }
    }

    #[test]
    fn the_newest_are_kept() {
        let ring = LogRing::default();
        for n in 0..ENTRIES + 3 {
            ring.keep(entry(n.to_string()));
        }
        let entries = ring.entries();
        assert_eq!(entries.len(), ENTRIES);
        assert_eq!((&*entries[0].message, &*entries[499].message), ("3", "502"));
        ring.clear();
        assert_eq!(ring.text(), "");
    }

    #[test]
    fn a_message_is_bounded_and_one_line() {
        let ring = LogRing::default();
        ring.keep(entry("é".repeat(MESSAGE_LIMIT)));
        ring.keep(entry("two\nlines".to_owned()));
        assert_eq!(ring.entries()[0].message.len(), MESSAGE_LIMIT);
        assert_eq!(ring.text().lines().count(), 2);
        assert!(ring.text().ends_with("[here] two lines\n"));
    }
}
