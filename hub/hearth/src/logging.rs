//! Logs: to stderr, for a person or as JSON.
//!
//! What a log line tells may come from outside: no value can forge a line, move the cursor or be
//! longer than [`VALUE_LIMIT`], in either format.

mod human;
mod json;
mod ring;

use hearth_core::log_levels::LogLevels;
use hearth_core::settings::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Most characters of one value of a log line.
const VALUE_LIMIT: usize = 1000;
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
const EXPECTED: &str =
    "error, warn, info, debug, trace, or a filter such as \"info,hearth_http=debug\"";

/// Starts logging; later calls change nothing. The level was checked with the settings.
pub(crate) fn start(settings: &LogSettings) {
    // The web server calls every port scan an error, and tells of its own threads: left out
    // unless they are asked for by name.
    let quiet = format!("actix_http=off,actix_server=warn,{}", settings.level);
    let filter = EnvFilter::new(&quiet);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .fmt_fields(human::Fields);
    // An error means that a subscriber is there already, as in tests.
    let _ = match settings.format {
        LogFormat::Json => {
            let builder = builder.event_format(json::Lines);
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            changeable(quiet, move |filter| handle.reload(filter).is_ok());
            let lines = builder.finish();
            lines.with(ring::Recent).try_init()
        }
        LogFormat::Human => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            let builder = builder.with_ansi(colours).with_target(false);
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            changeable(quiet, move |filter| handle.reload(filter).is_ok());
            let lines = builder.finish();
            lines.with(ring::Recent).try_init()
        }
    };
}

/// Lets integrations lay directives of their own over those of the settings.
fn changeable(settings: String, reload: impl Fn(EnvFilter) -> bool + Send + Sync + 'static) {
    LogLevels::of_this_process().changed_by(move |directives| {
        let all = match directives {
            "" => settings.clone(),
            _ => format!("{settings},{directives}"),
        };
        EnvFilter::try_new(all).is_ok_and(&reload)
    });
}

/// Says what was expected where `level` is no filter. A lone word must be a level: the filter
/// itself would take any word for the name of a module.
pub(crate) fn check_level(level: &str) -> Result<(), &'static str> {
    let is_level = |word: &str| LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level));
    let is_directive = |directive: &str| match directive.rsplit_once('=') {
        Some((target, level)) => !target.is_empty() && is_level(level),
        None => is_level(directive),
    };
    let is_fine =
        level.split(',').map(str::trim).all(is_directive) && EnvFilter::try_new(level).is_ok();
    if is_fine { Ok(()) } else { Err(EXPECTED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_known_word_or_a_filter() {
        for level in [
            "info",
            "WARN",
            "off",
            "info,hearth_http=debug",
            "hearth_core::bus=trace",
        ] {
            assert_eq!(check_level(level), Ok(()), "{level}");
        }
        for level in [
            "loud",
            "",
            "info,",
            "hearth_http=loud",
            "=debug",
            "info;debug",
            "5",
        ] {
            assert_eq!(check_level(level), Err(EXPECTED), "{level}");
        }
    }
}
