//! Logs: to stderr, for a person or as JSON.

use hearth_core::settings::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;

/// The log level is no filter.
#[derive(Debug, thiserror::Error)]
#[error(
    "log.level is `{given}`; expected error, warn, info, debug, trace or a filter such as info,hearth_http=debug"
)]
pub(crate) struct InvalidLevel {
    given: String,
    source: tracing_subscriber::filter::ParseError,
}

/// Starts logging; later calls change nothing.
pub(crate) fn start(settings: &LogSettings) -> Result<(), InvalidLevel> {
    // The web server calls every port scan an error, and tells of its own threads: left out
    // unless they are asked for by name.
    let quiet = format!("actix_http=off,actix_server=warn,{}", settings.level);
    let filter = EnvFilter::try_new(quiet).map_err(|source| InvalidLevel {
        given: settings.level.clone(),
        source,
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error means that a subscriber is there already, as in tests.
    let _ = match settings.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Human => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(colours).with_target(false).try_init()
        }
    };
    Ok(())
}
