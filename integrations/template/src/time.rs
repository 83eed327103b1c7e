//! `datetime` and `timedelta` with Python's printing and arithmetic.
//!
//! The one module that names jiff. A [`DateTime`] is a civil time and perhaps a zone: Python's
//! naive and aware. Aware arithmetic is on the civil time, so adding an hour never shifts with
//! a change of the clocks. Microseconds throughout.

mod delta;
mod functions;
mod parse;
mod strftime;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use hearth_core::hub::Hub;
use hearth_core::time::Timestamp;
use jiff::civil;
use jiff::tz::{Offset, TimeZone};
use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, State, Value};

pub(crate) use delta::TimeDelta;
pub(crate) use functions::install;

use crate::arguments::bind;
use crate::error::{Exception, raise, type_error, unknown_method};
use crate::text::to_text;

/// The zone of the home.
pub(crate) fn local_zone(hub: &Hub) -> TimeZone {
    TimeZone::get(&hub.home.current().time_zone).unwrap_or(TimeZone::UTC)
}

/// A point in time: aware with a zone, naive without.
#[derive(Clone)]
pub(crate) struct DateTime {
    civil: civil::DateTime,
    zone: Option<TimeZone>,
}

impl DateTime {
    /// Aware, in UTC; `None` beyond the years that a date can have.
    pub(crate) fn from_timestamp(at: Timestamp) -> Option<Self> {
        Self::from_micros(at.as_micros())
    }

    fn from_micros(micros: i64) -> Option<Self> {
        let instant = jiff::Timestamp::from_microsecond(micros).ok()?;
        Self::from_civil(Offset::UTC.to_datetime(instant), Some(TimeZone::UTC))
    }

    /// Python's years are 1 to 9999.
    fn from_civil(civil: civil::DateTime, zone: Option<TimeZone>) -> Option<Self> {
        (1..=9999)
            .contains(&civil.year())
            .then_some(Self { civil, zone })
    }

    /// The same instant on the clocks of `zone`; a naive time is taken for UTC.
    pub(crate) fn in_zone(&self, zone: &TimeZone) -> Self {
        let instant = self.instant_in(&TimeZone::UTC);
        Self {
            civil: zone.to_datetime(instant),
            zone: Some(zone.clone()),
        }
    }

