//! What a run found out: counts, rates and latencies, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::lane::Outcome;
use crate::routes::Route;
use crate::{Kind, Phase, Phone, SimulateError, TransportFault};

/// The outcome of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Connections that the phones shared.
    pub connections: usize,
    /// How many phones there were in the end.
    pub devices: usize,
    /// The phases that were run, in their order.
    pub phases: Vec<PhaseReport>,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// The phones, to hand to another run. Not part of the JSON: they hold secrets.
    #[serde(skip)]
    pub phones: Vec<Phone>,
}

/// The outcome of one phase.
#[derive(Debug, Clone, Serialize)]
pub struct PhaseReport {
    /// Which phase.
    pub phase: Phase,
    /// From its start to its last answer, in seconds.
    pub seconds: f64,
    /// Requests sent.
    pub requests: u64,
    /// Requests that were answered with 2xx and did what they should.
    pub ok: u64,
    /// `ok` by `seconds`.
    pub per_second: f64,
    /// Requests that were answered with 2xx by an answer that says that nothing was done.
    pub refused: u64,
    /// Answers other than 2xx, by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without an answer, by the reason.
    pub faults: BTreeMap<TransportFault, u64>,
    /// Messages that were due before the end and could not be sent, because no connection was
    /// free. Their latencies are in no percentile: with a number here, take those for too good.
    pub unsent: u64,
    /// Whether the last requests of every connection were left without an answer: the server is
    /// gone.
    pub unanswered_at_end: bool,
    /// By kind of request.
    pub kinds: Vec<KindReport>,
    /// Requests that did what they should, by the way they took, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<Route, u64>,
}

/// The outcome of one kind of request.
#[derive(Debug, Clone, Serialize)]
pub struct KindReport {
    /// Which kind.
    pub kind: Kind,
    /// Requests that were answered, whatever the status.
    pub answered: u64,
    /// Of these, the ones that did what they should.
    pub ok: u64,
    /// `ok` by the seconds of the phase.
    pub per_second: f64,
    /// Mean length of the answers' bodies, in bytes.
    pub answer_bytes: f64,
    /// Time to the whole answer, over all that were answered.
    pub latency: Latency,
}

/// Percentiles of a time, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// Mean.
    pub mean_us: f64,
    /// Median.
    pub p50_us: u64,
    /// 90th percentile.
    pub p90_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// 99.9th percentile.
    pub p999_us: u64,
    /// Longest.
    pub max_us: u64,
}

impl Report {
    /// The report of one phase, if it was run.
    #[must_use]
    pub fn phase(&self, phase: Phase) -> Option<&PhaseReport> {
        self.phases.iter().find(|report| report.phase == phase)
    }

    /// Why the run cannot count as a success, for a person: the server is gone, did nothing of
    /// what it was asked, or failed more often than not.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let last = self.phases.last().filter(|phase| phase.requests > 0)?;
        let (failed, requests) = (last.failed(), last.requests);
        if last.unanswered_at_end {
            let fault = last.faults.keys().next();
            let why = fault.map(|fault| format!(" ({fault})")).unwrap_or_default();
            Some(format!(
                "the server did not answer any more at the end{why}"
            ))
        } else if failed * 2 > requests {
            Some(format!("{failed} of {requests} requests failed"))
        } else {
            None
        }
    }
}

impl PhaseReport {
    /// The report of one kind, if any was answered.
    #[must_use]
    pub fn kind(&self, kind: Kind) -> Option<&KindReport> {
        self.kinds.iter().find(|report| report.kind == kind)
    }

