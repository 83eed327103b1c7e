//! The services of phones: which names there are, and whose each is.

use std::collections::{BTreeMap, HashMap};

use hearth_core::ids::{ConfigEntryId, WebhookId};
use hearth_core::slug::slugify;
use hearth_core::time::Timestamp;

use super::PREFIX;

/// When a phone was registered: of phones with one name, the last has the service.
pub(super) type Since = (Timestamp, ConfigEntryId);

/// See the module's guide.
#[derive(Default)]
pub(super) struct Names {
    /// Each in the order of registration; mostly there is one.
    phones: BTreeMap<String, Vec<(Since, WebhookId)>>,
    names: HashMap<WebhookId, String>,
}

/// What changed of the services.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) added: Option<String>,
    pub(super) removed: Option<String>,
}

impl Names {
    /// A phone that takes notifications has this name now.
    pub(super) fn set(&mut self, id: &WebhookId, since: Since, device_name: &str) -> Changed {
        let slug = match slugify(device_name) {
            empty if empty.is_empty() => "unknown".to_owned(),
            slug => slug,
        };
        let name = format!("{PREFIX}{slug}");
        if self.names.get(id).is_some_and(|known| *known == name) {
            return Changed::default();
        }
        let removed = self.remove(id).removed;
        let phones = self.phones.entry(name.clone()).or_default();
        let is_new = phones.is_empty();
        let place = phones.partition_point(|(other, _)| *other < since);
        phones.insert(place, (since, id.clone()));
        self.names.insert(id.clone(), name.clone());
        Changed {
            added: is_new.then_some(name),
            removed,
        }
    }

    /// A phone takes no notifications any more.
    pub(super) fn remove(&mut self, id: &WebhookId) -> Changed {
        let mut changed = Changed::default();
        if let Some(name) = self.names.remove(id)
            && let Some(phones) = self.phones.get_mut(&name)
        {
            phones.retain(|(_, phone)| phone != id);
            if phones.is_empty() {
                self.phones.remove(&name);
                changed.removed = Some(name);
            }
        }
        changed
    }

    /// Whose service this is.
    pub(super) fn owner(&self, name: &str) -> Option<&WebhookId> {
        self.phones.get(name)?.last().map(|(_, phone)| phone)
    }

    /// Whether this phone takes notifications.
    pub(super) fn contains(&self, id: &WebhookId) -> bool {
        self.names.contains_key(id)
    }

    /// Every phone that takes notifications, in the order of their names.
    pub(super) fn phones(&self) -> Vec<WebhookId> {
        let phones = self.phones.values().flatten();
        phones.map(|(_, phone)| phone.clone()).collect()
    }

    /// Every service.
    pub(super) fn services(&self) -> Vec<String> {
        self.phones.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_core::env::Env;

    #[test]
    fn of_phones_with_one_name_the_last_registered_has_the_service() {
        let env = Env::deterministic(1, Timestamp::from_micros(0));
        let mut names = Names::default();
        let [old, new, other] = [(); 3].map(|()| WebhookId::generate(&env));
        let since: Vec<Since> = (0..3).map(|_| (env.now(), env.ulid())).collect();
        let added = |name: &str| Changed {
            added: Some(name.to_owned()),
            removed: None,
        };
        let removed = |name: &str| Changed {
            added: None,
            removed: Some(name.to_owned()),
        };
        assert_eq!(
            names.set(&new, since[1], "Péter's"),
            added("mobile_app_peter_s")
        );
        assert_eq!(names.set(&old, since[0], "peter s"), Changed::default());
        assert_eq!(
            names.set(&other, since[2], "!!!"),
            added("mobile_app_unknown")
        );
        assert_eq!(names.owner("mobile_app_peter_s"), Some(&new));
        assert_eq!(names.remove(&new), Changed::default());
        assert_eq!(names.owner("mobile_app_peter_s"), Some(&old));
        let renamed = names.set(&old, since[0], "Ann");
        assert_eq!(renamed.added.as_deref(), Some("mobile_app_ann"));
        assert_eq!(renamed.removed.as_deref(), Some("mobile_app_peter_s"));
        assert_eq!(names.remove(&old), removed("mobile_app_ann"));
        assert_eq!(names.phones(), [other]);
    }
}
