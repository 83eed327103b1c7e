//! Input datetimes: dates, times or both that people set for themselves.
//!
//! This crate says what is special about them; that they are kept, listed, changed and restored is
//! [`hearth_core::collection`]'s business. It knows nothing of whoever reads them.
//!
//! Start reading at `InputDatetime`.

use std::borrow::Cow;

use hearth_core::civil;
use hearth_core::collection::{self, Helper, Misconfigured, Moment, Outcome};
use hearth_core::prelude::*;
use hearth_core::service::{EntityService, InvalidData};
use hearth_core::store::StoredState;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Makes the input_datetime integration.
pub fn factory() -> Factory {
    collection::factory::<InputDatetime>()
}

/// Checks the section `input_datetime` of a configuration file.
pub fn check(section: &Value) -> Result<(), Misconfigured> {
    collection::check::<InputDatetime>(section)
}

/// What people set of one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Options {
    #[serde(default)]
    has_date: bool,
    #[serde(default)]
    has_time: bool,
    /// What it shows after every start, whatever it showed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    initial: Option<String>,
}

impl Options {
    /// Reads a state or an initial value; the part that it has not is taken from `today`.
    fn read(&self, text: &str, today: Date) -> Option<DateTime> {
        match (self.has_date, self.has_time) {
            (true, true) => civil::date_time(text),
            (true, false) => Some(civil::date(text)?.to_datetime(Time::midnight())),
            (false, _) => Some(today.to_datetime(civil::time(text)?)),
        }
    }

    fn kind(&self) -> &'static str {
        match (self.has_date, self.has_time) {
            (true, true) => "datetime",
            (true, false) => "date",
            (false, _) => "time",
        }
    }
}

/// What it shows, by the clock on the wall, and what an instant of that is.
struct InputDatetime {
    shown: DateTime,
    has_date: bool,
    has_time: bool,
    zone: TimeZone,
}

impl Helper for InputDatetime {
    const DOMAIN: &'static str = "input_datetime";
    const NAME: &'static str = "Input datetime";
    type Options = Options;

    fn fields() -> Vec<Field> {
        vec![
            Field::optional("has_date", Kind::Bool, "Whether it has a date."),
            Field::optional("has_time", Kind::Bool, "Whether it has a time."),
            Field::optional("initial", Kind::Text, "Its value after every start."),
        ]
    }

    fn check(options: Options) -> Result<Options, InvalidData> {
        if !options.has_date && !options.has_time {
            let problem = "Entity needs at least a date or a time";
            return Err(InvalidData::Whole(problem.to_owned()));
        }
        match &options.initial {
            Some(initial) if options.read(initial, Date::ZERO).is_none() => {
                Err(InvalidData::Whole(format!(
                    "Initial value '{initial}' can't be parsed as a {}",
                    options.kind()
                )))
            }
            _ => Ok(options),
        }
    }

    fn services() -> Vec<EntityService> {
        // Seconds since 1970 for years 1 to 9999.
        let timestamp = Kind::Number {
            min: -62_135_596_800.0,
            max: 253_402_300_799.0,
        };
        vec![EntityService::new(
            "set_datetime",
            "Sets the date, the time or both.",
            vec![
                Field::optional("date", Kind::Date, "The date."),
                Field::optional("time", Kind::Time, "The time."),
                Field::optional("datetime", Kind::DateTime, "The date and the time."),
                Field::optional("timestamp", timestamp, "Both as seconds since 1970, UTC."),
            ],
        )]
    }

    fn open(
        options: &Options,
        before: Option<&StoredState>,
        moment: &Moment<'_>,
    ) -> (Self, Outcome) {
        let zone = zone(moment);
        let now = jiff::Timestamp::from_microsecond(moment.now.as_micros()).unwrap_or_default();
        let today = zone.to_datetime(now).date();
        let initial = options.initial.as_deref();
        let shown = initial
            .and_then(|initial| options.read(initial, today))
            .or_else(|| options.read(&before?.state, today));
        let datetime = Self {
            shown: shown.unwrap_or_else(|| today.to_datetime(Time::midnight())),
            has_date: options.has_date,
            has_time: options.has_time,
            zone,
        };
        (datetime, Outcome::default())
    }

