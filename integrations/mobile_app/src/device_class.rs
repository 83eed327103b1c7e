//! The device classes of sensors and binary sensors, and which of them are numbers.

/// Classes of sensors whose value is a number.
const NUMERIC: &[&str] = &[
    "apparent_power",
    "aqi",
    "area",
    "atmospheric_pressure",
    "battery",
    "blood_glucose_concentration",
    "carbon_dioxide",
    "carbon_monoxide",
    "conductivity",
    "current",
    "data_rate",
    "data_size",
    "distance",
    "duration",
    "energy",
    "energy_distance",
    "energy_storage",
    "frequency",
    "gas",
    "humidity",
    "illuminance",
    "irradiance",
    "moisture",
    "monetary",
    "nitrogen_dioxide",
    "nitrogen_monoxide",
    "nitrous_oxide",
    "ozone",
    "ph",
    "pm1",
    "pm10",
    "pm25",
    "power",
    "power_factor",
    "precipitation",
    "precipitation_intensity",
    "pressure",
    "reactive_power",
    "signal_strength",
    "sound_pressure",
    "speed",
    "sulphur_dioxide",
    "temperature",
    "volatile_organic_compounds",
    "volatile_organic_compounds_parts",
    "voltage",
    "volume",
    "volume_flow_rate",
    "volume_storage",
    "water",
    "weight",
    "wind_direction",
    "wind_speed",
];

/// A day.
pub(crate) const DATE: &str = "date";
/// A moment.
pub(crate) const TIMESTAMP: &str = "timestamp";
/// Classes of sensors whose value is not a number, whatever else is said of them.
const NOT_NUMERIC: &[&str] = &[DATE, "enum", TIMESTAMP];

/// Classes of binary sensors.
const BINARY: &[&str] = &[
    "battery",
    "battery_charging",
    "carbon_monoxide",
    "cold",
    "connectivity",
    "door",
    "garage_door",
    "gas",
    "heat",
    "light",
    "lock",
    "moisture",
    "motion",
    "moving",
    "occupancy",
    "opening",
    "plug",
    "power",
    "presence",
    "problem",
    "running",
    "safety",
    "smoke",
    "sound",
    "tamper",
    "update",
    "vibration",
    "window",
];

/// Whether there is such a class, of sensors or of binary sensors.
pub(crate) fn is_known(class: &str) -> bool {
    [NUMERIC, NOT_NUMERIC, BINARY]
        .iter()
        .any(|classes| classes.contains(&class))
}

/// Whether a sensor of this description shows numbers only. `has_unit`: a unit or a state class
/// is given.
pub(crate) fn is_numeric(class: Option<&str>, has_unit: bool) -> bool {
    match class {
        Some(class) if NOT_NUMERIC.contains(&class) => false,
        Some(class) => has_unit || NUMERIC.contains(&class),
        None => has_unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_a_unit_or_a_state_class_makes_a_sensor_numeric() {
        assert!(is_numeric(Some("battery"), false));
        assert!(is_numeric(None, true));
        assert!(!is_numeric(None, false));
        assert!(!is_numeric(Some("enum"), true));
        assert!(!is_numeric(Some("door"), false));
    }
}
