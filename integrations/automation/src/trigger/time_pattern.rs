//! `time_pattern`: whenever hour, minute and second of the home's clock fit.

use hearth_core::command::CommandError;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::prelude::Value;
use hearth_core::time::Timestamp;
use jiff::tz::TimeZone;

use super::Kind;
use super::clock::Clock;

const HOUR: i64 = 3600;
const MINUTE: i64 = 60;
/// Further than this no clock has to be searched: every pattern fits once a day, but for one that
/// a clock change leaves out.
const STEPS: usize = 4 * (24 + 60 + 60);

/// See the module's guide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TimePattern {
    hours: Fits,
    minutes: Fits,
    seconds: Fits,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fits {
    Any,
    Exactly(i8),
    /// Multiples.
    Every(i8),
}

impl Fits {
    fn contain(self, value: i8) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => value == wanted,
            Self::Every(step) => value % step == 0,
        }
    }
}

pub(super) fn parse(fields: &mut Fields) -> Result<Kind, CommandError> {
    let hours = part(fields, "hours", 23)?;
    let minutes = part(fields, "minutes", 59)?;
    let seconds = part(fields, "seconds", 59)?;
    if hours.is_none() && minutes.is_none() && seconds.is_none() {
        let message = "must contain at least one of hours, minutes, seconds.";
        return Err(CommandError::invalid(message));
    }
    // What is smaller than what is given is 0.
    let below = |is_larger_given: bool| match is_larger_given {
        true => Fits::Exactly(0),
        false => Fits::Any,
    };
    let pattern = TimePattern {
        hours: hours.unwrap_or(Fits::Any),
        minutes: minutes.unwrap_or(below(hours.is_some())),
        seconds: seconds.unwrap_or(below(hours.is_some() || minutes.is_some())),
    };
    Ok(Kind::Clock(Clock::Pattern(pattern)))
}

fn part(fields: &mut Fields, key: &str, most: i8) -> Result<Option<Fits>, CommandError> {
    let Some(given) = fields.take(key) else {
        return Ok(None);
    };
    let text = match &given {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    let number = |text: &str| text.parse::<i8>().ok().filter(|n| (0..=most).contains(n));
    let fits = match text.strip_prefix('/') {
        _ if text == "*" => Some(Fits::Any),
        Some(step) => number(step).filter(|step| *step > 0).map(Fits::Every),
        None => number(&text).map(Fits::Exactly),
    };
    match fits {
        Some(fits) => Ok(Some(fits)),
        None => Err(wrong_value(
            &format!("must be a value between 0 and {most}"),
            key,
            &given,
        )),
    }
}

impl TimePattern {
    /// The first whole second after `now` that fits.
    pub(super) fn next(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut second = now.as_seconds() + 1;
        for _ in 0..STEPS {
            let instant = jiff::Timestamp::from_second(second).ok()?;
            let clock = instant.to_zoned(zone.clone());
            let (hour, minute) = (clock.hour(), clock.minute());
            let into_minute = i64::from(clock.second());
            let into_hour = i64::from(minute) * MINUTE + into_minute;
            second += if !self.hours.contain(hour) {
                HOUR - into_hour
            } else if !self.minutes.contain(minute) {
                MINUTE - into_minute
            } else if !self.seconds.contain(clock.second()) {
                1
            } else {
                return Some(Timestamp::from_micros(second * 1_000_000));
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn pattern(given: Value) -> Result<TimePattern, CommandError> {
        let mut fields = Fields::new(given.as_object().unwrap().clone());
        match parse(&mut fields)? {
            Kind::Clock(Clock::Pattern(pattern)) => Ok(pattern),
            _ => panic!("a pattern"),
        }
    }

    #[test]
    fn the_next_second_that_fits_is_found() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (given, now, due) in [
            (
                json!({"seconds": "/10"}),
                "2026-01-31T06:29:59+00:00",
                "2026-01-31T06:30:00",
            ),
            (
                json!({"seconds": 59}),
                "2026-01-31T06:29:59.5+00:00",
                "2026-01-31T06:30:59",
            ),
            (
                json!({"minutes": "/15"}),
                "2026-01-31T06:30:00+00:00",
                "2026-01-31T06:45:00",
            ),
            (
                json!({"hours": "/2"}),
                "2026-01-31T06:30:00+00:00",
                "2026-01-31T07:00:00",
            ),
            (
                json!({"hours": 8, "minutes": "*"}),
                "2026-01-31T06:30:00+00:00",
                "2026-01-31T07:00:00",
            ),
            (
                json!({"hours": 7, "seconds": 5}),
                "2026-01-31T06:30:00+00:00",
                "2026-02-01T06:00:05",
            ),
            // A clock change leaves the hour out; the next day has it.
            (
                json!({"hours": 2}),
                "2026-03-29T00:30:00+00:00",
                "2026-03-30T00:00:00",
            ),
        ] {
            let next = pattern(given.clone())
                .unwrap()
                .next(now.parse().unwrap(), &zone);
            assert_eq!(
                next.unwrap().to_string(),
                format!("{due}.000000+00:00"),
                "{given}"
            );
        }
    }

    #[test]
    fn a_pattern_that_fits_never_is_refused() {
        for bad in [
            json!({}),
            json!({"hours": 24}),
            json!({"minutes": "/0"}),
            json!({"seconds": "x"}),
            json!({"seconds": -1}),
        ] {
            assert!(pattern(bad.clone()).is_err(), "{bad}");
        }
    }
}
