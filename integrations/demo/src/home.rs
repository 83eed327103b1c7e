//! The list of what the demo home has.

use hearth_core::settings::UnitSystem;

use crate::thing::Thing;
use crate::things::{BinarySensor, Button, Climate, Cover, Light, Lock, Sensor, Shine, Switch};

/// A storey: name, level, icon.
pub(crate) const FLOORS: [(&str, i64, &str); 2] = [
    ("Ground floor", 0, "mdi:home-floor-0"),
    ("Upper floor", 1, "mdi:home-floor-1"),
];

/// A room: name, floor, icon.
pub(crate) const AREAS: [(&str, &str, &str); 6] = [
    ("Living room", "Ground floor", "mdi:sofa"),
    ("Kitchen", "Ground floor", "mdi:silverware-fork-knife"),
    ("Hall", "Ground floor", "mdi:door"),
    ("Garage", "Ground floor", "mdi:garage"),
    ("Bedroom", "Upper floor", "mdi:bed"),
    ("Bathroom", "Upper floor", "mdi:shower"),
];

/// A device and its entities.
pub(crate) struct Device {
    /// Also what identifies it.
    pub(crate) name: &'static str,
    pub(crate) model: &'static str,
    pub(crate) area: &'static str,
    pub(crate) entities: Vec<Entity>,
}

/// An entity, before it has an id.
pub(crate) struct Entity {
    pub(crate) domain: &'static str,
    /// Its name; domain and name together identify it.
    pub(crate) name: &'static str,
    pub(crate) thing: Box<dyn Thing>,
}

/// All devices of the home.
pub(crate) fn home(units: UnitSystem) -> Vec<Device> {
    let temperature = |celsius: f64| match units {
        UnitSystem::Metric => Sensor::new(celsius, "°C", "temperature"),
        UnitSystem::UsCustomary => Sensor::new((celsius * 1.8 + 32.0).round(), "°F", "temperature"),
    };
    let humidity = |percent| Sensor::new(percent, "%", "humidity");
    vec![
        device(
            "Living room lamp",
            "Colour lamp",
            "Living room",
            vec![entity(
                "light",
                "Living room lamp",
                Light::new(Shine::Colour),
            )],
        ),
        device(
            "Reading lamp",
            "Dimmable lamp",
            "Living room",
            vec![entity("light", "Reading lamp", Light::new(Shine::Dimmable))],
        ),
        device(
            "Living room blind",
            "Blind",
            "Living room",
            vec![entity("cover", "Living room blind", Cover::blind())],
        ),
        device(
            "Living room thermostat",
            "Thermostat",
            "Living room",
            vec![
                entity(
                    "climate",
                    "Living room thermostat",
                    Climate::thermostat(units),
                ),
                entity("sensor", "Living room temperature", temperature(21.0)),
                entity("sensor", "Living room humidity", humidity(46.0)),
            ],
        ),
        device(
            "Kitchen lights",
            "White lamp",
            "Kitchen",
            vec![entity(
                "light",
                "Kitchen lights",
                Light::new(Shine::White).lit(),
            )],
        ),
        device(
            "Coffee machine",
            "Coffee machine",
            "Kitchen",
            vec![
                entity("switch", "Coffee machine", Switch::default()),
                entity("button", "Order coffee beans", Button::default()),
            ],
        ),
        device(
            "Front door",
            "Door lock",
            "Hall",
            vec![
                entity("lock", "Front door", Lock::default()),
                entity("binary_sensor", "Front door", BinarySensor::new("door")),
            ],
        ),
        device(
            "Hall motion",
            "Motion sensor",
            "Hall",
            vec![entity(
                "binary_sensor",
                "Hall motion",
                BinarySensor::new("motion"),
            )],
        ),
        device(
            "Garage door",
            "Garage door opener",
            "Garage",
            vec![entity("cover", "Garage door", Cover::garage_door())],
        ),
        device(
            "Bedroom lamp",
            "Dimmable lamp",
            "Bedroom",
            vec![entity("light", "Bedroom lamp", Light::new(Shine::Dimmable))],
        ),
        device(
            "Bedroom air conditioner",
            "Air conditioner",
            "Bedroom",
            vec![
                entity(
                    "climate",
                    "Bedroom air conditioner",
                    Climate::air_conditioner(units),
                ),
                entity("sensor", "Bedroom temperature", temperature(19.5)),
            ],
        ),
        device(
            "Bathroom heater",
            "Heater plug",
            "Bathroom",
            vec![
                entity("switch", "Bathroom heater", Switch::default()),
                entity("sensor", "Bathroom humidity", humidity(61.0)),
            ],
        ),
    ]
}

fn device(
    name: &'static str,
    model: &'static str,
    area: &'static str,
    entities: Vec<Entity>,
) -> Device {
    Device {
        name,
        model,
        area,
        entities,
    }
}

fn entity(domain: &'static str, name: &'static str, thing: impl Thing + 'static) -> Entity {
    Entity {
        domain,
        name,
        thing: Box::new(thing),
    }
}
