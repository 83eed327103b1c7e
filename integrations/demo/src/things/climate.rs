//! Climate: a thermostat that heats, an air conditioner that does everything.

use std::time::Duration;

use hearth_core::attributes::AttributesBuilder;
use hearth_core::prelude::*;
use hearth_core::settings::UnitSystem;
use hearth_core::time::Timestamp;
use serde_json::json;

use crate::thing::{Data, Thing, cannot, integer, number, refused, text};

const TARGET_TEMPERATURE: u64 = 1;
const TARGET_RANGE: u64 = 2;
const TARGET_HUMIDITY: u64 = 4;
const FAN: u64 = 8;
const PRESET: u64 = 16;
const SWING: u64 = 32;
const TURN_OFF: u64 = 128;
const TURN_ON: u64 = 256;

const DRIEST: i64 = 30;
const DAMPEST: i64 = 70;
/// How much a room changes in one step, in degrees of the home's unit.
const STEP: f64 = 0.5;
const PAUSE: Duration = Duration::from_secs(60);

/// One of a few modes, by name.
struct Choice {
    /// None: the device has nothing of the kind.
    all: &'static [&'static str],
    now: &'static str,
}

impl Choice {
    /// Begins with the first.
    fn of(all: &'static [&'static str]) -> Self {
        Self {
            all,
            now: all.first().copied().unwrap_or_default(),
        }
    }

    fn find(&self, name: &str) -> Option<&'static str> {
        self.all.iter().copied().find(|known| *known == name)
    }

    fn restore(&mut self, name: Option<&str>) {
        if let Some(known) = name.and_then(|name| self.find(name)) {
            self.now = known;
        }
    }

    /// Takes a given name. `kind` is how messages call it, `key` their translation.
    fn choose(&mut self, name: &str, kind: &str, key: &'static str) -> Result<(), ServiceError> {
        let Some(known) = self.find(name) else {
            let all = self.all.join(", ");
            return Err(refused(
                format!("{kind} mode {name} is not valid. Valid {kind} modes are: {all}"),
                "climate",
                key,
                &[("mode", name), ("modes", &all)],
            ));
        };
        self.now = known;
        Ok(())
    }
}

/// A climate device. Temperatures are in the home's unit.
pub(crate) struct Climate {
    features: u64,
    hvac: Choice,
    /// What `turn_on` goes back to.
    last_hvac: &'static str,
    presets: Choice,
    fan: Choice,
    swing: Choice,
    min: f64,
    max: f64,
    room: f64,
    target: f64,
    low: f64,
    high: f64,
    humidity: i64,
}

impl Climate {
    /// A thermostat that heats, with presets.
    pub(crate) fn thermostat(units: UnitSystem) -> Self {
        Self {
            features: TARGET_TEMPERATURE | PRESET | TURN_OFF | TURN_ON,
            hvac: Choice::of(&["heat", "auto", "off"]),
            presets: Choice::of(&["none", "comfort", "eco", "away"]),
            ..Self::air_conditioner(units)
        }
    }

    /// An air conditioner that heats, cools, dries and blows.
    pub(crate) fn air_conditioner(units: UnitSystem) -> Self {
        let degrees = |celsius: f64| match units {
            UnitSystem::Metric => celsius,
            UnitSystem::UsCustomary => (celsius * 1.8 + 32.0).round(),
        };
        Self {
            features: TARGET_TEMPERATURE
                | TARGET_RANGE
                | TARGET_HUMIDITY
                | FAN
                | SWING
                | TURN_OFF
                | TURN_ON,
            hvac: Choice::of(&["off", "heat", "cool", "heat_cool", "dry", "fan_only"]),
            last_hvac: "heat",
            presets: Choice::of(&[]),
            fan: Choice::of(&["auto", "low", "medium", "high"]),
            swing: Choice::of(&["off", "vertical", "horizontal", "both"]),
            min: degrees(7.0),
            max: degrees(35.0),
            room: degrees(21.0),
            target: degrees(21.0),
            low: degrees(19.0),
            high: degrees(24.0),
            humidity: 50,
        }
    }

