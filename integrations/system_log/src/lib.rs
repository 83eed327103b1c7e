//! Shows what went wrong last (spec websocket-api §7, `system_log/list`), and lets pages report
//! what went wrong in them.
//!
//! This crate reads the ring in which the logger keeps warnings and errors. It knows no logger.
//!
//! Start reading at [`factory`].

use futures_util::future::LocalBoxFuture;
use hearth_core::fields::Fields;
use hearth_core::log_ring::{LogEntry, LogRing};
use hearth_core::prelude::*;
use hearth_core::time::Timestamp;

/// Makes the system log.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("system_log", "System log"), |_| {
        Box::new(SystemLog)
    })
}

const LIST: &str = "system_log/list";
const CLEAR: &str = "clear";
const WRITE: &str = "write";

struct SystemLog;

impl Integration for SystemLog {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            host.register_command(LIST, Access::Admin);
            let nothing = Schema::Fields(Vec::new());
            host.register_admin_service(CLEAR, "Forgets all entries.", nothing)
                .await;
            let levels = ["debug", "info", "warning", "error", "critical"];
            let levels = Kind::Choice(levels.map(Into::into).to_vec().into());
            let fields = vec![
                Field::required("message", Kind::Text, "What is to be logged."),
                Field::optional("level", levels, "How bad it is."),
                Field::optional("logger", Kind::Text, "Who says it."),
            ];
            host.register_admin_service(WRITE, "Writes a line.", Schema::Fields(fields))
                .await;
            Ok(())
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            Fields::new(command.data).finish()?;
            Ok(list(LogRing::of_this_process().entries()))
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            match &*call.service {
                CLEAR => LogRing::of_this_process().clear(),
                _ => write(&call.data),
            }
            Ok(None)
        })
    }
}

/// What happened several times, once.
struct Repeated {
    first: Timestamp,
    last: LogEntry,
    count: usize,
}

/// The entries as the protocol shows them, the newest first.
fn list(entries: Vec<LogEntry>) -> Value {
    // At most as many as the ring has: looking through them is cheap.
    let mut all: Vec<Repeated> = Vec::new();
    for entry in entries {
        let is_same = |known: &Repeated| {
            known.last.target == entry.target
                && known.last.level == entry.level
                && known.last.message == entry.message
        };
        let known = all.iter().position(is_same).map(|at| all.remove(at));
        all.push(Repeated {
            first: known.as_ref().map_or(entry.time, |known| known.first),
            count: known.map_or(0, |known| known.count) + 1,
            last: entry,
        });
    }
    all.iter().rev().map(view).collect()
}

fn view(repeated: &Repeated) -> Value {
    let entry = &repeated.last;
    json!({
        "name": entry.target,
        "message": [entry.message],
        "level": entry.level.as_str(),
        // The module; entries do not tell their line.
        "source": [entry.target, 0],
        "exception": "",
        "count": repeated.count,
        "first_occurred": repeated.first.as_seconds_f64(),
        "timestamp": entry.time.as_seconds_f64(),
    })
}

/// A line on behalf of a person or a page; the logger bounds and escapes it.
fn write(data: &Map<String, Value>) {
    let text = |key: &str| data.get(key).and_then(Value::as_str);
    let message = text("message").unwrap_or_default();
    let logger = text("logger").unwrap_or("system_log.external");
    match text("level") {
        Some("debug") => tracing::debug!(logger, "{message}"),
        Some("info") => tracing::info!(logger, "{message}"),
        Some("warning") => tracing::warn!(logger, "{message}"),
        _ => tracing::error!(logger, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use hearth_core::log_ring::LogLevel;

    use super::*;

    fn entry(seconds: i64, message: &str, level: LogLevel) -> LogEntry {
        LogEntry {
            time: Timestamp::from_micros(seconds * 1_000_000),
            level,
            target: "hearth_demo".to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn what_happened_several_times_is_told_once_with_its_count() {
        let listed = list(vec![
            entry(1, "flickers", LogLevel::Warning),
            entry(2, "broken", LogLevel::Error),
            entry(3, "flickers", LogLevel::Warning),
        ]);
        assert_eq!(listed[0]["message"], json!(["flickers"]));
        assert_eq!(listed[0]["count"], 2);
        assert_eq!(listed[0]["first_occurred"], 1.0);
        assert_eq!(listed[0]["timestamp"], 3.0);
        assert_eq!(listed[1]["level"], "ERROR");
        assert_eq!(listed.as_array().map(Vec::len), Some(2));
    }
}
