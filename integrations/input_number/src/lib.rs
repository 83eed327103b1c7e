//! Input numbers: numbers that people set for themselves, with a slider or in a box.
//!
//! This crate says what is special about them; that they are kept, listed, changed and restored is
//! [`hearth_core::collection`]'s business. It knows nothing of whoever reads them.
//!
//! Start reading at `InputNumber`.

use std::borrow::Cow;

use hearth_core::collection::{self, Helper, Misconfigured, Moment, Outcome};
use hearth_core::float;
use hearth_core::prelude::*;
use hearth_core::service::{EntityService, InvalidData};
use hearth_core::store::StoredState;
use serde::{Deserialize, Serialize};

/// Makes the input_number integration.
pub fn factory() -> Factory {
    collection::factory::<InputNumber>()
}

/// Checks the section `input_number` of a configuration file.
pub fn check(section: &Value) -> Result<(), Misconfigured> {
    collection::check::<InputNumber>(section)
}

/// What people set of one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Options {
    min: f64,
    max: f64,
    /// What it shows after every start, whatever it showed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    initial: Option<f64>,
    #[serde(default = "one")]
    step: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit_of_measurement: Option<String>,
    #[serde(default)]
    mode: Mode,
}

/// How it is set in a user interface.
#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Slider,
    Box,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Slider => "slider",
            Self::Box => "box",
        }
    }
}

fn one() -> f64 {
    1.0
}

/// Its value.
struct InputNumber(f64);

/// The smallest step.
const STEP_MIN: f64 = 1e-9;

const ANY: Kind = Kind::Number {
    min: f64::MIN,
    max: f64::MAX,
};

impl Helper for InputNumber {
    const DOMAIN: &'static str = "input_number";
    const NAME: &'static str = "Input number";
    type Options = Options;

    fn fields() -> Vec<Field> {
        let step = Kind::Number {
            min: STEP_MIN,
            max: f64::MAX,
        };
        let modes: Vec<Cow<'_, str>> = vec!["box".into(), "slider".into()];
        vec![
            Field::required("min", ANY, "Least value."),
            Field::required("max", ANY, "Greatest value."),
            Field::optional("initial", ANY, "Its value after every start."),
            Field::optional("step", step, "How far one step goes."),
            Field::optional("unit_of_measurement", Kind::Text, "Unit of its value."),
            Field::optional("mode", Kind::Choice(modes.into()), "How it is set."),
        ]
    }

    fn check(options: Options) -> Result<Options, InvalidData> {
        let Options { min, max, .. } = options;
        let (least, most) = (float::shortest(min), float::shortest(max));
        if min >= max {
            return Err(InvalidData::Whole(format!(
                "Maximum ({most}) is not greater than minimum ({least})"
            )));
        }
        match options.initial {
            Some(initial) if !(min..=max).contains(&initial) => {
                let initial = float::shortest(initial);
                Err(InvalidData::Whole(format!(
                    "Initial value {initial} not in range {least}-{most}"
                )))
            }
            _ => Ok(options),
        }
    }

    fn services() -> Vec<EntityService> {
        let value = Field::required("value", ANY, "The value.");
        vec![
            EntityService::new("set_value", "Sets the value.", vec![value]),
            EntityService::new("increment", "Adds one step.", Vec::new()),
            EntityService::new("decrement", "Takes one step away.", Vec::new()),
        ]
    }

    fn open(options: &Options, before: Option<&StoredState>, _: &Moment<'_>) -> (Self, Outcome) {
        let before = before
            .and_then(|before| before.state.parse().ok())
            .filter(|value| (options.min..=options.max).contains(value));
        let value = options.initial.or(before).unwrap_or(options.min);
        (Self(value), Outcome::default())
    }

    fn change(&mut self, options: &Options, _: &Moment<'_>) {
        // Not `clamp`, which panics where it is misused.
        self.0 = self.0.min(options.max).max(options.min);
    }

    fn state(&self) -> Cow<'_, str> {
        float::state_text(self.0).into()
    }

    fn attributes(&self, options: &Options, a: &mut AttributesBuilder) {
        a.value("initial", options.initial);
        a.value("min", options.min);
        a.value("max", options.max);
        a.value("step", options.step);
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
        let Options { min, max, step, .. } = *options;
        let value = match &*call.service {
            "increment" => (self.0 + step).min(max),
            "decrement" => (self.0 - step).max(min),
            _ => call
                .data
                .get("value")
                .and_then(Value::as_f64)
                .unwrap_or(min),
        };
        if !(min..=max).contains(&value) {
            return Err(ServiceError::Invalid(format!(
                "Invalid value for {}: {} (range {} - {})",
                moment.entity_id,
                float::shortest(value),
                float::shortest(min),
                float::shortest(max),
            )));
        }
        self.0 = value;
        Ok(Outcome::default())
    }
}
