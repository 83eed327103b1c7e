//! Reads the settings: built-in defaults, the given file, the environment; later ones win.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, Environment, File, FileFormat};
use hearth_core::settings::Settings;
use serde_json::Value;

/// The documented defaults, as they stand in the repository.
const DEFAULTS: &str = include_str!("../../../config/default.toml");
const PREFIX: &str = "HEARTH";
/// More of anything that waits or connects than any machine holds.
const MANY: usize = 100_000_000;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is neither TOML nor YAML by its name.
    #[error("{0}: a configuration file ends in .toml, .yaml or .yml")]
    UnknownFormat(PathBuf),
    /// The content has an error.
    #[error("{origin}: {message}")]
    Invalid {
        /// The file, or the environment.
        origin: String,
        /// The key and what was expected.
        message: String,
    },
    /// A key that no setting has.
    #[error("{origin}: there is no setting `{key}`{}", hint.as_ref().map(|h| format!("; did you mean `{h}`?")).unwrap_or_default())]
    UnknownKey {
        /// The file, or the environment.
        origin: String,
        /// The key.
        key: String,
        /// The nearest key that exists.
        hint: Option<String>,
    },
}

/// Reads all settings.
pub(crate) fn load(file: Option<&Path>) -> Result<Settings, SettingsError> {
    let defaults = File::from_str(DEFAULTS, FileFormat::Toml);
    let known = known_keys();
    let mut builder = Config::builder().add_source(defaults.clone());
    if let Some(path) = file {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let source = File::from_str(&text, format_of(path)?);
        let alone = Config::builder().add_source(source.clone()).build();
        check_keys(&origin, alone, &known)?;
        builder = builder.add_source(source);
        // On its own over the defaults, so that an error names this file and not another source.
        finish(&origin, builder.clone().build())?;
    }
    let environment = || {
        Environment::with_prefix(PREFIX)
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("http.trusted_proxies")
    };
    let origin = "the environment";
    check_keys(
        origin,
        Config::builder().add_source(environment()).build(),
        &known,
    )?;
    finish(origin, builder.add_source(environment()).build())
}

fn format_of(path: &Path) -> Result<FileFormat, SettingsError> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Ok(FileFormat::Toml),
        Some("yaml" | "yml") => Ok(FileFormat::Yaml),
        _ => Err(SettingsError::UnknownFormat(path.to_owned())),
    }
}

fn finish(origin: &str, built: Result<Config, ConfigError>) -> Result<Settings, SettingsError> {
    built
        .and_then(Config::try_deserialize)
        .map_err(|error| invalid(origin, &error))
        .and_then(|settings| check_values(origin, settings))
}

fn invalid(origin: &str, error: &ConfigError) -> SettingsError {
    SettingsError::Invalid {
        origin: origin.to_owned(),
        message: error.to_string(),
    }
}

/// What the types alone do not say.
fn check_values(origin: &str, settings: Settings) -> Result<Settings, SettingsError> {
    let wrong = |message: String| {
        Err(SettingsError::Invalid {
            origin: origin.to_owned(),
            message,
        })
    };
    let hub = &settings.hub;
    if !(-90.0..=90.0).contains(&hub.latitude) {
        return wrong(format!(
            "hub.latitude is {}; expected -90 to 90",
            hub.latitude
        ));
    }
    if !(-180.0..=180.0).contains(&hub.longitude) {
        return wrong(format!(
            "hub.longitude is {}; expected -180 to 180",
            hub.longitude
        ));
    }
    if settings.http.listen.parse::<SocketAddr>().is_err() {
        return wrong(not_an_address("http.listen", &settings.http.listen));
    }
    let (http, socket) = (&settings.http, &settings.websocket);
    for (key, number, least, most) in [
        ("hub.threads", settings.hub.threads, 0, 256),
        ("http.workers", http.workers, 0, 256),
        ("bus.queue", settings.bus.queue, 1, MANY),
        ("store.queue", settings.store.queue, 1, MANY),
        ("http.body_limit", http.body_limit, 1, 1 << 40),
        ("http.bodies_limit", http.bodies_limit, 1, 1 << 40),
        ("http.header_limit", http.header_limit, 1, 1 << 30),
        ("http.max_connections", http.max_connections, 1, MANY),
        ("http.json_depth", http.json_depth, 1, 120),
        ("websocket.queue", socket.queue, 1, MANY),
        ("websocket.message_limit", socket.message_limit, 1, 1 << 40),
        ("websocket.sockets", socket.sockets, 1, MANY),
        (
            "mobile_app.mailbox",
            settings.mobile_app.mailbox,
            1,
            1_000_000,
        ),
    ] {
        if !(least..=most).contains(&number) {
            return wrong(format!("{key} is {number}; expected {least} to {most}"));
        }
    }
    for (key, seconds) in [
        ("http.keep_alive_s", http.keep_alive_s as f64),
        ("http.header_timeout_s", http.header_timeout_s as f64),
        ("http.body_timeout_s", http.body_timeout_s as f64),
        ("websocket.auth_timeout_s", socket.auth_timeout_s as f64),
        ("websocket.slow_s", socket.slow_s as f64),
        ("websocket.ping_interval_s", socket.ping_interval_s),
        ("websocket.pong_timeout_s", socket.pong_timeout_s),
        ("mobile_app.idle_s", settings.mobile_app.idle_s as f64),
    ] {
        if !(0.05..=1e6).contains(&seconds) {
            return wrong(format!(
                "{key} is {seconds}; expected 0.05 to 1000000 seconds"
            ));
        }
    }
    Ok(settings)
}

