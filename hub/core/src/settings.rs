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
    /// Signing in.
    pub auth: AuthSettings,
    /// The WebSocket door.
    pub websocket: WebSocketSettings,
    /// The event bus.
    pub bus: BusSettings,
    /// Native apps.
    pub mobile_app: MobileAppSettings,
    /// Notifications to native apps.
    pub push: PushSettings,
    /// Templates.
    pub template: TemplateSettings,
    /// What waits for triggers.
    pub automation: AutomationSettings,
    /// Being found on the home's network.
    pub discovery: DiscoverySettings,
    /// What a page in the browser keeps.
    pub frontend: FrontendSettings,
    /// The public relay, `hearth relay`.
    pub relay: RelaySettings,
    /// The hub's own connection to a relay.
    pub relay_link: RelayLinkSettings,
    /// The demo home.
    pub demo: DemoSettings,
    /// What a headless lab finds ready-made.
    pub provision: Provision,
    /// Sections that integrations make things from, such as `[input_boolean.guests]`. Each is
    /// checked by its integration.
    #[serde(skip)]
    pub domains: crate::configured::Sections,
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
        /// How many persistent notifications are kept; the oldest gives way.
        notifications: usize = 200,
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
        listen: String = "0.0.0.0:8123".to_owned(),
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
        /// Pages of these origins may call the API from a browser; `*`: of any.
        cors_origins: Vec<String> = vec!["https://cast.home-assistant.io".to_owned()],
        /// Whether browsers may show the hub's pages in frames of its own pages only.
        use_x_frame_options: bool = true,
        /// Whether a page is shown at `/`.
        page: bool = true,
        /// Whether `X-Forwarded-For` of trusted proxies is believed.
        use_x_forwarded_for: bool = false,
        /// Addresses or networks of trusted proxies.
        trusted_proxies: Vec<String> = Vec::new(),
    }
}

settings! {
    /// `[auth]`: what happens to who fails to sign in.
    AuthSettings {
        /// Whether an address is shut out after too many failures.
        ban_enabled: bool = true,
        /// After how many; 0: never.
        ban_threshold: u32 = 30,
        /// Seconds after which an address's failures are forgotten.
        ban_window_s: u64 = 60 * 60,
        /// Seconds that a ban lasts; 0: until it is lifted.
        ban_expiry_s: u64 = 24 * 60 * 60,
        /// How many bans are kept; beyond it the oldest is lifted.
        bans: usize = 10_000,
        /// Failures after which an address has to wait, longer each time, before its next password
        /// is looked at.
        free_failures: u32 = 5,
        /// The longest such wait in seconds.
        longest_wait_s: u64 = 30,
        /// How many addresses that failed are remembered.
        failing_addresses: usize = 10_000,
        /// How many sign-ins may be under way; the oldest of the address with most gives way.
        login_flows: usize = 4096,
        /// How many of them for one address, or one /64 network of IPv6.
        login_flows_per_address: usize = 64,
        /// Seconds that a sign-in may take.
        login_s: u64 = 600,
        /// How many authorization codes may wait for their exchange.
        codes: usize = 4096,
        /// Seconds that one waits.
        code_s: u64 = 600,
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
        /// Messages that may wait for one device's actor; more than `websocket.commands`, so that
        /// what one socket sends at a time has room.
        mailbox: usize = 512,
        /// Templates that one `render_template` message may hold; those beyond it get an error.
        templates: usize = 100,
        /// Bytes of one sensor's attributes, as compact JSON.
        attributes_limit: usize = 16 * 1024,
        /// Bytes of what an app keeps in its registration (`app_data`), as compact JSON.
        app_data_limit: usize = 16 * 1024,
        /// Bytes of each name, id and other text of a device and its sensors.
        text_limit: usize = 1024,
        /// A sensor or tracker is stale when it is not heard from for so many times its usual
        /// pause; 0: never.
        stale_factor: f64 = 4.0,
        /// Seconds that a sensor or tracker may be silent in any case.
        stale_after_s: f64 = 3600.0,
    }
}

