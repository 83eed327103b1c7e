//! A button.

use hearth_core::prelude::*;
use hearth_core::state::UNKNOWN;
use hearth_core::time::Timestamp;

use crate::thing::{Data, Thing, cannot};

/// Shows when it was last pressed.
#[derive(Default)]
pub(crate) struct Button {
    pressed: Option<Timestamp>,
}

impl Thing for Button {
    fn state(&self) -> String {
        self.pressed
            .map_or_else(|| UNKNOWN.to_owned(), |at| at.to_string())
    }

    fn restore(&mut self, state: &str, _: &Attributes) {
        self.pressed = state.parse().ok();
    }

    fn call(&mut self, service: &str, _: &Data, now: Timestamp) -> Result<(), ServiceError> {
        if service != "press" {
            return Err(cannot(service));
        }
        self.pressed = Some(now);
        Ok(())
    }
}
