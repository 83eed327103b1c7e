//! Timers: people start, pause and cancel them, and something happens when they finish.
//!
//! This crate says what is special about them; that they are kept, listed, changed and restored is
//! [`hearth_core::collection`]'s business. It knows nothing of whoever waits for them.
//!
//! Start reading at `Timer`.

use std::borrow::Cow;
use std::time::Duration;

use hearth_core::civil::{self, Clock};
use hearth_core::collection::{self, Helper, Misconfigured, Moment, Outcome};
use hearth_core::prelude::*;
use hearth_core::service::EntityService;
use hearth_core::store::StoredState;
use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Makes the timer integration.
pub fn factory() -> Factory {
    collection::factory::<Timer>()
}

/// Checks the section `timer` of a configuration file.
pub fn check(section: &Value) -> Result<(), Misconfigured> {
    collection::check::<Timer>(section)
}

/// What people set of one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Options {
    #[serde(default, with = "clock")]
    duration: Duration,
    /// Whether it goes on after a restart of the hub, rather than being idle.
    #[serde(default)]
    restore: bool,
}

/// A duration as `0:05:00`; read in any form.
mod clock {
    use std::time::Duration;

    use hearth_core::civil::{Clock, span};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&Clock(*span))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let value = serde_json::Value::deserialize(from)?;
        span(&value).ok_or_else(|| D::Error::custom("expected a duration"))
    }
}

/// A timer as it runs.
struct Timer {
    phase: Phase,
    /// How long it runs this time; as configured while it is idle.
    running: Duration,
}

/// What it does.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle,
    Active {
        /// When it finishes.
        end: Timestamp,
        /// How long it had to go when it was last started or changed.
        remaining: Duration,
    },
    Paused {
        remaining: Duration,
    },
}

const STARTED: &str = "timer.started";
const RESTARTED: &str = "timer.restarted";
const PAUSED: &str = "timer.paused";
const CANCELLED: &str = "timer.cancelled";
const CHANGED: &str = "timer.changed";
const FINISHED: &str = "timer.finished";

impl Helper for Timer {
    const DOMAIN: &'static str = "timer";
    const NAME: &'static str = "Timer";
    type Options = Options;

    fn fields() -> Vec<Field> {
        let restore = "Whether it goes on after a restart.";
        vec![
            Field::optional("duration", Kind::Span, "How long it runs."),
            Field::optional("restore", Kind::Bool, restore),
        ]
    }

    fn services() -> Vec<EntityService> {
        let duration = Field::optional("duration", Kind::Span, "How long it runs this time.");
        let change = "How much longer it runs; less than nothing makes it shorter.";
        let change = Field::required("duration", Kind::SignedSpan, change);
        vec![
            EntityService::new("start", "Starts it, or goes on.", vec![duration]),
            EntityService::new("pause", "Pauses it.", Vec::new()),
            EntityService::new("cancel", "Cancels it.", Vec::new()),
            EntityService::new("finish", "Finishes it at once.", Vec::new()),
            EntityService::new("change", "Changes how long it runs on.", vec![change]),
        ]
    }

    fn open(
        options: &Options,
        before: Option<&StoredState>,
        moment: &Moment<'_>,
    ) -> (Self, Outcome) {
        let mut timer = Self {
            phase: Phase::Idle,
            running: options.duration,
        };
        let outcome = match before.filter(|_| options.restore) {
            Some(before) => timer.restore(before, moment),
            None => None,
        };
        (timer, outcome.unwrap_or_default())
    }

    fn change(&mut self, options: &Options, _: &Moment<'_>) {
        if self.phase == Phase::Idle {
            self.running = options.duration;
        }
    }

    fn state(&self) -> Cow<'_, str> {
        match self.phase {
            Phase::Idle => "idle",
            Phase::Active { .. } => "active",
            Phase::Paused { .. } => "paused",
        }
        .into()
    }

    fn attributes(&self, options: &Options, a: &mut AttributesBuilder) {
        a.text("duration", &Clock(self.running).to_string());
        match self.phase {
            Phase::Idle => {}
            Phase::Active { end, remaining } => {
                a.text("finishes_at", &end.to_string());
                a.text("remaining", &Clock(remaining).to_string());
            }
            Phase::Paused { remaining } => a.text("remaining", &Clock(remaining).to_string()),
        }
        if options.restore {
            a.value("restore", true);
        }
    }

    fn call(
        &mut self,
        options: &Options,
        call: &ServiceCall,
        moment: &Moment<'_>,
    ) -> Result<Outcome, ServiceError> {
        let seconds = call.data.get("duration").and_then(Value::as_f64);
        match &*call.service {
            "start" => {
                let given = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                Ok(self.start(given.filter(|span| !span.is_zero()), moment))
            }
            "pause" => Ok(self.pause(moment)),
            "cancel" => {
                self.idle(options);
                Ok(event(CANCELLED, moment))
            }
            "finish" => Ok(self.finish(options, moment)),
            _ => self.lengthen(seconds.unwrap_or(0.0), moment),
        }
    }

    fn due(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Active { end, .. } => Some(end),
            _ => None,
        }
    }

    fn wake(&mut self, options: &Options, moment: &Moment<'_>) -> Outcome {
        self.finish(options, moment)
    }
}