settings! {
    /// `[push]`: notifications to native apps.
    PushSettings {
        /// Notifications kept for one phone that is not reached now; 0: none is kept.
        queue: usize = 100,
        /// Notifications kept for all phones together.
        queue_total: usize = 10_000,
        /// Notifications kept for the phones of one user together.
        queue_per_user: usize = 5000,
        /// Seconds that one is kept.
        ttl_s: u64 = 86_400,
        /// Bytes of one, as compact JSON.
        message_limit: usize = 64 * 1024,
        /// Seconds that a phone on a channel may take to confirm one.
        confirm_timeout_s: f64 = 10.0,
        /// Seconds that a push service may take to answer.
        timeout_s: f64 = 10.0,
        /// Bytes of a push service's answer that are read.
        reply_limit: usize = 64 * 1024,
        /// Posts to push services at a time.
        posts: usize = 64,
        /// Posts at a time to the push services of one user's phones: services that do not answer
        /// hold up nobody else's.
        posts_per_user: usize = 16,
        /// Seconds until a failed post is tried again; doubled with each failure, up to an hour.
        retry_s: f64 = 30.0,
        /// Whether a `push_url` may lead to loopback, private and link-local addresses. Any user
        /// may register a phone: with this they reach what the hub can reach.
        allow_private_addresses: bool = false,
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
        /// Templates that clients have rendered again as things change, all clients together.
        subscriptions: usize = 5000,
        /// Bytes of those templates and their variables, all clients together.
        subscriptions_bytes: usize = 16 * 1024 * 1024,
    }
}

settings! {
    /// `[automation]`: what waits for triggers.
    AutomationSettings {
        /// Clients that wait for triggers, with as many triggers each as one command holds.
        subscriptions: usize = 10_000,
    }
}

settings! {
    /// `[discovery]`: being found on the home's network.
    DiscoverySettings {
        /// Whether the hub announces itself by multicast DNS, so that apps find it.
        enabled: bool = true,
        /// Network interfaces to do so on, such as `eth0`; none named: those on which the HTTP
        /// door listens, without loopback.
        interfaces: Vec<String> = Vec::new(),
    }
}

settings! {
    /// `[frontend]`: what a page in the browser keeps on the hub.
    FrontendSettings {
        /// Bytes that a page may keep for one user.
        user_data_limit: usize = 262_144,
        /// Bytes of one dashboard.
        dashboard_limit: usize = 1_048_576,
    }
}

/// Which spellings of a header's name a key path may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeaderCase {
    /// Upper and lower case are the same.
    Any,
    /// All lower case, or each word capitalised.
    Canonical,
}

