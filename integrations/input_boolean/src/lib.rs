//! Input booleans: switches that people make for themselves and their automations read.
//!
//! This crate says what is special about them; that they are kept, listed, changed and restored is
//! [`hearth_core::collection`]'s business. It knows nothing of whoever reads them.
//!
//! Start reading at `InputBoolean`.

use std::borrow::Cow;

use hearth_core::collection::{self, Helper, Misconfigured, Moment, Outcome};
use hearth_core::prelude::*;
use hearth_core::service::EntityService;
use hearth_core::store::StoredState;
use serde::{Deserialize, Serialize};

/// Makes the input_boolean integration.
pub fn factory() -> Factory {
    collection::factory::<InputBoolean>()
}

/// Checks the section `input_boolean` of a configuration file.
pub fn check(section: &Value) -> Result<(), Misconfigured> {
    collection::check::<InputBoolean>(section)
}

/// What people set of one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Options {
    /// What it shows after every start, whatever it showed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    initial: Option<bool>,
}

/// Whether it is on.
struct InputBoolean(bool);

impl Helper for InputBoolean {
    const DOMAIN: &'static str = "input_boolean";
    const NAME: &'static str = "Input boolean";
    type Options = Options;

    fn fields() -> Vec<Field> {
        let description = "Whether it is on after every start.";
        vec![Field::optional("initial", Kind::Bool, description)]
    }

    fn services() -> Vec<EntityService> {
        vec![
            EntityService::new("turn_on", "Turns it on.", Vec::new()),
            EntityService::new("turn_off", "Turns it off.", Vec::new()),
            EntityService::new(
                "toggle",
                "Turns it on or off, whichever it is not.",
                Vec::new(),
            ),
        ]
    }

    fn open(options: &Options, before: Option<&StoredState>, _: &Moment<'_>) -> (Self, Outcome) {
        let was_on = before.is_some_and(|before| before.state == "on");
        (Self(options.initial.unwrap_or(was_on)), Outcome::default())
    }

    fn change(&mut self, _: &Options, _: &Moment<'_>) {}

    fn state(&self) -> Cow<'_, str> {
        if self.0 { "on" } else { "off" }.into()
    }

    fn attributes(&self, _: &Options, _: &mut AttributesBuilder) {}

    fn call(
        &mut self,
        _: &Options,
        call: &ServiceCall,
        _: &Moment<'_>,
    ) -> Result<Outcome, ServiceError> {
        self.0 = match &*call.service {
            "turn_on" => true,
            "turn_off" => false,
            _ => !self.0,
        };
        Ok(Outcome::default())
    }
}
