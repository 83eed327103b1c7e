//! Levels and modules: in the words of the protocol, of the settings and of the logger.

use std::borrow::Cow;

use hearth_core::prelude::*;
use serde::{Deserialize, Serialize};

/// The least that a module tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Debug,
    Info,
    Warning,
    Error,
    /// Errors that end the hub; nothing here tells so, so it is silence.
    Critical,
}

/// The protocol's words.
pub(crate) const WORDS: [&str; 8] = [
    "CRITICAL", "FATAL", "ERROR", "WARNING", "WARN", "INFO", "DEBUG", "NOTSET",
];

/// A level as a service takes it.
pub(crate) fn kind() -> Kind {
    let words = ["debug", "info", "warning", "error", "fatal", "critical"];
    Kind::Choice(words.map(Cow::Borrowed).to_vec().into())
}

impl Level {
    /// From one of the protocol's words, in any case.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "debug" => Some(Self::Debug),
            "info" => Some(Self::Info),
            "warning" | "warn" => Some(Self::Warning),
            "error" => Some(Self::Error),
            "critical" | "fatal" => Some(Self::Critical),
            _ => None,
        }
    }

    /// The level of all modules in the setting `log.level`.
    pub(crate) fn of_settings(level: &str) -> Self {
        let word = level
            .split(',')
            .rfind(|directive| !directive.contains('='))
            .unwrap_or("error");
        match word.trim() {
            "trace" => Self::Debug,
            "off" => Self::Critical,
            word => Self::parse(word).unwrap_or(Self::Error),
        }
    }

    /// The protocol's number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Debug => 10,
            Self::Info => 20,
            Self::Warning => 30,
            Self::Error => 40,
            Self::Critical => 50,
        }
    }

    /// The logger's word.
    pub(crate) fn directive(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warn",
            Self::Error => "error",
            Self::Critical => "off",
        }
    }
}

/// The logger's name of an integration.
pub(crate) fn module_of_integration(domain: &str) -> String {
    format!("hearth_{domain}")
}

/// The logger's name of a module: an own one, or what a client of the protocol calls an
/// integration.
pub(crate) fn module(name: &str) -> Option<String> {
    let name = match name.strip_prefix("homeassistant.components.") {
        Some(rest) => module_of_integration(rest.split('.').next().unwrap_or(rest)),
        None => name.to_owned(),
    };
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    (!name.is_empty() && name.len() <= 200 && name.chars().all(is_fine)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_named_as_the_logger_knows_them() {
        for (given, expected) in [
            ("hearth_core::bus", Some("hearth_core::bus")),
            (
                "homeassistant.components.mobile_app.webhook",
                Some("hearth_mobile_app"),
            ),
            ("homeassistant.components.x=y", None),
            ("a,b", None),
            ("", None),
        ] {
            assert_eq!(module(given).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn the_settings_tell_the_level_of_all_modules() {
        for (given, expected) in [
            ("info", Level::Info),
            ("hearth_http=debug,warn", Level::Warning),
            ("hearth_http=debug", Level::Error),
            ("trace", Level::Debug),
        ] {
            assert_eq!(Level::of_settings(given), expected, "{given}");
        }
    }
}