    /// The instant; a naive time is on the clocks of `zone`.
    fn instant_in(&self, zone: &TimeZone) -> jiff::Timestamp {
        let zone = self.zone.as_ref().unwrap_or(zone);
        zone.to_ambiguous_timestamp(self.civil)
            .compatible()
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    fn micros_in(&self, zone: &TimeZone) -> i64 {
        self.instant_in(zone).as_microsecond()
    }

    fn offset(&self) -> Option<Offset> {
        let zone = self.zone.as_ref()?;
        Some(zone.to_offset(self.instant_in(zone)))
    }

    fn micros(&self) -> i32 {
        self.civil.subsec_nanosecond() / 1000
    }

    /// `2024-01-01T08:00:00+01:00`, with a fraction where there is one.
    pub(crate) fn isoformat(&self, separator: char) -> String {
        let at = self.civil;
        let mut text = format!(
            "{:04}-{:02}-{:02}{separator}{}",
            at.year(),
            at.month(),
            at.day(),
            self.clock_text()
        );
        if let Some(offset) = self.offset() {
            text.push_str(&offset_text(offset, ":"));
        }
        text
    }

    fn clock_text(&self) -> String {
        let at = self.civil;
        let mut text = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
        if self.micros() != 0 {
            text.push_str(&format!(".{:06}", self.micros()));
        }
        text
    }

    /// `datetime.datetime(2024, 1, 1, 8, 0, tzinfo=…)`
    pub(crate) fn repr(&self) -> String {
        let at = self.civil;
        let mut fields = vec![
            at.year().to_string(),
            at.month().to_string(),
            at.day().to_string(),
        ];
        fields.extend([at.hour().to_string(), at.minute().to_string()]);
        if at.second() != 0 || self.micros() != 0 {
            fields.push(at.second().to_string());
        }
        if self.micros() != 0 {
            fields.push(self.micros().to_string());
        }
        match &self.zone {
            Some(zone) if *zone == TimeZone::UTC => {
                fields.push("tzinfo=datetime.timezone.utc".to_owned())
            }
            Some(zone) => match zone.iana_name() {
                Some(name) => fields.push(format!("tzinfo=zoneinfo.ZoneInfo(key='{name}')")),
                None => fields.push(format!(
                    "tzinfo=datetime.timezone({})",
                    TimeDelta::seconds(self.offset().map_or(0, Offset::seconds).into()).repr()
                )),
            },
            None => {}
        }
        format!("datetime.datetime({})", fields.join(", "))
    }

    /// `strftime(format)`
    pub(crate) fn strftime(&self, format: &str) -> Result<String, Error> {
        strftime::format(self, format)
    }

    fn add_micros(&self, micros: i128) -> Result<Value, Error> {
        let out_of_range = || raise(Exception::OverflowError, "date value out of range");
        let micros = i64::try_from(micros).map_err(|_| out_of_range())?;
        let civil = self
            .civil
            .checked_add(jiff::SignedDuration::from_micros(micros))
            .map_err(|_| out_of_range())?;
        Self::from_civil(civil, self.zone.clone())
            .map(Value::from_object)
            .ok_or_else(out_of_range)
    }

    /// `left + right`, where one of them is a time.
    pub(crate) fn add(left: &Value, right: &Value) -> Option<Result<Value, Error>> {
        let delta = |value: &Value| value.downcast_object_ref::<TimeDelta>().copied();
        if let (Some(one), Some(other)) = (delta(left), delta(right)) {
            return Some(TimeDelta::checked(
                i128::from(one.micros) + i128::from(other.micros),
            ));
        }
        if let (Some(time), Some(delta)) = (left.downcast_object_ref::<Self>(), delta(right)) {
            return Some(time.add_micros(delta.micros.into()));
        }
        let (delta, time) = (delta(left)?, right.downcast_object_ref::<Self>()?);
        Some(time.add_micros(delta.micros.into()))
    }

    /// `left - right`, where the left one is a time.
    pub(crate) fn subtract(left: &Value, right: &Value) -> Option<Result<Value, Error>> {
        let other_delta = right.downcast_object_ref::<TimeDelta>();
        if let Some(delta) = left.downcast_object_ref::<TimeDelta>() {
            let micros = i128::from(delta.micros) - i128::from(other_delta?.micros);
            return Some(TimeDelta::checked(micros));
        }
        let time = left.downcast_object_ref::<Self>()?;
        if let Some(delta) = other_delta {
            return Some(time.add_micros(-i128::from(delta.micros)));
        }
        let other = right.downcast_object_ref::<Self>()?;
        Some(time.difference(other))
    }

    fn difference(&self, other: &Self) -> Result<Value, Error> {
        let micros = match (&self.zone, &other.zone) {
            (Some(one), Some(another)) if one != another => {
                self.micros_in(one) - other.micros_in(another)
            }
            (Some(_), Some(_)) | (None, None) => {
                // Wall clock: the difference of two readings of the same clock.
                civil_micros(self.civil) - civil_micros(other.civil)
            }
            _ => {
                return Err(type_error(
                    "can't subtract offset-naive and offset-aware datetimes",
                ));
            }
        };
        TimeDelta::checked(micros.into())
    }

    /// How two times, or two spans, stand to each other; `None`: they are neither.
    pub(crate) fn order(left: &Value, right: &Value) -> Option<Result<Ordering, Error>> {
        if let (Some(one), Some(other)) = (
            left.downcast_object_ref::<TimeDelta>(),
            right.downcast_object_ref::<TimeDelta>(),
        ) {
            return Some(Ok(one.micros.cmp(&other.micros)));
        }
        let (one, other) = (
            left.downcast_object_ref::<Self>()?,
            right.downcast_object_ref::<Self>()?,
        );
        Some(
            one.compare(other)
                .ok_or_else(|| type_error("can't compare offset-naive and offset-aware datetimes")),
        )
    }

    fn compare(&self, other: &Self) -> Option<Ordering> {
        match (&self.zone, &other.zone) {
            (Some(one), Some(another)) => Some(self.micros_in(one).cmp(&other.micros_in(another))),
            (None, None) => Some(self.civil.cmp(&other.civil)),
            _ => None,
        }
    }

    fn field(&self, name: &str) -> Option<Value> {
        let at = self.civil;
        Some(match name {
            "year" => at.year().into(),
            "month" => at.month().into(),
            "day" => at.day().into(),
            "hour" => at.hour().into(),
            "minute" => at.minute().into(),
            "second" => at.second().into(),
            "microsecond" => self.micros().into(),
            "tzinfo" => match &self.zone {
                Some(zone) => Value::from(zone.iana_name().unwrap_or("UTC")),
                None => Value::from(()),
            },
            _ => return None,
        })
    }

    fn method(&self, name: &str, args: &[Value]) -> Result<Value, Error> {
        let weekday = self.civil.date().weekday();
        Ok(match name {
            "isoformat" => {
                let [separator, _] = bind(name, ["sep", "timespec"], 0, args)?;
                let separator = separator.as_ref().and_then(Value::as_str);
                Value::from(self.isoformat(separator.and_then(|s| s.chars().next()).unwrap_or('T')))
            }
            "strftime" => {
                let [format] = bind(name, ["format"], 1, args)?;
                Value::from(self.strftime(&to_text(&format.unwrap_or_default())?)?)
            }
            "timestamp" => {
                let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
                Value::from(self.micros_in(&zone) as f64 / 1e6)
            }
            "weekday" => Value::from(weekday.to_monday_zero_offset()),
            "isoweekday" => Value::from(weekday.to_monday_one_offset()),
            "date" => Value::from(self.isoformat(' ').chars().take(10).collect::<String>()),
            "time" => Value::from(self.clock_text()),
            "utcoffset" => match self.offset() {
                Some(offset) => Value::from_object(TimeDelta::seconds(offset.seconds().into())),
                None => Value::from(()),
            },
            "replace" => self.replace(args)?,
            _ => {
                return Err(unknown_method(format!(
                    "'datetime.datetime object' has no attribute '{name}'"
                )));
            }
        })
    }

    fn replace(&self, args: &[Value]) -> Result<Value, Error> {
        let names = [
            "year",
            "month",
            "day",
            "hour",
            "minute",
            "second",
            "microsecond",
        ];
        let given = bind("replace", names, 0, args)?;
        let at = self.civil;
        let mut fields = [
            i64::from(at.year()),
            at.month().into(),
            at.day().into(),
            at.hour().into(),
            at.minute().into(),
            at.second().into(),
            self.micros().into(),
        ];
        for (field, given) in fields.iter_mut().zip(given) {
            if let Some(given) = given {
                *field = crate::budget::size(&given, "field")?;
            }
        }
        let [year, month, day, hour, minute, second, micros] = fields;
        let small = |field: i64| i8::try_from(field).ok();
        let civil = (|| {
            civil::DateTime::new(
                i16::try_from(year).ok()?,
                small(month)?,
                small(day)?,
                small(hour)?,
                small(minute)?,
                small(second)?,
                i32::try_from(micros).ok()?.checked_mul(1000)?,
            )
            .ok()
        })();
        civil
            .and_then(|civil| Self::from_civil(civil, self.zone.clone()))
            .map(Value::from_object)
            .ok_or_else(|| raise(Exception::ValueError, "a field is out of range"))
    }
}

fn civil_micros(at: civil::DateTime) -> i64 {
    Offset::UTC
        .to_timestamp(at)
        .map_or(0, jiff::Timestamp::as_microsecond)
}

/// `+01:00`
fn offset_text(offset: Offset, separator: &str) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let size = seconds.unsigned_abs();
    format!("{sign}{:02}{separator}{:02}", size / 3600, size / 60 % 60)
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.isoformat(' '))
    }
}

impl Object for DateTime {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.field(key.as_str()?)
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        self.method(method, args)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        self.compare(other.downcast_ref::<Self>()?)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
