//! Sensors: they show what they were last told and take no calls.

use hearth_core::attributes::AttributesBuilder;
use hearth_core::prelude::*;
use hearth_core::state::{UNAVAILABLE, UNKNOWN};

use crate::thing::Thing;

/// Measures something.
pub(crate) struct Sensor {
    value: String,
    unit: &'static str,
    device_class: &'static str,
}

impl Sensor {
    pub(crate) fn new(value: f64, unit: &'static str, device_class: &'static str) -> Self {
        Self {
            value: value.to_string(),
            unit,
            device_class,
        }
    }
}

impl Thing for Sensor {
    fn state(&self) -> String {
        self.value.clone()
    }

    fn attributes(&self, a: &mut AttributesBuilder) {
        a.text("state_class", "measurement");
        a.text("unit_of_measurement", self.unit);
    }

    fn device_class(&self) -> Option<&'static str> {
        Some(self.device_class)
    }

    fn measures(&self) -> Option<(&'static str, &'static str)> {
        Some((self.unit, "measurement"))
    }

    fn restore(&mut self, state: &str, _: &Attributes) {
        if ![UNKNOWN, UNAVAILABLE].contains(&state) {
            self.value = state.to_owned();
        }
    }
}

/// Notices something, or does not.
pub(crate) struct BinarySensor {
    is_on: bool,
    device_class: &'static str,
}

impl BinarySensor {
    pub(crate) fn new(device_class: &'static str) -> Self {
        Self {
            is_on: false,
            device_class,
        }
    }
}

impl Thing for BinarySensor {
    fn state(&self) -> String {
        if self.is_on { "on" } else { "off" }.to_owned()
    }

    fn device_class(&self) -> Option<&'static str> {
        Some(self.device_class)
    }

    fn restore(&mut self, state: &str, _: &Attributes) {
        self.is_on = state == "on";
    }
}