    fn has(&self, feature: u64) -> bool {
        self.features & feature != 0
    }

    fn set_hvac_mode(&mut self, mode: &str) -> Result<(), ServiceError> {
        self.hvac.choose(mode, "HVAC", "not_valid_hvac_mode")?;
        if self.hvac.now != "off" {
            self.last_hvac = self.hvac.now;
        }
        Ok(())
    }

    fn set_temperature(&mut self, data: &Data) -> Result<(), ServiceError> {
        let target = number(data, "temperature");
        let (low, high) = (
            number(data, "target_temp_low"),
            number(data, "target_temp_high"),
        );
        if low.is_some() != high.is_some() {
            return Err(ServiceError::Invalid(
                "some but not all values in the same group of inclusion 'temperature' @ data[<temperature>]"
                    .to_owned(),
            ));
        }
        if target.or(low).is_none() {
            return Err(ServiceError::Invalid(
                "must contain at least one of temperature, target_temp_high, target_temp_low."
                    .to_owned(),
            ));
        }
        if low.is_some() && !self.has(TARGET_RANGE) {
            return Err(refused(
                "Set temperature action was used with the 'Upper/Lower target temperature' parameter but the entity does not support it"
                    .to_owned(),
                "climate",
                "missing_target_temperature_range_entity_feature",
                &[],
            ));
        }
        for degrees in [target, low, high].into_iter().flatten() {
            self.check_temperature(degrees)?;
        }
        if low > high {
            return Err(refused(
                "'Lower target temperature' can not be higher than 'Upper target temperature'"
                    .to_owned(),
                "climate",
                "low_temp_higher_than_high_temp",
                &[],
            ));
        }
        if let Some(mode) = text(data, "hvac_mode") {
            self.set_hvac_mode(mode)?;
        }
        self.target = target.unwrap_or(self.target);
        self.low = low.unwrap_or(self.low);
        self.high = high.unwrap_or(self.high);
        // A person's own temperature is no preset's.
        self.presets.restore(Some("none"));
        Ok(())
    }

    fn check_temperature(&self, degrees: f64) -> Result<(), ServiceError> {
        if (self.min..=self.max).contains(&degrees) {
            return Ok(());
        }
        let (given, min, max) = (
            degrees.to_string(),
            self.min.to_string(),
            self.max.to_string(),
        );
        Err(refused(
            format!("Provided temperature {given} is not valid. Accepted range is {min} to {max}"),
            "climate",
            "temp_out_of_range",
            &[
                ("check_temp", &given),
                ("min_temp", &min),
                ("max_temp", &max),
            ],
        ))
    }

    fn set_humidity(&mut self, humidity: i64) -> Result<(), ServiceError> {
        if (DRIEST..=DAMPEST).contains(&humidity) {
            self.humidity = humidity;
            return Ok(());
        }
        let (given, min, max) = (
            humidity.to_string(),
            DRIEST.to_string(),
            DAMPEST.to_string(),
        );
        Err(refused(
            format!("Provided humidity {given} is not valid. Accepted range is {min} to {max}"),
            "climate",
            "humidity_out_of_range",
            &[
                ("humidity", &given),
                ("min_humidity", &min),
                ("max_humidity", &max),
            ],
        ))
    }

    /// Where it takes the room, if anywhere.
    fn goal(&self) -> Option<f64> {
        let goal = match self.hvac.now {
            "heat" | "auto" => self.target.max(self.room),
            "cool" => self.target.min(self.room),
            "heat_cool" => self.room.clamp(self.low, self.high.max(self.low)),
            _ => self.room,
        };
        (goal != self.room).then_some(goal)
    }

    fn action(&self) -> &'static str {
        match (self.hvac.now, self.goal()) {
            ("off", _) => "off",
            ("dry", _) => "drying",
            ("fan_only", _) => "fan",
            (_, Some(goal)) if goal > self.room => "heating",
            (_, Some(_)) => "cooling",
            (_, None) => "idle",
        }
    }
}

