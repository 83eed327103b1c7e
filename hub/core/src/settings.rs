//! Every setting, with its default: the types behind `config/default.toml`.
//!
//! Reading files and the environment is the binary's business; here stand the shapes. Unknown
//! keys are refused, so a typing error is told and not ignored.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// All settings of a hub.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The home itself.
    pub hub: HubSettings,
    /// The store.
    pub store: StoreSettings,
    /// Logs.
    pub log: LogSettings,
    /// The HTTP door.
    pub http: HttpSettings,
    /// The WebSocket door.
    pub websocket: WebSocketSettings,
    /// The event bus.
    pub bus: BusSettings,
    /// Native apps.
    pub mobile_app: MobileAppSettings,
    /// Templates.
    pub template: TemplateSettings,
    /// The demo home.
    pub demo: DemoSettings,
    /// What a headless lab finds ready-made.
    pub provision: Provision,
}

macro_rules! settings {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

/// The unit system of a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitSystem {
    /// Metres, kilograms, degrees Celsius.
    Metric,
    /// Miles, pounds, degrees Fahrenheit.
    UsCustomary,
}

settings! {
    /// `[hub]`: the home itself.
    HubSettings {
        /// What the home is called.
        name: String = "Home".to_owned(),
        /// Degrees north.
        latitude: f64 = 52.3731339,
        /// Degrees east.
        longitude: f64 = 4.8903147,
        /// Metres above the sea.
        elevation: i64 = 0,
        /// Radius of the home zone in metres.
        radius: f64 = 100.0,
        /// IANA name.
        time_zone: String = "UTC".to_owned(),
        /// Units.
        unit_system: UnitSystem = UnitSystem::Metric,
        /// ISO 4217.
        currency: String = "EUR".to_owned(),
        /// ISO 3166-1, two letters.
        country: Option<String> = None,
        /// Language tag.
        language: String = "en".to_owned(),
        /// How clients at home reach the hub.
        internal_url: Option<String> = None,
        /// How clients elsewhere reach the hub.
        external_url: Option<String> = None,
        /// How many zones, persons, tags and trackers of `device_tracker.see` are kept, each.
        collection_limit: usize = 10_000,
        /// How many trackers one person may have.
        person_trackers: usize = 32,
        /// Threads for integrations; 0: one a core.
        threads: usize = 0,
        /// For labs only: ids and secrets come from this seed and are the same at every start.
        seed: Option<u64> = None,
    }
}

