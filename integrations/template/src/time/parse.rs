//! Times out of texts.

use jiff::civil;
use jiff::tz::{Offset, TimeZone};

use super::DateTime;

/// `2024-01-01T08:00:00.5+01:00`, with a space for the `T`, with or without clock, fraction
/// and offset. Naive where the text has no offset.
pub(super) fn iso(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let (date, clock) = match text.split_once(['T', 't', ' ']) {
        Some((date, clock)) => (date, clock.trim()),
        None => (text, ""),
    };
    let date = iso_date(date)?;
    let (clock, zone) = split_offset(clock)?;
    let time = if clock.is_empty() {
        civil::Time::midnight()
    } else {
        clock_time(clock)?
    };
    DateTime::from_civil(date.to_datetime(time), zone)
}

fn iso_date(text: &str) -> Option<civil::Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    civil::Date::new(number(year)?, number(month)?, number(day)?).ok()
}

/// `H:M`, `H:M:S` or `H:M:S.f`
pub(super) fn clock_time(text: &str) -> Option<civil::Time> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    let second = parts.next().unwrap_or("0");
    if parts.next().is_some() || fraction.len() > 9 {
        return None;
    }
    let nanos = match fraction {
        "" => 0,
        digits => {
            // Microseconds: what is finer is cut off.
            let micros = format!("{digits:0<6}");
            number::<i32>(&micros[..6])? * 1000
        }
    };
    civil::Time::new(number(hour)?, number(minute)?, number(second)?, nanos).ok()
}

/// The clock, and the zone that the offset after it stands for.
fn split_offset(clock: &str) -> Option<(&str, Option<TimeZone>)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock.trim_end(), Some(TimeZone::UTC)));
    }
    let Some(at) = clock.rfind(['+', '-']) else {
        return Some((clock, None));
    };
    let digits: String = clock[at + 1..].chars().filter(|c| *c != ':').collect();
    if !digits.is_ascii() || !matches!(digits.len(), 2 | 4) {
        return None;
    }
    let hours: i32 = number(&digits[..2])?;
    let minutes: i32 = if digits.len() == 4 {
        number(&digits[2..])?
    } else {
        0
    };
    let seconds = hours * 3600 + minutes * 60;
    let seconds = if clock.as_bytes()[at] == b'-' {
        -seconds
    } else {
        seconds
    };
    let zone = if seconds == 0 {
        TimeZone::UTC
    } else {
        TimeZone::fixed(Offset::from_seconds(seconds).ok()?)
    };
    Some((clock[..at].trim_end(), Some(zone)))
}

fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}
