//! The hub as its parts share it: one handle to the bus, the states, the registries and the rest.

mod arbiters;
mod integrations;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use actix::Actor;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::base_url::Listening;
use crate::bus::Bus;
use crate::command::Commands;
use crate::configured::Configured;
use crate::env::Env;
use crate::event::{Context, Event};
use crate::home::Home;
use crate::ids::EntityId;
use crate::integration::{Factory, Health, IntegrationActor};
use crate::location::Zones;
use crate::registry::{Registries, unprovided};
use crate::restored::Restored;
use crate::service::{Handling, Response, Service, ServiceRegistry, entity_services};
use crate::settings::Settings;
use crate::state::{State, StateMachine};
use crate::store::{Location, Store, StoreError, StoreSettings, StoredState};
use crate::users::Users;
use crate::view::Views;
use crate::webhook::Webhooks;

pub use arbiters::Arbiters;
pub use integrations::Integrations;

/// The version of the protocols that the hub speaks; clients enable features by it.
pub const PROTOCOL_VERSION: &str = "2025.4.4";

/// How many states are written in one go.
const SAVED_AT_ONCE: usize = 4096;

/// How often a store that failed is tried again while nothing else is written.
const STORE_TRIALS: Duration = Duration::from_secs(5);

/// A handle to the whole hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Parts>);

/// The parts of a hub.
pub struct Parts {
    /// Clock, ids, randomness.
    pub env: Env,
    /// Settings.
    pub settings: Arc<Settings>,
    /// What must not be forgotten.
    pub store: Store,
    /// Events.
    pub bus: Bus,
    /// States.
    pub states: Arc<StateMachine>,
    /// Commands.
    pub commands: Commands,
    /// Services.
    pub services: Arc<ServiceRegistry>,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// HTTP views of integrations.
    pub views: Views,
    /// Registries.
    pub registries: Arc<Registries>,
    /// Where the home is, what it is called, its units.
    pub home: Home,
    /// Where the HTTP door listens.
    pub listening: Listening,
    /// What the configuration file says of things that integrations make from it.
    pub configured: Configured,
    /// Zones.
    pub zones: Zones,
    /// Users.
    pub users: Users,
    /// What is loaded, and how integrations are doing.
    pub integrations: Integrations,
    /// Where actors run.
    pub arbiters: Arbiters,
    phase: AtomicU8,
    restored: Mutex<Restored>,
    saving: AtomicBool,
    /// Held while states are written: the last words wait for what is under way.
    save: tokio::sync::Mutex<()>,
    stopping: tokio::sync::Notify,
}

impl Deref for Hub {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// How far the hub is (spec state-machine §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing runs yet.
    NotRunning,
    /// Integrations start.
    Starting,
    /// All is up.
    Running,
    /// Integrations stop.
    Stopping,
    /// The last states are written.
    FinalWrite,
    /// The end.
    Stopped,
}

const PHASES: [(Phase, &str); 6] = [
    (Phase::NotRunning, "NOT_RUNNING"),
    (Phase::Starting, "STARTING"),
    (Phase::Running, "RUNNING"),
    (Phase::Stopping, "STOPPING"),
    (Phase::FinalWrite, "FINAL_WRITE"),
    (Phase::Stopped, "STOPPED"),
];

impl Phase {
    /// The protocol's word for it.
    pub fn as_str(self) -> &'static str {
        PHASES[self as usize].1
    }
}

impl Hub {
    /// Opens what the store holds and starts bus and router. Needs a running actix system.
    pub fn open(env: Env, settings: Arc<Settings>, store: Store) -> Result<Self, StoreError> {
        let bus = Bus::start(settings.bus.queue);
        let users = Users::default();
        let registries = Arc::new(Registries::load(&store, &env)?);
        let overrides = registries.entities.overrides();
        let states = Arc::new(StateMachine::new(env.clone(), bus.clone(), overrides));
        let restored = Restored::load(&store)?;
        let home = Home::load(&settings.hub, &store, env.clone(), bus.clone())?;
        Ok(Self(Arc::new(Parts {
            services: Arc::new(ServiceRegistry::new(
                env.clone(),
                bus.clone(),
                Arc::clone(&states),
                Arc::clone(&registries),
                users.clone(),
            )),
            webhooks: Webhooks::start(),
            commands: Commands::default(),
            views: Views::default(),
            home,
            listening: Listening::default(),
            configured: Configured::new(settings.domains.clone()),
            zones: Zones::default(),
            users,
            integrations: Integrations::default(),
            arbiters: Arbiters::start(settings.hub.threads),
            phase: AtomicU8::new(Phase::NotRunning as u8),
            restored: Mutex::new(restored),
            saving: AtomicBool::new(false),
            save: tokio::sync::Mutex::default(),
            stopping: tokio::sync::Notify::new(),
            env,
            settings,
            store,
            bus,
            states,
            registries,
        })))
    }

