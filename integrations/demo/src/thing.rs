//! What every thing of the demo home can do.

use std::time::Duration;

use hearth_core::attributes::AttributesBuilder;
use hearth_core::prelude::*;
use hearth_core::time::Timestamp;
use serde_json::json;

/// The data of a service call, as its schema left it.
pub(crate) type Data = Map<String, Value>;

/// A lamp, a lock, a sensor. It knows neither its name nor the hub.
pub(crate) trait Thing {
    /// Its state's text.
    fn state(&self) -> String;

    /// Writes its attributes, but for those that the methods below give.
    fn attributes(&self, _a: &mut AttributesBuilder) {}

    /// `door`, `temperature`, …
    fn device_class(&self) -> Option<&'static str> {
        None
    }

    /// Its domain's bits of `supported_features`, where the domain has such.
    fn features(&self) -> Option<u64> {
        None
    }

    /// Its unit and state class: sensors have them.
    fn measures(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    /// Becomes what it once showed. What does not fit is left as it is.
    fn restore(&mut self, state: &str, attributes: &Attributes);

    /// Carries out a service of its domain.
    fn call(&mut self, service: &str, _data: &Data, _now: Timestamp) -> Result<(), ServiceError> {
        Err(cannot(service))
    }

    /// When it moves on by itself; `None` while it rests.
    fn next_step(&self) -> Option<Duration> {
        None
    }

    /// Moves on.
    fn step(&mut self) {}
}

/// The thing has no such service.
pub(crate) fn cannot(service: &str) -> ServiceError {
    ServiceError::Failed(format!("This thing of the demo home cannot do {service}"))
}

/// The value is not one of those that the thing knows. `key` and `placeholders` are the
/// translation's.
pub(crate) fn refused(
    message: String,
    domain: &'static str,
    key: &'static str,
    placeholders: &[(&str, &str)],
) -> ServiceError {
    let placeholders = placeholders
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)));
    let translation = hearth_core::command::Translation {
        domain: domain.into(),
        key: key.into(),
        placeholders: placeholders.collect(),
    };
    ServiceError::Validation(message, Some(Box::new(translation)))
}

/// A whole number of the data.
pub(crate) fn integer(data: &Data, key: &str) -> Option<i64> {
    data.get(key)?.as_i64()
}

/// A number of the data.
pub(crate) fn number(data: &Data, key: &str) -> Option<f64> {
    data.get(key)?.as_f64()
}

/// A text of the data.
pub(crate) fn text<'a>(data: &'a Data, key: &str) -> Option<&'a str> {
    data.get(key)?.as_str()
}
