//! Times and spans of time as people write them: `07:30`, `2026-01-31 08:00`, `00:05:00`,
//! `{minutes: 5}`. Services and configuration take these; protocols have [`crate::time`].

use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use serde_json::Value;

/// Longest span in seconds: a hundred years.
const LONGEST: f64 = 100.0 * 366.0 * 86_400.0;

/// A span of time that is not negative: seconds as a number or text, `HH:MM`, `HH:MM:SS` with a
/// fraction or without, or an object of `days, hours, minutes, seconds, milliseconds`.
///
/// ```
/// use std::time::Duration;
/// use hearth_core::civil::span;
/// use serde_json::json;
///
/// for five_minutes in [json!(300), json!("300"), json!("0:05"), json!("00:05:00"), json!({"minutes": 5})] {
///     assert_eq!(span(&five_minutes), Some(Duration::from_secs(300)));
/// }
/// assert_eq!(span(&json!("soon")), None);
/// ```
pub fn span(value: &Value) -> Option<Duration> {
    let seconds = seconds(value)?;
    let span = Duration::try_from_secs_f64(seconds).ok()?;
    // Microseconds, as all times here.
    Some(Duration::from_micros(u64::try_from(span.as_micros()).ok()?))
}

/// The same in seconds, which may be negative: `-00:05:00`. At most a hundred years.
pub fn seconds(value: &Value) -> Option<f64> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => match text.contains(':') {
            true => clock(text)?,
            false => text.trim().parse().ok()?,
        },
        Value::Object(parts) if !parts.is_empty() => parts
            .iter()
            .map(|(unit, count)| {
                let seconds = match unit.as_str() {
                    "days" => 86_400.0,
                    "hours" => 3600.0,
                    "minutes" => 60.0,
                    "seconds" => 1.0,
                    "milliseconds" => 0.001,
                    _ => return None,
                };
                let count = match count {
                    Value::Number(number) => number.as_f64()?,
                    Value::String(text) => text.trim().parse::<f64>().ok()?,
                    _ => return None,
                };
                Some(seconds * count)
            })
            .sum::<Option<f64>>()?,
        _ => return None,
    };
    (seconds.abs() <= LONGEST).then_some(seconds)
}

/// Seconds in `HH:MM` or `HH:MM:SS.fff`, with a sign or without.
fn clock(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = text.split(':');
    let hours: f64 = whole(parts.next()?)?;
    let minutes: f64 = whole(parts.next()?)?;
    let seconds = parts.next().map_or(Some(0.0), fraction)?;
    (parts.next().is_none() && minutes < 60.0 && seconds < 60.0)
        .then_some(sign * (hours * 3600.0 + minutes * 60.0 + seconds))
}

fn whole(text: &str) -> Option<f64> {
    let is_number = !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn fraction(text: &str) -> Option<f64> {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_number.then(|| text.parse().ok()).flatten()
}

/// Prints a span as `H:MM:SS`, without a fraction.
///
/// ```
/// use hearth_core::civil::Clock;
///
/// assert_eq!(Clock(std::time::Duration::from_secs(3605)).to_string(), "1:00:05");
/// ```
pub struct Clock(pub Duration);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        write!(
            f,
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

/// `YYYY-MM-DD`.
pub fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let mut part = |width| number(parts.next()?, 1, width);
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    // Python's years, which clients share, are 1 to 9999.
    let is_whole = parts.next().is_none() && year > 0;
    let month = i8::try_from(month).ok()?;
    let day = i8::try_from(day).ok()?;
    is_whole.then(|| Date::new(year, month, day).ok()).flatten()
}

/// `HH:MM` or `HH:MM:SS`.
pub fn time(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let hour = number(parts.next()?, 1, 2)?;
    let minute = number(parts.next()?, 1, 2)?;
    let second = parts.next().map_or(Some(0), |part| number(part, 1, 2))?;
    let small = |number: i16| i8::try_from(number).ok();
    let is_whole = parts.next().is_none();
    let time = Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok();
    time.filter(|_| is_whole)
}

/// A date and a time with a space or `T` between them; a fraction of a second is dropped, an
/// offset is read over: what is meant is what the clock on the wall shows.
pub fn date_time(text: &str) -> Option<DateTime> {
    let (day, rest) = text.split_once([' ', 'T'])?;
    let end = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, offset) = rest.split_at(end);
    let is_offset = match offset.as_bytes() {
        [] | [b'Z'] => true,
        [_, digits @ ..] => {
            matches!(digits.len(), 2 | 4 | 5)
                && digits.iter().enumerate().all(|(place, byte)| {
                    byte.is_ascii_digit() || (*byte == b':' && place == 2 && digits.len() == 5)
                })
        }
    };
    let clock = match clock.split_once('.') {
        Some((clock, fraction)) => {
            number(fraction.get(..fraction.len().min(4))?, 1, 4)?;
            let is_fraction = fraction.len() <= 12 && fraction.bytes().all(|b| b.is_ascii_digit());
            is_fraction.then_some(clock)?
        }
        None => clock,
    };
    let time = time(clock).filter(|_| is_offset)?;
    Some(date(day)?.to_datetime(time))
}