/// Checks the address of `--listen`.
pub(crate) fn listen_address(given: &str) -> Result<String, SettingsError> {
    match given.parse::<SocketAddr>() {
        Ok(_) => Ok(given.to_owned()),
        Err(_) => Err(SettingsError::Invalid {
            origin: "the command line".to_owned(),
            message: not_an_address("--listen", given),
        }),
    }
}

fn not_an_address(key: &str, given: &str) -> String {
    format!("{key} is `{given}`; expected an address and a port such as 127.0.0.1:8123")
}

/// The sections and keys that exist, from the defaults themselves.
fn known_keys() -> Value {
    serde_json::to_value(Settings::default()).unwrap_or_default()
}

fn check_keys(
    origin: &str,
    source: Result<Config, ConfigError>,
    known: &Value,
) -> Result<(), SettingsError> {
    let given: Value = source
        .and_then(Config::try_deserialize)
        .map_err(|error| invalid(origin, &error))?;
    let unknown = |key: String, hint: Option<String>| {
        Err(SettingsError::UnknownKey {
            origin: origin.to_owned(),
            key,
            hint,
        })
    };
    for (section, keys) in given.as_object().into_iter().flatten() {
        let Some(known_keys) = known.get(section).and_then(Value::as_object) else {
            let sections = known
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name);
            return unknown(section.clone(), nearest(section, sections));
        };
        let Some(keys) = keys.as_object() else {
            return Err(SettingsError::Invalid {
                origin: origin.to_owned(),
                message: format!("`{section}` is a section; expected keys under [{section}]"),
            });
        };
        if let Some(key) = keys.keys().find(|key| !known_keys.contains_key(*key)) {
            let hint = nearest(key, known_keys.keys()).map(|near| format!("{section}.{near}"));
            return unknown(format!("{section}.{key}"), hint);
        }
    }
    Ok(())
}

/// The known name that shares the most letters at its beginning or end.
fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a String>) -> Option<String> {
    let likeness = |name: &str| {
        let prefix = name
            .bytes()
            .zip(wrong.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let suffix = name
            .bytes()
            .rev()
            .zip(wrong.bytes().rev())
            .take_while(|(a, b)| a == b)
            .count();
        prefix + suffix
    };
    known
        .map(|name| (likeness(name), name))
        .filter(|(score, name)| *score * 2 > name.len())
        .max_by_key(|(score, _)| *score)
        .map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn load_text(name: &str, text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        load(Some(&path)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let documented = serde_json::to_value(load(None).unwrap()).unwrap();
        assert_eq!(
            documented,
            serde_json::to_value(Settings::default()).unwrap()
        );
    }

    #[test]
    fn every_setting_is_documented() {
        for (section, keys) in known_keys().as_object().unwrap() {
            assert!(DEFAULTS.contains(&format!("[{section}]")), "[{section}]");
            for key in keys.as_object().unwrap().keys() {
                let plain = format!("\n{key} = ");
                let commented = format!("\n# {key} = ");
                assert!(
                    DEFAULTS.contains(&plain) || DEFAULTS.contains(&commented),
                    "{section}.{key}"
                );
            }
        }
    }

    #[test]
    fn toml_and_yaml_change_what_they_name() {
        let settings = load_text("a.toml", "[hub]\nname = \"Villa\"\n").unwrap();
        assert_eq!(
            (settings.hub.name.as_str(), settings.bus.queue),
            ("Villa", 16_384)
        );
        let settings = load_text("a.yaml", "hub:\n  name: Villa\n").unwrap();
        assert_eq!(settings.hub.name, "Villa");
    }

    #[test]
    fn errors_name_file_key_and_expectation() {
        let cases = [
            (
                "[http]\nlistn = 1\n",
                ["a.toml", "http.listn", "http.listen"],
            ),
            ("[htp]\nlisten = 1\n", ["a.toml", "htp", "http"]),
            (
                "[http]\nworkers = \"many\"\n",
                ["a.toml", "http.workers", "expected"],
            ),
            (
                "[hub]\nlatitude = 91.0\n",
                ["a.toml", "hub.latitude", "-90 to 90"],
            ),
            ("http = 3\n", ["a.toml", "http", "section"]),
            ("[hub\n", ["a.toml", "expected", ""]),
            (
                "[[provision.users]]\nname = \"x\"\nowener = true\n",
                ["a.toml", "owener", "expected"],
            ),
        ];
        for (text, parts) in cases {
            let error = load_text("a.toml", text).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "`{error}` names {part}");
            }
        }
        assert!(load_text("a.ini", "").unwrap_err().contains(".toml"));
    }
}
