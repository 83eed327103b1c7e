//! A switch.

use hearth_core::prelude::*;
use hearth_core::time::Timestamp;

use crate::thing::{Data, Thing, cannot};

/// On or off.
#[derive(Default)]
pub(crate) struct Switch {
    is_on: bool,
}

impl Thing for Switch {
    fn state(&self) -> String {
        if self.is_on { "on" } else { "off" }.to_owned()
    }

    fn device_class(&self) -> Option<&'static str> {
        Some("outlet")
    }

    fn restore(&mut self, state: &str, _: &Attributes) {
        self.is_on = state == "on";
    }

    fn call(&mut self, service: &str, _: &Data, _: Timestamp) -> Result<(), ServiceError> {
        self.is_on = match service {
            "turn_on" => true,
            "turn_off" => false,
            "toggle" => !self.is_on,
            other => return Err(cannot(other)),
        };
        Ok(())
    }
}
