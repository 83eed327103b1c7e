//! What waits for a time.

use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::prelude::{Value, json};
use hearth_core::time::Timestamp;
use jiff::tz::TimeZone;

use super::time::TimeTrigger;
use super::time_pattern::TimePattern;

/// A trigger of the clock.
pub(crate) enum Clock {
    /// At times of the day, or when entities say.
    Time(TimeTrigger),
    /// Whenever hour, minute and second fit.
    Pattern(TimePattern),
}

/// When it is due next, and through which entity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) entity_id: Option<EntityId>,
}

impl Clock {
    /// Entities whose states move the time.
    pub(crate) fn entities(&self) -> Vec<EntityId> {
        match self {
            Self::Time(time) => time.entities(),
            Self::Pattern(_) => Vec::new(),
        }
    }

    /// The first time after `now`.
    pub(crate) fn next(&self, now: Timestamp, hub: &Hub) -> Option<Due> {
        let zone = local_zone(hub);
        match self {
            Self::Time(time) => time.next(now, &zone, hub),
            Self::Pattern(pattern) => pattern.next(now, &zone).map(|at| Due {
                at,
                entity_id: None,
            }),
        }
    }

    /// What the payload says.
    pub(crate) fn payload(&self, due: &Due, hub: &Hub) -> Value {
        let now = local_text(due.at, &local_zone(hub));
        match self {
            Self::Time(_) => {
                let description = match &due.entity_id {
                    Some(id) => format!("time set in {id}"),
                    None => "time".to_owned(),
                };
                json!({"now": now, "entity_id": due.entity_id, "description": description})
            }
            Self::Pattern(_) => json!({"now": now, "description": "time pattern"}),
        }
    }
}

/// The zone of the home.
fn local_zone(hub: &Hub) -> TimeZone {
    TimeZone::get(&hub.home.current().time_zone).unwrap_or(TimeZone::UTC)
}

/// `2026-01-31T08:05:09.000120+01:00`
fn local_text(at: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_microsecond(at.as_micros()) {
        Ok(instant) => instant
            .to_zoned(zone.clone())
            .strftime("%Y-%m-%dT%H:%M:%S%.6f%:z")
            .to_string(),
        Err(_) => at.to_string(),
    }
}
