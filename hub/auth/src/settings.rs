//! Limits, and where they stand in the hub's settings.

use std::time::Duration;

use hearth_core::settings::Settings;
use ipnet::IpNet;

use crate::attempts::AttemptSettings;
use crate::bans::BanSettings;

/// Limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSettings {
    /// How many token texts are remembered as verified; about 150 bytes each. With more clients
    /// than this at once, some requests pay for a signature check.
    pub verified_tokens: usize,
    /// How many passwords are hashed at a time, 19 MiB each; further sign-ins wait their turn.
    pub hashing_at_once: usize,
    /// How many token records a user may have. Beyond it a sign-in ends the one that was not used
    /// longest; a long-lived token is refused.
    pub tokens_per_user: usize,
    /// How many login flows may be under way.
    pub login_flows: usize,
    /// How many of them for one address.
    pub login_flows_per_address: usize,
    /// How long a login flow may take, in seconds.
    pub login_seconds: u64,
    /// How many authorization codes may wait for their exchange.
    pub codes: usize,
    /// How long one waits, in seconds.
    pub code_seconds: u64,
    /// How failed sign-ins are counted.
    pub attempts: AttemptSettings,
    /// When they lead to a ban.
    pub bans: BanSettings,
}

impl Default for AuthSettings {
    /// 16,384 token texts, 2 hashings, 1000 tokens a user; 4096 login flows and codes, 64 flows an
    /// address, ten minutes for each.
    fn default() -> Self {
        Self {
            verified_tokens: 16_384,
            hashing_at_once: 2,
            tokens_per_user: 1000,
            login_flows: 4096,
            login_flows_per_address: 64,
            login_seconds: 600,
            codes: 4096,
            code_seconds: 600,
            attempts: AttemptSettings::default(),
            bans: BanSettings::default(),
        }
    }
}

impl AuthSettings {
    /// As `[auth]` and the trusted proxies of `[http]` say.
    pub fn from_settings(settings: &Settings) -> Self {
        let auth = &settings.auth;
        // What is neither an address nor a network is refused by the HTTP door.
        let proxies = settings.http.trusted_proxies.iter().filter_map(|text| {
            let network = text.parse::<IpNet>();
            network
                .or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()))
                .ok()
        });
        Self {
            attempts: AttemptSettings {
                free: auth.free_failures,
                longest_wait: Duration::from_secs(auth.longest_wait_s),
                window: Duration::from_secs(auth.ban_window_s),
                addresses: auth.failing_addresses,
                ..AttemptSettings::default()
            },
            bans: BanSettings {
                threshold: (auth.ban_enabled && auth.ban_threshold > 0)
                    .then_some(auth.ban_threshold),
                expiry: (auth.ban_expiry_s > 0).then(|| Duration::from_secs(auth.ban_expiry_s)),
                most: auth.bans,
                never: proxies.collect(),
            },
            login_flows: auth.login_flows,
            login_flows_per_address: auth.login_flows_per_address,
            login_seconds: auth.login_s,
            codes: auth.codes,
            code_seconds: auth.code_s,
            ..Self::default()
        }
    }
}
