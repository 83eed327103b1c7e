//! Which hubs a request is for (spec relay §4): by name, or by the value at the webhook's key path.
//!
//! A request costs one look-up, however many hubs have registered.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use hearth_key_path::Key;

use crate::ids::{HubId, WebhookId};
use crate::objects::Registration;

/// A registration, and the keys that its data holds.
#[derive(Clone, Debug)]
pub struct Registered {
    /// As it is stored.
    pub registration: Registration,
    /// Without repeats.
    pub keys: Vec<Key>,
}

/// Hubs of a request, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// No more than was asked for.
    pub hubs: Vec<HubId>,
    /// How many were left out.
    pub truncated: usize,
}

/// All registrations.
#[derive(Debug, Default)]
pub struct Index {
    registered: DashMap<(WebhookId, HubId), Arc<Registered>, foldhash::fast::RandomState>,
    by_key: DashMap<(WebhookId, Key), Holders, foldhash::fast::RandomState>,
    by_hub: DashMap<HubId, HashSet<WebhookId>>,
}

/// Who holds a key. Nearly always it is one.
#[derive(Debug)]
enum Holders {
    One(HubId),
    Many(BTreeSet<HubId>),
}

impl Index {
    /// Adds a registration in place of the same hub's for the same webhook.
    pub fn insert(&self, registered: Registered) {
        let (webhook, hub) = (
            registered.registration.webhook_id,
            registered.registration.hub_id,
        );
        let registered = Arc::new(registered);
        let before = self
            .registered
            .insert((webhook, hub), Arc::clone(&registered));
        self.by_hub.entry(hub).or_default().insert(webhook);
        for key in &registered.keys {
            self.hold(webhook, key.clone(), hub);
        }
        // After the new ones, so that a key that stays is never without its hub.
        for key in before.iter().flat_map(|before| &before.keys) {
            if !registered.keys.contains(key) {
                self.let_go(webhook, key.clone(), hub);
            }
        }
    }

