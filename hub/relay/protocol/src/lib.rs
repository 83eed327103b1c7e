//! What a hub and its relay say to each other: the frames of the WebSocket `/hub/v1`.
//!
//! This crate is pure: frames in, frames out. It must never know a connection, a store or a hub.
//! The relay (`hearth-relay`) and the hub's side of it (the `relay` integration) share it and
//! nothing else. Start reading at [`FromHub`] and [`FromRelay`] (spec relay §6).
//!
//! A frame is a JSON object whose member `t` says what it is. Frames and members that are not known
//! are passed over, so that either side may be newer than the other.
//!
//! ```
//! use hearth_relay_protocol::{Ack, FromHub, Frame};
//!
//! let ack = FromHub::Ack(Ack { shard: 0, seq: 7 });
//! assert_eq!(ack.to_text(), r#"{"t":"ack","shard":0,"seq":7}"#);
//! assert_eq!(FromHub::read(&ack.to_text()), Ok(Some(ack)));
//!
//! assert_eq!(FromHub::read(r#"{"t":"of_tomorrow"}"#), Ok(None));
//! let error = FromHub::read(r#"{"t":"ack","shard":0}"#).unwrap_err();
//! assert!(error.to_string().starts_with("ack: missing field `seq`"));
//! ```

mod delivery;
mod exchange;
mod frame;
mod session;

pub use delivery::{Ack, Message, Msg, Nack, RETRY_AFTER_MAX_S};
pub use exchange::{
    Cancel, CloudhookChange, CloudhookPublish, Register, Req, Res, ResErr, Result, Unregister,
};
pub use frame::{BadFrame, FRAME_BYTES_MAX, Frame, FromHub, FromRelay};
pub use session::{
    Drain, Gap, Hello, Limits, Ping, WINDOW_BYTES_DEFAULT, WINDOW_DEFAULT, WINDOW_MAX, Welcome,
};

/// The WebSocket's subprotocol.
pub const SUBPROTOCOL: &str = "hearth-relay.v1";
/// The path of the WebSocket.
pub const PATH: &str = "/hub/v1";

/// Why a connection was closed, beside the codes of the WebSocket itself.
pub mod close {
    /// Another connection of the same hub has come.
    pub const REPLACED: u16 = 4001;
    /// A frame was not understood.
    pub const BAD_FRAME: u16 = 4002;
    /// The hub said it was another than its token says.
    pub const WRONG_HUB: u16 = 4003;
    /// Nothing was heard for too long.
    pub const DEAD: u16 = 4008;
    /// The hub takes nothing.
    pub const SLOW: u16 = 4009;
}
