use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use parking_lot::Mutex;
use serde_json::Value;

use super::Manifest;
use super::actor::{CancelTimer, IntegrationActor, StartTimer};
use super::entities::{OwnEntities, Place};
use crate::attributes::Attributes;
use crate::base_url::{BaseUrls, NoBaseUrl};
use crate::bus::{Filter, Pace, SubscriptionId};
use crate::command::Access;
use crate::env::Env;
use crate::event::{Context, Event, EventData, EventType, Origin};
use crate::hub::Hub;
use crate::ids::{ConfigEntryId, DeviceId, EntityId, WebhookId};
use crate::registry::{Changes, EntityCategory, EntityEntry, NewEntity};
use crate::service::{EntityService, Handling, Response, Schema, Service};
use crate::state::{State, StateWrite, WriteError, Written};
use crate::store::StoreError;
use crate::view::{View, ViewAccess};
use crate::webhook::{AlreadyDefined, Hook, Methods};

/// Names one timer of an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId(pub(super) u64);

/// What an integration announces an entity with.
#[derive(Clone, Debug, Default)]
pub struct EntityDescription<'a> {
    /// `light`, `sensor`, …
    pub domain: &'a str,
    /// Unique within domain and integration.
    pub unique_id: &'a str,
    /// From which the object id of a new entity is made.
    pub suggested_object_id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The config entry that it belongs to.
    pub config_entry_id: Option<ConfigEntryId>,
    /// The device that it belongs to.
    pub device_id: Option<DeviceId>,
    /// Whether it is beside its device's main purpose.
    pub entity_category: Option<EntityCategory>,
    /// `mdi:…`
    pub icon: Option<&'a str>,
    /// `temperature`, `door`, …
    pub device_class: Option<&'a str>,
    /// The unit of its value.
    pub unit_of_measurement: Option<&'a str>,
    /// `measurement`, `total`, …
    pub state_class: Option<&'a str>,
}

/// What an integration may do. Cheap to clone; what is registered through it is withdrawn when
/// the integration stops or crashes.
#[derive(Clone)]
pub struct Host {
    hub: Hub,
    manifest: Arc<Manifest>,
    actor: Addr<IntegrationActor>,
    owned: Arc<Mutex<Owned>>,
}

/// What is to be withdrawn at the end.
#[derive(Default)]
struct Owned {
    subscriptions: Vec<SubscriptionId>,
    commands: Vec<Arc<str>>,
    services: Vec<(Arc<str>, Arc<str>)>,
    webhooks: Vec<WebhookId>,
    views: Vec<(http::Method, Arc<str>)>,
    entities: OwnEntities,
    next_timer: u64,
}

impl Host {
    pub(super) fn new(hub: Hub, manifest: Arc<Manifest>, actor: Addr<IntegrationActor>) -> Self {
        Self {
            hub,
            manifest,
            actor,
            owned: Arc::default(),
        }
    }

    /// The hub itself. For built-in integrations, which may register actors of their own; what
    /// they register there is theirs to withdraw.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Clock, ids and randomness.
    pub fn env(&self) -> &Env {
        &self.hub.env
    }

    /// The integration's domain.
    pub fn domain(&self) -> &Arc<str> {
        &self.manifest.domain
    }

    /// Subscribes to events; they arrive at `on_event`.
    pub async fn subscribe(&self, filter: Filter) -> SubscriptionId {
        let subscriber = self.actor.clone().recipient();
        let id = self.hub.bus.subscribe(filter, Pace::Lag, subscriber).await;
        self.owned.lock().subscriptions.push(id);
        id
    }

    /// Ends a subscription.
    pub fn unsubscribe(&self, id: SubscriptionId) {
        self.owned.lock().subscriptions.retain(|other| *other != id);
        self.hub.bus.unsubscribe(id);
    }