settings! {
    /// `[store]`: what is kept, and where.
    StoreSettings {
        /// Keep everything in memory and nothing on disk.
        in_memory: bool = false,
        /// Milliseconds until a changed state is written.
        state_flush_ms: u64 = 500,
        /// How many changes may wait for the disk.
        queue: usize = 65_536,
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For a person.
    Human,
    /// One JSON object a line.
    Json,
}

settings! {
    /// `[log]`: what goes to stderr.
    LogSettings {
        /// How lines look: `human` or `json`.
        format: LogFormat = LogFormat::Human,
        /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,hearth_http=debug`.
        level: String = "info".to_owned(),
    }
}

settings! {
    /// `[http]`: the HTTP door and its limits.
    HttpSettings {
        /// Address and port; port 0: any free one.
        listen: String = "127.0.0.1:8123".to_owned(),
        /// Threads; 0: one a core.
        workers: usize = 0,
        /// Largest body in bytes.
        body_limit: usize = 16 * 1024 * 1024,
        /// Bytes of all bodies together that are on their way; beyond it clients are told 503.
        bodies_limit: usize = 256 * 1024 * 1024,
        /// Largest sum of header fields in bytes.
        header_limit: usize = 32 * 1024,
        /// Seconds that an idle connection is kept, and that a client may take nothing of a reply.
        keep_alive_s: u64 = 75,
        /// Seconds that a client may take for its header.
        header_timeout_s: u64 = 5,
        /// Seconds that a client may take for its body.
        body_timeout_s: u64 = 30,
        /// Connections at a time, all threads together.
        max_connections: usize = 20_000,
        /// How deep JSON may nest.
        json_depth: usize = 64,
        /// Whether a page is shown at `/`.
        page: bool = true,
        /// Whether `X-Forwarded-For` of trusted proxies is believed.
        use_x_forwarded_for: bool = false,
        /// Addresses or networks of trusted proxies.
        trusted_proxies: Vec<String> = Vec::new(),
    }
}

settings! {
    /// `[websocket]`: the WebSocket door and its limits.
    WebSocketSettings {
        /// Seconds to sign in.
        auth_timeout_s: u64 = 10,
        /// Largest message in bytes.
        message_limit: usize = 4 * 1024 * 1024,
        /// Messages that may wait for a reader; one more and it is cut off.
        queue: usize = 4096,
        /// Messages that may wait for `slow_s` seconds.
        slow_queue: usize = 1024,
        /// Seconds that more than `slow_queue` messages may wait.
        slow_s: u64 = 10,
        /// Subscriptions of one socket.
        subscriptions: usize = 1024,
        /// Commands of one socket that may run at a time.
        commands: usize = 256,
        /// Seconds between pings.
        ping_interval_s: f64 = 55.0,
        /// Seconds that a pong may take.
        pong_timeout_s: f64 = 27.5,
        /// Sockets at a time, all threads together.
        sockets: usize = 20_000,
    }
}

settings! {
    /// `[bus]`: the event bus.
    BusSettings {
        /// Events that may be on their way; beyond it callers wait or are told `busy`.
        queue: usize = 16_384,
    }
}

settings! {
    /// `[mobile_app]`: native apps.
    MobileAppSettings {
        /// Devices that may be registered.
        registrations: usize = 200_000,
        /// Sensors that one device may register.
        sensors_per_device: usize = 1000,
        /// Seconds without a message until a device's actor sleeps.
        idle_s: u64 = 60,
        /// Messages that may wait for one device's actor.
        mailbox: usize = 64,
    }
}

settings! {
    /// `[template]`: limits of one render.
    TemplateSettings {
        /// Steps.
        fuel: u64 = 2_000_000,
        /// Characters of output.
        output_limit: usize = 262_144,
        /// Characters of source.
        source_limit: usize = 262_144,
        /// Milliseconds.
        time_limit_ms: u64 = 1000,
    }
}

settings! {
    /// `[demo]`: the demo home.
    DemoSettings {
        /// Whether it is there.
        enabled: bool = true,
    }
}

/// `[provision]`: users, tokens and devices that exist from the start, for headless labs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provision {
    /// Users with fixed tokens.
    pub users: Vec<ProvisionedUser>,
    /// Devices with fixed webhook ids and secrets.
    pub registrations: Vec<ProvisionedRegistration>,
}

/// A user that exists from the start.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionedUser {
    /// Login name.
    pub name: String,
    /// Whether it is the owner.
    #[serde(default)]
    pub owner: bool,
    /// Whether it is an administrator.
    #[serde(default)]
    pub admin: bool,
    /// A bearer token, at least 16 characters.
    #[serde(default)]
    pub token: Option<SecretText>,
}

/// A device that is registered from the start.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionedRegistration {
    /// Whose it is: a user's login name.
    pub user: String,
    /// Its name.
    pub device_name: String,
    /// The app's id.
    #[serde(default = "lab")]
    pub app_id: String,
    /// The app's name.
    #[serde(default = "lab")]
    pub app_name: String,
    /// The app's version.
    #[serde(default = "lab")]
    pub app_version: String,
    /// Who makes it.
    #[serde(default = "lab")]
    pub manufacturer: String,
    /// Which model.
    #[serde(default = "lab")]
    pub model: String,
    /// Its system.
    #[serde(default = "lab")]
    pub os_name: String,
    /// Its system's version.
    #[serde(default)]
    pub os_version: Option<String>,
    /// How the app knows it.
    pub device_id: String,
    /// Its webhook id.
    pub webhook_id: SecretText,
    /// Its secret, 64 hex characters.
    #[serde(default)]
    pub secret: Option<SecretText>,
    /// Whether its messages are encrypted from the start; by default when it has a secret.
    #[serde(default)]
    pub supports_encryption: Option<bool>,
}

fn lab() -> String {
    "lab".to_owned()
}

/// A secret in the settings: the text itself, or where to find it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SecretText {
    /// The text itself.
    Text(String),
    /// `{ file = "…" }`: the content of a file, without the line end.
    File {
        /// Path.
        file: PathBuf,
    },
    /// `{ env = "…" }`: an environment variable.
    Env {
        /// Name.
        env: String,
    },
}

/// The place that a secret was to come from has none.
#[derive(Debug, thiserror::Error)]
pub enum SecretMissing {
    /// The file cannot be read.
    #[error("cannot read the secret file {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The variable is not set, or empty.
    #[error("the environment variable {0} is not set, and a secret was to come from it")]
    Env(String),
}

impl SecretText {
    /// Fetches the secret.
    pub fn resolve(&self) -> Result<String, SecretMissing> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File { file } => std::fs::read_to_string(file)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|source| SecretMissing::File {
                    path: file.clone(),
                    source,
                }),
            Self::Env { env } => std::env::var(env)
                .ok()
                .filter(|text| !text.is_empty())
                .ok_or_else(|| SecretMissing::Env(env.clone())),
        }
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("***"),
            Self::File { file } => write!(f, "file {}", file.display()),
            Self::Env { env } => write!(f, "environment variable {env}"),
        }
    }
}
