//! Covers: a blind with slats that can stop anywhere, a garage door that opens and closes.

use std::time::Duration;

use hearth_core::attributes::AttributesBuilder;
use hearth_core::prelude::*;
use hearth_core::time::Timestamp;

use crate::thing::{Data, Thing, cannot, integer};

const OPEN: u64 = 1;
const CLOSE: u64 = 2;
const SET_POSITION: u64 = 4;
const STOP: u64 = 8;
const ALL_OF_TILT: u64 = 16 | 32 | 64 | 128;

/// How far it moves in one step, in percent.
const STEP: i64 = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// A cover. Positions are in percent; 100 is open.
pub(crate) struct Cover {
    device_class: &'static str,
    features: u64,
    position: i64,
    /// Where it is going, if anywhere.
    target: Option<i64>,
    tilt: i64,
}

impl Cover {
    /// A blind whose slats tilt.
    pub(crate) fn blind() -> Self {
        Self {
            device_class: "blind",
            features: OPEN | CLOSE | SET_POSITION | STOP | ALL_OF_TILT,
            position: 100,
            target: None,
            tilt: 50,
        }
    }

    /// A door that does not know how far it is open.
    pub(crate) fn garage_door() -> Self {
        Self {
            device_class: "garage",
            features: OPEN | CLOSE | STOP,
            position: 0,
            target: None,
            tilt: 0,
        }
    }

    fn has(&self, feature: u64) -> bool {
        self.features & feature != 0
    }

    fn go(&mut self, target: i64) {
        self.target = (target != self.position).then_some(target);
    }
}

impl Thing for Cover {
    fn state(&self) -> String {
        match self.target {
            Some(target) if target > self.position => "opening",
            Some(_) => "closing",
            None if self.position == 0 => "closed",
            None => "open",
        }
        .to_owned()
    }

    fn attributes(&self, a: &mut AttributesBuilder) {
        if self.has(SET_POSITION) {
            a.value("current_position", self.position);
        }
        if self.has(ALL_OF_TILT) {
            a.value("current_tilt_position", self.tilt);
        }
    }

    fn device_class(&self) -> Option<&'static str> {
        Some(self.device_class)
    }

    fn features(&self) -> Option<u64> {
        Some(self.features)
    }

    /// One that was on its way stands where it was.
    fn restore(&mut self, state: &str, attributes: &Attributes) {
        let percent = |name| {
            let value = attributes.get(name)?.as_i64()?;
            (0..=100).contains(&value).then_some(value)
        };
        self.position = match state {
            "open" | "opening" => percent("current_position").unwrap_or(100),
            "closed" | "closing" => percent("current_position").unwrap_or(0),
            _ => self.position,
        };
        self.tilt = percent("current_tilt_position").unwrap_or(self.tilt);
    }

    fn call(&mut self, service: &str, data: &Data, _: Timestamp) -> Result<(), ServiceError> {
        match service {
            "open_cover" => self.go(100),
            "close_cover" => self.go(0),
            "set_cover_position" => self.go(integer(data, "position").unwrap_or(self.position)),
            "stop_cover" => self.target = None,
            "toggle" => match (self.target, self.position) {
                (Some(_), _) => self.target = None,
                (None, 0) => self.go(100),
                (None, _) => self.go(0),
            },
            "open_cover_tilt" => self.tilt = 100,
            "close_cover_tilt" => self.tilt = 0,
            "set_cover_tilt_position" => {
                self.tilt = integer(data, "tilt_position").unwrap_or(self.tilt);
            }
            "toggle_cover_tilt" => self.tilt = if self.tilt == 0 { 100 } else { 0 },
            // Slats turn at once: there is nothing to stop.
            "stop_cover_tilt" => {}
            other => return Err(cannot(other)),
        }
        Ok(())
    }

    fn next_step(&self) -> Option<Duration> {
        self.target.map(|_| PAUSE)
    }

    fn step(&mut self) {
        let Some(target) = self.target else {
            return;
        };
        self.position += (target - self.position).clamp(-STEP, STEP);
        if self.position == target {
            self.target = None;
        }
    }
}