    /// Fires an event.
    pub async fn publish(&self, event_type: EventType, data: Value, context: Context) {
        let now = self.hub.env.now();
        let event = Event::new(
            event_type,
            EventData::Json(data),
            Origin::Local,
            now,
            context,
        );
        self.hub.bus.publish(event).await;
    }

    /// Writes a state. What a person did to the entity is respected: under its new id if it was
    /// renamed, kept back while it is disabled, nothing if it was removed.
    pub async fn set_state(
        &self,
        entity_id: &EntityId,
        state: &str,
        attributes: Attributes,
        context: Context,
    ) -> Result<Written, WriteError> {
        let write = StateWrite {
            state: state.into(),
            attributes,
            force: false,
            context,
        };
        self.write_state(entity_id, write).await
    }

    /// The same, in all detail.
    pub async fn write_state(
        &self,
        entity_id: &EntityId,
        write: StateWrite,
    ) -> Result<Written, WriteError> {
        let entities = &self.hub.registries.entities;
        let place = self.owned.lock().entities.place(entity_id, entities);
        let entry = match place {
            Place::Registered(entry) if entry.disabled_by.is_none() => entry,
            Place::Registered(entry) => {
                let unseen = self.unseen(entity_id, &write);
                entities.muted().keep(entry.id, write);
                return Ok(Written::Reported(unseen));
            }
            Place::Removed => return Ok(Written::Reported(self.unseen(entity_id, &write))),
            Place::Unregistered => return self.hub.states.set(entity_id, write).await,
        };
        self.hub.states.set(&entry.entity_id, write).await
    }

    /// What a write would have made if its entity were shown.
    fn unseen(&self, entity_id: &EntityId, write: &StateWrite) -> Arc<State> {
        let now = self.hub.env.now();
        Arc::new(State {
            entity_id: entity_id.clone(),
            state: Arc::clone(&write.state),
            attributes: write.attributes.clone(),
            last_changed: now,
            last_updated: now,
            last_reported: now,
            context: write.context,
            created: u64::MAX,
        })
    }

    /// Under which id an entity of its own is known now, whatever a person renamed it to.
    pub fn entity_id_now(&self, entity_id: &EntityId) -> EntityId {
        let entities = &self.hub.registries.entities;
        match self.owned.lock().entities.place(entity_id, entities) {
            Place::Registered(entry) => entry.entity_id.clone(),
            Place::Removed | Place::Unregistered => entity_id.clone(),
        }
    }

    /// Puts the ids under which the integration knows its entities in the place of those that
    /// people gave them.
    pub(super) fn to_own_ids(&self, ids: &mut [EntityId]) {
        let entities = &self.hub.registries.entities;
        let owned = self.owned.lock();
        for id in ids {
            if let Some(own) = owned.entities.own_id(id, entities) {
                *id = own;
            }
        }
    }

    /// Registers an entity under its unique id, durably, and answers its services from now on.
    ///
    /// Returns its entity id, by which the integration knows it until it stops, also if a person
    /// renames it meanwhile: writing and calls of services go on under this id. At the next start
    /// it is the new one.
    pub async fn announce(&self, entity: EntityDescription<'_>) -> Result<EntityId, StoreError> {
        let mut changes = Changes::new(&self.hub.store);
        let registries = &self.hub.registries;
        let disabled_by = registries.disables(entity.config_entry_id, entity.device_id);
        let new = NewEntity {
            domain: entity.domain,
            platform: &self.manifest.domain,
            unique_id: entity.unique_id,
            suggested_object_id: entity.suggested_object_id,
            config_entry_id: entity.config_entry_id,
            device_id: entity.device_id,
            original_name: Some(entity.name),
            entity_category: entity.entity_category,
            disabled_by,
        };
        let states = &self.hub.states;
        let taken = |id: &EntityId| states.get(id.as_str()).is_some();
        let entry = self
            .hub
            .registries
            .entities
            .register(&mut changes, new, taken, |entry| {
                entry.original_icon = entity.icon.map(Into::into);
                entry.original_device_class = entity.device_class.map(Into::into);
                entry.unit_of_measurement = entity.unit_of_measurement.map(Into::into);
                entry.state_class = entity.state_class.map(Into::into);
            })?;
        let context = Context::new(&self.hub.env);
        changes
            .commit(&self.hub.bus, &self.hub.env, context)
            .await?;
        Ok(self.provide_entry(entry).await)
    }