impl Thing for Climate {
    fn state(&self) -> String {
        self.hvac.now.to_owned()
    }

    fn attributes(&self, a: &mut AttributesBuilder) {
        a.value("hvac_modes", json!(self.hvac.all));
        a.value("min_temp", self.min);
        a.value("max_temp", self.max);
        a.value("target_temp_step", STEP);
        if self.has(TARGET_HUMIDITY) {
            a.value("min_humidity", DRIEST);
            a.value("max_humidity", DAMPEST);
        }
        let choices = [
            (FAN, "fan_modes", "fan_mode", &self.fan),
            (PRESET, "preset_modes", "preset_mode", &self.presets),
            (SWING, "swing_modes", "swing_mode", &self.swing),
        ];
        for (feature, all, now, choice) in choices {
            if self.has(feature) {
                a.value(all, json!(choice.all));
                a.text(now, choice.now);
            }
        }
        a.value("current_temperature", self.room);
        let is_range = self.hvac.now == "heat_cool";
        a.value("temperature", (!is_range).then_some(self.target));
        if self.has(TARGET_RANGE) {
            a.value("target_temp_high", is_range.then_some(self.high));
            a.value("target_temp_low", is_range.then_some(self.low));
        }
        if self.has(TARGET_HUMIDITY) {
            a.value("humidity", self.humidity);
        }
        a.text("hvac_action", self.action());
    }

    fn features(&self) -> Option<u64> {
        Some(self.features)
    }

    fn restore(&mut self, state: &str, attributes: &Attributes) {
        let shown = attributes.to_map();
        self.hvac.restore(Some(state));
        if self.hvac.now != "off" {
            self.last_hvac = self.hvac.now;
        }
        self.fan.restore(text(&shown, "fan_mode"));
        self.presets.restore(text(&shown, "preset_mode"));
        self.swing.restore(text(&shown, "swing_mode"));
        let (min, max) = (self.min, self.max);
        let degrees = |key, before: f64| {
            number(&shown, key)
                .filter(|degrees| (min..=max).contains(degrees))
                .unwrap_or(before)
        };
        self.room = degrees("current_temperature", self.room);
        self.target = degrees("temperature", self.target);
        self.low = degrees("target_temp_low", self.low);
        self.high = degrees("target_temp_high", self.high);
        let humidity = integer(&shown, "humidity").unwrap_or(self.humidity);
        self.humidity = humidity.clamp(DRIEST, DAMPEST);
    }

    fn call(&mut self, service: &str, data: &Data, _: Timestamp) -> Result<(), ServiceError> {
        let given = |key| text(data, key).unwrap_or_default();
        match service {
            "turn_on" => self.hvac.restore(Some(self.last_hvac)),
            "turn_off" => self.hvac.now = "off",
            "toggle" if self.hvac.now == "off" => self.hvac.restore(Some(self.last_hvac)),
            "toggle" => self.hvac.now = "off",
            "set_hvac_mode" => self.set_hvac_mode(given("hvac_mode"))?,
            "set_temperature" => self.set_temperature(data)?,
            "set_humidity" => self.set_humidity(integer(data, "humidity").unwrap_or_default())?,
            "set_fan_mode" => self
                .fan
                .choose(given("fan_mode"), "Fan", "not_valid_fan_mode")?,
            "set_swing_mode" => {
                self.swing
                    .choose(given("swing_mode"), "Swing", "not_valid_swing_mode")?;
            }
            "set_preset_mode" => {
                self.presets
                    .choose(given("preset_mode"), "Preset", "not_valid_preset_mode")?;
            }
            other => return Err(cannot(other)),
        }
        Ok(())
    }

    fn next_step(&self) -> Option<Duration> {
        self.goal().map(|_| PAUSE)
    }

    fn step(&mut self) {
        if let Some(goal) = self.goal() {
            self.room += (goal - self.room).clamp(-STEP, STEP);
        }
    }
}