fn number(text: &str, least: usize, most: usize) -> Option<i16> {
    let is_number =
        (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn spans_read_as_people_write_them() {
        for (given, micros) in [
            (json!(90), 90_000_000),
            (json!(0.5), 500_000),
            (json!("1:30"), 5_400_000_000),
            (json!("00:00:01.5"), 1_500_000),
            (json!({"hours": 1, "milliseconds": "250"}), 3_600_250_000),
        ] {
            assert_eq!(span(&given), Some(Duration::from_micros(micros)), "{given}");
        }
        for bad in [
            json!(-1),
            json!("-0:05"),
            json!("1:60"),
            json!("1:2:3:4"),
            json!(""),
            json!("NaN"),
            json!(1e300),
            json!({}),
            json!({"years": 1}),
            json!([1]),
            json!(null),
        ] {
            assert_eq!(span(&bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_and_times_read_as_people_write_them() {
        assert_eq!(time("7:05").map(|t| t.to_string()), Some("07:05:00".into()));
        for text in [
            "2026-01-31 08:09:10",
            "2026-01-31T08:09:10",
            "2026-01-31T08:09:10.123456",
            "2026-01-31T08:09:10Z",
            "2026-01-31T08:09:10.5+01:00",
            "2026-1-31 8:09:10-0530",
        ] {
            let read = date_time(text).map(|t| t.to_string());
            assert_eq!(read.as_deref(), Some("2026-01-31T08:09:10"), "{text}");
        }
        for bad in [
            "2026-02-30 08:00",
            "2026-01-31",
            "2026-01-31 24:00",
            "2026-01-31 08:00:00+1",
            "2026-01-31 08:00:00.",
            "0000-01-01 00:00",
        ] {
            assert_eq!(date_time(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,40}") {
            let _ = (span(&Value::from(text.as_str())), date(&text), time(&text), date_time(&text));
        }

        #[test]
        fn text_of_the_right_kind_of_characters_is_read_without_a_panic(text in "[0-9:.TZ +-]{0,30}") {
            let _ = (span(&Value::from(text.as_str())), date(&text), time(&text), date_time(&text));
        }

        #[test]
        fn a_span_that_was_printed_reads_back(seconds in 0u64..1_000_000_000) {
            let printed = Clock(Duration::from_secs(seconds)).to_string();
            prop_assert_eq!(span(&Value::from(printed)), Some(Duration::from_secs(seconds)));
        }

        #[test]
        fn a_moment_that_was_printed_reads_back(
            year in 1i16..=9999, month in 1i8..=12, day in 1i8..=28, hour in 0i8..24, minute in 0i8..60, second in 0i8..60,
        ) {
            let moment = jiff::civil::datetime(year, month, day, hour, minute, second, 0);
            prop_assert_eq!(date_time(&moment.to_string()), Some(moment));
            prop_assert_eq!(date_time(&moment.strftime("%Y-%m-%d %H:%M:%S").to_string()), Some(moment));
        }
    }
}