    /// Requests that did not do what they should.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.requests - self.ok
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} phones over {} connections",
            self.devices, self.connections
        )?;
        for phase in &self.phases {
            write!(f, "\n{phase}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PhaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} requests in {:.2} s, {:.0} ok/s",
            self.phase, self.requests, self.seconds, self.per_second
        )?;
        if !self.kinds.is_empty() {
            writeln!(
                f,
                "  {:<16}{:>10}{:>10}{:>10}{:>9}{:>9}{:>9}{:>9}  ms",
                "", "ok", "ok/s", "p50", "p90", "p99", "p99.9", "max"
            )?;
        }
        for kind in &self.kinds {
            let time = &kind.latency;
            write!(
                f,
                "  {:<16}{:>10}{:>10.0}",
                kind.kind, kind.ok, kind.per_second
            )?;
            write!(f, "{:>10.3}", millis(time.p50_us))?;
            for value in [time.p90_us, time.p99_us, time.p999_us, time.max_us] {
                write!(f, "{:>9.3}", millis(value))?;
            }
            writeln!(f)?;
        }
        for (route, count) in &self.routes {
            writeln!(f, "  through {}: {count}", route.name())?;
        }
        if self.refused > 0 {
            writeln!(f, "  answered 2xx but not done: {}", self.refused)?;
        }
        for (status, count) in &self.statuses {
            writeln!(f, "  status {status}: {count}")?;
        }
        for (fault, count) in &self.faults {
            writeln!(f, "  {fault}: {count}")?;
        }
        if self.unsent > 0 {
            writeln!(f, "  due but never sent: {}", self.unsent)?;
        }
        Ok(())
    }
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// What one lane, and then all of a phase, has counted.
#[derive(Default)]
pub(crate) struct Tally {
    kinds: BTreeMap<Kind, KindTally>,
    requests: u64,
    refused: u64,
    statuses: BTreeMap<u16, u64>,
    faults: BTreeMap<TransportFault, u64>,
    /// Requests that did what they should, by the way they took.
    routes: BTreeMap<Route, u64>,
    /// Lanes whose last requests were left without an answer, and all lanes.
    unanswered_at_end: (u64, u64),
    /// Phones that a registration brought, with the number of the request.
    pub(crate) registered: Vec<(u64, Phone)>,
}

struct KindTally {
    ok: u64,
    answer_bytes: u64,
    /// In microseconds; grows with the longest value.
    latencies: Histogram<u64>,
}

impl KindTally {
    fn new() -> Result<Self, SimulateError> {
        let latencies = Histogram::new(3).map_err(histogram_error)?;
        Ok(Self {
            ok: 0,
            answer_bytes: 0,
            latencies,
        })
    }
}

impl Tally {
    /// Counts a request that ended after `time`.
    pub(crate) fn count(
        &mut self,
        kind: Kind,
        outcome: &Outcome,
        body_length: usize,
        time: Duration,
    ) -> Result<(), SimulateError> {
        self.requests += 1;
        match outcome {
            Outcome::Ok => {}
            Outcome::Refused => self.refused += 1,
            Outcome::Status(status) => *self.statuses.entry(*status).or_default() += 1,
            Outcome::Fault(fault) => {
                *self.faults.entry(*fault).or_default() += 1;
                return Ok(());
            }
        }
        let tally = self.kind(kind)?;
        tally.ok += u64::from(matches!(outcome, Outcome::Ok));
        tally.answer_bytes += body_length as u64;
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        tally.latencies.record(micros).map_err(histogram_error)
    }

    /// Notes which way a request took that did what it should.
    pub(crate) fn took(&mut self, route: Route) {
        *self.routes.entry(route).or_default() += 1;
    }

    /// Notes the end of a lane.
    pub(crate) fn ended_unanswered(&mut self, unanswered: bool) {
        self.unanswered_at_end.0 += u64::from(unanswered);
        self.unanswered_at_end.1 += 1;
    }

    /// Adds what another lane has counted.
    pub(crate) fn add(&mut self, other: Self) -> Result<(), SimulateError> {
        self.requests += other.requests;
        self.refused += other.refused;
        self.unanswered_at_end.0 += other.unanswered_at_end.0;
        self.unanswered_at_end.1 += other.unanswered_at_end.1;
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        for (route, count) in other.routes {
            *self.routes.entry(route).or_default() += count;
        }
        self.registered.extend(other.registered);
        for (kind, tally) in other.kinds {
            let sum = self.kind(kind)?;
            sum.ok += tally.ok;
            sum.answer_bytes += tally.answer_bytes;
            sum.latencies
                .add(&tally.latencies)
                .map_err(histogram_error)?;
        }
        Ok(())
    }

    /// The first reason, by number, why requests failed; for the error of a run without phones.
    pub(crate) fn reason(&self) -> String {
        if let Some(status) = self.statuses.keys().next() {
            format!("status {status}")
        } else if let Some(fault) = self.faults.keys().next() {
            fault.to_string()
        } else {
            "2xx without a webhook id".to_owned()
        }
    }

