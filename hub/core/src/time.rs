//! Points in time: microseconds since the epoch, UTC, printed as the protocols print them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in whole microseconds since 1970-01-01, UTC.
///
/// Printed as `2026-01-31T08:05:09.000120+00:00`, always with six digits
/// (spec state-machine §0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, 0 for times before it.
    pub const fn as_millis(self) -> u64 {
        if self.0 < 0 {
            0
        } else {
            self.0.unsigned_abs() / 1000
        }
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Seconds since the epoch with their fraction, as registries and compressed states give it.
    pub fn as_seconds_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Appends the ISO text to `out` without an allocation of its own.
    pub fn write_iso(self, out: &mut String) {
        let Ok(instant) = jiff::Timestamp::from_microsecond(self.0) else {
            // Beyond jiff's years -9999..9999; no clock of ours gets there.
            out.push_str("9999-12-31T23:59:59.999999+00:00");
            return;
        };
        let civil = jiff::tz::Offset::UTC.to_datetime(instant);
        let year = civil.year().unsigned_abs();
        let micros = u32::try_from(self.0.rem_euclid(1_000_000)).unwrap_or(0);
        let mut text = *b"0000-00-00T00:00:00.000000+00:00";
        digits(&mut text[0..4], u32::from(year));
        digits(&mut text[5..7], u32::from(civil.month().unsigned_abs()));
        digits(&mut text[8..10], u32::from(civil.day().unsigned_abs()));
        digits(&mut text[11..13], u32::from(civil.hour().unsigned_abs()));
        digits(&mut text[14..16], u32::from(civil.minute().unsigned_abs()));
        digits(&mut text[17..19], u32::from(civil.second().unsigned_abs()));
        digits(&mut text[20..26], micros);
        // All of it is ASCII.
        out.push_str(std::str::from_utf8(&text).unwrap_or_default());
    }
}

fn digits(field: &mut [u8], mut number: u32) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(32);
        self.write_iso(&mut text);
        f.write_str(&text)
    }
}

/// The text was not an ISO-8601 time with an offset.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a time such as 2026-01-31T08:05:09+00:00")]
pub struct NotATime(String);

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        text.parse::<jiff::Timestamp>()
            .map(|instant| Self(instant.as_microsecond()))
            .map_err(|_| NotATime(text.to_owned()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_text_has_six_digits_and_an_offset() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000+00:00"),
            (1_767_225_600_000_120, "2026-01-01T00:00:00.000120+00:00"),
            (-1, "1969-12-31T23:59:59.999999+00:00"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), text);
            assert_eq!(text.parse::<Timestamp>().unwrap().as_micros(), micros);
        }
    }
}