    /// Ends an entity that [`Host::announce`] began: services, registry entry and state go.
    pub async fn retire(&self, entity_id: &EntityId, context: Context) -> Result<(), StoreError> {
        let now = self.entity_id_now(entity_id);
        let mut changes = Changes::new(&self.hub.store);
        self.hub.registries.entities.remove(&mut changes, &now);
        changes
            .commit(&self.hub.bus, &self.hub.env, context)
            .await?;
        self.owned.lock().entities.remove(entity_id);
        self.hub.services.withdraw(&now);
        self.hub.states.remove(&now, context).await;
        Ok(())
    }

    /// Answers the services of an entity that it did not announce: one that has no unique id, such
    /// as one from configuration, or one that it put into the registry itself.
    pub async fn provide(&self, entity_id: EntityId) {
        match self.hub.registries.entities.get(entity_id.as_str()) {
            Some(entry) if entry.platform == self.manifest.domain => {
                self.provide_entry(entry).await;
            }
            _ => {
                self.hub.load_entity_domain(entity_id.domain()).await;
                let provider = self.actor.clone().recipient();
                self.owned.lock().entities.add_unregistered(&entity_id);
                self.hub.services.provide(entity_id, provider);
            }
        }
    }

    /// Answers the services of a registered entity; returns by which id the integration knows it.
    async fn provide_entry(&self, entry: Arc<EntityEntry>) -> EntityId {
        self.hub.load_entity_domain(entry.entity_id.domain()).await;
        let provider = self.actor.clone().recipient();
        self.hub.services.provide(entry.entity_id.clone(), provider);
        self.owned.lock().entities.add(entry)
    }

    /// Registers a service of its own domain; calls arrive at `call_service`.
    pub async fn register_service(
        &self,
        name: &str,
        description: &str,
        schema: Schema,
        response: Response,
    ) {
        let handling = Handling::Direct(self.actor.clone().recipient());
        self.add_service(name, description, schema, (response, false), handling)
            .await;
    }

    /// Registers a service that only administrators may call.
    pub async fn register_admin_service(&self, name: &str, description: &str, schema: Schema) {
        let handling = Handling::Direct(self.actor.clone().recipient());
        self.add_service(name, description, schema, (Response::None, true), handling)
            .await;
    }

    /// Registers a service of the entities of its own domain, for a domain that has no other
    /// provider; calls arrive at `call_service` with the entities that are meant.
    pub async fn register_entity_service(&self, service: EntityService) {
        let handling = Handling::Entities {
            required_features: service.required_features,
        };
        let EntityService {
            name,
            description,
            schema,
            ..
        } = service;
        self.add_service(name, description, schema, (Response::None, false), handling)
            .await;
    }

    async fn add_service(
        &self,
        name: &str,
        description: &str,
        schema: Schema,
        (response, admin): (Response, bool),
        handling: Handling,
    ) {
        let name: Arc<str> = name.into();
        let domain = Arc::clone(&self.manifest.domain);
        self.owned
            .lock()
            .services
            .push((Arc::clone(&domain), Arc::clone(&name)));
        self.hub
            .services
            .register(Service {
                domain,
                name,
                description: description.into(),
                schema,
                response,
                admin,
                handling,
            })
            .await;
    }

    /// Registers a command; calls arrive at `command`.
    pub fn register_command(&self, name: &str, access: Access) {
        self.owned.lock().commands.push(name.into());
        self.hub
            .commands
            .register(name, access, self.actor.clone().recipient());
    }

