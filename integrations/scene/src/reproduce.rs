//! Which services bring a thing from the state that it has into the one that it is to have.

use hearth_core::prelude::*;
use hearth_core::state::State;

use crate::scene::Wanted;

/// A service and its data, without the target.
pub(crate) type Step = (&'static str, Map<String, Value>);

/// The calls, in order, of the thing's own domain; empty where nothing is to be done or nobody
/// knows how. A scene may last `transition` seconds for things that can.
pub(crate) fn steps(now: &State, wanted: &Wanted, transition: Option<&Value>) -> Vec<Step> {
    let is_so = |name: &String, value: &Value| now.attributes.get(name).as_ref() == Some(value);
    let has_state = wanted.state.as_deref().is_none_or(|s| s == &*now.state);
    if has_state && wanted.attributes.iter().all(|(n, v)| is_so(n, v)) {
        return Vec::new();
    }
    let state = wanted.state.as_deref().unwrap_or(&now.state);
    let given = &wanted.attributes;
    let steps = match now.entity_id.domain() {
        "light" => light(state, given, transition),
        "cover" => cover(state, given),
        "climate" => climate(wanted.state.as_deref(), given),
        "lock" => one(match state {
            "locked" | "locking" => "lock",
            "unlocked" | "unlocking" => "unlock",
            "open" | "opening" => "open",
            _ => return unknown(now, state),
        }),
        "input_number" | "number" | "input_text" | "text" => with("set_value", "value", state),
        "input_select" => {
            let mut steps: Vec<Step> = taken("set_options", given, &[("options", "options")])
                .into_iter()
                .collect();
            steps.extend(with("select_option", "option", state));
            steps
        }
        "select" => with("select_option", "option", state),
        "counter" => with("set_value", "value", state),
        "input_datetime" => with("set_datetime", datetime_key(state), state),
        "timer" => match state {
            "active" => vec![
                taken("start", given, &[("duration", "duration")]).unwrap_or(("start", Map::new())),
            ],
            "paused" => one("pause"),
            "idle" => one("cancel"),
            _ => return unknown(now, state),
        },
        "fan" => fan(state, given),
        _ => match state {
            "on" => one("turn_on"),
            "off" => one("turn_off"),
            _ => return unknown(now, state),
        },
    };
    if steps.is_empty() {
        return unknown(now, state);
    }
    steps
}

fn unknown(now: &State, state: &str) -> Vec<Step> {
    tracing::warn!(entity = %now.entity_id, state, "a scene names a state that nothing leads to");
    Vec::new()
}

fn one(service: &'static str) -> Vec<Step> {
    vec![(service, Map::new())]
}

fn with(service: &'static str, key: &str, value: &str) -> Vec<Step> {
    vec![(service, Map::from_iter([(key.to_owned(), value.into())]))]
}

/// A call with those attributes that are given, under the names of the service's fields.
fn taken(
    service: &'static str,
    given: &Map<String, Value>,
    names: &[(&str, &str)],
) -> Option<Step> {
    let data: Map<String, Value> = names
        .iter()
        .filter_map(|(attribute, field)| {
            let value = given.get(*attribute).filter(|value| !value.is_null())?;
            Some(((*field).to_owned(), value.clone()))
        })
        .collect();
    (!data.is_empty()).then_some((service, data))
}

fn light(state: &str, given: &Map<String, Value>, transition: Option<&Value>) -> Vec<Step> {
    let is_on = match state {
        "on" => true,
        "off" => false,
        _ => return Vec::new(),
    };
    let mut data = Map::new();
    if is_on {
        let look = [("brightness", "brightness"), ("effect", "effect")];
        data.extend(
            taken("", given, &look)
                .into_iter()
                .flat_map(|(_, data)| data),
        );
        data.extend(colour(given));
    }
    if let Some(transition) = transition {
        data.insert("transition".to_owned(), transition.clone());
    }
    vec![(if is_on { "turn_on" } else { "turn_off" }, data)]
}

/// The colour that counts: the one of the light's colour mode, else the first that is given.
fn colour(given: &Map<String, Value>) -> Option<(String, Value)> {
    const COLOURS: [&str; 6] = [
        "color_temp_kelvin",
        "color_temp",
        "hs_color",
        "rgb_color",
        "xy_color",
        "color_name",
    ];
    let mode = given.get("color_mode").and_then(Value::as_str);
    let of_mode = match mode {
        Some("color_temp") => &COLOURS[..2],
        Some("hs") => &COLOURS[2..3],
        Some("rgb" | "rgbw" | "rgbww") => &COLOURS[3..4],
        Some("xy") => &COLOURS[4..5],
        Some(_) => &[],
        None => &COLOURS[..],
    };
    of_mode.iter().find_map(|name| {
        let value = given.get(*name).filter(|value| !value.is_null())?;
        Some(((*name).to_owned(), value.clone()))
    })
}

fn cover(state: &str, given: &Map<String, Value>) -> Vec<Step> {
    let position = [("current_position", "position")];
    let tilt = [("current_tilt_position", "tilt_position")];
    let moved = taken("set_cover_position", given, &position);
    let moved = moved.or_else(|| match state {
        "open" | "opening" => Some(("open_cover", Map::new())),
        "closed" | "closing" => Some(("close_cover", Map::new())),
        _ => None,
    });
    moved
        .into_iter()
        .chain(taken("set_cover_tilt_position", given, &tilt))
        .collect()
}

fn climate(state: Option<&str>, given: &Map<String, Value>) -> Vec<Step> {
    let temperatures = [
        ("temperature", "temperature"),
        ("target_temp_high", "target_temp_high"),
        ("target_temp_low", "target_temp_low"),
    ];
    let mode = state.map(|state| with("set_hvac_mode", "hvac_mode", state));
    let calls: [(&'static str, &[(&str, &str)]); 5] = [
        ("set_temperature", &temperatures),
        ("set_preset_mode", &[("preset_mode", "preset_mode")]),
        ("set_swing_mode", &[("swing_mode", "swing_mode")]),
        ("set_fan_mode", &[("fan_mode", "fan_mode")]),
        ("set_humidity", &[("humidity", "humidity")]),
    ];
    let set = calls
        .into_iter()
        .filter_map(|(service, names)| taken(service, given, names));
    mode.into_iter().flatten().chain(set).collect()
}

fn fan(state: &str, given: &Map<String, Value>) -> Vec<Step> {
    match state {
        "on" => {
            let speed = taken("set_percentage", given, &[("percentage", "percentage")]);
            let preset = taken("set_preset_mode", given, &[("preset_mode", "preset_mode")]);
            one("turn_on").into_iter().chain(preset.or(speed)).collect()
        }
        "off" => one("turn_off"),
        _ => Vec::new(),
    }
}

/// Which field of `input_datetime.set_datetime` takes such a state.
fn datetime_key(state: &str) -> &'static str {
    match (state.contains('-'), state.contains(':')) {
        (true, true) => "datetime",
        (true, false) => "date",
        _ => "time",
    }
}
