//! The beginning, the pulse and the end of a connection.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many messages may be unacknowledged, at most and by default.
pub const WINDOW_MAX: u32 = 256;
/// See [`WINDOW_MAX`].
pub const WINDOW_DEFAULT: u32 = 32;
/// How many bytes of messages may be unacknowledged by default.
pub const WINDOW_BYTES_DEFAULT: u64 = 4 * 1024 * 1024;

/// A hub's first frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol's version, 1.
    pub v: u32,
    /// Whose connection it is; must be that of the token.
    pub hub_id: String,
    /// Which program, for logs.
    #[serde(default)]
    pub agent: String,
    /// The last message taken, by shard. Empty: where the relay remembers.
    #[serde(default)]
    pub cursors: BTreeMap<u32, u64>,
    /// Messages that may be unacknowledged.
    #[serde(default = "window")]
    pub window: u32,
    /// Bytes of messages that may be unacknowledged.
    #[serde(default = "window_bytes")]
    pub window_bytes: u64,
}

fn window() -> u32 {
    WINDOW_DEFAULT
}

fn window_bytes() -> u64 {
    WINDOW_BYTES_DEFAULT
}

/// The relay's answer to [`Hello`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// This connection's id, for logs.
    pub session: String,
    /// Seconds between pings.
    pub ping_s: u64,
    /// Seconds without any frame after which the connection is dead.
    pub dead_s: u64,
    /// What the hub has missed for good.
    #[serde(default)]
    pub gap: Vec<Gap>,
    /// What the relay allows.
    pub limits: Limits,
    /// What comes before a cloudhook's id in its address.
    pub cloudhook_base: String,
}

/// Messages that have expired before the hub took them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Of which shard.
    pub shard: u32,
    /// The oldest message that is still there.
    pub oldest_seq: u64,
}

/// What the relay allows one hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of one registration's data.
    pub data_bytes: u64,
    /// Registrations.
    pub registrations: u64,
}

/// `ping` and `pong`; a pong carries the ping's number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ping {
    /// Any number.
    pub n: u64,
}

/// The relay is about to stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drain {
    /// When to come again, in milliseconds from now.
    pub reconnect_after_ms: u64,
}
