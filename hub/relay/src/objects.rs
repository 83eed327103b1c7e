//! What the relay keeps beside messages (spec relay §2): webhooks, hubs, registrations, cloudhooks.

use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{CloudhookId, HubId, WebhookId};
use crate::secret::{Secret, SecretDigest};
use crate::signature::Signature;

/// A secret that is valid now or until a moment, so that its owner has time to change over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Its digest.
    pub digest: SecretDigest,
    /// When it ends; never where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Credential {
    /// One without an end.
    pub fn new(secret: &Secret) -> Self {
        Self {
            digest: SecretDigest::of(secret.reveal()),
            until: None,
        }
    }

    /// Whether it is valid at a moment.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// A manufacturer's webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its address.
    pub id: WebhookId,
    /// What registers for it; several while it is rotated.
    pub secrets: Vec<Credential>,
    /// Whose it is, for people.
    #[serde(default)]
    pub owner: String,
    /// What it is, for people.
    #[serde(default)]
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// How requests find their hubs where they do not name them.
    #[serde(default)]
    pub routing: Routing,
    /// How requests prove whose they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// How an address is verified before it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    /// The header field by which a repeat is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe_header: Option<String>,
    /// Limits of its own.
    #[serde(default)]
    pub limits: WebhookLimits,
    /// Whether it answers as if it were not there.
    #[serde(default)]
    pub disabled: bool,
}

/// How requests find their hubs where they do not name them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// By the query parameter only.
    #[default]
    Query,
    /// By a value of the request, and the hubs' `$key` and `$keys`.
    KeyPath(String),
}

/// Limits of one webhook; where one is missing, that of the settings holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookLimits {
    /// Bytes of a body, at most [`BODY_LIMIT_MAX`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<usize>,
    /// Requests a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Requests at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<f64>,
    /// Hours that a message waits, at most [`TTL_MAX_H`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_h: Option<u64>,
}

/// The most that a webhook may take as a body.
pub const BODY_LIMIT_MAX: usize = 8 * 1024 * 1024;
/// The longest that a message may wait, in hours.
pub const TTL_MAX_H: u64 = 14 * 24;

/// A value that is sent back, so that a portal knows whose the address is (spec relay §5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Where it stands.
    #[serde(rename = "in")]
    pub place: Place,
    /// The parameter, or the body's member.
    pub name: String,
    /// How it is sent back.
    #[serde(default)]
    pub reply: ChallengeReply,
    /// Only where another value is this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

/// Where a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the query.
    Query,
    /// In the body.
    Body,
}

/// How a challenge is sent back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeReply {
    /// The value alone.
    #[default]
    Text,
    /// In an object, under its name.
    Json,
}

/// What must hold for a request to be a challenge; in the same place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// The parameter, or the body's member.
    pub name: String,
    /// What it must be.
    pub value: String,
}

/// A hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hub {
    /// Its id.
    pub id: HubId,
    /// What it is, for people.
    #[serde(default)]
    pub name: String,
    /// What it signs in with; several while they are rotated.
    pub tokens: Vec<Credential>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its last connection ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// Whether it is shut out.
    #[serde(default)]
    pub disabled: bool,
}

/// A hub that wants a webhook's requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// Which webhook.
    pub webhook_id: WebhookId,
    /// Which hub.
    pub hub_id: HubId,
    /// A JSON object as text, with its `$key` and `$keys`.
    pub data: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The public address of a hub's own webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cloudhook {
    /// Its address.
    pub id: CloudhookId,
    /// Whose it is.
    pub hub_id: HubId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its hub removed it: it answers 410 for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// Whether its hub still names it.
    #[serde(default = "yes")]
    pub is_served: bool,
}

fn yes() -> bool {
    true
}
