//! `timedelta`: a span of time.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, State, Value};

use crate::error::{Exception, raise, unknown_method};
use crate::numbers::Number;

const DAY: i64 = 86_400_000_000;
/// Python's spans end at this many days.
const DAYS_MAX: i64 = 999_999_999;

/// A span in microseconds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeDelta {
    pub(super) micros: i64,
}

impl TimeDelta {
    pub(super) fn seconds(seconds: i64) -> Self {
        Self {
            micros: seconds.saturating_mul(1_000_000),
        }
    }

    pub(super) fn checked(micros: i128) -> Result<Value, Error> {
        // 64 bits of microseconds are 292,000 years; no date is further from another.
        match i64::try_from(micros) {
            Ok(micros) if micros / DAY <= DAYS_MAX => Ok(Value::from_object(Self { micros })),
            _ => Err(raise(
                Exception::OverflowError,
                "days; must have magnitude <= 999999999",
            )),
        }
    }

    pub(super) fn from_float(micros: f64) -> Result<Value, Error> {
        if !micros.is_finite() || micros.abs() > 9e18 {
            return Self::checked(i128::MAX);
        }
        Self::checked(micros.round_ties_even() as i128)
    }

    /// `-delta`
    pub(crate) fn negated(self) -> Self {
        Self {
            micros: self.micros.saturating_neg(),
        }
    }

    /// Days, seconds and microseconds; the last two are never negative.
    fn parts(self) -> (i64, i64, i64) {
        let rest = self.micros.rem_euclid(DAY);
        (
            self.micros.div_euclid(DAY),
            rest / 1_000_000,
            rest % 1_000_000,
        )
    }

    pub(super) fn total_seconds(self) -> f64 {
        self.micros as f64 / 1e6
    }

    /// `datetime.timedelta(days=1, seconds=5)`
    pub(crate) fn repr(self) -> String {
        let (days, seconds, micros) = self.parts();
        let fields: Vec<String> = [
            ("days", days),
            ("seconds", seconds),
            ("microseconds", micros),
        ]
        .into_iter()
        .filter(|(_, value)| *value != 0)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
        if fields.is_empty() {
            return "datetime.timedelta(0)".to_owned();
        }
        format!("datetime.timedelta({})", fields.join(", "))
    }

    /// `delta * number`, either way round; `None`: neither is a span.
    pub(crate) fn multiply(left: &Value, right: &Value) -> Option<Result<Value, Error>> {
        let (delta, factor) = match left.downcast_object_ref::<Self>() {
            Some(delta) => (delta, right),
            None => (right.downcast_object_ref::<Self>()?, left),
        };
        Some(match Number::of(factor)? {
            Number::Int(factor) => match i128::from(delta.micros).checked_mul(factor) {
                Some(micros) => Self::checked(micros),
                None => Self::checked(i128::MAX),
            },
            Number::Float(factor) => Self::from_float(delta.micros as f64 * factor),
        })
    }

    /// `delta / number` or `delta / delta`; `None`: the left one is no span.
    pub(crate) fn divide(left: &Value, right: &Value) -> Option<Result<Value, Error>> {
        let delta = left.downcast_object_ref::<Self>()?;
        let zero = || raise(Exception::ZeroDivisionError, "division by zero");
        if let Some(other) = right.downcast_object_ref::<Self>() {
            if other.micros == 0 {
                return Some(Err(zero()));
            }
            return Some(Ok((delta.micros as f64 / other.micros as f64).into()));
        }
        let divisor = Number::of(right)?.float();
        if divisor == 0.0 {
            return Some(Err(zero()));
        }
        Some(Self::from_float(delta.micros as f64 / divisor))
    }
}

impl fmt::Debug for TimeDelta {
    /// `1 day, 3:00:00`, `0:00:03.500000`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds, micros) = self.parts();
        if days != 0 {
            write!(f, "{days} day{}, ", if days.abs() == 1 { "" } else { "s" })?;
        }
        write!(
            f,
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        Ok(())
    }
}

impl Object for TimeDelta {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.micros != 0
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (days, seconds, micros) = self.parts();
        match key.as_str()? {
            "days" => Some(days.into()),
            "seconds" => Some(seconds.into()),
            "microseconds" => Some(micros.into()),
            _ => None,
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match (method, args) {
            ("total_seconds", []) => Ok(self.total_seconds().into()),
            _ => Err(unknown_method(format!(
                "'datetime.timedelta object' has no attribute '{method}'"
            ))),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other
            .downcast_ref::<Self>()
            .map(|other| self.micros.cmp(&other.micros))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
