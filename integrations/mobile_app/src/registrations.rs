//! All registrations: the records, the actors that are awake, and the ids that are gone for good.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, OnceLock, Weak};

use actix::{Addr, ArbiterHandle, Recipient};
use hearth_core::ask::{Ask, Unanswered, ask};
use hearth_core::hub::Hub;
use hearth_core::ids::{ConfigEntryId, WebhookId};
use hearth_core::store::StoreError;
use hearth_core::time::Timestamp;
use hearth_core::webhook::{
    Hook, HookFamily, Methods, WebhookHandler, WebhookRequest, WebhookResponse,
};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use crate::DOMAIN;
use crate::cloudhook;
use crate::make::{Make, Makes};
use crate::push::{Courier, Forget, Refresh};
use crate::record::{COLLECTION, Record};
use crate::records::Records;
use crate::registration::{Registration, Retire, SleepIfIdle};
use crate::stale::Stale;
use crate::turns::Turns;

/// Where the store keeps the ids of deleted registrations.
pub(crate) const DELETED: &str = "mobile_app.deleted";

/// A deleted registration, by its webhook id.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Deleted {
    /// Since when.
    pub(crate) deleted_at: Timestamp,
}

/// See the module's guide. Shared by `Arc`.
pub(crate) struct Registrations {
    hub: Hub,
    records: RwLock<Records>,
    /// Registering and removing one device: one at a time.
    pub(crate) turns: Turns,
    /// What many records share.
    pub(crate) makes: Makes,
    /// Entities that fell silent.
    pub(crate) stale: Arc<Stale>,
    actors: Mutex<Actors>,
    /// The oldest first, for when there are too many.
    deleted: Mutex<VecDeque<WebhookId>>,
    /// Brings notifications to phones; there from the start on.
    courier: OnceLock<Addr<Courier>>,
    /// Whom every hook has as its home.
    home: Arc<WebhookHandler>,
    /// Words that every hook shares.
    domain: Arc<str>,
    deleted_name: Arc<str>,
}

#[derive(Default)]
struct Actors {
    awake: HashMap<WebhookId, Addr<Registration>>,
    /// Being removed or replaced: nobody is woken any more.
    leaving: HashSet<WebhookId>,
}

/// Where a request for one id goes.
enum Way {
    To(Recipient<Ask<WebhookRequest>>),
    Gone,
    /// It is being removed or replaced: whoever has the turn on this device decides.
    Leaving(Arc<str>),
}

impl Registrations {
    /// Reads everything from the store; blocking, at start. `home` answers for phones that sleep.
    pub(crate) fn load(hub: &Hub, home: WebhookHandler) -> Result<Self, StoreError> {
        let mut deleted = Vec::new();
        let documents = hub.store.collection::<Deleted>(DELETED);
        documents.visit_each(|id, document| {
            let since = document.map(|deleted| deleted.deleted_at);
            if let Err(error) = &since {
                tracing::error!(%error, "when a registration was deleted is not known any more");
            }
            // One of unknown age stays deleted, and is the last to be forgotten.
            deleted.push((since.is_err(), since.ok(), WebhookId::from(id)));
        })?;
        deleted.sort_unstable_by_key(|(is_broken, since, _)| (*is_broken, *since));
        let registrations = Self {
            hub: hub.clone(),
            records: RwLock::default(),
            turns: Turns::default(),
            makes: Makes::default(),
            stale: Arc::default(),
            actors: Mutex::default(),
            deleted: Mutex::new(deleted.into_iter().map(|(_, _, id)| id).collect()),
            courier: OnceLock::new(),
            home: Arc::new(home),
            domain: DOMAIN.into(),
            deleted_name: "Deleted Webhook".into(),
        };
        let documents = hub.store.collection::<Record>(COLLECTION);
        documents.visit_each(|_, document| {
            let mut record = match document {
                Ok(record) => record,
                // It may be mended by hand: nothing of it is touched.
                Err(error) => {
                    tracing::error!(%error, "a registration is left out, and stays in the store");
                    return;
                }
            };
            record.make = registrations.makes.share(Make::clone(&record.make));
            let (domain, id) = record.device_identifier();
            if let Some(device) = hub.registries.devices.find(domain, id) {
                record.share_with(&device);
            }
            registrations.insert(Arc::new(record));
        })?;
        Ok(registrations)
    }