    /// Removes a registration; whether there was one.
    pub fn remove(&self, webhook: WebhookId, hub: HubId) -> bool {
        let Some((_, before)) = self.registered.remove(&(webhook, hub)) else {
            return false;
        };
        for key in &before.keys {
            self.let_go(webhook, key.clone(), hub);
        }
        if let Entry::Occupied(mut entry) = self.by_hub.entry(hub) {
            entry.get_mut().remove(&webhook);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
        true
    }

    /// A hub's registration for a webhook.
    pub fn get(&self, webhook: WebhookId, hub: HubId) -> Option<Arc<Registered>> {
        let registered = self.registered.get(&(webhook, hub))?;
        Some(Arc::clone(&registered))
    }

    /// The webhooks that a hub has registered for.
    pub fn of_hub(&self, hub: HubId) -> Vec<WebhookId> {
        let webhooks = self.by_hub.get(&hub);
        webhooks.map_or_else(Vec::new, |webhooks| webhooks.iter().copied().collect())
    }

    /// How many they are.
    pub fn count_of_hub(&self, hub: HubId) -> usize {
        self.by_hub.get(&hub).map_or(0, |webhooks| webhooks.len())
    }

    /// The hubs that have registered for a webhook. Looks at all: for the operator.
    pub fn of_webhook(&self, webhook: WebhookId) -> Vec<HubId> {
        self.registered
            .iter()
            .filter(|registered| registered.key().0 == webhook)
            .map(|registered| registered.key().1)
            .collect()
    }

    /// How many registrations there are.
    pub fn len(&self) -> usize {
        self.registered.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.registered.is_empty()
    }

    /// Of the hubs that a request names, those that have registered.
    pub fn named(&self, webhook: WebhookId, names: &[HubId]) -> Matched {
        let mut hubs: Vec<HubId> = names.to_vec();
        hubs.sort_unstable();
        hubs.dedup();
        hubs.retain(|hub| self.registered.contains_key(&(webhook, *hub)));
        Matched { hubs, truncated: 0 }
    }

    /// The first `limit` hubs by id that hold a key.
    pub fn holding(&self, webhook: WebhookId, key: Key, limit: usize) -> Matched {
        match self.by_key.get(&(webhook, key)).as_deref() {
            None => Matched::default(),
            Some(Holders::One(hub)) => Matched {
                hubs: vec![*hub],
                truncated: 0,
            },
            Some(Holders::Many(hubs)) => Matched {
                hubs: hubs.iter().take(limit).copied().collect(),
                truncated: hubs.len().saturating_sub(limit),
            },
        }
    }

    fn hold(&self, webhook: WebhookId, key: Key, hub: HubId) {
        match self.by_key.entry((webhook, key)) {
            Entry::Vacant(entry) => {
                entry.insert(Holders::One(hub));
            }
            Entry::Occupied(mut entry) => {
                let holders = entry.get_mut();
                match holders {
                    Holders::One(one) if *one == hub => {}
                    Holders::One(one) => *holders = Holders::Many(BTreeSet::from([*one, hub])),
                    Holders::Many(hubs) => {
                        hubs.insert(hub);
                    }
                }
            }
        }
    }

    fn let_go(&self, webhook: WebhookId, key: Key, hub: HubId) {
        let Entry::Occupied(mut entry) = self.by_key.entry((webhook, key)) else {
            return;
        };
        let is_empty = match entry.get_mut() {
            Holders::One(one) => *one == hub,
            Holders::Many(hubs) => {
                hubs.remove(&hub);
                hubs.is_empty()
            }
        };
        if is_empty {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use hearth_core::env::Env;
    use hearth_key_path::registered_keys;

    use super::*;

    fn registered(webhook_id: WebhookId, hub_id: HubId, data: &str) -> Registered {
        Registered {
            keys: registered_keys(data).unwrap(),
            registration: Registration {
                webhook_id,
                hub_id,
                data: data.to_owned(),
                updated_at: hearth_core::time::Timestamp::default(),
            },
        }
    }

    fn holding(index: &Index, webhook: WebhookId, key: &str) -> Vec<HubId> {
        let key = Key::Text(key.into());
        index.holding(webhook, key, 10_000).hubs
    }

    #[test]
    fn a_key_finds_all_hubs_that_hold_it_and_no_other() {
        let env = Env::system();
        let (webhook, other) = (WebhookId::random(&env), WebhookId::random(&env));
        let (one, two) = (HubId::random(&env), HubId::random(&env));
        let index = Index::default();
        index.insert(registered(webhook, one, r#"{"$keys":["a","b"]}"#));
        index.insert(registered(webhook, two, r#"{"$key":"a"}"#));
        index.insert(registered(other, two, r#"{"$key":"b"}"#));

        let mut both = vec![one, two];
        both.sort();
        assert_eq!(holding(&index, webhook, "a"), both);
        assert_eq!(holding(&index, webhook, "b"), [one]);
        assert_eq!(holding(&index, webhook, "c"), []);
        assert_eq!(index.holding(webhook, Key::Bool(true), 9).hubs, []);
    }

    #[test]
    fn registering_again_replaces_the_keys() {
        let env = Env::system();
        let (webhook, hub) = (WebhookId::random(&env), HubId::random(&env));
        let index = Index::default();
        index.insert(registered(webhook, hub, r#"{"$keys":["a","b"]}"#));
        index.insert(registered(webhook, hub, r#"{"$keys":["b","c"]}"#));
        assert_eq!(holding(&index, webhook, "a"), []);
        assert_eq!(holding(&index, webhook, "b"), [hub]);
        assert_eq!(holding(&index, webhook, "c"), [hub]);
        assert_eq!(index.len(), 1);

        assert!(index.remove(webhook, hub));
        assert!(!index.remove(webhook, hub));
        assert_eq!(holding(&index, webhook, "b"), []);
        assert!(index.by_key.is_empty() && index.by_hub.is_empty());
    }

    #[test]
    fn a_fan_out_beyond_the_limit_serves_the_first_hubs_by_id() {
        let env = Env::system();
        let webhook = WebhookId::random(&env);
        let index = Index::default();
        let mut hubs: Vec<_> = (0..20).map(|_| HubId::random(&env)).collect();
        for hub in &hubs {
            index.insert(registered(webhook, *hub, r#"{"$key":"all"}"#));
        }
        hubs.sort();
        let matched = index.holding(webhook, Key::Text("all".into()), 15);
        assert_eq!(matched.hubs, hubs[..15]);
        assert_eq!(matched.truncated, 5);
    }

    #[test]
    fn named_hubs_are_served_once_and_only_if_they_have_registered() {
        let env = Env::system();
        let webhook = WebhookId::random(&env);
        let (one, two) = (HubId::random(&env), HubId::random(&env));
        let index = Index::default();
        index.insert(registered(webhook, one, "{}"));
        assert_eq!(index.named(webhook, &[one, two, one]).hubs, [one]);
        assert_eq!(index.of_hub(one), [webhook]);
        assert_eq!(index.of_webhook(webhook), [one]);
    }
}