    fn change(&mut self, options: &Options, moment: &Moment<'_>) {
        self.has_date = options.has_date;
        self.has_time = options.has_time;
        self.zone = zone(moment);
    }

    fn state(&self) -> Cow<'_, str> {
        let format = match (self.has_date, self.has_time) {
            (true, true) => "%Y-%m-%d %H:%M:%S",
            (true, false) => "%Y-%m-%d",
            (false, _) => "%H:%M:%S",
        };
        self.shown.strftime(format).to_string().into()
    }

    fn attributes(&self, _: &Options, a: &mut AttributesBuilder) {
        a.value("has_date", self.has_date);
        a.value("has_time", self.has_time);
        let (date, time) = (self.shown.date(), self.shown.time());
        if self.has_date {
            a.value("year", date.year());
            a.value("month", date.month());
            a.value("day", date.day());
        }
        if self.has_time {
            a.value("hour", time.hour());
            a.value("minute", time.minute());
            a.value("second", time.second());
        }
        if !self.has_date {
            let [hour, minute, second] = [time.hour(), time.minute(), time.second()].map(i64::from);
            a.value("timestamp", hour * 3600 + minute * 60 + second);
            return;
        }
        let shown = match self.has_time {
            true => self.shown,
            false => date.to_datetime(Time::midnight()),
        };
        let instant = self.zone.to_ambiguous_timestamp(shown).compatible();
        a.value_if("timestamp", instant.ok().map(|at| at.as_second() as f64));
    }

    fn call(
        &mut self,
        _: &Options,
        call: &ServiceCall,
        moment: &Moment<'_>,
    ) -> Result<Outcome, ServiceError> {
        self.zone = zone(moment);
        let invalid = |message: &str| ServiceError::Invalid(message.to_owned());
        let given = Given::read(&call.data, &self.zone).map_err(ServiceError::Invalid)?;
        let date = given.date.filter(|_| self.has_date);
        let time = given.time.filter(|_| self.has_time);
        if date.is_none() && time.is_none() {
            return Err(invalid("Nothing to set"));
        }
        let date = date.unwrap_or_else(|| self.shown.date());
        let time = time.unwrap_or_else(|| self.shown.time());
        self.shown = date.to_datetime(time);
        Ok(Outcome::default())
    }
}

/// What a call sets.
#[derive(Default)]
struct Given {
    date: Option<Date>,
    time: Option<Time>,
}

impl Given {
    /// The schema has checked and normalised the texts.
    fn read(data: &Map<String, Value>, zone: &TimeZone) -> Result<Self, String> {
        let text = |key| data.get(key).and_then(Value::as_str);
        let has_parts = data.contains_key("date") || data.contains_key("time");
        let ways = [
            has_parts,
            data.contains_key("datetime"),
            data.contains_key("timestamp"),
        ];
        match ways.iter().filter(|way| **way).count() {
            0 => {
                return Err(
                    "must contain at least one of date, time, datetime, timestamp.".to_owned(),
                );
            }
            1 => {}
            _ => {
                let keys: Vec<&str> = data.keys().map(String::as_str).collect();
                return Err(format!("Cannot use together: {}", keys.join(", ")));
            }
        }
        if has_parts {
            return Ok(Self {
                date: text("date").and_then(civil::date),
                time: text("time").and_then(civil::time),
            });
        }
        let moment = match data.get("timestamp").and_then(Value::as_f64) {
            // Whole seconds: nothing shows fractions.
            Some(seconds) => jiff::Timestamp::from_second(seconds.floor() as i64)
                .ok()
                .map(|at| zone.to_datetime(at)),
            None => text("datetime").and_then(civil::date_time),
        };
        Ok(Self {
            date: moment.map(DateTime::date),
            time: moment.map(|moment| moment.time()),
        })
    }
}

/// The zone of the home.
fn zone(moment: &Moment<'_>) -> TimeZone {
    TimeZone::get(&moment.home.current().time_zone).unwrap_or(TimeZone::UTC)
}