    /// Whether a status occurred.
    pub(crate) fn saw(&self, status: u16) -> bool {
        self.statuses.contains_key(&status)
    }

    /// The report of a phase that took `time` and was to send `planned` requests.
    pub(crate) fn report(&self, phase: Phase, time: Duration, planned: Option<u64>) -> PhaseReport {
        let seconds = time.as_secs_f64();
        let per_second = |count: u64| {
            if seconds > 0.0 {
                count as f64 / seconds
            } else {
                0.0
            }
        };
        let kinds: Vec<KindReport> = self
            .kinds
            .iter()
            .map(|(kind, tally)| KindReport {
                kind: *kind,
                answered: tally.latencies.len(),
                ok: tally.ok,
                per_second: per_second(tally.ok),
                answer_bytes: tally.answer_bytes as f64 / tally.latencies.len().max(1) as f64,
                latency: Latency::of(&tally.latencies),
            })
            .collect();
        let ok = kinds.iter().map(|kind| kind.ok).sum();
        PhaseReport {
            phase,
            seconds,
            requests: self.requests,
            ok,
            per_second: per_second(ok),
            refused: self.refused,
            statuses: self.statuses.clone(),
            faults: self.faults.clone(),
            unsent: planned.map_or(0, |planned| planned.saturating_sub(self.requests)),
            unanswered_at_end: self.unanswered_at_end.0 == self.unanswered_at_end.1
                && self.unanswered_at_end.1 > 0,
            kinds,
            routes: self.routes.clone(),
        }
    }

    fn kind(&mut self, kind: Kind) -> Result<&mut KindTally, SimulateError> {
        use std::collections::btree_map::Entry;
        Ok(match self.kinds.entry(kind) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(KindTally::new()?),
        })
    }
}

impl Latency {
    fn of(times: &Histogram<u64>) -> Self {
        Self {
            mean_us: times.mean(),
            p50_us: times.value_at_quantile(0.5),
            p90_us: times.value_at_quantile(0.9),
            p99_us: times.value_at_quantile(0.99),
            p999_us: times.value_at_quantile(0.999),
            max_us: times.max(),
        }
    }
}

fn histogram_error(error: impl fmt::Display) -> SimulateError {
    SimulateError::Histogram(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn counted(outcomes: &[Outcome]) -> PhaseReport {
        let mut sum = Tally::default();
        for (number, outcome) in outcomes.iter().enumerate() {
            // A tally of its own for each, as if each came from another lane.
            let mut tally = Tally::default();
            let time = Duration::from_millis(1 + number as u64);
            tally.count(Kind::Location, outcome, 2, time).unwrap();
            sum.add(tally).unwrap();
        }
        sum.report(Phase::Sending, Duration::from_secs(2), Some(10))
    }

    #[test]
    fn each_outcome_is_counted_in_its_own_place() {
        let report = counted(&[
            Outcome::Ok,
            Outcome::Ok,
            Outcome::Refused,
            Outcome::Status(503),
            Outcome::Fault(TransportFault::Timeout),
        ]);
        assert_eq!((report.requests, report.ok, report.failed()), (5, 2, 3));
        assert_eq!((report.refused, report.unsent), (1, 5));
        assert_eq!(report.statuses, BTreeMap::from([(503, 1)]));
        assert_eq!(
            report.faults,
            BTreeMap::from([(TransportFault::Timeout, 1)])
        );
        assert_eq!(report.per_second, 1.0);
        let kind = report.kind(Kind::Location).unwrap();
        assert_eq!((kind.answered, kind.ok), (4, 2));
        assert_eq!(kind.answer_bytes, 2.0);
        assert!((3_990..=4_010).contains(&kind.latency.max_us));
    }

    #[test]
    fn the_report_reads_as_text_and_as_json() {
        let report = Report {
            interrupted: false,
            connections: 16,
            devices: 3,
            phases: vec![counted(&[Outcome::Ok, Outcome::Status(500)])],
            phones: Vec::new(),
        };
        let text = report.to_string();
        assert!(text.contains("sending: 2 requests in 2.00 s"), "{text}");
        assert!(text.contains("status 500: 1"), "{text}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["phases"][0]["kinds"][0]["kind"], "location");
        assert_eq!(json["phases"][0]["statuses"]["500"], 1);
        assert!(json.get("phones").is_none());
    }
}
