//! The services that the field's entity domains have, as data: a domain gets its services when
//! its first entity appears, whoever provides it.

use std::borrow::Cow;

use super::schema::{Field, Kind, Schema};

/// One entity service: name, description, fields, required features.
pub struct EntityService {
    /// `turn_on`
    pub name: &'static str,
    /// For a person.
    pub description: &'static str,
    /// What it takes beside targets.
    pub schema: Schema,
    /// Bits of `supported_features`, any of which is needed; 0 for none.
    pub required_features: u64,
}

impl EntityService {
    /// A service that every entity of its domain has.
    pub fn new(name: &'static str, description: &'static str, fields: Vec<Field>) -> Self {
        service(name, description, fields, 0)
    }
}

/// The services of entities of `domain`; empty for domains without any.
pub fn entity_services(domain: &str) -> Vec<EntityService> {
    match domain {
        "light" => light(),
        "switch" | "automation" => on_off(),
        "fan" | "siren" | "humidifier" => on_off(),
        "cover" => cover(),
        "lock" => lock(),
        "climate" => climate(),
        "button" => vec![plain("press", "Presses a button.", 0)],
        "scene" => vec![service(
            "turn_on",
            "Activates a scene.",
            vec![TRANSITION],
            0,
        )],
        "number" => vec![service(
            "set_value",
            "Sets a number.",
            vec![Field::required("value", any_number(), "The number.")],
            0,
        )],
        "select" => vec![service(
            "select_option",
            "Selects an option.",
            vec![Field::required("option", Kind::Text, "The option.")],
            0,
        )],
        _ => Vec::new(),
    }
}

fn service(
    name: &'static str,
    description: &'static str,
    fields: Vec<Field>,
    required_features: u64,
) -> EntityService {
    EntityService {
        name,
        description,
        schema: Schema::Fields(fields),
        required_features,
    }
}

fn plain(name: &'static str, description: &'static str, required_features: u64) -> EntityService {
    service(name, description, Vec::new(), required_features)
}

const fn any_number() -> Kind {
    Kind::Number {
        min: f64::MIN,
        max: f64::MAX,
    }
}

