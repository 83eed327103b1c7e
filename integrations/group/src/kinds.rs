//! What "on" means for members: a person is home, a lock unlocked, a cover open.

/// What a group of such members shows when it is on, and when it is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) on: &'static str,
    pub(crate) off: &'static str,
    /// The states of a member that count as on.
    counts: &'static [&'static str],
}

/// Lamps, switches and all that has no words of its own; also groups of unlike members.
pub(crate) const ON_OFF: Kind = Kind {
    on: "on",
    off: "off",
    counts: &["on"],
};

const PRESENCE: Kind = Kind {
    on: "home",
    off: "not_home",
    counts: &["home"],
};

const COVER: Kind = Kind {
    on: "open",
    off: "closed",
    counts: &["open"],
};

const LOCK: Kind = Kind {
    on: "unlocked",
    off: "locked",
    counts: &["unlocked", "unlocking", "locking", "open", "opening"],
};

const CLIMATE: Kind = Kind {
    on: "on",
    off: "off",
    counts: &["heat", "cool", "heat_cool", "auto", "dry", "fan_only", "on"],
};

const MEDIA: Kind = Kind {
    on: "on",
    off: "off",
    counts: &["on", "playing", "paused", "idle", "buffering"],
};

const VACUUM: Kind = Kind {
    on: "on",
    off: "off",
    counts: &["on", "cleaning", "returning", "error"],
};

const ALARM: Kind = Kind {
    on: "on",
    off: "off",
    counts: &[
        "armed_away",
        "armed_custom_bypass",
        "armed_home",
        "armed_night",
        "armed_vacation",
        "triggered",
    ],
};

const PLANT: Kind = Kind {
    on: "problem",
    off: "ok",
    counts: &["problem"],
};

impl Kind {
    /// Of a member of this domain in this state; none for one that cannot be on or off.
    pub(crate) fn of(domain: &str, state: &str) -> Option<Self> {
        match domain {
            "person" | "device_tracker" => Some(PRESENCE),
            "cover" | "valve" => Some(COVER),
            "lock" => Some(LOCK),
            "climate" | "water_heater" => Some(CLIMATE),
            "media_player" => Some(MEDIA),
            "vacuum" => Some(VACUUM),
            "alarm_control_panel" => Some(ALARM),
            "plant" => Some(PLANT),
            // What the inner group's members are.
            "group" => [ON_OFF, PRESENCE, COVER, LOCK, PLANT]
                .into_iter()
                .find(|kind| kind.on == state || kind.off == state),
            "light" | "switch" | "fan" | "siren" | "humidifier" | "input_boolean"
            | "binary_sensor" | "automation" | "script" | "remote" | "schedule" | "calendar"
            | "update" | "camera" | "sun" | "lawn_mower" => Some(ON_OFF),
            _ => (ON_OFF.on == state || ON_OFF.off == state).then_some(ON_OFF),
        }
    }

    /// Whether a member in this state is on.
    pub(crate) fn is_on(&self, state: &str) -> bool {
        self.counts.contains(&state)
    }
}
