//! Counters that people make for themselves.
//!
//! This crate says what is special about them; that they are kept, listed, changed and restored is
//! [`hearth_core::collection`]'s business. It knows nothing of what is counted.
//!
//! Start reading at `Counter`.

use std::borrow::Cow;

use hearth_core::collection::{self, Helper, Misconfigured, Moment, Outcome};
use hearth_core::prelude::*;
use hearth_core::service::{EntityService, InvalidData};
use hearth_core::store::StoredState;
use serde::{Deserialize, Serialize};

/// Makes the counter integration.
pub fn factory() -> Factory {
    collection::factory::<Counter>()
}

/// Checks the section `counter` of a configuration file.
pub fn check(section: &Value) -> Result<(), Misconfigured> {
    collection::check::<Counter>(section)
}

/// What people set of one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Options {
    #[serde(default)]
    initial: i64,
    #[serde(default = "one")]
    step: i64,
    #[serde(default)]
    minimum: Option<i64>,
    #[serde(default)]
    maximum: Option<i64>,
    /// Whether it goes on after a start where it was, rather than at `initial`.
    #[serde(default = "yes")]
    restore: bool,
}

impl Options {
    /// The nearest number that is in range.
    fn nearest(&self, count: i64) -> i64 {
        let count = self.minimum.map_or(count, |minimum| count.max(minimum));
        self.maximum.map_or(count, |maximum| count.min(maximum))
    }
}

fn one() -> i64 {
    1
}

fn yes() -> bool {
    true
}

/// Where it is.
struct Counter(i64);

/// Numbers that every client can read.
const GREATEST: i64 = 1 << 53;

impl Helper for Counter {
    const DOMAIN: &'static str = "counter";
    const NAME: &'static str = "Counter";
    type Options = Options;

    fn fields() -> Vec<Field> {
        let positive = || Kind::Integer {
            min: 0,
            max: GREATEST,
        };
        let limit = || {
            Kind::OrNull(Box::new(Kind::Integer {
                min: -GREATEST,
                max: GREATEST,
            }))
        };
        vec![
            Field::optional("initial", positive(), "Where it begins."),
            Field::optional("step", positive(), "How far one step goes."),
            Field::optional("minimum", limit(), "It counts no further down."),
            Field::optional("maximum", limit(), "It counts no further up."),
            Field::optional("restore", Kind::Bool, "Whether it outlives a restart."),
        ]
    }

    fn check(options: Options) -> Result<Options, InvalidData> {
        match (options.minimum, options.maximum) {
            (Some(minimum), Some(maximum)) if minimum > maximum => Err(InvalidData::Whole(
                format!("Maximum ({maximum}) is not greater than minimum ({minimum})"),
            )),
            _ => Ok(options),
        }
    }

    fn services() -> Vec<EntityService> {
        let value = Kind::Integer {
            min: 0,
            max: GREATEST,
        };
        let value = Field::required("value", value, "The value.");
        vec![
            EntityService::new("increment", "Counts one step up.", Vec::new()),
            EntityService::new("decrement", "Counts one step down.", Vec::new()),
            EntityService::new("reset", "Begins again.", Vec::new()),
            EntityService::new("set_value", "Sets where it is.", vec![value]),
        ]
    }

    fn open(options: &Options, before: Option<&StoredState>, _: &Moment<'_>) -> (Self, Outcome) {
        let before = before
            .filter(|_| options.restore)
            .and_then(|before| before.state.parse().ok());
        let count = before.map_or(options.initial, |before| options.nearest(before));
        (Self(count), Outcome::default())
    }

    fn change(&mut self, options: &Options, _: &Moment<'_>) {
        self.0 = options.nearest(self.0);
    }

    fn state(&self) -> Cow<'_, str> {
        self.0.to_string().into()
    }

    fn attributes(&self, options: &Options, a: &mut AttributesBuilder) {
        a.value("initial", options.initial);
        a.value("step", options.step);
        a.value_if("minimum", options.minimum);
        a.value_if("maximum", options.maximum);
    }

    fn call(
        &mut self,
        options: &Options,
        call: &ServiceCall,
        moment: &Moment<'_>,
    ) -> Result<Outcome, ServiceError> {
        self.0 = match &*call.service {
            "increment" => options.nearest(self.0.saturating_add(options.step)),
            "decrement" => options.nearest(self.0.saturating_sub(options.step)),
            "reset" => options.nearest(options.initial),
            _ => {
                let value = call.data.get("value").and_then(Value::as_i64).unwrap_or(0);
                allowed(options, value).map_err(|problem| {
                    let message = format!("Value {value} for {} {problem}", moment.entity_id);
                    ServiceError::Validation(message, None)
                })?;
                value
            }
        };
        Ok(Outcome::default())
    }
}

/// Why a counter cannot be set to this value.
fn allowed(options: &Options, value: i64) -> Result<(), String> {
    if let Some(maximum) = options.maximum.filter(|maximum| value > *maximum) {
        return Err(format!("exceeding the maximum value of {maximum}"));
    }
    if let Some(minimum) = options.minimum.filter(|minimum| value < *minimum) {
        return Err(format!("exceeding the minimum value of {minimum}"));
    }
    let step = options.step;
    if step != 0 && value % step != 0 {
        return Err(format!("is not a multiple of the step size {step}"));
    }
    Ok(())
}
