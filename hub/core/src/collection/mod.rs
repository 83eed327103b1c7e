//! Helpers: small things that people make for themselves, such as a switch that only their
//! automations read. They come from commands (`input_boolean/create`) and from the configuration
//! file (`[input_boolean.guests]`), and all behave alike: kept in the store, shown as entities
//! with a registry entry, listed, changed and deleted by the same commands, reloaded by the same
//! service, restored after a restart.
//!
//! An integration says with [`Helper`] what is special about its kind; [`factory`] makes the rest.
//! A helper whose only service counts rings:
//!
//! ```
//! use std::borrow::Cow;
//!
//! use hearth_core::collection::{self, Helper, Moment, Outcome};
//! use hearth_core::prelude::*;
//! use hearth_core::service::{EntityService, InvalidData};
//! use hearth_core::store::StoredState;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, PartialEq, Serialize, Deserialize)]
//! struct Options {
//!     #[serde(default)]
//!     start: i64,
//! }
//!
//! struct Rings(i64);
//!
//! impl Helper for Rings {
//!     const DOMAIN: &'static str = "rings";
//!     const NAME: &'static str = "Rings";
//!     type Options = Options;
//!
//!     fn fields() -> Vec<Field> {
//!         let kind = Kind::Integer { min: 0, max: 100 };
//!         vec![Field::optional("start", kind, "Where counting starts.")]
//!     }
//!
//!     fn services() -> Vec<EntityService> {
//!         vec![EntityService::new("ring", "Rings.", Vec::new())]
//!     }
//!
//!     fn open(options: &Options, before: Option<&StoredState>, _: &Moment<'_>) -> (Self, Outcome) {
//!         let before = before.and_then(|before| before.state.parse().ok());
//!         (Self(before.unwrap_or(options.start)), Outcome::default())
//!     }
//!
//!     fn change(&mut self, _: &Options, _: &Moment<'_>) {}
//!
//!     fn state(&self) -> Cow<'_, str> {
//!         self.0.to_string().into()
//!     }
//!
//!     fn attributes(&self, options: &Options, a: &mut AttributesBuilder) {
//!         a.value("start", options.start);
//!     }
//!
//!     fn call(&mut self, _: &Options, call: &ServiceCall, _: &Moment<'_>) -> Result<Outcome, ServiceError> {
//!         self.0 += 1;
//!         Ok(Outcome::default())
//!     }
//! }
//!
//! # hearth_core::System::new().block_on(async {
//! let hub = Hub::in_memory().unwrap();
//! hub.start_integrations(vec![collection::factory::<Rings>()]).await;
//! let admin = Caller::new(Context::new(&hub.env), Access::Admin);
//! let door = json!({"name": "Front door"}).as_object().unwrap().clone();
//! let item = hub.commands.call("rings/create", door, admin).await.unwrap();
//! assert_eq!(item, json!({"id": "front_door", "name": "Front door", "start": 0}));
//! assert_eq!(&*hub.states.get("rings.front_door").unwrap().state, "0");
//! # });
//! ```

mod commands;
mod configured;
mod integration;
mod item;

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use configured::Misconfigured;
pub use item::Item;

use crate::attributes::AttributesBuilder;
use crate::home::Home;
use crate::ids::EntityId;
use crate::integration::{Factory, Manifest};
use crate::service::{EntityService, Field, InvalidData, ServiceCall, ServiceError};
use crate::store::StoredState;
use crate::time::Timestamp;

/// A kind of helper, and one of them as it runs.
pub trait Helper: Sized + 'static {
    /// `input_boolean`: of entities, services, commands and the section of the configuration.
    const DOMAIN: &'static str;
    /// The kind's display name.
    const NAME: &'static str;

    /// What people set of one, beside its name and icon. Its JSON form is what commands show and
    /// the store keeps; what may be left out has a default.
    type Options: Clone + PartialEq + Serialize + DeserializeOwned;

    /// The fields of [`Helper::Options`] as commands and the configuration take them.
    fn fields() -> Vec<Field>;

    /// What the fields alone do not say, and options brought into their one form.
    fn check(options: Self::Options) -> Result<Self::Options, InvalidData> {
        Ok(options)
    }

    /// The services of its entities.
    fn services() -> Vec<EntityService>;

    /// One at its start, with what it showed when the hub last ran.
    fn open(
        options: &Self::Options,
        before: Option<&StoredState>,
        moment: &Moment<'_>,
    ) -> (Self, Outcome);

    /// Its options were changed.
    fn change(&mut self, options: &Self::Options, moment: &Moment<'_>);

    /// What its entity shows.
    fn state(&self) -> Cow<'_, str>;

    /// What else its entity shows, beside `editable`, icon and name.
    fn attributes(&self, options: &Self::Options, attributes: &mut AttributesBuilder);

    /// Carries out one of its services.
    fn call(
        &mut self,
        options: &Self::Options,
        call: &ServiceCall,
        moment: &Moment<'_>,
    ) -> Result<Outcome, ServiceError>;

    /// When it wants to be woken; asked after everything that happens to it.
    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// It is due.
    fn wake(&mut self, _options: &Self::Options, _moment: &Moment<'_>) -> Outcome {
        Outcome::default()
    }
}

/// When and where something happens to a helper.
pub struct Moment<'a> {
    /// Its entity.
    pub entity_id: &'a EntityId,
    /// The time.
    pub now: Timestamp,
    /// The home, for the clock on its wall.
    pub home: &'a Home,
}

/// Events to fire once the new state is written.
#[derive(Debug, Default)]
pub struct Outcome(Vec<(&'static str, Value)>);

impl Outcome {
    /// This event.
    pub fn event(event_type: &'static str, data: Value) -> Self {
        Self(vec![(event_type, data)])
    }
}

/// The integration of one kind of helper.
pub fn factory<H: Helper>() -> Factory {
    Factory::new(Manifest::new(H::DOMAIN, H::NAME), |_| {
        Box::new(integration::Helpers::<H>::default())
    })
}

/// Checks the section of one kind in the configuration file: `[input_boolean.guests]` and so on.
pub fn check<H: Helper>(section: &Value) -> Result<(), Misconfigured> {
    configured::items::<H>(section).map(|_| ())
}
