//! What is loaded, and how integrations are doing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix::Addr;
use parking_lot::{Mutex, RwLock};

use crate::integration::{Health, IntegrationActor, IntegrationStatus, Manifest};

/// What is loaded, and how integrations are doing.
#[derive(Default)]
pub struct Integrations {
    components: RwLock<BTreeSet<String>>,
    status: RwLock<BTreeMap<Arc<str>, IntegrationStatus>>,
    actors: Mutex<Vec<Addr<IntegrationActor>>>,
}

impl Integrations {
    /// The names of all that is loaded: `mobile_app`, `sensor`, `mobile_app.sensor`, …
    pub fn components(&self) -> Vec<String> {
        self.components.read().iter().cloned().collect()
    }

    /// How each integration is doing.
    pub fn list(&self) -> Vec<IntegrationStatus> {
        self.status.read().values().cloned().collect()
    }

    pub(super) fn add_component(&self, component: &str) -> bool {
        if self.components.read().contains(component) {
            return false;
        }
        self.components.write().insert(component.to_owned())
    }

    pub(super) fn is_running(&self, domain: &str) -> bool {
        self.status
            .read()
            .get(domain)
            .is_some_and(|status| status.health == Health::Running)
    }

    pub(super) fn add_actor(&self, actor: Addr<IntegrationActor>) {
        self.actors.lock().push(actor);
    }

    pub(super) fn take_actors(&self) -> Vec<Addr<IntegrationActor>> {
        std::mem::take(&mut *self.actors.lock())
    }

    pub(crate) fn report(&self, manifest: &Arc<Manifest>, health: Health, error: Option<String>) {
        let mut all = self.status.write();
        let status = all
            .entry(Arc::clone(&manifest.domain))
            .or_insert_with(|| IntegrationStatus {
                manifest: Arc::clone(manifest),
                health,
                crashes: 0,
                last_error: None,
            });
        status.health = health;
        status.last_error = error.or_else(|| status.last_error.take());
    }

    pub(crate) fn crashed(&self, domain: &str) {
        if let Some(status) = self.status.write().get_mut(domain) {
            status.crashes += 1;
        }
    }
}
