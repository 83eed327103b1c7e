//! The clock, and functions that turn values into times.

use hearth_core::hub::Hub;
use jiff::civil;
use jiff::tz::TimeZone;
use minijinja::{Environment, Error, Value};

use super::{DateTime, TimeDelta, local_zone, parse};
use crate::arguments::{bind, filter, global, or};
use crate::error::{Exception, raise, type_error};
use crate::numbers::{Number, no_default, parse_float, to_float};
use crate::text::{to_text, type_name};

/// Registers the time functions for a home.
pub(crate) fn install(env: &mut Environment<'static>, hub: &Hub) {
    let clock = hub.clone();
    global(env, "now", move |args| {
        let [] = bind("now", [], 0, args)?;
        // Looked up each time: the home's zone may be changed.
        time_now(&clock).map(|time| Value::from_object(time.in_zone(&local_zone(&clock))))
    });
    let clock = hub.clone();
    global(env, "utcnow", move |args| {
        let [] = bind("utcnow", [], 0, args)?;
        time_now(&clock).map(Value::from_object)
    });
    type Zoned = fn(&Hub, &TimeZone, &[Value]) -> Result<Value, Error>;
    let both: [(&'static str, Zoned); 4] = [
        ("today_at", today_at),
        ("as_timestamp", |_, zone, args| as_timestamp(zone, args)),
        ("as_local", |_, zone, args| as_local(zone, args)),
        ("as_datetime", |_, _, args| as_datetime(args)),
    ];
    for (name, function) in both {
        let home = hub.clone();
        global(env, name, move |args| {
            function(&home, &local_zone(&home), args)
        });
        let home = hub.clone();
        filter(env, name, move |args| {
            function(&home, &local_zone(&home), args)
        });
    }
    let filters: [(&'static str, Zoned); 3] = [
        ("timestamp_custom", |_, zone, args| {
            timestamp_custom(zone, args)
        }),
        ("timestamp_local", |_, zone, args| {
            timestamp_in("timestamp_local", zone, args)
        }),
        ("timestamp_utc", |_, _, args| {
            timestamp_in("timestamp_utc", &TimeZone::UTC, args)
        }),
    ];
    for (name, function) in filters {
        let home = hub.clone();
        filter(env, name, move |args| {
            function(&home, &local_zone(&home), args)
        });
    }
    global(env, "timedelta", timedelta);
}

fn time_now(hub: &Hub) -> Result<DateTime, Error> {
    crate::tracking::time();
    DateTime::from_timestamp(hub.env.now())
        .ok_or_else(|| raise(Exception::OverflowError, "date value out of range"))
}

/// `today_at("H:M[:S]")`, midnight without one.
fn today_at(hub: &Hub, zone: &TimeZone, args: &[Value]) -> Result<Value, Error> {
    let [clock] = bind("today_at", ["time_str"], 0, args)?;
    let text = to_text(&or(&clock, ""))?;
    let time = if text.is_empty() {
        Some(civil::Time::midnight())
    } else {
        parse::clock_time(text.trim())
    };
    let time = time.ok_or_else(|| {
        raise(
            Exception::ValueError,
            format!("could not convert str to datetime: '{text}'"),
        )
    })?;
    let today = time_now(hub)?.in_zone(zone);
    Ok(Value::from_object(DateTime {
        civil: today.civil.date().to_datetime(time),
        zone: Some(zone.clone()),
    }))
}

/// Seconds since the epoch; a naive time is on the home's clocks.
fn as_timestamp(zone: &TimeZone, args: &[Value]) -> Result<Value, Error> {
    let [value, default] = bind("as_timestamp", ["value", "default"], 1, args)?;
    let value = value.unwrap_or_default();
    let time = match value.downcast_object_ref::<DateTime>() {
        Some(time) => Some(time.clone()),
        None => parse::iso(&to_text(&value)?),
    };
    match time {
        Some(time) => Ok(Value::from(time.micros_in(zone) as f64 / 1e6)),
        None => default.ok_or_else(|| no_default("as_timestamp", &value)),
    }
}

/// A number or numeric text is a timestamp; other text is ISO.
fn as_datetime(args: &[Value]) -> Result<Value, Error> {
    let [value, default] = bind("as_datetime", ["value", "default"], 1, args)?;
    let value = value.unwrap_or_default();
    if value.downcast_object_ref::<DateTime>().is_some() {
        return Ok(value);
    }
    let number = match value.as_str() {
        Some(text) => parse_float(text),
        None => Number::of(&value).map(Number::float),
    };
    let time = match number {
        Some(seconds) => from_seconds(seconds),
        None => parse::iso(&to_text(&value)?),
    };
    Ok(time.map_or_else(|| or(&default, ()), Value::from_object))
}

fn as_local(zone: &TimeZone, args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("as_local", ["value"], 1, args)?;
    let value = value.unwrap_or_default();
    match value.downcast_object_ref::<DateTime>() {
        Some(time) => Ok(Value::from_object(time.in_zone(zone))),
        None => Err(type_error(format!(
            "as_local expected a datetime, got {}",
            type_name(&value)
        ))),
    }
}

fn from_seconds(seconds: f64) -> Option<DateTime> {
    let micros = (seconds * 1e6).round_ties_even();
    (micros.abs() < 4e17).then(|| DateTime::from_micros(micros as i64))?
}

/// `timestamp_custom(format, local=true, default)`
fn timestamp_custom(zone: &TimeZone, args: &[Value]) -> Result<Value, Error> {
    let names = ["value", "date_format", "local", "default"];
    let [value, format, local, default] = bind("timestamp_custom", names, 1, args)?;
    let value = value.unwrap_or_default();
    let Some(time) = to_float(&value).and_then(from_seconds) else {
        return default.ok_or_else(|| no_default("timestamp_custom", &value));
    };
    let time = if or(&local, true).is_true() {
        time.in_zone(zone)
    } else {
        time
    };
    let format = to_text(&or(&format, "%Y-%m-%d %H:%M:%S"))?;
    time.strftime(&format).map(Value::from)
}

fn timestamp_in(name: &str, zone: &TimeZone, args: &[Value]) -> Result<Value, Error> {
    let [value, default] = bind(name, ["value", "default"], 1, args)?;
    let value = value.unwrap_or_default();
    match to_float(&value).and_then(from_seconds) {
        Some(time) => Ok(Value::from(time.in_zone(zone).isoformat('T'))),
        None => default.ok_or_else(|| no_default(name, &value)),
    }
}

fn timedelta(args: &[Value]) -> Result<Value, Error> {
    let names = [
        "days",
        "seconds",
        "microseconds",
        "milliseconds",
        "minutes",
        "hours",
        "weeks",
    ];
    let units = [86_400e6, 1e6, 1.0, 1e3, 60e6, 3_600e6, 604_800e6];
    let given = bind("timedelta", names, 0, args)?;
    let mut micros = 0.0;
    for ((name, unit), value) in names.iter().zip(units).zip(given) {
        let Some(value) = value else { continue };
        let number = Number::of(&value).ok_or_else(|| {
            type_error(format!(
                "unsupported type for timedelta {name} component: {}",
                type_name(&value)
            ))
        })?;
        micros += number.float() * unit;
    }
    TimeDelta::from_float(micros)
}
