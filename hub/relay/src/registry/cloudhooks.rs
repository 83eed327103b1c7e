//! Public addresses of hubs' own webhooks (spec relay §7).

use std::collections::HashSet;
use std::time::Duration;

use dashmap::DashMap;
use hearth_core::env::Env;
use hearth_core::store::StoreError;
use hearth_core::time::Timestamp;
use tokio::sync::Mutex;

use super::{Records, put};
use crate::ids::{CloudhookId, HubId};
use crate::objects::Cloudhook;
use crate::store::{Kind, RecordChange};

/// How long an address that was removed answers that it is gone.
const GONE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Why a cloudhook is not made.
#[derive(Debug, thiserror::Error)]
pub enum CloudhookError {
    /// The hub has too many.
    #[error("a hub may have {0} cloudhooks")]
    TooMany(usize),
    /// It was not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundCloudhook {
    /// A hub that serves it.
    Of(HubId),
    /// Its hub has removed it.
    Gone,
    /// Nothing, or nothing that its hub still names.
    Unknown,
}

/// All cloudhooks.
pub struct Cloudhooks {
    env: Env,
    records: Records,
    hooks: DashMap<CloudhookId, Cloudhook, foldhash::fast::RandomState>,
    by_hub: DashMap<HubId, HashSet<CloudhookId>>,
    limit: usize,
    /// One change at a time; there are few.
    turn: Mutex<()>,
}

impl Cloudhooks {
    pub(crate) fn load(env: Env, records: Records, limit: usize) -> Result<Self, StoreError> {
        let hooks = DashMap::default();
        let by_hub: DashMap<HubId, HashSet<CloudhookId>> = DashMap::new();
        records.load(Kind::Cloudhook, |hook: Cloudhook| {
            by_hub.entry(hook.hub_id).or_default().insert(hook.id);
            hooks.insert(hook.id, hook);
        })?;
        Ok(Self {
            env,
            records,
            hooks,
            by_hub,
            limit,
            turn: Mutex::default(),
        })
    }

    /// Where an address leads.
    pub fn find(&self, id: CloudhookId) -> FoundCloudhook {
        match self.hooks.get(&id).as_deref() {
            Some(hook) if hook.deleted_at.is_some() => FoundCloudhook::Gone,
            Some(hook) if hook.is_served => FoundCloudhook::Of(hook.hub_id),
            _ => FoundCloudhook::Unknown,
        }
    }

    /// Makes one for a hub.
    ///
    /// # Errors
    /// The hub has too many, or it was not stored.
    pub async fn create(&self, hub_id: HubId) -> Result<CloudhookId, CloudhookError> {
        let _turn = self.turn.lock().await;
        // Those that are gone are remembered for long: they count too, a little.
        let remembered = self.by_hub.get(&hub_id).map_or(0, |ids| ids.len());
        if self.of_hub(hub_id).len() >= self.limit || remembered >= self.limit.saturating_mul(4) {
            return Err(CloudhookError::TooMany(self.limit));
        }
        let hook = Cloudhook {
            id: CloudhookId::random(&self.env),
            hub_id,
            created_at: self.env.now(),
            deleted_at: None,
            is_served: true,
        };
        let id = hook.id;
        self.store(vec![hook]).await?;
        Ok(id)
    }

    /// Removes one of a hub's own; false where it has no such one. It is gone for 90 days, then
    /// unknown.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn delete(&self, hub: HubId, id: CloudhookId) -> Result<bool, StoreError> {
        let _turn = self.turn.lock().await;
        let found = self.hooks.get(&id).map(|hook| hook.clone());
        let Some(hook) = found.filter(|hook| hook.hub_id == hub && hook.deleted_at.is_none())
        else {
            return Ok(false);
        };
        let deleted_at = Some(self.env.now());
        self.store(vec![Cloudhook { deleted_at, ..hook }]).await?;
        Ok(true)
    }

    /// The whole list of those that a hub serves; its others are served no more.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn publish(&self, hub: HubId, served: &[CloudhookId]) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let served: HashSet<_> = served.iter().copied().collect();
        let changed = self.of_hub(hub).into_iter().filter_map(|hook| {
            let is_served = served.contains(&hook.id);
            (hook.is_served != is_served).then_some(Cloudhook { is_served, ..hook })
        });
        self.store(changed.collect()).await
    }

    /// Drops those of a hub that is gone, at once.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn remove_hub(&self, hub: HubId) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let all = self.by_hub.get(&hub).map(|ids| ids.clone());
        self.drop_all(all.into_iter().flatten().collect()).await
    }

    /// Forgets what was removed long ago.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let long_ago = self.env.now().as_micros() - i64::try_from(GONE.as_micros()).unwrap_or(0);
        let is_over = |hook: &Cloudhook| {
            hook.deleted_at
                .is_some_and(|at| at < Timestamp::from_micros(long_ago))
        };
        let over = self.hooks.iter().filter(|hook| is_over(hook));
        let over = over.map(|hook| hook.id).collect();
        self.drop_all(over).await
    }

    /// A hub's own that it has not removed.
    fn of_hub(&self, hub: HubId) -> Vec<Cloudhook> {
        let Some(ids) = self.by_hub.get(&hub) else {
            return Vec::new();
        };
        ids.iter()
            .filter_map(|id| self.hooks.get(id).map(|hook| hook.clone()))
            .filter(|hook| hook.deleted_at.is_none())
            .collect()
    }

    async fn store(&self, hooks: Vec<Cloudhook>) -> Result<(), StoreError> {
        if hooks.is_empty() {
            return Ok(());
        }
        let changes = hooks
            .iter()
            .map(|hook| put(Kind::Cloudhook, hook.id.to_string(), hook))
            .collect::<Result<_, _>>()?;
        self.records.change(changes).await?;
        for hook in hooks {
            self.by_hub.entry(hook.hub_id).or_default().insert(hook.id);
            self.hooks.insert(hook.id, hook);
        }
        Ok(())
    }

    async fn drop_all(&self, ids: Vec<CloudhookId>) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let changes = ids
            .iter()
            .map(|id| RecordChange::Delete(Kind::Cloudhook, id.to_string()))
            .collect();
        self.records.change(changes).await?;
        for id in ids {
            if let Some((_, hook)) = self.hooks.remove(&id)
                && let Some(mut of_hub) = self.by_hub.get_mut(&hook.hub_id)
            {
                of_hub.remove(&id);
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Cloudhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cloudhooks")
            .field("count", &self.hooks.len())
            .finish_non_exhaustive()
    }
}
