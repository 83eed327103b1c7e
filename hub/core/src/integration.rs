//! Integrations: units that add states, services, commands, webhooks and views.
//!
//! An [`Integration`] says what it is in a [`Manifest`] and is handed a [`Host`] at its start:
//! everything it may do. The hub runs each one as an actor of its own, one message at a time. One
//! that fails to start, or panics later, takes nothing else with it: what it had registered is
//! withdrawn, the failure is reported, and it is started again with growing pauses.
//!
//! An integration in thirty lines, a doorbell that counts:
//!
//! ```
//! use futures_util::future::LocalBoxFuture;
//! use hearth_core::prelude::*;
//!
//! #[derive(Default)]
//! struct Doorbell {
//!     host: Option<Host>,
//!     rings: u64,
//! }
//!
//! impl Integration for Doorbell {
//!     fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
//!         Box::pin(async move {
//!             host.subscribe(Filter::of_types(["doorbell_pressed"])).await;
//!             host.register_command("doorbell/count", Access::AnyUser);
//!             self.host = Some(host);
//!             Ok(())
//!         })
//!     }
//!
//!     fn on_event(&mut self, _: SubscriptionId, event: Arc<Event>) -> LocalBoxFuture<'_, ()> {
//!         Box::pin(async move {
//!             self.rings += 1;
//!             let id: EntityId = "sensor.doorbell_rings".parse().unwrap();
//!             let attributes = Attributes::build(|a| a.text("friendly_name", "Doorbell rings"));
//!             if let Some(host) = &self.host {
//!                 let context = Context::caused_by(host.env(), &event.context);
//!                 let _ = host.set_state(&id, &self.rings.to_string(), attributes, context).await;
//!             }
//!         })
//!     }
//!
//!     fn command(&mut self, _: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
//!         Box::pin(async { Ok(self.rings.into()) })
//!     }
//! }
//!
//! let rings = hearth_core::System::new().block_on(async {
//!     let hub = Hub::in_memory().unwrap();
//!     hub.start_integrations(vec![Factory::new(Manifest::new("doorbell", "Doorbell"), |_| {
//!         Box::<Doorbell>::default()
//!     })])
//!     .await;
//!     hub.fire("doorbell_pressed", json!({}), Context::new(&hub.env)).await;
//!     let caller = Caller::new(Context::new(&hub.env), Access::AnyUser);
//!     loop {
//!         let rings = hub.commands.call("doorbell/count", Map::new(), caller).await.unwrap();
//!         if rings != 0 {
//!             break rings;
//!         }
//!     }
//! });
//! assert_eq!(rings, 1);
//! ```

mod actor;
mod entities;
mod host;

use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use serde::Serialize;
use serde_json::Value;

pub(crate) use actor::{IntegrationActor, Stop};
pub use host::{EntityDescription, Host, TimerId};

use crate::bus::SubscriptionId;
use crate::command::{Command, CommandError};
use crate::event::Event;
use crate::hub::Hub;
use crate::service::{ServiceCall, ServiceError};
use crate::view::{ViewRequest, ViewResponse};
use crate::webhook::{WebhookRequest, WebhookResponse};

/// What an integration is.
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    /// Its domain, such as `mobile_app`.
    pub domain: Arc<str>,
    /// Display name.
    pub name: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// Commands of others without which it does not start.
    pub requires: Vec<Arc<str>>,
}

impl Manifest {
    /// A built-in integration: it has the hub's own version.
    pub fn new(domain: &str, name: &str) -> Self {
        Self {
            domain: domain.into(),
            name: name.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            requires: Vec::new(),
        }
    }

    /// The same, that needs these commands of others.
    pub fn requiring(self, commands: &[&str]) -> Self {
        Self {
            requires: commands.iter().map(|&command| command.into()).collect(),
            ..self
        }
    }
}

/// Why an integration did not start, for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    /// From anything that explains itself.
    pub fn new(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// Why an integration is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The hub stops.
    Shutdown,
    /// It is started anew.
    Reload,
}

/// A unit that adds to the hub; see the module's guide.
///
/// The hub calls one method at a time and waits for its end. What is never registered is never
/// called: the provided methods answer for what an integration does not do.
pub trait Integration: 'static {
    /// Registers what the integration offers. Fails where it cannot work now; it is tried again.
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>>;

    /// An event that it subscribed to.
    fn on_event(
        &mut self,
        _subscription: SubscriptionId,
        _event: Arc<Event>,
    ) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Events were missed: read the state machine again.
    fn on_lagged(&mut self, _subscription: SubscriptionId, missed: u64) -> LocalBoxFuture<'_, ()> {
        Box::pin(
            async move { tracing::warn!(missed, "an integration was too slow and missed events") },
        )
    }

    /// A timer that it started.
    fn on_timer(&mut self, _timer: TimerId, _tag: Rc<str>) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// A command that it registered.
    fn command(&mut self, _command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async { Err(CommandError::unknown()) })
    }

    /// A service that it registered, or one of its entities' services.
    fn call_service(
        &mut self,
        _call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async { Err(ServiceError::Unknown) })
    }

    /// A webhook that it registered.
    fn webhook(&mut self, _request: WebhookRequest) -> LocalBoxFuture<'_, WebhookResponse> {
        Box::pin(async { WebhookResponse::empty(200) })
    }

    /// A view that it registered.
    fn view(&mut self, _request: ViewRequest) -> LocalBoxFuture<'_, ViewResponse> {
        Box::pin(async { ViewResponse::message(404, "Not found") })
    }

    /// The end; what it registered is withdrawn after this.
    fn stop(&mut self, _reason: StopReason) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// Makes an integration, at its first start and after each crash.
#[derive(Clone)]
pub struct Factory {
    /// What it makes.
    pub manifest: Arc<Manifest>,
    make: Make,
}

type Make = Arc<dyn Fn(&Hub) -> Box<dyn Integration> + Send + Sync>;

impl Factory {
    /// A factory from a function.
    pub fn new(
        manifest: Manifest,
        make: impl Fn(&Hub) -> Box<dyn Integration> + Send + Sync + 'static,
    ) -> Self {
        Self {
            manifest: Arc::new(manifest),
            make: Arc::new(make),
        }
    }

    pub(crate) fn make(&self, hub: &Hub) -> Box<dyn Integration> {
        (self.make)(hub)
    }
}

/// How an integration is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Its start is under way.
    Starting,
    /// It works.
    Running,
    /// It failed and will be started again.
    Backoff,
    /// It failed too often; the next start of the hub tries again.
    Failed,
    /// It was stopped.
    Stopped,
}

/// What the hub tells of an integration.
#[derive(Clone, Debug, Serialize)]
pub struct IntegrationStatus {
    /// What it is.
    #[serde(flatten)]
    pub manifest: Arc<Manifest>,
    /// How it is doing.
    pub health: Health,
    /// How often it crashed since the start.
    pub crashes: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
}
