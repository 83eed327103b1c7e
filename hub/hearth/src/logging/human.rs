//! Fields of a log line for a person: `message name=value …`, printable and bounded.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use super::VALUE_LIMIT;
use crate::printable::Printable;

/// Writes the fields of events and spans.
pub(super) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line {
            writer,
            is_empty: true,
            written: Ok(()),
        };
        fields.record(&mut line);
        line.written
    }
}

struct Line<'w> {
    writer: Writer<'w>,
    is_empty: bool,
    written: fmt::Result,
}

impl Line<'_> {
    fn write(&mut self, field: &Field, value: fmt::Arguments<'_>) -> fmt::Result {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.writer.write_char(' ')?;
        }
        let name = field.name();
        if name != "message" {
            if self.writer.has_ansi_escapes() {
                write!(self.writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m")?;
            } else {
                write!(self.writer, "{name}=")?;
            }
        }
        let mut printable = Printable::new(&mut self.writer, VALUE_LIMIT);
        printable.write_fmt(value)?;
        printable.finish()
    }
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.written.is_ok() {
            self.written = self.write(field, format_args!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(in crate::logging) fn logged(as_json: bool, log: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let builder = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .fmt_fields(Fields)
            .with_ansi(false);
        if as_json {
            let subscriber = builder.event_format(super::super::json::Lines).finish();
            tracing::subscriber::with_default(subscriber, log);
        } else {
            tracing::subscriber::with_default(builder.finish(), log);
        }
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn no_value_can_forge_a_line_or_flood_the_log() {
        let evil = format!("x\n2026 ERROR \u{1b}[31m{}", "y".repeat(5000));
        let line = logged(false, || {
            tracing::info!(name = %evil, count = 3, "hello\r\n{evil}");
        });
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(!line.contains('\u{1b}'));
        assert!(
            line.contains(r"hello\r\nx\n2026 ERROR \u{1b}[31m"),
            "{line}"
        );
        assert!(line.contains("count=3"));
        assert!(line.chars().count() < 2500);
        assert!(line.contains("… ("));
    }

    #[test]
    fn a_json_line_is_one_object_with_bounded_values() {
        let evil = format!("x\n\u{202e}\"{}", "y".repeat(5000));
        let line = logged(true, || {
            tracing::warn!(name = %evil, count = 3, good = true, text = "t", "hello");
        });
        assert_eq!(line.lines().count(), 1, "{line}");
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(entry["level"], "WARN");
        assert_eq!(entry["message"], "hello");
        assert_eq!((&entry["count"], &entry["good"]), (&3.into(), &true.into()));
        assert_eq!(entry["text"], "t");
        assert!(entry["timestamp"].as_str().unwrap().ends_with('Z'));
        assert!(
            entry["target"]
                .as_str()
                .unwrap()
                .starts_with("hearth::logging")
        );
        let name = entry["name"].as_str().unwrap();
        assert!(name.starts_with("x\n\u{202e}\"yyy") && name.ends_with("more)"));
        assert!(name.chars().count() < 1100);
    }
}
