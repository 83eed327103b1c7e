//! Puts warnings and errors into the ring of what went wrong last.

use std::fmt::{Debug, Write};

use hearth_core::log_ring::{LogEntry, LogLevel, LogRing};
use hearth_core::time::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Listens beside the lines that go to stderr.
pub(super) struct Recent;

impl<S: Subscriber> Layer<S> for Recent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warning,
            _ => return,
        };
        let mut line = Line::default();
        event.record(&mut line);
        LogRing::of_this_process().keep(LogEntry {
            time: now(),
            level,
            target: event.metadata().target().to_owned(),
            message: line.message + &line.values,
        });
    }
}

/// A line of the log has the time of the machine, as on stderr: it may be of a moment when there
/// is no hub yet.
fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

#[derive(Default)]
struct Line {
    message: String,
    values: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing into a String fails only where a `Debug` fails by itself.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.values, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn warnings_and_errors_are_kept_with_their_values() {
        let subscriber = tracing_subscriber::registry().with(Recent);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("all is well");
            tracing::warn!(lamp = %"kitchen", "the lamp flickers");
            tracing::error!(times = 3, "the lamp is broken");
        });
        let text = LogRing::of_this_process().text();
        assert!(!text.contains("all is well"));
        assert!(
            text.contains(
                "WARNING [hearth::logging::ring::tests] the lamp flickers lamp=kitchen\n"
            )
        );
        assert!(text.contains("ERROR [hearth::logging::ring::tests] the lamp is broken times=3\n"));
    }
}
