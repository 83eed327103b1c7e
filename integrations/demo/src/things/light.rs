//! Lamps: one that is dimmed, one with shades of white, one with colours.

use hearth_core::attributes::AttributesBuilder;
use hearth_core::prelude::*;
use hearth_core::time::Timestamp;
use serde_json::json;

use crate::colour::{self, Hs, Rgb};
use crate::colour_names;
use crate::thing::{Data, Thing, cannot, integer, number, refused, text};

const EFFECT: u64 = 4;
const TRANSITION: u64 = 32;
const COLDEST: i64 = 6535;
const WARMEST: i64 = 2000;
const EFFECTS: [&str; 3] = ["off", "candle", "colorloop"];

/// What a lamp can do beside being dimmed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shine {
    /// Nothing.
    Dimmable,
    /// Shades of white.
    White,
    /// Shades of white, colours and effects.
    Colour,
}

/// What makes a lamp's colour now.
#[derive(Clone, Copy)]
enum Look {
    /// Kelvin.
    White(i64),
    Colour(Hs),
}

/// A lamp.
pub(crate) struct Light {
    shine: Shine,
    is_on: bool,
    /// 1 to 255; kept while it is off.
    brightness: i64,
    look: Look,
    effect: Option<&'static str>,
}

impl Light {
    pub(crate) fn new(shine: Shine) -> Self {
        Self {
            shine,
            is_on: false,
            brightness: 255,
            look: Look::White(2700),
            effect: None,
        }
    }

    /// Someone left it on.
    pub(crate) fn lit(self) -> Self {
        Self {
            is_on: true,
            ..self
        }
    }

    fn turn_on(&mut self, data: &Data) -> Result<(), ServiceError> {
        if let Some(profile) = text(data, "profile") {
            let message = format!("There is no light profile {profile}");
            return Err(ServiceError::Validation(message, None));
        }
        // Everything is checked before anything changes.
        let look = look(data)?;
        let effect = self.wanted_effect(data)?;
        let brightness = self.wanted_brightness(data);
        if brightness == Some(0) {
            self.is_on = false;
            return Ok(());
        }
        self.is_on = true;
        self.brightness = brightness.unwrap_or(self.brightness);
        match (look, self.shine) {
            (Some(Look::Colour(_)), Shine::Dimmable | Shine::White)
            | (Some(Look::White(_)), Shine::Dimmable)
            // A lamp leaves out what it cannot do.
            | (None, _) => {}
            (Some(look), _) => {
                self.look = look;
                self.effect = None;
            }
        }
        if let Some(effect) = effect {
            self.effect = (effect != "off").then_some(effect);
        }
        Ok(())
    }

    fn wanted_brightness(&self, data: &Data) -> Option<i64> {
        let before = if self.is_on { self.brightness } else { 0 };
        // At most 255, so the cast is exact.
        let percent = |percent: f64| (percent * 255.0 / 100.0).round_ties_even() as i64;
        let wanted = integer(data, "brightness")
            .or_else(|| number(data, "brightness_pct").map(percent))
            .or_else(|| integer(data, "brightness_step").map(|step| before + step))
            .or_else(|| number(data, "brightness_step_pct").map(|step| before + percent(step)))?;
        Some(wanted.clamp(0, 255))
    }

    fn wanted_effect(&self, data: &Data) -> Result<Option<&'static str>, ServiceError> {
        let Some(wanted) = text(data, "effect").filter(|_| self.shine == Shine::Colour) else {
            return Ok(None);
        };
        let known = EFFECTS.into_iter().find(|effect| *effect == wanted);
        known.map(Some).ok_or_else(|| {
            let known = EFFECTS.join(", ");
            let message = format!("Effect {wanted} is not valid. Valid effects are: {known}");
            ServiceError::Validation(message, None)
        })
    }

    fn write_colour(&self, a: &mut AttributesBuilder, kelvin: Option<i64>, hs: Option<Hs>) {
        a.value("color_temp_kelvin", kelvin);
        a.value("color_temp", kelvin.map(mireds));
        let Some(hs) = hs else {
            for name in ["hs_color", "rgb_color", "xy_color"] {
                a.value(name, Value::Null);
            }
            return;
        };
        let rgb = hs.to_rgb();
        a.value("hs_color", json!([rounded(hs.hue), rounded(hs.saturation)]));
        a.value("rgb_color", json!(rgb.0));
        let (x, y) = rgb.to_xy();
        a.value("xy_color", json!([rounded(x), rounded(y)]));
    }
}