    /// A hub with default settings whose store is in memory, for tests and examples.
    pub fn in_memory() -> Result<Self, StoreError> {
        let store = Store::open(&Location::Memory, StoreSettings::default())?;
        Self::open(Env::system(), Arc::new(Settings::default()), store)
    }

    /// How far the hub is.
    pub fn phase(&self) -> Phase {
        PHASES[usize::from(self.phase.load(Ordering::Acquire)).min(5)].0
    }

    /// Fires a local event of a type named in the hub's own code.
    pub async fn fire(&self, event_type: &'static str, data: Value, context: Context) {
        let event = Event::local(event_type, data, self.env.now(), context);
        self.bus.publish(event).await;
    }

    /// Starts integrations in this order, each after the ones before it; one whose required
    /// commands are missing waits for the end of the list.
    pub async fn start_integrations(&self, factories: Vec<Factory>) {
        self.enter(Phase::Starting);
        let (ready, waiting): (Vec<_>, Vec<_>) = factories
            .into_iter()
            .partition(|factory| factory.manifest.requires.is_empty());
        for factory in ready.into_iter().chain(waiting) {
            self.start_integration(factory).await;
        }
        self.show_unprovided_entities().await;
        let context = Context::new(&self.env);
        self.fire("homeassistant_start", json!({}), context).await;
        // Whoever waits for the start learns of it before anybody asks something of them.
        self.bus.settle().await;
        self.enter(Phase::Running);
        self.fire("homeassistant_started", json!({}), context).await;
        self.start_saving();
    }

    async fn start_integration(&self, factory: Factory) {
        let manifest = Arc::clone(&factory.manifest);
        if let Some(missing) = manifest
            .requires
            .iter()
            .find(|command| !self.commands.contains(command))
        {
            let why = format!("it needs the command {missing}, which nothing here answers");
            tracing::error!(integration = %manifest.domain, error = %why, "the integration did not start");
            self.integrations
                .report(&manifest, Health::Failed, Some(why));
            return;
        }
        let (started, is_started) = oneshot::channel();
        let hub = self.clone();
        let actor = IntegrationActor::start_in_arbiter(&self.arbiters.next(), move |_| {
            IntegrationActor::new(hub, factory, started)
        });
        // The sender lives in the actor: either it answers or it is gone.
        let _ = is_started.await;
        self.integrations.add_actor(actor);
        if self.integrations.is_running(&manifest.domain) {
            self.load_component(&manifest.domain).await;
        }
    }

    /// Notes a component as loaded, once, and fires `component_loaded`.
    pub async fn load_component(&self, component: &str) {
        if self.integrations.add_component(component) {
            self.fire(
                "component_loaded",
                json!({"component": component}),
                Context::new(&self.env),
            )
            .await;
        }
    }

    /// Loads an entity domain, once: its component and its services.
    pub async fn load_entity_domain(&self, domain: &str) {
        if !self.integrations.add_component(domain) {
            return;
        }
        for service in entity_services(domain) {
            if self.services.contains(domain, service.name) {
                continue;
            }
            self.services
                .register(Service {
                    domain: domain.into(),
                    name: service.name.into(),
                    description: service.description.into(),
                    schema: service.schema,
                    response: Response::None,
                    admin: false,
                    handling: Handling::Entities {
                        required_features: service.required_features,
                    },
                })
                .await;
        }
        self.fire(
            "component_loaded",
            json!({"component": domain}),
            Context::new(&self.env),
        )
        .await;
    }

