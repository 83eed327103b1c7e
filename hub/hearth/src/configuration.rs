//! Reads the settings: built-in defaults, the given file, the environment; later ones win.
//!
//! Each value that is given is checked on its own, so that an error names the file or variable,
//! the key and what was expected. [`kind`] says which values a key takes, [`limits`] what the
//! types alone do not say, [`provision`] what a lab finds ready-made, [`tags`] why YAML has none.

mod kind;
mod limits;
mod provision;
mod tags;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, File, FileFormat};
use hearth_core::collection::Misconfigured;
use hearth_core::configured::Sections;
use hearth_core::settings::Settings;
use serde_json::{Map, Value};

use crate::integrations;
use kind::Kind;
pub(crate) use provision::{Missing, Provisions};

/// What names of environment variables begin with; then `SECTION__KEY`.
const PREFIX: &str = "HEARTH__";

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
    /// The file is no TOML, or no YAML.
    #[error("{origin}: {message}")]
    Syntax {
        /// The file.
        origin: String,
        /// Where in it, and what was expected.
        message: String,
    },
    /// A value that the key cannot have.
    #[error("{origin}: {wrong}")]
    Invalid {
        /// The file, or the environment.
        origin: String,
        /// What is wrong.
        wrong: Wrong,
    },
    /// A section of an integration that it cannot use.
    #[error("{origin}: {wrong}")]
    Section {
        /// The file.
        origin: String,
        /// Where in it, and what is wrong.
        wrong: Misconfigured,
    },
    /// A key that no setting has.
    #[error("{origin}: there is no setting `{key}`{}", did_you_mean(hint.as_deref()))]
    UnknownKey {
        /// The file, or the environment.
        origin: String,
        /// The key.
        key: String,
        /// The nearest key that exists.
        hint: Option<String>,
    },
    /// A variable that names no section and key.
    #[error("the environment variable {0}: expected a name such as HEARTH__HTTP__LISTEN")]
    Variable(String),
}

/// A key, what it was given and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// `http.listen`
    pub(crate) key: String,
    /// As it was written; nothing of a secret.
    pub(crate) given: Option<String>,
    /// The end of a sentence.
    pub(crate) expected: String,
}

impl Wrong {
    fn new(key: impl Into<String>, given: Option<String>, expected: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            given,
            expected: expected.into(),
        }
    }

    fn by(self, origin: &str) -> SettingsError {
        SettingsError::Invalid {
            origin: origin.to_owned(),
            wrong: self,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            given,
            expected,
        } = self;
        match given {
            Some(given) => write!(f, "`{key}` is {given}; expected {expected}"),
            None => write!(f, "`{key}`: expected {expected}"),
        }
    }
}

fn did_you_mean(hint: Option<&str>) -> String {
    hint.map(|hint| format!("; did you mean `{hint}`?"))
        .unwrap_or_default()
}

/// Reads all settings.
pub(crate) fn load(file: Option<&Path>) -> Result<Settings, SettingsError> {
    load_with(file, std::env::vars_os())
}

fn load_with(
    file: Option<&Path>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Settings, SettingsError> {
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut given = Given {
        settings: defaults.clone(),
        defaults,
        domains: Sections::new(),
    };
    if let Some(path) = file {
        let origin = path.display().to_string();
        given.take_file(&origin, read(path, &origin)?)?;
        // Before the environment, so that an error names this file.
        given.finish(&origin)?;
    }
    for (name, value) in environment {
        let name = name.to_string_lossy();
        if let Some(key) = name.strip_prefix(PREFIX) {
            given.take_variable(&name, key, value.to_str())?;
        }
    }
    given.finish("the environment")
}

/// What a file says, as JSON.
fn read(path: &Path, origin: &str) -> Result<Map<String, Value>, SettingsError> {
    let format = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => FileFormat::Toml,
        Some("yaml" | "yml") => FileFormat::Yaml,
        _ => return Err(SettingsError::UnknownFormat(path.to_owned())),
    };
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    if let (FileFormat::Yaml, Some(message)) = (format, tags::refusal(&text)) {
        return Err(SettingsError::Syntax {
            origin: origin.to_owned(),
            message,
        });
    }
    let syntax = |error: ConfigError| {
        let told = error.to_string();
        SettingsError::Syntax {
            origin: origin.to_owned(),
            message: match long_number(&text).filter(|_| told.contains("number too large")) {
                Some(line) => format!("line {line}: expected a smaller number"),
                None => told.trim_end().to_owned(),
            },
        }
    };
    Config::builder()
        .add_source(File::from_str(&text, format))
        .build()
        .and_then(Config::try_deserialize)
        .map_err(syntax)
}

/// The line of the first number that no setting can have: TOML's parser does not tell.
fn long_number(text: &str) -> Option<usize> {
    let is_digit = |c: char| c.is_ascii_digit() || c == '_';
    text.lines()
        .position(|line| line.split(|c| !is_digit(c)).any(|digits| digits.len() > 18))
        .map(|index| index + 1)
}

/// The settings on their way, section by section.
struct Given {
    settings: Value,
    /// The keys that exist, and by their values which kind each has.
    defaults: Value,
    /// Sections of integrations, checked.
    domains: Sections,
}

