//! Input buttons: buttons that people make for themselves and their automations wait for.
//!
//! This crate says what is special about them; that they are kept, listed, changed and restored is
//! [`hearth_core::collection`]'s business. It knows nothing of whoever waits for them.
//!
//! Start reading at `InputButton`.

use std::borrow::Cow;

use hearth_core::collection::{self, Helper, Misconfigured, Moment, Outcome};
use hearth_core::prelude::*;
use hearth_core::service::EntityService;
use hearth_core::state::UNKNOWN;
use hearth_core::store::StoredState;
use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Makes the input_button integration.
pub fn factory() -> Factory {
    collection::factory::<InputButton>()
}

/// Checks the section `input_button` of a configuration file.
pub fn check(section: &Value) -> Result<(), Misconfigured> {
    collection::check::<InputButton>(section)
}

/// A button has a name and an icon and nothing else.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Options {}

/// When it was last pressed.
struct InputButton(Option<Timestamp>);

impl Helper for InputButton {
    const DOMAIN: &'static str = "input_button";
    const NAME: &'static str = "Input button";
    type Options = Options;

    fn fields() -> Vec<Field> {
        Vec::new()
    }

    fn services() -> Vec<EntityService> {
        vec![EntityService::new("press", "Presses it.", Vec::new())]
    }

    fn open(_: &Options, before: Option<&StoredState>, _: &Moment<'_>) -> (Self, Outcome) {
        let pressed = before.and_then(|before| before.state.parse().ok());
        (Self(pressed), Outcome::default())
    }

    fn change(&mut self, _: &Options, _: &Moment<'_>) {}

    fn state(&self) -> Cow<'_, str> {
        match self.0 {
            Some(pressed) => pressed.to_string().into(),
            None => UNKNOWN.into(),
        }
    }

    fn attributes(&self, _: &Options, _: &mut AttributesBuilder) {}

    fn call(
        &mut self,
        _: &Options,
        _: &ServiceCall,
        moment: &Moment<'_>,
    ) -> Result<Outcome, ServiceError> {
        self.0 = Some(moment.now);
        Ok(Outcome::default())
    }
}
