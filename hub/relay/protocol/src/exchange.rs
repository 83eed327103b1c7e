//! Questions with one answer each, in both directions.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Wants the requests of a webhook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Register {
    /// Comes back in the [`Result`].
    pub id: u64,
    /// Which webhook.
    pub webhook_id: String,
    /// Its secret.
    pub secret: String,
    /// An object, with the `$key` or `$keys` by which requests are routed; none as `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

impl PartialEq for Register {
    fn eq(&self, other: &Self) -> bool {
        let data = |register: &Self| register.data.as_ref().map(|data| data.get().to_owned());
        self.id == other.id
            && self.webhook_id == other.webhook_id
            && self.secret == other.secret
            && data(self) == data(other)
    }
}

/// Wants them no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unregister {
    /// Comes back in the [`Result`].
    pub id: u64,
    /// Which webhook.
    pub webhook_id: String,
}

/// The relay's answer to a frame with an `id`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Result {
    /// That of the question.
    pub id: u64,
    /// Whether it was done.
    pub ok: bool,
    /// Why not, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The same for a person, with the member that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Done, but not as it seems to be meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The id of a cloudhook that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudhook_id: Option<String>,
}

/// Makes or removes the public address of a webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CloudhookChange {
    /// Comes back in the [`Result`].
    pub id: u64,
    /// Which one; only to remove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudhook_id: Option<String>,
}

/// All addresses that the hub still serves; others are served no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CloudhookPublish {
    /// Comes back in the [`Result`].
    pub id: u64,
    /// The whole list.
    pub cloudhook_ids: Vec<String>,
}

/// A request to one of the hub's webhooks, which waits for the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Req {
    /// Comes back in the answer.
    pub rid: u64,
    /// To which address.
    pub cloudhook_id: String,
    /// The HTTP method.
    pub method: String,
    /// As it was sent, without the question mark.
    #[serde(default)]
    pub query: String,
    /// Pairs of name and value, in their order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body, where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Else its base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_b64: Option<String>,
    /// How long the caller waits, in milliseconds.
    pub deadline_ms: u64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Res {
    /// That of the request.
    pub rid: u64,
    /// The HTTP status.
    pub status: u16,
    /// Pairs of name and value.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body, where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Else its base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_b64: Option<String>,
}

/// There is no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResErr {
    /// That of the request.
    pub rid: u64,
    /// Why.
    pub code: String,
}

/// Whoever asked has gone; an answer goes nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancel {
    /// That of the request.
    pub rid: u64,
}
