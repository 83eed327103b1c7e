//! What a lab finds ready-made: the shape of the tables, and the secrets behind them.

use std::collections::HashSet;

use hearth_auth::{ProvisionedToken, ProvisionedUser};
use hearth_core::settings::{ProvisionedRegistration, SecretMissing, SecretText, Settings};
use serde_json::{Value, json};

use super::kind::shown;
use super::{Wrong, nearest};

/// What a field of a table is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Text,
    Bool,
    Secret,
}

type FieldOf = (&'static str, Is);

const USERS: [FieldOf; 4] = [
    ("name", Is::Text),
    ("owner", Is::Bool),
    ("admin", Is::Bool),
    ("token", Is::Secret),
];
const REGISTRATIONS: [FieldOf; 13] = [
    ("user", Is::Text),
    ("device_name", Is::Text),
    ("app_id", Is::Text),
    ("app_name", Is::Text),
    ("app_version", Is::Text),
    ("manufacturer", Is::Text),
    ("model", Is::Text),
    ("os_name", Is::Text),
    ("os_version", Is::Text),
    ("device_id", Is::Text),
    ("webhook_id", Is::Secret),
    ("secret", Is::Secret),
    ("supports_encryption", Is::Bool),
];
const NEEDED_OF_USER: [&str; 1] = ["name"];
const NEEDED_OF_REGISTRATION: [&str; 4] = ["user", "device_name", "device_id", "webhook_id"];

const TOKEN: &str = "16 to 1024 printable ASCII characters without spaces";
const WEBHOOK_ID: &str = "16 to 255 letters, digits, `-`, `_`, `.` or `~`";
const SECRET: &str = "64 hex characters";
const SECRET_SHAPE: &str = "a text, { file = \"PATH\" } or { env = \"NAME\" }";

/// What is wrong with a table.
pub(super) enum Problem {
    Wrong(Wrong),
    Unknown { key: String, hint: Option<String> },
}

/// Checks names and kinds of all fields of `provision.users` or `provision.registrations`.
pub(super) fn check_shape(list: &str, value: &Value) -> Result<(), Problem> {
    let (fields, needed): (&[FieldOf], &[&str]) = match list {
        "users" => (&USERS, &NEEDED_OF_USER),
        _ => (&REGISTRATIONS, &NEEDED_OF_REGISTRATION),
    };
    let tables = format!("tables, each under [[provision.{list}]]");
    let wrong = |key: String, given: Option<String>, expected: &str| {
        Err(Problem::Wrong(Wrong::new(key, given, expected)))
    };
    let Some(items) = value.as_array() else {
        return wrong(format!("provision.{list}"), Some(shown(value)), &tables);
    };
    for (index, item) in items.iter().enumerate() {
        let at = |field: &str| format!("provision.{list}[{index}].{field}");
        let Some(item) = item.as_object() else {
            return wrong(format!("provision.{list}[{index}]"), None, &tables);
        };
        for (field, value) in item {
            let Some((_, kind)) = fields.iter().find(|(name, _)| name == field) else {
                return Err(Problem::Unknown {
                    key: at(field),
                    hint: nearest(field, fields.iter().map(|(name, _)| *name)).map(at),
                });
            };
            match kind {
                Is::Text if !value.is_string() => {
                    return wrong(at(field), Some(shown(value)), "a text in quotes");
                }
                Is::Bool if !value.is_boolean() => {
                    return wrong(at(field), Some(shown(value)), "true or false");
                }
                // What stands there may be the secret itself: it is not shown.
                Is::Secret if serde_json::from_value::<SecretText>(value.clone()).is_err() => {
                    return wrong(at(field), None, SECRET_SHAPE);
                }
                _ => {}
            }
        }
        if let Some(missing) = needed.iter().find(|field| !item.contains_key(**field)) {
            return wrong(at(missing), None, "to be given");
        }
    }
    Ok(())
}

/// Checks all that is known without the files and variables that secrets come from.
pub(super) fn check_texts(settings: &Settings) -> Result<(), Wrong> {
    Provisions::resolve_with(settings, |text| match text {
        SecretText::Text(text) => Ok(Some(text.clone())),
        SecretText::File { .. } | SecretText::Env { .. } => Ok(None),
    })
    .map(drop)
    .map_err(|missing| match missing {
        Missing::Wrong(wrong) => wrong,
        Missing::Secret { key, source } => Wrong::new(key, None, source.to_string()),
    })
}

/// What a lab finds ready-made, its secrets looked up.
pub(crate) struct Provisions {
    /// Users with their tokens.
    pub(crate) users: Vec<ProvisionedUser>,
    /// Registrations as `mobile_app/provision` takes them, with the login name of their user.
    pub(crate) registrations: Vec<(String, Value)>,
}

/// Why they cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Missing {
    /// A value that cannot be used.
    #[error("{0}")]
    Wrong(Wrong),
    /// The file or variable of a secret is missing.
    #[error("`{key}`: {source}")]
    Secret {
        /// `provision.users[0].token`
        key: String,
        /// Why.
        source: SecretMissing,
    },
}

