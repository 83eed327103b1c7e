//! The relay as its doors see it: the store, the books, who is connected, and what is counted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use hearth_core::env::Env;
use hearth_core::settings::RelaySettings;
use hearth_core::store::StoreError;
use ipnet::IpNet;
use tokio::sync::Mutex;

use crate::delivery_log::DeliveryLog;
use crate::hubs::Door;
use crate::ids::{HubId, WebhookId};
use crate::metrics::Metrics;
use crate::presence::{Farewell, Presence};
use crate::public::address::{self, NotANetwork};
use crate::rates::{Rate, Rates, Source};
use crate::registry::{Cloudhooks, Hubs, Records, Registrations, WebhookError, Webhooks};
use crate::store::RelayStore;

/// Repeats are told from new requests in so many lanes, one request at a time in each.
const LANES: usize = 256;

/// A relay. A cheap handle; its parts may be used from any thread.
#[derive(Clone)]
pub struct Relay(Arc<Parts>);

/// What a relay is made of.
pub struct Parts {
    /// Time and randomness.
    pub env: Env,
    /// `[relay]`
    pub settings: RelaySettings,
    /// What must not be forgotten.
    pub store: Arc<dyn RelayStore>,
    /// The manufacturers' webhooks.
    pub webhooks: Webhooks,
    /// The hubs that may connect.
    pub hubs: Hubs,
    /// Which hubs want which webhooks' requests.
    pub registrations: Registrations,
    /// Public addresses of hubs' own webhooks.
    pub cloudhooks: Cloudhooks,
    /// Who is connected.
    pub presence: Arc<Presence>,
    /// What is counted.
    pub metrics: Metrics,
    /// What came lately, without its content.
    pub(crate) log: DeliveryLog,
    /// How often senders call.
    pub(crate) address_rates: Rates<Source>,
    /// How often webhooks are called.
    pub(crate) webhook_rates: Rates<WebhookId>,
    /// How often webhooks reach a hub.
    pub(crate) hub_rates: Rates<(WebhookId, HubId)>,
    /// Who may say on whose behalf it asks.
    pub(crate) proxies: Vec<IpNet>,
    /// Bytes of all bodies that are on their way.
    pub(crate) bodies: AtomicUsize,
    /// What the hubs' connections share.
    pub(crate) door: Door,
    /// Requests that can be repeats wait here for each other.
    pub(crate) lanes: Vec<Mutex<()>>,
}

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting is wrong.
    #[error(transparent)]
    Proxies(#[from] NotANetwork),
    /// What it keeps cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl std::ops::Deref for Relay {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relay")
    }
}

impl Relay {
    /// Reads what the store holds. Blocks: for the start.
    ///
    /// # Errors
    /// What the store met, or which setting is wrong.
    pub fn open(
        env: Env,
        settings: RelaySettings,
        store: Arc<dyn RelayStore>,
    ) -> Result<Self, OpenError> {
        let records = || Records::new(Arc::clone(&store));
        let (registrations, cloudhooks) =
            (settings.registrations_per_hub, settings.cloudhooks_per_hub);
        Ok(Self(Arc::new(Parts {
            webhooks: Webhooks::load(env.clone(), records())?,
            hubs: Hubs::load(env.clone(), records())?,
            registrations: Registrations::load(env.clone(), records(), registrations)?,
            cloudhooks: Cloudhooks::load(env.clone(), records(), cloudhooks)?,
            presence: Arc::default(),
            metrics: Metrics::default(),
            log: DeliveryLog::default(),
            address_rates: Rates::new(settings.rates),
            webhook_rates: Rates::new(settings.rates),
            hub_rates: Rates::new(settings.rates),
            proxies: address::networks(&settings.trusted_proxies)?,
            bodies: AtomicUsize::new(0),
            door: Door::new(&settings),
            lanes: (0..LANES).map(|_| Mutex::default()).collect(),
            store,
            env,
            settings,
        })))
    }

    /// Does every second and every minute what has to be done then, until the system ends.
    pub async fn keep_house(self) {
        let mut seconds = 0u64;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            seconds += 1;
            if let Err(error) = self.store.flush().await {
                tracing::warn!(%error, "acknowledgements were not written");
            }
            if seconds.is_multiple_of(60)
                && let Err(error) = self.sweep().await
            {
                tracing::warn!(%error, "what has expired was not removed");
            }
        }
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        self.store.sweep().await?;
        self.cloudhooks.sweep().await
    }

    /// Shuts a hub out for good, with all that it has here; false where there is none.
    ///
    /// # Errors
    /// It was not stored, or not all of it.
    pub async fn revoke_hub(&self, hub: HubId) -> Result<bool, StoreError> {
        // First, so that nothing of it comes back.
        if !self.hubs.remove(hub).await? {
            return Ok(false);
        }
        self.presence.dismiss(hub, Farewell::Revoked);
        self.registrations.remove_hub(hub).await?;
        self.cloudhooks.remove_hub(hub).await?;
        self.store.forget(hub).await?;
        Ok(true)
    }

    /// Removes a webhook with all registrations for it.
    ///
    /// # Errors
    /// There is no such webhook, or it was not stored.
    pub async fn revoke_webhook(&self, webhook: WebhookId) -> Result<(), WebhookError> {
        self.webhooks.remove(webhook).await?;
        self.registrations.remove_webhook(webhook).await?;
        self.log.forget(webhook);
        Ok(())
    }

    pub(crate) fn address_rate(&self) -> Rate {
        Rate {
            per_second: self.settings.address_rate,
            burst: self.settings.address_burst,
        }
    }
}
