//! `time`: at a time of the day, or at the time that an entity holds.
//!
//! Times are those of the home's clock. One that a clock change leaves out is due as much later as
//! the clock jumps; one that it brings twice is due the first time: each day has each time once.

use hearth_core::civil;
use hearth_core::command::CommandError;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::prelude::Value;
use hearth_core::state::State;
use hearth_core::time::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::Kind;
use super::clock::{Clock, Due};

/// Most times of one trigger.
const MOST: usize = 100;

/// See the module's guide.
pub(crate) struct TimeTrigger(Vec<At>);

#[derive(Debug, PartialEq)]
enum At {
    Clock(Time),
    Entity {
        id: EntityId,
        /// Microseconds.
        offset: i64,
    },
}

pub(super) fn parse(fields: &mut Fields) -> Result<Kind, CommandError> {
    let given = fields.required("at")?;
    let list = match &given {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let times: Option<Vec<At>> = list.iter().map(at).collect();
    match times.filter(|times| (1..=MOST).contains(&times.len())) {
        Some(times) => Ok(Kind::Clock(Clock::Time(TimeTrigger(times)))),
        None => Err(wrong_value(
            "Expected HH:MM, HH:MM:SS, an Entity ID with domain 'input_datetime' or 'sensor', or a combination of a timestamp sensor entity and an offset",
            "at",
            &given,
        )),
    }
}

fn at(given: &Value) -> Option<At> {
    match given {
        Value::String(text) => match civil::time(text) {
            Some(time) => Some(At::Clock(time)),
            None => entity(text, 0),
        },
        Value::Object(parts) => {
            let offset = match parts.get("offset") {
                None => 0.0,
                Some(offset) => civil::seconds(offset)?,
            };
            let is_known = |key: &String| key == "entity_id" || key == "offset";
            if !parts.keys().all(is_known) {
                return None;
            }
            entity(parts.get("entity_id")?.as_str()?, (offset * 1e6) as i64)
        }
        _ => None,
    }
}

fn entity(text: &str, offset: i64) -> Option<At> {
    let id: EntityId = text.parse().ok()?;
    matches!(id.domain(), "input_datetime" | "sensor").then_some(At::Entity { id, offset })
}

impl TimeTrigger {
    pub(super) fn entities(&self) -> Vec<EntityId> {
        let ids = self.0.iter().filter_map(|at| match at {
            At::Entity { id, .. } => Some(id.clone()),
            At::Clock(_) => None,
        });
        ids.collect()
    }

    pub(super) fn next(&self, now: Timestamp, zone: &TimeZone, hub: &Hub) -> Option<Due> {
        let dues = self.0.iter().filter_map(|at| match at {
            At::Clock(time) => daily(*time, 0, now, zone).map(|at| Due {
                at,
                entity_id: None,
            }),
            At::Entity { id, offset } => {
                let state = hub.states.get(id.as_str())?;
                let at = of_entity(&state, *offset, now, zone)?;
                Some(Due {
                    at,
                    entity_id: Some(id.clone()),
                })
            }
        });
        dues.min_by_key(|due| due.at)
    }
}

/// The next time after `now` at which the home's clock shows this.
fn daily(time: Time, offset: i64, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let before = Timestamp::from_micros(now.as_micros() - offset);
    let today = jiff::Timestamp::from_microsecond(before.as_micros())
        .ok()?
        .to_zoned(zone.clone())
        .date();
    // The day before: of a day that a clock change makes begin late.
    let days = [today.yesterday().ok()?, today, today.tomorrow().ok()?];
    days.into_iter()
        .filter_map(|day| once(day, time, zone))
        .map(|at| Timestamp::from_micros(at.as_micros() + offset))
        .find(|at| *at > now)
}

fn once(day: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    let instant = zone
        .to_ambiguous_timestamp(day.to_datetime(time))
        .compatible();
    Some(Timestamp::from_micros(instant.ok()?.as_microsecond()))
}

/// When the time that an entity holds is due after `now`.
fn of_entity(state: &State, offset: i64, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let flag = |name: &str| state.attributes.get(name) == Some(Value::Bool(true));
    let due = if state.entity_id.domain() == "sensor" {
        let is_time = state.attributes.text("device_class").as_deref() == Some("timestamp");
        state.state.parse().ok().filter(|_| is_time)?
    } else {
        match (flag("has_date"), flag("has_time")) {
            (false, true) => return daily(civil::time(&state.state)?, offset, now, zone),
            (true, false) => once(civil::date(&state.state)?, Time::midnight(), zone)?,
            (true, true) => {
                let moment = civil::date_time(&state.state)?;
                once(moment.date(), moment.time(), zone)?
            }
            (false, false) => return None,
        }
    };
    let due = Timestamp::from_micros(due.as_micros() + offset);
    (due > now).then_some(due)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn next(time: &str, now: &str) -> String {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let time = civil::time(time).unwrap();
        daily(time, 0, now.parse().unwrap(), &zone)
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_time_of_the_day_comes_once_a_day_also_when_the_clock_changes() {
        for (time, now, due) in [
            (
                "07:30",
                "2026-01-31T06:29:59+00:00",
                "2026-01-31T06:30:00.000000+00:00",
            ),
            (
                "07:30",
                "2026-01-31T06:30:00+00:00",
                "2026-02-01T06:30:00.000000+00:00",
            ),
            (
                "00:00:05",
                "2026-06-30T22:00:00+00:00",
                "2026-06-30T22:00:05.000000+00:00",
            ),
            // 2026-03-29: two o'clock is three o'clock.
            (
                "02:30",
                "2026-03-29T00:00:00+00:00",
                "2026-03-29T01:30:00.000000+00:00",
            ),
            (
                "02:30",
                "2026-03-29T01:30:00+00:00",
                "2026-03-30T00:30:00.000000+00:00",
            ),
            (
                "03:30",
                "2026-03-29T00:59:00+00:00",
                "2026-03-29T01:30:00.000000+00:00",
            ),
            // 2026-10-25: from two to three comes twice.
            (
                "02:30",
                "2026-10-24T23:00:00+00:00",
                "2026-10-25T00:30:00.000000+00:00",
            ),
            (
                "02:30",
                "2026-10-25T00:30:00+00:00",
                "2026-10-26T01:30:00.000000+00:00",
            ),
        ] {
            assert_eq!(next(time, now), due, "{time} after {now}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        use serde_json::json;
        let read = |given: Value| at(&given);
        assert_eq!(
            read(json!("7:05")),
            Some(At::Clock(Time::constant(7, 5, 0, 0)))
        );
        let sensor = At::Entity {
            id: "sensor.alarm".parse().unwrap(),
            offset: -300_000_000,
        };
        let given = json!({"entity_id": "sensor.alarm", "offset": "-00:05:00"});
        assert_eq!(read(given), Some(sensor));
        for bad in [
            json!("25:00"),
            json!(7),
            json!("light.a"),
            json!({"offset": 1}),
        ] {
            assert_eq!(read(bad.clone()), None, "{bad}");
        }
    }
}
