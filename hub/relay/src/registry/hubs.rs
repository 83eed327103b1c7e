//! The hubs that may connect.

use std::collections::HashMap;
use std::time::Duration;

use dashmap::DashMap;
use hearth_core::env::Env;
use hearth_core::store::StoreError;
use parking_lot::RwLock;
use tokio::sync::Mutex;

use super::{Records, webhooks::rotate};
use crate::ids::HubId;
use crate::objects::{Credential, Hub};
use crate::secret::{Secret, SecretDigest};
use crate::store::{Kind, RecordChange};

/// What a token leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// This hub.
    Hub(HubId),
    /// A hub that is shut out.
    Disabled,
    /// Nobody.
    Unknown,
}

/// All hubs.
pub struct Hubs {
    env: Env,
    records: Records,
    hubs: DashMap<HubId, Hub>,
    by_token: RwLock<HashMap<SecretDigest, HubId>>,
    /// One change at a time; there are few.
    turn: Mutex<()>,
}

impl Hubs {
    pub(crate) fn load(env: Env, records: Records) -> Result<Self, StoreError> {
        let hubs = DashMap::new();
        let mut by_token = HashMap::new();
        records.load(Kind::Hub, |hub: Hub| {
            for token in &hub.tokens {
                by_token.insert(token.digest, hub.id);
            }
            hubs.insert(hub.id, hub);
        })?;
        Ok(Self {
            env,
            records,
            hubs,
            by_token: RwLock::new(by_token),
            turn: Mutex::default(),
        })
    }

    /// Whose token this is.
    pub fn sign_in(&self, token: &str) -> SignIn {
        let digest = SecretDigest::of(token);
        let Some(id) = self.by_token.read().get(&digest).copied() else {
            return SignIn::Unknown;
        };
        let now = self.env.now();
        match self.hubs.get(&id) {
            Some(hub)
                if !hub
                    .tokens
                    .iter()
                    .any(|token| token.digest == digest && token.is_valid(now)) =>
            {
                SignIn::Unknown
            }
            Some(hub) if hub.disabled => SignIn::Disabled,
            Some(_) => SignIn::Hub(id),
            None => SignIn::Unknown,
        }
    }

    /// A hub.
    pub fn get(&self, id: HubId) -> Option<Hub> {
        self.hubs.get(&id).map(|hub| hub.clone())
    }

    /// All of them, by name.
    pub fn list(&self) -> Vec<Hub> {
        let mut all: Vec<Hub> = self.hubs.iter().map(|hub| hub.clone()).collect();
        all.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        all
    }

    /// Makes a hub. The token is in clear only here.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn create(&self, name: String) -> Result<(HubId, Secret), StoreError> {
        let token = Secret::random(&self.env);
        let hub = Hub {
            id: HubId::random(&self.env),
            name,
            tokens: vec![Credential::new(&token)],
            created_at: self.env.now(),
            last_seen: None,
            disabled: false,
        };
        let id = hub.id;
        let _turn = self.turn.lock().await;
        self.store(hub).await?;
        Ok((id, token))
    }

    /// Gives a hub a new token; the ones before are valid for `overlap` still. None where there
    /// is no such hub.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn rotate(&self, id: HubId, overlap: Duration) -> Result<Option<Secret>, StoreError> {
        let token = Secret::random(&self.env);
        let now = self.env.now();
        let found = self
            .change(id, |hub| rotate(&mut hub.tokens, &token, now, overlap))
            .await?;
        Ok(found.then_some(token))
    }

    /// Notes when a hub's connection ended.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn left(&self, id: HubId) -> Result<(), StoreError> {
        let now = self.env.now();
        self.change(id, |hub| hub.last_seen = Some(now)).await?;
        Ok(())
    }

    /// Changes a hub; false where there is none.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn change(
        &self,
        id: HubId,
        change: impl FnOnce(&mut Hub),
    ) -> Result<bool, StoreError> {
        let _turn = self.turn.lock().await;
        let Some(mut hub) = self.get(id) else {
            return Ok(false);
        };
        change(&mut hub);
        self.store(hub).await?;
        Ok(true)
    }

    /// Removes a hub; false where there is none.
    ///
    /// # Errors
    /// It was not stored.
    pub async fn remove(&self, id: HubId) -> Result<bool, StoreError> {
        let _turn = self.turn.lock().await;
        let Some(hub) = self.get(id) else {
            return Ok(false);
        };
        let change = RecordChange::Delete(Kind::Hub, id.to_string());
        self.records.change(vec![change]).await?;
        self.hubs.remove(&id);
        let mut by_token = self.by_token.write();
        for token in &hub.tokens {
            by_token.remove(&token.digest);
        }
        Ok(true)
    }

    async fn store(&self, hub: Hub) -> Result<(), StoreError> {
        self.records
            .put(Kind::Hub, hub.id.to_string(), &hub)
            .await?;
        let id = hub.id;
        let digests: Vec<_> = hub.tokens.iter().map(|token| token.digest).collect();
        let before = self.hubs.insert(id, hub);
        let mut by_token = self.by_token.write();
        for token in before.iter().flat_map(|before| &before.tokens) {
            by_token.remove(&token.digest);
        }
        by_token.extend(digests.into_iter().map(|digest| (digest, id)));
        Ok(())
    }
}

impl std::fmt::Debug for Hubs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hubs")
            .field("count", &self.hubs.len())
            .finish_non_exhaustive()
    }
}
