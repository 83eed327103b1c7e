//! Messages on their way to a hub.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// The longest that a hub may put a message off, in seconds.
pub const RETRY_AFTER_MAX_S: u64 = 3600;

/// A message for the hub.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Msg {
    /// In which log it stands; 0 where there is only one.
    pub shard: u32,
    /// Its place in that log.
    pub seq: u64,
    /// The same for every hub that gets the request, and at every attempt.
    pub delivery_id: String,
    /// To which webhook it was sent.
    pub webhook_id: String,
    /// 1 the first time.
    pub attempt: u32,
    /// A [`Message`], as text: it is passed on as it was stored.
    pub message: Box<RawValue>,
}

impl PartialEq for Msg {
    fn eq(&self, other: &Self) -> bool {
        let place = |msg: &Self| (msg.shard, msg.seq, msg.attempt);
        place(self) == place(other)
            && self.delivery_id == other.delivery_id
            && self.webhook_id == other.webhook_id
            && self.message.get() == other.message.get()
    }
}

/// A sender's request, as integrations get it (spec relay §3 and §5).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message<'a> {
    /// By name in lower case; repeated ones joined.
    #[serde(borrow)]
    pub headers: &'a RawValue,
    /// By name; repeated ones an array.
    #[serde(borrow)]
    pub query: &'a RawValue,
    /// As its `body_type` says.
    #[serde(borrow)]
    pub body: &'a RawValue,
    /// `json`, `form`, `multipart`, `text`, `binary` or `none`.
    #[serde(borrow)]
    pub body_type: Cow<'a, str>,
    /// `invalid_json`, where it said to be JSON.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub body_error: Option<Cow<'a, str>>,
    /// Base64 of the bytes that were sent, for the sender's own signature.
    #[serde(borrow)]
    pub raw_body: Cow<'a, str>,
    /// Pairs of name and value, in their order.
    #[serde(borrow)]
    pub raw_headers: &'a RawValue,
    /// The HTTP method.
    #[serde(borrow)]
    pub method: Cow<'a, str>,
    /// When the relay had it, as ISO 8601 in UTC.
    #[serde(borrow)]
    pub received_at: Cow<'a, str>,
}

/// The hub has durably taken all messages of the shard up to and including this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ack {
    /// See [`Msg::shard`].
    pub shard: u32,
    /// See [`Msg::seq`].
    pub seq: u64,
}

/// The hub cannot take this message now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nack {
    /// See [`Msg::shard`].
    pub shard: u32,
    /// See [`Msg::seq`].
    pub seq: u64,
    /// When to send it again, at most [`RETRY_AFTER_MAX_S`].
    #[serde(deserialize_with = "retry_after")]
    pub retry_after_s: u64,
}

fn retry_after<'de, D: Deserializer<'de>>(reader: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(reader)?;
    if seconds > RETRY_AFTER_MAX_S {
        let message = format!("retry_after_s: expected at most {RETRY_AFTER_MAX_S}, got {seconds}");
        return Err(serde::de::Error::custom(message));
    }
    Ok(seconds)
}