impl Given {
    fn take_file(
        &mut self,
        origin: &str,
        sections: Map<String, Value>,
    ) -> Result<(), SettingsError> {
        for (section, keys) in sections {
            if let Some(check) = integrations::section_check(&section) {
                check(&keys).map_err(|wrong| SettingsError::Section {
                    origin: origin.to_owned(),
                    wrong,
                })?;
                self.domains.insert(section, keys);
                continue;
            }
            if self.defaults.get(&section).is_none() {
                return Err(self.unknown(origin, &section, None));
            }
            let Value::Object(keys) = keys else {
                let given = Some(kind::shown(&keys));
                return Err(Wrong::new(section, given, "a section with keys of its own").by(origin));
            };
            for (key, value) in keys {
                self.take(origin, &section, &key, value)?;
            }
        }
        Ok(())
    }

    fn take_variable(
        &mut self,
        name: &str,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), SettingsError> {
        let lower = key.to_ascii_lowercase();
        let Some((section, key)) = lower
            .split_once("__")
            .filter(|(section, key)| !section.is_empty() && !key.is_empty())
        else {
            return Err(SettingsError::Variable(name.to_owned()));
        };
        let origin = format!("the environment variable {name}");
        let Some(default) = self.defaults[section].get(key) else {
            return Err(self.unknown(&origin, section, Some(key)));
        };
        let kind = Kind::of(section, key, default);
        let full = format!("{section}.{key}");
        let Some(text) = value else {
            return Err(Wrong::new(full, None, "a value in UTF-8").by(&origin));
        };
        let value = kind.parse(text).ok_or_else(|| {
            let given = Some(kind::shown(&Value::from(text)));
            Wrong::new(full, given, kind.expected()).by(&origin)
        })?;
        self.take(&origin, section, key, value)
    }

    fn take(
        &mut self,
        origin: &str,
        section: &str,
        key: &str,
        value: Value,
    ) -> Result<(), SettingsError> {
        let Some(default) = self.defaults[section].get(key) else {
            return Err(self.unknown(origin, section, Some(key)));
        };
        if section == "provision" {
            provision::check_shape(key, &value).map_err(|problem| match problem {
                provision::Problem::Wrong(wrong) => wrong.by(origin),
                provision::Problem::Unknown { key, hint } => SettingsError::UnknownKey {
                    origin: origin.to_owned(),
                    key,
                    hint,
                },
            })?;
        } else {
            kind::check(section, key, default, &value).map_err(|wrong| wrong.by(origin))?;
        }
        self.settings[section][key] = value;
        Ok(())
    }

    fn unknown(&self, origin: &str, section: &str, key: Option<&str>) -> SettingsError {
        let full = match key {
            Some(key) => format!("{section}.{key}"),
            None => section.to_owned(),
        };
        SettingsError::UnknownKey {
            origin: origin.to_owned(),
            hint: nearest_setting(&self.defaults, section, key),
            key: full,
        }
    }

    /// The settings as they are now, checked.
    fn finish(&self, origin: &str) -> Result<Settings, SettingsError> {
        let settings: Settings =
            serde_json::from_value(self.settings.clone()).map_err(|error| {
                // Each value was checked on its own before.
                SettingsError::Syntax {
                    origin: origin.to_owned(),
                    message: error.to_string(),
                }
            })?;
        limits::check(&settings).map_err(|(key, expected)| {
            let given = key
                .split_once('.')
                .map(|(section, key)| kind::shown(&self.settings[section][key]));
            Wrong::new(key, given, expected).by(origin)
        })?;
        provision::check_texts(&settings).map_err(|wrong| wrong.by(origin))?;
        Ok(Settings {
            domains: self.domains.clone(),
            ..settings
        })
    }
}

/// The setting that was most likely meant.
fn nearest_setting(defaults: &Value, section: &str, key: Option<&str>) -> Option<String> {
    let sections = defaults.as_object()?;
    let Some(key) = key else {
        let of_integrations = integrations::SECTIONS.iter().map(|(name, _)| *name);
        let known = sections.keys().map(String::as_str).chain(of_integrations);
        if let Some(near) = nearest(section, known) {
            return Some(near.to_owned());
        }
        return of_another_section(defaults, section);
    };
    let section = match sections.contains_key(section) {
        true => section,
        false => nearest(section, sections.keys().map(String::as_str))?,
    };
    let keys = sections.get(section)?.as_object()?;
    match nearest(key, keys.keys().map(String::as_str)) {
        Some(near) => Some(format!("{section}.{near}")),
        None => of_another_section(defaults, key),
    }
}

/// A key that stands in the wrong section, or in none.
fn of_another_section(defaults: &Value, key: &str) -> Option<String> {
    defaults
        .as_object()?
        .iter()
        .find(|(_, keys)| keys.get(key).is_some())
        .map(|(section, _)| format!("{section}.{key}"))
}

/// The known name that a few typing errors away gives `wrong`.
fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    known
        .map(|name| (strsim::damerau_levenshtein(&wrong, name), name))
        .filter(|(distance, name)| *distance <= name.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Checks the address of `--listen`.
pub(crate) fn listen_address(given: &str) -> Result<String, SettingsError> {
    match given.parse::<SocketAddr>() {
        Ok(_) => Ok(given.to_owned()),
        Err(_) => Err(SettingsError::Invalid {
            origin: "the command line".to_owned(),
            wrong: Wrong::new("--listen", Some(format!("\"{given}\"")), limits::ADDRESS),
        }),
    }
}

#[cfg(test)]
mod tests;
