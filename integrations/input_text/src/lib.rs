//! Input texts: texts that people set for themselves.
//!
//! This crate says what is special about them; that they are kept, listed, changed and restored is
//! [`hearth_core::collection`]'s business. It knows nothing of whoever reads them.
//!
//! Start reading at `InputText`.

use std::borrow::Cow;

use hearth_core::collection::{self, Helper, Misconfigured, Moment, Outcome};
use hearth_core::prelude::*;
use hearth_core::service::{EntityService, InvalidData};
use hearth_core::state::{STATE_MAX, UNAVAILABLE, UNKNOWN};
use hearth_core::store::StoredState;
use serde::{Deserialize, Serialize};

/// Makes the input_text integration.
pub fn factory() -> Factory {
    collection::factory::<InputText>()
}

/// Checks the section `input_text` of a configuration file.
pub fn check(section: &Value) -> Result<(), Misconfigured> {
    collection::check::<InputText>(section)
}

/// What people set of one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Options {
    /// Least characters.
    #[serde(default)]
    min: usize,
    /// Most characters.
    #[serde(default = "hundred")]
    max: usize,
    /// What it shows after every start, whatever it showed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    initial: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit_of_measurement: Option<String>,
    /// A regular expression that user interfaces check; the hub does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(default)]
    mode: Mode,
}

impl Options {
    fn allow(&self, text: &str) -> bool {
        (self.min..=self.max).contains(&text.chars().count())
    }
}

/// How it is shown in a user interface.
#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Text,
    Password,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Password => "password",
        }
    }
}

fn hundred() -> usize {
    100
}

/// Its text, once there is one.
struct InputText(Option<String>);

impl Helper for InputText {
    const DOMAIN: &'static str = "input_text";
    const NAME: &'static str = "Input text";
    type Options = Options;

    fn fields() -> Vec<Field> {
        // No state is longer than this.
        let length = || Kind::Integer {
            min: 0,
            max: STATE_MAX as i64,
        };
        let modes: Vec<Cow<'_, str>> = vec!["text".into(), "password".into()];
        vec![
            Field::optional("min", length(), "Least characters."),
            Field::optional("max", length(), "Most characters."),
            Field::optional("initial", Kind::Text, "Its text after every start."),
            Field::optional("unit_of_measurement", Kind::Text, "Unit of its value."),
            Field::optional("pattern", Kind::Text, "What user interfaces accept."),
            Field::optional("mode", Kind::Choice(modes.into()), "How it is shown."),
        ]
    }

    fn check(options: Options) -> Result<Options, InvalidData> {
        let Options { min, max, .. } = options;
        if min > max {
            return Err(InvalidData::Whole(format!(
                "Max len ({max}) is not greater than min len ({min})"
            )));
        }
        match &options.initial {
            Some(initial) if !options.allow(initial) => Err(InvalidData::Whole(format!(
                "Initial value {initial} length not in range {min}-{max}"
            ))),
            _ => Ok(options),
        }
    }

    fn services() -> Vec<EntityService> {
        let value = Field::required("value", Kind::Text, "The text.");
        vec![EntityService::new(
            "set_value",
            "Sets the text.",
            vec![value],
        )]
    }

    fn open(options: &Options, before: Option<&StoredState>, _: &Moment<'_>) -> (Self, Outcome) {
        let before = before
            .map(|before| before.state.clone())
            .filter(|text| ![UNKNOWN, UNAVAILABLE].contains(&text.as_str()))
            .filter(|text| options.allow(text));
        (Self(options.initial.clone().or(before)), Outcome::default())
    }

    fn change(&mut self, _: &Options, _: &Moment<'_>) {}

    fn state(&self) -> Cow<'_, str> {
        self.0.as_deref().unwrap_or(UNKNOWN).into()
    }

    fn attributes(&self, options: &Options, a: &mut AttributesBuilder) {
        a.value("min", options.min);
        a.value("max", options.max);
        a.value("pattern", options.pattern.as_deref());
        a.text("mode", options.mode.as_str());
        a.text_if(
            "unit_of_measurement",
            options.unit_of_measurement.as_deref(),
        );
    }

    fn call(
        &mut self,
        options: &Options,
        call: &ServiceCall,
        moment: &Moment<'_>,
    ) -> Result<Outcome, ServiceError> {
        let text = call.data.get("value").and_then(Value::as_str);
        let text = text.unwrap_or_default();
        if options.allow(text) {
            self.0 = Some(text.to_owned());
        } else {
            // As in the field: whoever automates this goes on.
            let (min, max) = (options.min, options.max);
            tracing::warn!(entity = %moment.entity_id, min, max, "a text of a wrong length was not set");
        }
        Ok(Outcome::default())
    }
}