settings! {
    /// `[relay]`: the public server that takes webhooks for hubs behind routers. A rate is given
    /// in requests a second; a burst is how many of them may come at once.
    RelaySettings {
        /// Address and port of the public server; port 0: any free one.
        listen: String = "0.0.0.0:8443".to_owned(),
        /// Address and port for metrics and probes: for the operator alone.
        admin_listen: String = "127.0.0.1:9443".to_owned(),
        /// How the world reaches this server, such as `https://relay.example`; without it
        /// cloudhooks get addresses of `listen`.
        public_url: Option<String> = None,
        /// File of the certificate chain, PEM; without it the server speaks plain HTTP, for use
        /// behind a proxy.
        tls_certificate: Option<String> = None,
        /// File of the certificate's private key, PEM.
        tls_key: Option<String> = None,
        /// Proxies whose `X-Forwarded-For` is believed: addresses or networks.
        trusted_proxies: Vec<String> = Vec::new(),
        /// Threads; 0: one a core.
        workers: usize = 0,
        /// Connections at a time, all threads together.
        max_connections: usize = 120_000,
        /// Connections of one address at a time.
        connections_per_address: usize = 100,
        /// Bytes of a webhook's body, unless the webhook has a limit of its own.
        body_limit: usize = 1024 * 1024,
        /// Bytes of all bodies together that are on their way; beyond it senders are told 503.
        bodies_limit: usize = 256 * 1024 * 1024,
        /// Bytes that a compressed body may grow to.
        decoded_limit: usize = 10 * 1024 * 1024,
        /// Times its size that a compressed body may grow to.
        decoded_ratio: usize = 100,
        /// Bytes of a query.
        query_limit: usize = 8 * 1024,
        /// Bytes of one header field.
        header_field_limit: usize = 8 * 1024,
        /// Bytes of all header fields.
        header_limit: usize = 32 * 1024,
        /// Header fields.
        header_fields: usize = 100,
        /// Seconds that a sender may take for its header.
        header_timeout_s: u64 = 5,
        /// Seconds that a sender may take for its body.
        body_timeout_s: u64 = 15,
        /// Which spellings of header names key paths may use: `any` or `canonical`.
        header_case: HeaderCase = HeaderCase::Any,
        /// Hubs that one request reaches at most.
        fan_out: usize = 10_000,
        /// Bytes that one request may fill in all hubs' queues together.
        fan_out_bytes: usize = 64 * 1024 * 1024,
        /// Hours that a message waits for its hub, unless the webhook has a time of its own.
        ttl_h: u64 = 72,
        /// Messages that wait for one hub; one more and the oldest goes.
        queue: usize = 1000,
        /// Bytes of messages that wait for one hub.
        queue_bytes: usize = 16 * 1024 * 1024,
        /// Webhooks that one hub may register for.
        registrations_per_hub: usize = 1000,
        /// Cloudhooks of one hub.
        cloudhooks_per_hub: usize = 1000,
        /// Deliveries that are remembered to know a repeat.
        seen: usize = 1_000_000,
        /// Rate of one webhook, unless it has one of its own.
        webhook_rate: f64 = 100.0,
        /// See `webhook_rate`.
        webhook_burst: f64 = 500.0,
        /// Rate of one webhook's messages to one hub; what is more is dropped for that hub.
        hub_rate: f64 = 10.0,
        /// See `hub_rate`.
        hub_burst: f64 = 50.0,
        /// Rate of one source address, or one /64 network of IPv6.
        address_rate: f64 = 50.0,
        /// See `address_rate`.
        address_burst: f64 = 200.0,
        /// Addresses, webhooks and hubs whose rates are kept at a time, each.
        rates: usize = 200_000,
        /// Rate at which one hub may connect.
        hub_connect_rate: f64 = 1.0,
        /// See `hub_connect_rate`.
        hub_connect_burst: f64 = 5.0,
        /// Rate at which hubs of one address may connect.
        hub_address_rate: f64 = 20.0,
        /// See `hub_address_rate`.
        hub_address_burst: f64 = 100.0,
        /// Seconds between two pings to a hub.
        ping_s: u64 = 30,
        /// Seconds without a word from a hub after which its connection is ended.
        dead_s: u64 = 75,
        /// Seconds for which a hub's connection may take nothing.
        blocked_s: f64 = 20.0,
        /// Seconds after which a message that was not acknowledged is sent again.
        redeliver_s: f64 = 30.0,
        /// Times that a hub may put off a message before it is set aside.
        nacks: u32 = 10,
        /// Wrong secrets that a hub may show in a minute before it may not register for a while.
        registration_failures: u32 = 10,
        /// Seconds of that while.
        registration_pause_s: u64 = 600,
        /// Seconds that a hub may take for the answer to a cloudhook's caller, at most 60.
        cloudhook_deadline_s: f64 = 10.0,
        /// Cloudhook calls of one hub that may be under way.
        cloudhook_calls: usize = 64,
        /// Bytes of their bodies.
        cloudhook_bytes: usize = 16 * 1024 * 1024,
    }
}

settings! {
    /// `[relay_link]`: the hub's own connection to a relay. Off while no `url` is given.
    RelayLinkSettings {
        /// Where the relay is, such as `https://relay.example`. Plain `http` is taken on the hub's
        /// own machine only.
        url: Option<String> = None,
        /// The id that the relay gave this hub.
        hub_id: Option<String> = None,
        /// The secret that the relay gave it.
        token: Option<SecretText> = None,
        /// File of certificates that are trusted beside the system's, PEM: for a relay whose
        /// certificate you signed yourself.
        certificate_authority: Option<String> = None,
        /// Seconds that connecting may take.
        connect_timeout_s: f64 = 15.0,
        /// The longest pause between two tries to connect, in seconds.
        reconnect_max_s: u64 = 300,
        /// Messages that the relay may send before the first of them is acknowledged, at most 256.
        window: u32 = 32,
        /// Webhooks that integrations may register with the relay.
        webhooks: usize = 1000,
        /// Seconds that a webhook stays registered when whoever wanted it has gone, so that one
        /// that restarts misses nothing.
        webhook_kept_s: u64 = 300,
        /// Deliveries of the last day that are remembered to know a repeat.
        seen: usize = 10_000,
        /// Public addresses of this hub's own webhooks.
        cloudhooks: usize = 1000,
        /// Requests to them that may be under way.
        calls: usize = 64,
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
