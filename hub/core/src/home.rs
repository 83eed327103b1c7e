//! The home itself: where it is, what it is called, in which units it counts.
//!
//! The settings say how a home is at first; people change it afterwards, through
//! [`Home::update`], and what they changed is kept. A value that is edited in the settings later
//! wins again: who edits it means it. REST `/api/config`, the WebSocket's `get_config` and the
//! phones' `get_config` are each made from [`base_config`] and add what is their own.
//!
//! ```
//! use hearth_core::home::HomeChanges;
//! use hearth_core::prelude::*;
//!
//! hearth_core::System::new().block_on(async {
//!     let hub = Hub::in_memory().unwrap();
//!     let changes: HomeChanges = serde_json::from_str(r#"{"location_name": "Villa"}"#).unwrap();
//!     hub.home.update(changes, Context::new(&hub.env)).await.unwrap();
//!     assert_eq!(hub.home.current().location_name, "Villa");
//! });
//! ```

mod config;

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use config::{HomeChanges, HomeConfig, InvalidHome};

use crate::bus::Bus;
use crate::env::Env;
use crate::event::{Context, Event};
use crate::hub::{Hub, PROTOCOL_VERSION};
use crate::settings::{HubSettings, UnitSystem};
use crate::store::{Collection, Store, StoreError};

const COLLECTION: &str = "core.home";

/// The home's configuration as it is now. One a hub: [`Parts::home`](crate::hub::Parts::home).
pub struct Home {
    env: Env,
    bus: Bus,
    store: Store,
    configured: Map<String, Value>,
    current: ArcSwap<HomeConfig>,
    /// Held while a change is made: one after the other.
    turn: tokio::sync::Mutex<()>,
}

/// A changed value as stored, under the name of its field.
#[derive(Serialize, Deserialize)]
struct Changed {
    value: Value,
    /// What the settings said then. When they say something else, they win.
    instead_of: Value,
}

/// Why the home was not changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HomeError {
    /// A home cannot have that value.
    #[error(transparent)]
    Invalid(#[from] InvalidHome),
    /// The change could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Home {
    /// Reads what people changed; blocking, at start.
    pub(crate) fn load(
        settings: &HubSettings,
        store: &Store,
        env: Env,
        bus: Bus,
    ) -> Result<Self, StoreError> {
        let mut config = HomeConfig::from_settings(settings);
        let configured = fields(&config);
        let collection: Collection<Changed> = store.collection(COLLECTION);
        collection.visit_valid(|field, changed| {
            if configured.get(field) != Some(&changed.instead_of) {
                return;
            }
            let change = Value::Object(Map::from_iter([(field.to_owned(), changed.value)]));
            match serde_json::from_value::<HomeChanges>(change) {
                Ok(change) => config = config.clone().with(change),
                Err(error) => {
                    tracing::error!(field, %error, "a stored change of the home is left out");
                }
            }
        })?;
        Ok(Self {
            env,
            bus,
            store: store.clone(),
            configured,
            current: ArcSwap::from_pointee(config),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// The configuration as it is now.
    pub fn current(&self) -> Arc<HomeConfig> {
        self.current.load_full()
    }

    /// Changes the configuration: all of `changes`, or nothing. Resolves once it is on the disk;
    /// `core_config_updated` with the changes is fired then, upon which the home zone moves.
    ///
    /// # Errors
    /// [`HomeError::Invalid`] names the value that no home has; [`HomeError::Store`]: it could
    /// not be kept, and nothing changed.
    pub async fn update(&self, changes: HomeChanges, context: Context) -> Result<(), HomeError> {
        let changed = fields(&changes);
        if changed.is_empty() {
            return Ok(());
        }
        let turn = self.turn.lock().await;
        let config = HomeConfig::clone(&self.current()).with(changes);
        config.check()?;
        let mut batch = self.store.batch();
        for (field, value) in &changed {
            let instead_of = self.configured.get(field).cloned().unwrap_or_default();
            let change = Changed {
                value: value.clone(),
                instead_of,
            };
            batch.put(COLLECTION, field, &change)?;
        }
        batch.commit().await?;
        self.current.store(Arc::new(config));
        drop(turn);
        let (data, now) = (Value::Object(changed), self.env.now());
        let event = Event::local("core_config_updated", data, now, context);
        self.bus.publish(event).await;
        Ok(())
    }
}

/// What a value of ours is as a JSON object.
fn fields(of: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(of) {
        Ok(Value::Object(fields)) => fields,
        // Structs of texts and numbers are objects.
        _ => Map::new(),
    }
}

/// The units of a home, by quantity.
pub fn unit_system(system: UnitSystem) -> Value {
    match system {
        UnitSystem::Metric => json!({
            "length": "km",
            "accumulated_precipitation": "mm",
            "area": "m²",
            "mass": "g",
            "pressure": "Pa",
            "temperature": "°C",
            "volume": "L",
            "wind_speed": "m/s",
        }),
        UnitSystem::UsCustomary => json!({
            "length": "mi",
            "accumulated_precipitation": "in",
            "area": "ft²",
            "mass": "lb",
            "pressure": "psi",
            "temperature": "°F",
            "volume": "gal",
            "wind_speed": "mph",
        }),
    }
}

/// What every client is told of the home: `latitude`, `longitude`, `elevation`, `unit_system`,
/// `location_name`, `time_zone`, `components` and `version`.
pub fn base_config(hub: &Hub) -> Map<String, Value> {
    let home = hub.home.current();
    let config = json!({
        "latitude": home.latitude,
        "longitude": home.longitude,
        "elevation": home.elevation,
        "unit_system": unit_system(home.unit_system),
        "location_name": home.location_name,
        "time_zone": home.time_zone,
        "components": hub.integrations.components(),
        "version": PROTOCOL_VERSION,
    });
    match config {
        Value::Object(config) => config,
        // `json!` of an object is an object.
        _ => Map::new(),
    }
}