    /// The state that an entity had when the hub last ran; given once.
    pub fn take_restored(&self, entity_id: &str) -> Option<StoredState> {
        self.restored.lock().take(entity_id)
    }

    /// Registered entities that nobody provides show `unavailable` (spec state-machine §1).
    async fn show_unprovided_entities(&self) {
        for entry in self.registries.entities.list() {
            if entry.disabled_by.is_some() || self.states.get(entry.entity_id.as_str()).is_some() {
                continue;
            }
            let write = unprovided(&entry, Context::new(&self.env));
            if let Err(error) = self.states.set(&entry.entity_id, write).await {
                tracing::warn!(entity = %entry.entity_id, %error, "cannot show an entity without its integration");
            }
        }
        self.restored.lock().drop_rest();
    }

    fn start_saving(&self) {
        if self.saving.swap(true, Ordering::AcqRel) {
            return;
        }
        let hub = self.clone();
        let pause = Duration::from_millis(self.settings.store.state_flush_ms.max(10));
        actix::spawn(async move {
            let mut tried = tokio::time::Instant::now();
            while hub.phase() == Phase::Running {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = hub.stopping.notified() => break,
                }
                hub.save_states().await;
                if tried.elapsed() >= STORE_TRIALS && hub.store.trouble().is_some() {
                    tried = tokio::time::Instant::now();
                    // What comes of it stands in `trouble`, and a failure in the log.
                    let _ = hub.store.try_again().await;
                }
            }
        });
    }

    /// Writes the states that changed since the last call. Only registered entities come back
    /// after a restart; others belong to whoever set them.
    pub async fn save_states(&self) {
        let _turn = self.save.lock().await;
        let unsaved = self.states.take_unsaved();
        let mut unsaved = unsaved.into_iter().peekable();
        while unsaved.peek().is_some() {
            // In parts: after a start all states are unsaved, and texts of all of them at once
            // would double what they take.
            self.save_part(unsaved.by_ref().take(SAVED_AT_ONCE)).await;
        }
        if self.phase() != Phase::Starting {
            self.restored.lock().is_saved();
        }
    }

    async fn save_part(&self, part: impl Iterator<Item = (EntityId, Option<Arc<State>>)>) {
        let mut changed = Vec::new();
        let mut removed = Vec::new();
        for (entity_id, state) in part {
            let is_as_stored = |state: &State| {
                self.restored.lock().is_as_stored(
                    entity_id.as_str(),
                    &state.state,
                    state.attributes.as_json(),
                )
            };
            match state {
                Some(_) if self.registries.entities.get(entity_id.as_str()).is_none() => {}
                Some(state) if is_as_stored(&state) => {}
                Some(state) => changed.push(StoredState {
                    entity_id: entity_id.as_str().to_owned(),
                    state: state.state.to_string(),
                    attributes: state.attributes.as_json().to_owned(),
                    last_changed: state.last_changed.as_micros(),
                    last_updated: state.last_updated.as_micros(),
                }),
                None => removed.push(entity_id.as_str().to_owned()),
            }
        }
        if changed.is_empty() && removed.is_empty() {
            return;
        }
        if let Err(error) = self.store.save_states(changed, removed).await {
            tracing::error!(%error, "cannot save states");
        }
    }

    /// Stops the integrations in the reverse order of their start and writes what is left.
    pub async fn stop(&self) {
        let context = Context::new(&self.env);
        self.enter(Phase::Stopping);
        self.stopping.notify_waiters();
        self.fire("homeassistant_stop", json!({}), context).await;
        for actor in self.integrations.take_actors().into_iter().rev() {
            // One that hangs must not hold up the others' last words.
            let stop =
                tokio::time::timeout(Duration::from_secs(1), actor.send(crate::integration::Stop));
            if !matches!(stop.await, Ok(Ok(()))) {
                tracing::warn!("an integration did not stop in time");
            }
        }
        self.enter(Phase::FinalWrite);
        self.fire("homeassistant_final_write", json!({}), context)
            .await;
        self.save_states().await;
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the store did not close cleanly");
        }
        self.fire("homeassistant_close", json!({}), context).await;
        self.enter(Phase::Stopped);
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }
}