impl Timer {
    fn idle(&mut self, options: &Options) {
        self.phase = Phase::Idle;
        self.running = options.duration;
    }

    /// Starts anew, or goes on where it was paused.
    fn start(&mut self, given: Option<Duration>, moment: &Moment<'_>) -> Outcome {
        let (name, left) = match self.phase {
            Phase::Idle => (STARTED, None),
            Phase::Active { remaining, .. } | Phase::Paused { remaining } => {
                (RESTARTED, Some(remaining))
            }
        };
        if let Some(given) = given {
            self.running = given;
        }
        let remaining = given.or(left).unwrap_or(self.running);
        self.phase = Phase::Active {
            end: later(second(moment.now), remaining),
            remaining,
        };
        event(name, moment)
    }

    fn pause(&mut self, moment: &Moment<'_>) -> Outcome {
        let Phase::Active { end, .. } = self.phase else {
            return Outcome::default();
        };
        let remaining = until(end, second(moment.now));
        self.phase = Phase::Paused { remaining };
        event(PAUSED, moment)
    }

    fn finish(&mut self, options: &Options, moment: &Moment<'_>) -> Outcome {
        let Phase::Active { end, .. } = self.phase else {
            return Outcome::default();
        };
        self.idle(options);
        finished(end, moment)
    }

    fn lengthen(&mut self, seconds: f64, moment: &Moment<'_>) -> Result<Outcome, ServiceError> {
        let id = moment.entity_id;
        let Phase::Active { end, .. } = self.phase else {
            return Err(ServiceError::Failed(format!(
                "Timer {id} is not running, only active timers can be changed"
            )));
        };
        let by = Duration::try_from_secs_f64(seconds.abs()).unwrap_or_default();
        let end = match seconds < 0.0 {
            true => earlier(end, by),
            false => later(end, by),
        };
        let now = second(moment.now);
        if end < now {
            return Err(ServiceError::Failed(format!(
                "Not possible to change timer {id} to negative time remaining"
            )));
        }
        let remaining = until(end, now);
        if remaining > self.running {
            return Err(ServiceError::Failed(format!(
                "Not possible to change timer {id} beyond duration"
            )));
        }
        self.phase = Phase::Active { end, remaining };
        Ok(event(CHANGED, moment))
    }

    /// Goes on as it was before the hub stopped; one that was due meanwhile finishes.
    fn restore(&mut self, before: &StoredState, moment: &Moment<'_>) -> Option<Outcome> {
        let attributes = Attributes::from_json_object(&before.attributes)?;
        let span = |name| civil::span(&attributes.get(name)?);
        match before.state.as_str() {
            "active" => {
                let end: Timestamp = attributes.text("finishes_at")?.parse().ok()?;
                if end <= second(moment.now) {
                    return Some(finished(end, moment));
                }
                self.running = span("duration")?;
                let remaining = until(end, second(moment.now));
                self.phase = Phase::Active { end, remaining };
                Some(event(RESTARTED, moment))
            }
            "paused" => {
                self.running = span("duration")?;
                let remaining = span("remaining")?;
                self.phase = Phase::Paused { remaining };
                None
            }
            _ => None,
        }
    }
}

fn event(name: &'static str, moment: &Moment<'_>) -> Outcome {
    Outcome::event(name, json!({"entity_id": moment.entity_id}))
}

/// Tells when it was to finish, which may be long ago after a restart.
fn finished(end: Timestamp, moment: &Moment<'_>) -> Outcome {
    let data = json!({"entity_id": moment.entity_id, "finished_at": end});
    Outcome::event(FINISHED, data)
}

/// Timers count in whole seconds.
fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_seconds() * 1_000_000)
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(at.as_micros().saturating_add(micros(by)))
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(at.as_micros().saturating_sub(micros(by)))
}

/// The time from `now` to `end`, none where `end` is past.
fn until(end: Timestamp, now: Timestamp) -> Duration {
    let micros = end.as_micros().saturating_sub(now.as_micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