fn choice(options: &[&'static str]) -> Kind {
    Kind::Choice(
        options
            .iter()
            .map(|option| Cow::Borrowed(*option))
            .collect::<Vec<_>>()
            .into(),
    )
}

fn on_off() -> Vec<EntityService> {
    vec![
        plain("turn_on", "Turns it on.", 0),
        plain("turn_off", "Turns it off.", 0),
        plain("toggle", "Turns it on or off, whichever it is not.", 0),
    ]
}

const TRANSITION: Field = Field::optional(
    "transition",
    Kind::Number {
        min: 0.0,
        max: 6553.0,
    },
    "Seconds to get there.",
);

fn light() -> Vec<EntityService> {
    let look = || {
        let byte = Kind::Integer { min: 0, max: 255 };
        vec![
            TRANSITION,
            Field::optional("brightness", byte.clone(), "Brightness, 0 to 255."),
            Field::optional(
                "brightness_pct",
                Kind::Number {
                    min: 0.0,
                    max: 100.0,
                },
                "Brightness in percent.",
            ),
            Field::optional(
                "brightness_step",
                Kind::Integer {
                    min: -255,
                    max: 255,
                },
                "How much brighter.",
            ),
            Field::optional(
                "brightness_step_pct",
                Kind::Number {
                    min: -100.0,
                    max: 100.0,
                },
                "How many percent brighter.",
            ),
            Field::optional(
                "color_temp_kelvin",
                Kind::Integer {
                    min: 1000,
                    max: 20000,
                },
                "Colour temperature in kelvin.",
            ),
            // Older clients' words for it.
            Field::optional(
                "kelvin",
                Kind::Integer {
                    min: 1000,
                    max: 20000,
                },
                "The same.",
            ),
            Field::optional(
                "color_temp",
                Kind::Integer { min: 1, max: 1000 },
                "The same in mireds.",
            ),
            Field::optional(
                "rgb_color",
                Kind::List(Box::new(byte), 3),
                "Red, green and blue, 0 to 255 each.",
            ),
            Field::optional(
                "hs_color",
                Kind::List(
                    Box::new(Kind::Number {
                        min: 0.0,
                        max: 360.0,
                    }),
                    2,
                ),
                "Hue in degrees and saturation in percent.",
            ),
            Field::optional(
                "xy_color",
                Kind::List(Box::new(Kind::Number { min: 0.0, max: 1.0 }), 2),
                "Colour as CIE xy.",
            ),
            Field::optional("color_name", Kind::Text, "Colour as a CSS name."),
            Field::optional("effect", Kind::Text, "Effect by name."),
            Field::optional("flash", choice(&["short", "long"]), "Flashes."),
            Field::optional("profile", Kind::Text, "Light profile by name."),
        ]
    };
    let off = vec![
        TRANSITION,
        Field::optional("flash", choice(&["short", "long"]), "Flashes."),
    ];
    vec![
        service(
            "turn_on",
            "Turns a light on or changes how it shines.",
            look(),
            0,
        ),
        service("turn_off", "Turns a light off.", off, 0),
        service(
            "toggle",
            "Turns a light on or off, whichever it is not.",
            look(),
            0,
        ),
    ]
}

fn cover() -> Vec<EntityService> {
    let position =
        |name, description| Field::required(name, Kind::Integer { min: 0, max: 100 }, description);
    vec![
        plain("open_cover", "Opens a cover.", 1),
        plain("close_cover", "Closes a cover.", 2),
        service(
            "set_cover_position",
            "Moves a cover to a position.",
            vec![position("position", "Percent open.")],
            4,
        ),
        plain("stop_cover", "Stops a cover.", 8),
        plain("open_cover_tilt", "Tilts a cover open.", 16),
        plain("close_cover_tilt", "Tilts a cover shut.", 32),
        plain("stop_cover_tilt", "Stops the tilt of a cover.", 64),
        service(
            "set_cover_tilt_position",
            "Tilts a cover to a position.",
            vec![position("tilt_position", "Percent open.")],
            128,
        ),
        plain("toggle", "Opens or closes a cover, whichever it is not.", 3),
        plain(
            "toggle_cover_tilt",
            "Tilts a cover open or shut, whichever it is not.",
            48,
        ),
    ]
}

fn lock() -> Vec<EntityService> {
    let code = || {
        vec![Field::optional(
            "code",
            Kind::Text,
            "The code, where one is needed.",
        )]
    };
    vec![
        service("lock", "Locks a lock.", code(), 0),
        service("unlock", "Unlocks a lock.", code(), 0),
        service("open", "Opens a lock's door.", code(), 1),
    ]
}

fn climate() -> Vec<EntityService> {
    const HVAC_MODES: [&str; 7] = [
        "off",
        "heat",
        "cool",
        "heat_cool",
        "auto",
        "dry",
        "fan_only",
    ];
    let temperature = |name, description| Field::optional(name, any_number(), description);
    vec![
        service(
            "set_temperature",
            "Sets the temperature to reach.",
            vec![
                temperature("temperature", "The temperature to reach."),
                temperature("target_temp_high", "The highest temperature."),
                temperature("target_temp_low", "The lowest temperature."),
                Field::optional("hvac_mode", choice(&HVAC_MODES), "The mode to switch to."),
            ],
            3,
        ),
        service(
            "set_hvac_mode",
            "Sets the mode.",
            vec![Field::required(
                "hvac_mode",
                choice(&HVAC_MODES),
                "The mode.",
            )],
            0,
        ),
        service(
            "set_preset_mode",
            "Sets the preset.",
            vec![Field::required("preset_mode", Kind::Text, "The preset.")],
            16,
        ),
        service(
            "set_fan_mode",
            "Sets the fan.",
            vec![Field::required("fan_mode", Kind::Text, "The fan's mode.")],
            8,
        ),
        service(
            "set_swing_mode",
            "Sets how the air is spread.",
            vec![Field::required("swing_mode", Kind::Text, "The swing mode.")],
            32,
        ),
        service(
            "set_humidity",
            "Sets the humidity to reach.",
            vec![Field::required(
                "humidity",
                Kind::Integer { min: 0, max: 100 },
                "Percent.",
            )],
            4,
        ),
        plain("turn_on", "Turns it on.", 256),
        plain("turn_off", "Turns it off.", 128),
        plain("toggle", "Turns it on or off, whichever it is not.", 384),
    ]
}