    /// Registers a [subscription](crate::subscription); calls arrive at `command`.
    pub fn register_subscription(&self, name: &str, access: Access) {
        self.owned.lock().commands.push(name.into());
        self.hub
            .commands
            .register_subscription(name, access, self.actor.clone().recipient());
    }

    /// An id for a webhook that nobody can guess: 32 random bytes as 64 hex characters.
    pub fn generate_webhook_id(&self) -> WebhookId {
        WebhookId::generate(&self.hub.env)
    }

    /// The URL of a webhook, for whoever is to call it. It holds the id: a secret.
    ///
    /// # Errors
    /// The hub knows no base URL that will do.
    pub fn webhook_url(&self, id: &WebhookId, urls: BaseUrls) -> Result<String, NoBaseUrl> {
        crate::webhook::url(&self.hub, id, urls)
    }

    /// Registers a webhook; requests arrive at `webhook`.
    ///
    /// `local_only`: `Some(true)` runs it for callers near by only, `Some(false)` for everyone;
    /// `None` for everyone, with a warning when somebody from elsewhere calls.
    ///
    /// # Errors
    /// The id is taken; who has it keeps it.
    pub async fn register_webhook(
        &self,
        id: WebhookId,
        name: &str,
        methods: Methods,
        local_only: Option<bool>,
    ) -> Result<(), AlreadyDefined> {
        let hook = Hook {
            domain: Arc::clone(&self.manifest.domain),
            name: name.into(),
            methods,
            local_only,
            home: Arc::new(self.actor.clone().recipient()),
            live: None,
        };
        self.hub.webhooks.register(vec![(id.clone(), hook)]).await?;
        self.owned.lock().webhooks.push(id);
        Ok(())
    }

    /// Removes a webhook that it registered.
    pub async fn unregister_webhook(&self, id: WebhookId) {
        self.owned.lock().webhooks.retain(|other| *other != id);
        self.hub.webhooks.unregister(id).await;
    }

    /// Registers an HTTP view; requests arrive at `view`.
    pub fn register_view(&self, method: http::Method, path: &str, access: ViewAccess) {
        let path: Arc<str> = path.into();
        self.owned
            .lock()
            .views
            .push((method.clone(), Arc::clone(&path)));
        self.hub.views.register(View {
            method,
            path,
            access,
            handler: self.actor.clone().recipient(),
        });
    }

    /// Calls `on_timer` with `tag` once, after `delay`.
    pub fn after(&self, delay: Duration, tag: &str) -> TimerId {
        self.start_timer(delay, tag, false)
    }

    /// Calls `on_timer` with `tag` every `period`.
    pub fn every(&self, period: Duration, tag: &str) -> TimerId {
        self.start_timer(period, tag, true)
    }

    /// Stops a timer; one that is over is no error.
    pub fn cancel(&self, timer: TimerId) {
        self.actor.do_send(CancelTimer(timer));
    }

    fn start_timer(&self, delay: Duration, tag: &str, repeats: bool) -> TimerId {
        let timer = {
            let mut owned = self.owned.lock();
            owned.next_timer += 1;
            TimerId(owned.next_timer)
        };
        self.actor.do_send(StartTimer {
            timer,
            delay,
            tag: tag.into(),
            repeats,
        });
        timer
    }

    /// Withdraws all that was registered through this host.
    pub(super) async fn withdraw_all(&self) {
        let owned = std::mem::take(&mut *self.owned.lock());
        for subscription in owned.subscriptions {
            self.hub.bus.unsubscribe(subscription);
        }
        for command in owned.commands {
            self.hub.commands.unregister(&command);
        }
        for (method, path) in owned.views {
            self.hub.views.unregister(&method, &path);
        }
        for webhook in owned.webhooks {
            self.hub.webhooks.unregister(webhook).await;
        }
        for (domain, name) in owned.services {
            self.hub.services.unregister(&domain, &name).await;
        }
        for entity in owned.entities.ids_now(&self.hub.registries.entities) {
            self.hub.services.withdraw(&entity);
        }
    }
}