    /// The hub.
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Says who brings notifications.
    pub(crate) fn has_courier(&self, courier: Addr<Courier>) {
        // Said once, at the start.
        let _ = self.courier.set(courier);
    }

    /// Who brings notifications.
    pub(crate) fn courier(&self) -> Option<&Addr<Courier>> {
        self.courier.get()
    }

    /// Brings a phone's notify service up to date.
    pub(crate) async fn refresh_services(&self, record: &Arc<Record>) {
        if let Some(courier) = self.courier() {
            // Without a courier the hub is going down.
            let _ = courier.send(Refresh(Arc::clone(record))).await;
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.records.read().len()
    }

    /// Every record, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Record>> {
        self.records.read().all()
    }

    /// One record.
    pub(crate) fn get(&self, id: &WebhookId) -> Option<Arc<Record>> {
        self.records.read().get(id).cloned()
    }

    /// The record of a config entry.
    pub(crate) fn of_entry(&self, entry_id: ConfigEntryId) -> Option<Arc<Record>> {
        let records = self.records.read();
        records.find(|record| record.entry_id == entry_id).cloned()
    }

    /// The registration of this app on this device.
    pub(crate) fn of_device(&self, app_id: &str, device_id: &str) -> Option<Arc<Record>> {
        self.records.read().of_device(app_id, device_id).cloned()
    }

    /// Adds a record that is in the store.
    pub(crate) fn insert(&self, record: Arc<Record>) {
        self.records.write().insert(record);
    }

    /// Puts a newer record in the place of its older one. Does nothing where that was removed.
    pub(crate) fn update(&self, record: Arc<Record>) {
        let mut records = self.records.write();
        if records.get(&record.webhook_id).is_some() {
            records.insert(record);
        }
    }

    /// Takes out a record whose removal is in the store; its id answers 410 from now on.
    pub(crate) async fn forget(&self, record: &Arc<Record>) {
        let id = &record.webhook_id;
        self.hub
            .webhooks
            .replace(id.clone(), self.deleted_hook())
            .await;
        self.records.write().remove(id);
        self.actors.lock().leaving.remove(id);
        self.deleted.lock().push_back(id.clone());
        cloudhook::end(&self.hub, id);
        if let Some(courier) = self.courier() {
            let _ = courier.send(Forget(Arc::clone(record))).await;
        }
        self.forget_oldest_deleted().await;
    }

    /// As many deleted ids are kept as devices may be registered.
    async fn forget_oldest_deleted(&self) {
        let limit = self.hub.settings.mobile_app.registrations.max(1);
        let oldest = {
            let mut deleted = self.deleted.lock();
            if deleted.len() <= limit {
                return;
            }
            deleted.pop_front()
        };
        let Some(id) = oldest else { return };
        let documents = self.hub.store.collection::<Deleted>(DELETED);
        if let Err(error) = documents.delete(id.as_str()).await {
            tracing::warn!(%error, "a deleted webhook id could not be dropped from the store");
        }
        self.hub.webhooks.unregister(id).await;
    }

    /// Whether this id is that of a deleted registration. Looks at all of them.
    pub(crate) fn is_deleted(&self, id: &WebhookId) -> bool {
        self.deleted.lock().contains(id)
    }

    /// Takes an id out of the deleted ones: it is about to be used again.
    pub(crate) fn revive(&self, id: &WebhookId) {
        self.deleted.lock().retain(|deleted| deleted != id);
    }

    /// The hook of a registration.
    fn hook(&self, record: &Record) -> Hook {
        self.hook_named(format!("Mobile App: {}", record.device_name).into())
    }

    fn deleted_hook(&self) -> Hook {
        self.hook_named(Arc::clone(&self.deleted_name))
    }

    fn hook_named(&self, name: Arc<str>) -> Hook {
        Hook {
            domain: Arc::clone(&self.domain),
            name,
            methods: Methods::POST_PUT,
            local_only: Some(false),
            home: Arc::clone(&self.home),
            live: None,
        }
    }

    /// The hooks of the deleted ids.
    pub(crate) fn deleted_hooks(&self) -> Vec<(WebhookId, Hook)> {
        let deleted = self.deleted.lock();
        let hooks = deleted.iter().map(|id| (id.clone(), self.deleted_hook()));
        hooks.collect()
    }