type Fetch = fn(&SecretText) -> Result<Option<String>, SecretMissing>;

impl Provisions {
    /// Looks up all secrets and checks what they give.
    pub(crate) fn resolve(settings: &Settings) -> Result<Self, Missing> {
        Self::resolve_with(settings, |text| text.resolve().map(Some))
    }

    fn resolve_with(settings: &Settings, fetch: Fetch) -> Result<Self, Missing> {
        let secret = |key: &str, text: &SecretText| {
            fetch(text).map_err(|source| Missing::Secret {
                key: key.to_owned(),
                source,
            })
        };
        let wrong =
            |key: String, expected: &str| Err(Missing::Wrong(Wrong::new(key, None, expected)));
        let mut users = Vec::new();
        let mut names = HashSet::new();
        let mut tokens = HashSet::new();
        for (index, user) in settings.provision.users.iter().enumerate() {
            let at = |field: &str| format!("provision.users[{index}].{field}");
            if user.name.trim().is_empty() || user.name.chars().any(char::is_control) {
                return wrong(at("name"), "a name without control characters");
            }
            if !names.insert(user.name.to_lowercase()) {
                return wrong(at("name"), "a name that no other user has");
            }
            let key = at("token");
            let token = match &user.token {
                Some(text) => secret(&key, text)?,
                None => None,
            };
            if token
                .as_ref()
                .is_some_and(|text| !tokens.insert(text.clone()))
            {
                return wrong(key, "a token that no other user has");
            }
            let token = match token.as_deref().map(ProvisionedToken::new) {
                None => None,
                Some(Ok(token)) => Some(token),
                Some(Err(_)) => return wrong(key, TOKEN),
            };
            users.push(ProvisionedUser {
                name: user.name.clone(),
                owner: user.owner,
                admin: user.admin,
                token,
            });
        }
        let mut registrations = Vec::new();
        let mut webhooks = HashSet::new();
        let mut devices = HashSet::new();
        for (index, registration) in settings.provision.registrations.iter().enumerate() {
            let at = |field: &str| format!("provision.registrations[{index}].{field}");
            if let Some(field) = empty_text(registration) {
                return wrong(at(field), "a text that is not empty");
            }
            let device = (&*registration.app_id, &*registration.device_id);
            if !devices.insert(device) {
                return wrong(
                    at("device_id"),
                    "an id that no other registration of this app has",
                );
            }
            let webhook_id = secret(&at("webhook_id"), &registration.webhook_id)?;
            if webhook_id.as_deref().is_some_and(|id| !is_webhook_id(id)) {
                return wrong(at("webhook_id"), WEBHOOK_ID);
            }
            if webhook_id
                .as_ref()
                .is_some_and(|id| !webhooks.insert(id.clone()))
            {
                return wrong(at("webhook_id"), "an id that no other registration has");
            }
            let key = match &registration.secret {
                Some(text) => secret(&at("secret"), text)?,
                None => None,
            };
            if key.as_deref().is_some_and(|key| !is_key(key)) {
                return wrong(at("secret"), SECRET);
            }
            if registration.supports_encryption == Some(true) && registration.secret.is_none() {
                return wrong(
                    at("secret"),
                    "to be given where supports_encryption is true",
                );
            }
            let mut data = serde_json::to_value(registration).unwrap_or_default();
            data["webhook_id"] = json!(webhook_id);
            data["secret"] = json!(key);
            registrations.push((registration.user.clone(), data));
        }
        Ok(Self {
            users,
            registrations,
        })
    }
}

fn empty_text(registration: &ProvisionedRegistration) -> Option<&'static str> {
    [
        ("user", &registration.user),
        ("device_name", &registration.device_name),
        ("app_id", &registration.app_id),
        ("device_id", &registration.device_id),
    ]
    .into_iter()
    .find(|(_, text)| text.trim().is_empty())
    .map(|(field, _)| field)
}

/// An id that nobody guesses and that a path can carry as it is.
fn is_webhook_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    (16..=255).contains(&id.len()) && id.bytes().all(fits)
}

fn is_key(key: &str) -> bool {
    key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit())
}
