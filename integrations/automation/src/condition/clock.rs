//! `time`: what the home's clock shows.

use hearth_core::civil;
use hearth_core::command::CommandError;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::prelude::Value;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// From a time of the day until before another, which may be the next day's, on some days of the
/// week.
#[derive(Debug, Default)]
pub(crate) struct ClockCondition {
    after: Option<Moment>,
    before: Option<Moment>,
    weekdays: Option<Vec<Weekday>>,
}

#[derive(Debug)]
enum Moment {
    At(Time),
    /// What this entity shows.
    Entity(EntityId),
}

impl Moment {
    fn read(fields: &mut Fields, key: &str) -> Result<Option<Self>, CommandError> {
        let Some(text) = fields.optional_text(key)? else {
            return Ok(None);
        };
        let moment = match civil::time(&text) {
            Some(time) => Some(Self::At(time)),
            None => text.parse().ok().map(Self::Entity),
        };
        match moment {
            Some(moment) => Ok(Some(moment)),
            None => Err(wrong_value("expected a time", key, &Value::from(text))),
        }
    }

    fn time(&self, hub: &Hub) -> Option<Time> {
        match self {
            Self::At(time) => Some(*time),
            Self::Entity(id) => {
                let state = hub.states.get(id.as_str())?;
                let text = &state.state;
                civil::time(text).or_else(|| Some(civil::date_time(text)?.time()))
            }
        }
    }
}

impl ClockCondition {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, CommandError> {
        let weekdays = match fields.text_or_texts("weekday")? {
            None => None,
            Some(names) => {
                let day = |name: &String| WEEKDAYS.iter().find(|(day, _)| day == name);
                let days: Option<Vec<Weekday>> =
                    names.iter().map(|name| Some(day(name)?.1)).collect();
                match days {
                    Some(days) => Some(days),
                    None => {
                        let expected = "value must be one of ['fri', 'mon', 'sat', 'sun', 'thu', 'tue', 'wed']";
                        return Err(wrong_value(expected, "weekday", &Value::from(names)));
                    }
                }
            }
        };
        let condition = Self {
            after: Moment::read(fields, "after")?,
            before: Moment::read(fields, "before")?,
            weekdays,
        };
        if condition.after.is_none() && condition.before.is_none() && condition.weekdays.is_none() {
            let message = "must contain at least one of before, after, weekday.";
            return Err(CommandError::invalid(message));
        }
        Ok(condition)
    }

    pub(super) fn holds(&self, hub: &Hub) -> bool {
        let zone = TimeZone::get(&hub.home.current().time_zone).unwrap_or(TimeZone::UTC);
        let Ok(now) = jiff::Timestamp::from_microsecond(hub.env.now().as_micros()) else {
            return false;
        };
        let now = now.to_zoned(zone);
        let bound = |moment: &Option<Moment>, otherwise: Time| match moment {
            None => Some(otherwise),
            Some(moment) => moment.time(hub),
        };
        let (Some(after), Some(before)) = (
            bound(&self.after, Time::MIN),
            bound(&self.before, Time::MAX),
        ) else {
            return false;
        };
        let is_day = |days: &Vec<Weekday>| days.contains(&now.weekday());
        is_between(now.time(), after, before) && self.weekdays.as_ref().is_none_or(is_day)
    }
}

/// Half open; over midnight where it begins later than it ends.
fn is_between(now: Time, after: Time, before: Time) -> bool {
    match after < before {
        true => after <= now && now < before,
        false => now >= after || now < before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_of_time_is_half_open_and_may_lie_over_midnight() {
        let at = |hour| Time::constant(hour, 0, 0, 0);
        for (now, after, before, expected) in [
            (7, 7, 9, true),
            (9, 7, 9, false),
            (23, 22, 6, true),
            (5, 22, 6, true),
            (6, 22, 6, false),
            (12, 22, 6, false),
        ] {
            assert_eq!(is_between(at(now), at(after), at(before)), expected);
        }
    }
}
