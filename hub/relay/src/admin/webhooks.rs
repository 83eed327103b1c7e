//! `webhook/…`

use std::time::Duration;

use hearth_core::command::CommandError;
use hearth_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{id, of_webhook};
use crate::ids::WebhookId;
use crate::objects::{Challenge, Routing, Webhook, WebhookLimits};
use crate::relay::Relay;
use crate::secret::{Secret, SecretDigest};
use crate::signature::{Hash, HmacScheme, Signature};

/// How long a secret is valid beside its successor, unless it is told otherwise: a day.
pub(super) const OVERLAP_S: u64 = 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    #[serde(default)]
    name: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    key_path: Option<String>,
    #[serde(default)]
    signature: Option<WantedSignature>,
    #[serde(default)]
    challenge: Option<Challenge>,
    #[serde(default)]
    dedupe_header: Option<String>,
    #[serde(default)]
    limits: WebhookLimits,
}

/// A signature with its secrets in clear, whichever the scheme.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedSignature {
    scheme: Scheme,
    #[serde(default)]
    header: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    hash: Hash,
    secrets: Vec<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scheme {
    Standard,
    HmacHex,
    HmacBase64,
    TokenHeader,
}

impl From<WantedSignature> for Signature {
    fn from(wanted: WantedSignature) -> Self {
        let WantedSignature {
            scheme,
            header,
            prefix,
            hash,
            secrets,
        } = wanted;
        let hmac = |secrets| HmacScheme {
            header: header.clone(),
            prefix: prefix.clone(),
            hash,
            secrets,
        };
        match scheme {
            Scheme::Standard => Self::Standard { secrets },
            Scheme::HmacHex => Self::HmacHex(hmac(secrets)),
            Scheme::HmacBase64 => Self::HmacBase64(hmac(secrets)),
            Scheme::TokenHeader => {
                let digest = |secret: &Secret| SecretDigest::of(secret.reveal());
                Self::TokenHeader {
                    tokens: secrets.iter().map(digest).collect(),
                    header,
                    prefix,
                }
            }
        }
    }
}

pub(super) async fn create(relay: &Relay, wanted: Create) -> Result<Value, CommandError> {
    let wanted = Webhook {
        // The three that are not looked at.
        id: WebhookId::random(&relay.env),
        secrets: Vec::new(),
        created_at: Timestamp::default(),
        owner: wanted.owner,
        name: wanted.name,
        routing: wanted.key_path.map_or(Routing::Query, Routing::KeyPath),
        signature: wanted.signature.map(Into::into),
        challenge: wanted.challenge,
        dedupe_header: wanted.dedupe_header,
        limits: wanted.limits,
        disabled: false,
    };
    let created = relay.webhooks.create(wanted).await;
    let (id, secret) = created.map_err(of_webhook)?;
    let base = relay.settings.public_url.as_deref().unwrap_or_default();
    let path = format!("{}/webhook/{id}", base.trim_end_matches('/'));
    Ok(json!({"id": id, "secret": secret.reveal(), "url": path}))
}

pub(super) fn list(relay: &Relay) -> Value {
    let webhooks = relay.webhooks.list();
    let shown = webhooks.iter().map(|webhook| {
        let record = &webhook.record;
        let key_path = match &record.routing {
            Routing::KeyPath(path) => Some(path),
            Routing::Query => None,
        };
        let signature = record.signature.as_ref().map(|signature| match signature {
            Signature::Standard { .. } => "standard",
            Signature::HmacHex(_) => "hmac_hex",
            Signature::HmacBase64(_) => "hmac_base64",
            Signature::TokenHeader { .. } => "token_header",
        });
        json!({
            "id": record.id,
            "name": record.name,
            "owner": record.owner,
            "created_at": record.created_at,
            "key_path": key_path,
            "signature": signature,
            "challenge": record.challenge,
            "dedupe_header": record.dedupe_header,
            "limits": record.limits,
            "disabled": record.disabled,
        })
    });
    shown.collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    pub(super) id: String,
    #[serde(default = "overlap")]
    pub(super) overlap_s: u64,
}

fn overlap() -> u64 {
    OVERLAP_S
}

pub(super) async fn rotate(relay: &Relay, asked: Rotate) -> Result<Value, CommandError> {
    let id = id(&asked.id)?;
    let overlap = Duration::from_secs(asked.overlap_s);
    let rotated = relay.webhooks.rotate(id, overlap).await;
    let secret = rotated.map_err(of_webhook)?;
    Ok(json!({"id": id, "secret": secret.reveal()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disable {
    pub(super) id: String,
    pub(super) disabled: bool,
}

pub(super) async fn disable(relay: &Relay, asked: Disable) -> Result<Value, CommandError> {
    let id: WebhookId = id(&asked.id)?;
    let changed = relay
        .webhooks
        .change(id, |webhook| webhook.disabled = asked.disabled);
    changed.await.map_err(of_webhook)?;
    Ok(json!({"id": id, "disabled": asked.disabled}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) id: String,
}

pub(super) async fn revoke(relay: &Relay, asked: Named) -> Result<Value, CommandError> {
    let id = id(&asked.id)?;
    relay.revoke_webhook(id).await.map_err(of_webhook)?;
    Ok(json!({"id": id}))
}

pub(super) fn deliveries(relay: &Relay, asked: Named) -> Result<Value, CommandError> {
    let id: WebhookId = id(&asked.id)?;
    let webhook = relay.webhooks.get(id);
    webhook.ok_or_else(|| of_webhook(crate::registry::WebhookError::Unknown))?;
    Ok(json!(relay.log.of(id)))
}
