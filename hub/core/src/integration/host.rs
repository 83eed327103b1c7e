use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use parking_lot::Mutex;
use serde_json::Value;

use super::Manifest;
use super::actor::{CancelTimer, IntegrationActor, StartTimer};
use crate::attributes::Attributes;
use crate::bus::{Filter, Pace, SubscriptionId};
use crate::command::Access;
use crate::env::Env;
use crate::event::{Context, Event, EventData, EventType, Origin};
use crate::hub::Hub;
use crate::ids::{ConfigEntryId, DeviceId, EntityId, WebhookId};
use crate::registry::{Changes, EntityCategory, NewEntity};
use crate::service::{Handling, Response, Schema, Service};
use crate::state::{StateWrite, WriteError, Written};
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
    entities: Vec<EntityId>,
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

    /// Writes a state.
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
        self.hub.states.set(entity_id, write).await
    }

    /// Registers an entity under its unique id, durably, and answers its services from now on.
    /// Returns its entity id, which stays the same over restarts.
    pub async fn announce(&self, entity: EntityDescription<'_>) -> Result<EntityId, StoreError> {
        let mut changes = Changes::new(&self.hub.store);
        let new = NewEntity {
            domain: entity.domain,
            platform: &self.manifest.domain,
            unique_id: entity.unique_id,
            suggested_object_id: entity.suggested_object_id,
            config_entry_id: entity.config_entry_id,
            device_id: entity.device_id,
            original_name: Some(entity.name),
            entity_category: entity.entity_category,
            disabled_by: None,
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
        self.provide(entry.entity_id.clone()).await;
        Ok(entry.entity_id.clone())
    }

    /// Ends an entity that [`Host::announce`] began: services, registry entry and state go.
    pub async fn retire(&self, entity_id: &EntityId, context: Context) -> Result<(), StoreError> {
        let mut changes = Changes::new(&self.hub.store);
        self.hub.registries.entities.remove(&mut changes, entity_id);
        changes
            .commit(&self.hub.bus, &self.hub.env, context)
            .await?;
        self.owned
            .lock()
            .entities
            .retain(|other| other != entity_id);
        self.hub.services.withdraw(entity_id);
        self.hub.states.remove(entity_id, context).await;
        Ok(())
    }

    /// Answers the services of an entity that has no unique id, such as one from configuration.
    pub async fn provide(&self, entity_id: EntityId) {
        self.hub.load_entity_domain(entity_id.domain()).await;
        self.owned.lock().entities.push(entity_id.clone());
        self.hub
            .services
            .provide(entity_id, self.actor.clone().recipient());
    }

    /// Registers a service of its own domain; calls arrive at `call_service`.
    pub async fn register_service(
        &self,
        name: &str,
        description: &str,
        schema: Schema,
        response: Response,
    ) {
        self.add_service(name, description, schema, response, false)
            .await;
    }

    /// Registers a service that only administrators may call.
    pub async fn register_admin_service(&self, name: &str, description: &str, schema: Schema) {
        self.add_service(name, description, schema, Response::None, true)
            .await;
    }

    async fn add_service(
        &self,
        name: &str,
        description: &str,
        schema: Schema,
        response: Response,
        admin: bool,
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
                handling: Handling::Direct(self.actor.clone().recipient()),
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

    /// Registers a webhook; requests arrive at `webhook`.
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
        for entity in owned.entities {
            self.hub.services.withdraw(&entity);
        }
    }
}