    /// Answers a request that came home: wakes the phone, on the arbiter `near` that asks where
    /// there is one, and hands the request on.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: WebhookRequest,
        near: Option<ArbiterHandle>,
    ) -> Option<WebhookResponse> {
        let mut request = request;
        // Each turn meets an actor that stopped in between; that this happens twice is unheard of.
        for _ in 0..4 {
            let actor = match self.way_to(&request.id, near.as_ref()) {
                Way::To(actor) => actor,
                Way::Gone => return Some(WebhookResponse::empty(410)),
                Way::Leaving(device_id) => {
                    // Then it is gone, or stays after all.
                    drop(self.turns.take(&device_id).await);
                    continue;
                }
            };
            match ask(&actor, request).await {
                Ok(response) => return Some(response),
                Err(Unanswered::Busy(_)) => return Some(WebhookResponse::empty(503)),
                Err(Unanswered::Dropped) => return None,
                Err(Unanswered::Gone(returned)) => request = returned,
            }
        }
        Some(WebhookResponse::empty(503))
    }

    fn way_to(self: &Arc<Self>, id: &WebhookId, near: Option<&ArbiterHandle>) -> Way {
        let mut actors = self.actors.lock();
        if let Some(awake) = actors.awake.get(id).filter(|actor| actor.connected()) {
            return Way::To(awake.clone().recipient());
        }
        let Some(record) = self.get(id) else {
            return Way::Gone;
        };
        if actors.leaving.contains(id) {
            return Way::Leaving(Arc::clone(&record.device_id));
        }
        let actor = Registration::wake(self, record, near);
        actors.awake.insert(id.clone(), actor.clone());
        let (webhooks, id, live) = (self.hub.webhooks.clone(), id.clone(), actor.clone());
        actix_rt::spawn(async move { webhooks.set_live(id, Some(live.recipient())).await });
        Way::To(actor.recipient())
    }

    /// Asks everyone who is awake whether it is time to sleep.
    pub(crate) fn let_the_idle_sleep(&self) {
        for actor in self.actors.lock().awake.values() {
            actor.do_send(SleepIfIdle);
        }
    }

    /// An actor went to sleep.
    pub(crate) fn has_gone(&self, id: &WebhookId, actor: &Addr<Registration>) {
        let mut actors = self.actors.lock();
        if actors.awake.get(id) == Some(actor) {
            actors.awake.remove(id);
        }
    }

    /// Ends the actor of a registration that is about to be removed; what it was doing is done
    /// when this returns. Until [`Registrations::forget`] or [`Registrations::stay`], nobody wakes
    /// it.
    pub(crate) async fn put_to_rest(&self, id: &WebhookId) {
        let actor = {
            let mut actors = self.actors.lock();
            actors.leaving.insert(id.clone());
            actors.awake.remove(id)
        };
        if let Some(actor) = actor {
            // One that sleeps or crashed already is at rest.
            let _ = actor.send(Retire).await;
        }
    }

    /// It is not removed after all.
    pub(crate) fn stay(&self, id: &WebhookId) {
        self.actors.lock().leaving.remove(id);
    }

    /// Ends all actors; what they were doing is done when this returns.
    pub(crate) async fn rest(&self) {
        let awake = std::mem::take(&mut self.actors.lock().awake);
        let resting = awake.into_values().map(|actor| actor.send(Retire));
        futures_util::future::join_all(resting).await;
    }
}

/// The webhooks of all registrations.
pub(crate) struct Hooks(pub(crate) Weak<Registrations>);

impl HookFamily for Hooks {
    fn hook(&self, id: &WebhookId) -> Option<Hook> {
        let registrations = self.0.upgrade()?;
        let record = registrations.get(id)?;
        Some(registrations.hook(&record))
    }

    fn contains(&self, id: &WebhookId) -> bool {
        let registrations = self.0.upgrade();
        registrations.is_some_and(|registrations| registrations.get(id).is_some())
    }

    fn ids(&self) -> Vec<WebhookId> {
        let Some(registrations) = self.0.upgrade() else {
            return Vec::new();
        };
        let records = registrations.all();
        records
            .iter()
            .map(|record| record.webhook_id.clone())
            .collect()
    }
}