/// The colour that a call asks for, if any; two are one too many.
fn look(data: &Data) -> Result<Option<Look>, ServiceError> {
    const DESCRIPTORS: [&str; 7] = [
        "color_temp_kelvin",
        "kelvin",
        "color_temp",
        "color_name",
        "rgb_color",
        "hs_color",
        "xy_color",
    ];
    let mut given = DESCRIPTORS
        .into_iter()
        .filter(|key| data.contains_key(*key));
    let Some(key) = given.next() else {
        return Ok(None);
    };
    if given.next().is_some() {
        return Err(ServiceError::Invalid(
            "two or more values in the same group of exclusion 'Color descriptors' @ data[<Color descriptors>]"
                .to_owned(),
        ));
    }
    let numbers: Vec<f64> = data[key]
        .as_array()
        .map(|items| items.iter().filter_map(Value::as_f64).collect())
        .unwrap_or_default();
    let hs = match (key, numbers.as_slice()) {
        ("color_name", _) => {
            let name = text(data, key).unwrap_or_default();
            let rgb = colour_names::find(name).ok_or_else(|| {
                ServiceError::Invalid(format!(
                    "Unknown color name {name} for dictionary value @ data['color_name']"
                ))
            })?;
            rgb.to_hs()
        }
        // The schema has checked that each is 0 to 255, so the casts are exact.
        ("rgb_color", &[r, g, b]) => Rgb([r as u8, g as u8, b as u8]).to_hs(),
        ("hs_color", &[hue, saturation]) if saturation <= 100.0 => Hs { hue, saturation },
        ("hs_color", _) => {
            return Err(ServiceError::Invalid(
                "value must be at most 100 for dictionary value @ data['hs_color'][1]".to_owned(),
            ));
        }
        ("xy_color", &[x, y]) => colour::xy_to_rgb(x, y).to_hs(),
        _ => return kelvin(data, key).map(|kelvin| Some(Look::White(kelvin))),
    };
    Ok(Some(Look::Colour(hs)))
}

fn kelvin(data: &Data, key: &str) -> Result<i64, ServiceError> {
    let given = integer(data, key).unwrap_or_default();
    let kelvin = if key == "color_temp" {
        mireds(given)
    } else {
        given
    };
    if (WARMEST..=COLDEST).contains(&kelvin) {
        return Ok(kelvin);
    }
    let (min, max, value) = (WARMEST.to_string(), COLDEST.to_string(), kelvin.to_string());
    Err(refused(
        format!("Color temperature {kelvin} K is not valid. Accepted range is {min} to {max}"),
        "light",
        "color_temp_out_of_range",
        &[("color_temp", &value), ("min", &min), ("max", &max)],
    ))
}

/// Kelvin to mireds, and back: it is the same sum. Nothing is colder than nothing.
fn mireds(kelvin: i64) -> i64 {
    1_000_000 / kelvin.max(1)
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl Thing for Light {
    fn state(&self) -> String {
        if self.is_on { "on" } else { "off" }.to_owned()
    }

    fn attributes(&self, a: &mut AttributesBuilder) {
        if self.shine != Shine::Dimmable {
            a.value("min_color_temp_kelvin", WARMEST);
            a.value("max_color_temp_kelvin", COLDEST);
            a.value("min_mireds", mireds(COLDEST));
            a.value("max_mireds", mireds(WARMEST));
        }
        if self.shine == Shine::Colour {
            a.value("effect_list", json!(EFFECTS));
        }
        let (modes, mode) = match (self.shine, self.look) {
            (Shine::Dimmable, _) => (json!(["brightness"]), "brightness"),
            (Shine::White, _) => (json!(["color_temp"]), "color_temp"),
            (Shine::Colour, Look::White(_)) => (json!(["color_temp", "hs"]), "color_temp"),
            (Shine::Colour, Look::Colour(_)) => (json!(["color_temp", "hs"]), "hs"),
        };
        a.value("supported_color_modes", modes);
        if self.shine == Shine::Colour {
            a.value(
                "effect",
                self.effect
                    .filter(|_| self.is_on)
                    .or(self.is_on.then_some("off")),
            );
        }
        a.value("color_mode", self.is_on.then_some(mode));
        a.value("brightness", self.is_on.then_some(self.brightness));
        if self.shine == Shine::Dimmable {
            return;
        }
        match self.look {
            _ if !self.is_on => self.write_colour(a, None, None),
            Look::White(kelvin) => {
                let hs = colour::of_temperature(kelvin).to_hs();
                self.write_colour(a, Some(kelvin), Some(hs));
            }
            Look::Colour(hs) => self.write_colour(a, None, Some(hs)),
        }
    }

    fn features(&self) -> Option<u64> {
        Some(match self.shine {
            Shine::Colour => TRANSITION | EFFECT,
            _ => TRANSITION,
        })
    }

    fn restore(&mut self, state: &str, attributes: &Attributes) {
        self.is_on = state == "on";
        let shown = attributes.to_map();
        if let Some(brightness) = integer(&shown, "brightness") {
            self.brightness = brightness.clamp(1, 255);
        }
        if let Some(kelvin) = integer(&shown, "color_temp_kelvin") {
            self.look = Look::White(kelvin.clamp(WARMEST, COLDEST));
        } else if let Some([hue, saturation]) = shown
            .get("hs_color")
            .and_then(|hs| hs.as_array())
            .map(Vec::as_slice)
            && let (Some(hue), Some(saturation)) = (hue.as_f64(), saturation.as_f64())
        {
            self.look = Look::Colour(Hs { hue, saturation });
        }
        let effect = text(&shown, "effect").filter(|effect| *effect != "off");
        self.effect = EFFECTS.into_iter().find(|known| Some(*known) == effect);
    }

    fn call(&mut self, service: &str, data: &Data, _: Timestamp) -> Result<(), ServiceError> {
        match service {
            "turn_on" => self.turn_on(data),
            "toggle" if !self.is_on => self.turn_on(data),
            "turn_off" | "toggle" => {
                self.is_on = false;
                Ok(())
            }
            other => Err(cannot(other)),
        }
    }
}
