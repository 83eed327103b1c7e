//! The manufacturers' webhooks.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use hearth_core::env::Env;
use hearth_core::store::StoreError;
use hearth_core::time::Timestamp;
use hearth_key_path::{KeyPath, KeyPathError};
use tokio::sync::Mutex;

use super::Records;
use crate::ids::WebhookId;
use crate::objects::{BODY_LIMIT_MAX, Credential, Routing, TTL_MAX_H, Webhook};
use crate::secret::{Secret, SecretDigest};
use crate::store::{Kind, RecordChange};

/// Secrets of one webhook that are valid at a time.
const SECRETS_MAX: usize = 4;

/// A webhook, ready for requests.
#[derive(Clone, Debug)]
pub struct LiveWebhook {
    /// As it is stored.
    pub record: Webhook,
    /// Its key path, parsed.
    pub path: Option<KeyPath>,
}

/// Why a webhook is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The key path is none.
    #[error("key_path: {0}")]
    KeyPath(#[from] KeyPathError),
    /// A member is not what it may be.
    #[error("{member}: expected {expected}")]
    Member {
        /// Which.
        member: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// There is none with that id.
    #[error("there is no such webhook")]
    Unknown,
    /// It was not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All webhooks.
pub struct Webhooks {
    env: Env,
    records: Records,
    live: DashMap<WebhookId, Arc<LiveWebhook>, foldhash::fast::RandomState>,
    /// One change at a time; there are few.
    turn: Mutex<()>,
}

impl Webhooks {
    pub(crate) fn load(env: Env, records: Records) -> Result<Self, StoreError> {
        let live = DashMap::default();
        records.load(Kind::Webhook, |record: Webhook| {
            let id = record.id;
            match LiveWebhook::new(record) {
                Ok(webhook) => {
                    live.insert(id, Arc::new(webhook));
                }
                Err(error) => tracing::error!(webhook = ?id, %error, "left out a webhook"),
            }
        })?;
        Ok(Self {
            env,
            records,
            live,
            turn: Mutex::default(),
        })
    }

    /// A webhook; also one that is disabled.
    pub fn get(&self, id: WebhookId) -> Option<Arc<LiveWebhook>> {
        self.live.get(&id).map(|webhook| Arc::clone(&webhook))
    }

    /// All of them, by name.
    pub fn list(&self) -> Vec<Arc<LiveWebhook>> {
        let mut all: Vec<_> = self.live.iter().map(|entry| Arc::clone(&entry)).collect();
        all.sort_by(|a, b| {
            let order = |webhook: &LiveWebhook| (webhook.record.name.clone(), webhook.record.id);
            order(a).cmp(&order(b))
        });
        all
    }

    /// Whether these are a webhook's id and secret. Takes as long for an id that is not there.
    pub fn check(&self, id: Option<WebhookId>, secret: &str) -> Option<Arc<LiveWebhook>> {
        let given = SecretDigest::of(secret);
        let now = self.env.now();
        let webhook = id
            .and_then(|id| self.get(id))
            .filter(|webhook| !webhook.record.disabled);
        let nobody = [Credential {
            digest: SecretDigest::of(""),
            until: Some(Timestamp::default()),
        }];
        let secrets = webhook
            .as_ref()
            .map_or(&nobody[..], |webhook| &webhook.record.secrets);
        // All are compared, whichever fits.
        let fits = secrets.iter().fold(false, |fits, credential| {
            fits | ((credential.digest == given) & credential.is_valid(now))
        });
        webhook.filter(|_| fits)
    }

    /// Makes a webhook from `wanted`, whose id, secrets and time are not looked at. The secret is
    /// in clear only here.
    ///
    /// # Errors
    /// Says which part is wrong.
    pub async fn create(&self, wanted: Webhook) -> Result<(WebhookId, Secret), WebhookError> {
        let secret = Secret::random(&self.env);
        let record = Webhook {
            id: WebhookId::random(&self.env),
            secrets: vec![Credential::new(&secret)],
            created_at: self.env.now(),
            ..wanted
        };
        let id = record.id;
        let _turn = self.turn.lock().await;
        self.store(record).await?;
        Ok((id, secret))
    }

    /// Gives a webhook a new secret; the ones before are valid for `overlap` still.
    ///
    /// # Errors
    /// There is no such webhook, or it was not stored.
    pub async fn rotate(&self, id: WebhookId, overlap: Duration) -> Result<Secret, WebhookError> {
        let secret = Secret::random(&self.env);
        let now = self.env.now();
        self.change(id, |webhook| {
            rotate(&mut webhook.secrets, &secret, now, overlap);
        })
        .await?;
        Ok(secret)
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// There is no such webhook, `change` made it invalid, or it was not stored.
    pub async fn change(
        &self,
        id: WebhookId,
        change: impl FnOnce(&mut Webhook),
    ) -> Result<(), WebhookError> {
        let _turn = self.turn.lock().await;
        let webhook = self.get(id).ok_or(WebhookError::Unknown)?;
        let mut record = webhook.record.clone();
        change(&mut record);
        self.store(record).await
    }

    /// Removes a webhook.
    ///
    /// # Errors
    /// There is no such webhook, or it was not stored.
    pub async fn remove(&self, id: WebhookId) -> Result<(), WebhookError> {
        let _turn = self.turn.lock().await;
        self.get(id).ok_or(WebhookError::Unknown)?;
        let change = RecordChange::Delete(Kind::Webhook, id.to_string());
        self.records.change(vec![change]).await?;
        self.live.remove(&id);
        Ok(())
    }

    async fn store(&self, record: Webhook) -> Result<(), WebhookError> {
        check(&record)?;
        let webhook = LiveWebhook::new(record)?;
        let id = webhook.record.id;
        self.records
            .put(Kind::Webhook, id.to_string(), &webhook.record)
            .await?;
        self.live.insert(id, Arc::new(webhook));
        Ok(())
    }
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks")
            .field("count", &self.live.len())
            .finish_non_exhaustive()
    }
}

impl LiveWebhook {
    fn new(record: Webhook) -> Result<Self, KeyPathError> {
        let path = match &record.routing {
            Routing::KeyPath(path) => Some(KeyPath::parse(path)?),
            Routing::Query => None,
        };
        Ok(Self { record, path })
    }
}

/// Adds a secret and gives those before it an end.
pub(super) fn rotate(
    secrets: &mut Vec<Credential>,
    secret: &Secret,
    now: Timestamp,
    overlap: Duration,
) {
    let overlap = i64::try_from(overlap.as_micros()).unwrap_or(i64::MAX);
    let end = Timestamp::from_micros(now.as_micros().saturating_add(overlap));
    for before in secrets.iter_mut() {
        before.until = Some(before.until.map_or(end, |until| until.min(end)));
    }
    secrets.retain(|before| before.is_valid(now));
    let excess = (secrets.len() + 1).saturating_sub(SECRETS_MAX);
    secrets.drain(..excess);
    secrets.push(Credential::new(secret));
}

fn check(webhook: &Webhook) -> Result<(), WebhookError> {
    let limits = &webhook.limits;
    let is_rate = |rate: Option<f64>| rate.is_none_or(|rate| (0.001..=1e9).contains(&rate));
    let is_field = |name: &String| {
        (1..=256).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    for (is_good, member, expected) in [
        (webhook.name.len() <= 256, "name", "at most 256 bytes"),
        (webhook.owner.len() <= 256, "owner", "at most 256 bytes"),
        (
            limits
                .body
                .is_none_or(|body| (1..=BODY_LIMIT_MAX).contains(&body)),
            "limits.body",
            "1 to 8388608 bytes",
        ),
        (
            limits.ttl_h.is_none_or(|ttl| ttl <= TTL_MAX_H),
            "limits.ttl_h",
            "at most 336 hours",
        ),
        (is_rate(limits.rate), "limits.rate", "requests a second"),
        (
            is_rate(limits.burst) && limits.burst.is_none_or(|burst| burst >= 1.0),
            "limits.burst",
            "a number of requests, 1 or more",
        ),
        (
            webhook.dedupe_header.as_ref().is_none_or(is_field),
            "dedupe_header",
            "the name of a header field",
        ),
        (
            webhook
                .challenge
                .as_ref()
                .is_none_or(|challenge| (1..=256).contains(&challenge.name.len())),
            "challenge.name",
            "a name of at most 256 bytes",
        ),
    ] {
        if !is_good {
            return Err(WebhookError::Member { member, expected });
        }
    }
    match &webhook.signature {
        Some(signature) => signature
            .check()
            .map_err(|(member, expected)| WebhookError::Member { member, expected }),
        None => Ok(()),
    }
}
