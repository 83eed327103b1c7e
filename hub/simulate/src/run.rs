//! A run, phase by phase: register the phones, register their sensors, send.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::fleet::{Jobs, Messages};
use crate::lane::{Shared, lane, reach};
use crate::report::Tally;
use crate::schedule::Schedule;
use crate::{Connection, Mix, PhaseReport, Phone, Plan, Report, SimulateError, Target};

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// The phases of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The phones register.
    Registering,
    /// The phones register their sensors.
    RegisteringSensors,
    /// The phones send messages.
    Sending,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Registering => "registering",
            Self::RegisteringSensors => "registering sensors",
            Self::Sending => "sending",
        })
    }
}

/// How far a phase is, told five times a second and at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which phase.
    pub phase: Phase,
    /// Requests that have ended.
    pub done: u64,
    /// Of these, the ones that failed.
    pub failed: u64,
    /// Requests that the phase has in all, if it ends with the last.
    pub total: Option<u64>,
    /// Since the phase began.
    pub elapsed: Duration,
    /// How long the phase lasts, if it ends by the clock.
    pub duration: Option<Duration>,
}

/// Carries out a plan. `progress` is called from the task that awaits the run; the connections
/// are tasks of the surrounding Tokio runtime, and end when the run is dropped.
///
/// # Errors
/// [`SimulateError`] if the plan cannot be used, nobody listens at its URL, the token is refused,
/// or no phone could be registered. Requests that fail later are counted in the report.
pub async fn run(plan: Plan, progress: impl FnMut(Progress)) -> Result<Report, SimulateError> {
    run_until(plan, std::future::pending(), progress).await
}

/// The same, that ends when `stop` does: the report is of what was done until then.
///
/// # Errors
/// As [`run`].
pub async fn run_until(
    plan: Plan,
    stop: impl Future<Output = ()>,
    mut progress: impl FnMut(Progress),
) -> Result<Report, SimulateError> {
    let target = plan.validate()?;
    let addresses = target.addresses().await?;
    let mut connections: Vec<Connection> = (0..plan.connections)
        .map(|_| Connection::new(addresses.clone(), plan.timeout))
        .collect();
    if let Some(first) = connections.first_mut() {
        reach(first, &plan.url).await?;
    }
    let mut run = Run {
        plan: &plan,
        target,
        connections,
        progress: &mut progress,
        stop: Box::pin(stop),
        interrupted: false,
    };
    let mut phases = Vec::new();

    let phones = Arc::new(if plan.phones.is_empty() {
        let (report, phones) = run.register().await?;
        phases.push(report);
        if plan.mix.needs_sensors() && !run.interrupted {
            let phones = Arc::new(phones);
            phases.push(run.register_sensors(Arc::clone(&phones)).await?);
            Arc::unwrap_or_clone(phones)
        } else {
            phones
        }
    } else {
        plan.phones.clone()
    });
    if plan.mix != Mix::Register && !run.interrupted {
        phases.push(run.send(Arc::clone(&phones)).await?);
    }
    Ok(Report {
        connections: plan.connections,
        devices: phones.len(),
        phases,
        interrupted: run.interrupted,
        phones: Arc::unwrap_or_clone(phones),
    })
}

struct Run<'a, P, S> {
    plan: &'a Plan,
    target: Target,
    connections: Vec<Connection>,
    progress: &'a mut P,
    stop: Pin<Box<S>>,
    /// Whether `stop` has ended, and with it the run.
    interrupted: bool,
}

impl<P: FnMut(Progress), S: Future<Output = ()>> Run<'_, P, S> {
    async fn register(&mut self) -> Result<(PhaseReport, Vec<Phone>), SimulateError> {
        let jobs = Jobs::Register {
            target: self.target.clone(),
            token: self.plan.token.clone(),
            label: self.plan.label.clone(),
            encrypted: self.plan.encrypted,
            devices: self.plan.devices,
        };
        let duration = (self.plan.mix == Mix::Register).then_some(self.plan.duration);
        let (report, mut tally) = self.phase(Phase::Registering, jobs, 0.0, duration).await?;
        if tally.registered.is_empty() && !self.interrupted {
            for status in [401, 403] {
                if tally.saw(status) {
                    return Err(SimulateError::Token { status });
                }
            }
            return Err(SimulateError::NoPhones {
                first: tally.reason(),
            });
        }
        // Phone numbers follow the requests, whichever lane sent them.
        tally.registered.sort_unstable_by_key(|(number, _)| *number);
        let phones = tally.registered.drain(..).map(|(_, phone)| phone).collect();
        Ok((report, phones))
    }

    async fn register_sensors(
        &mut self,
        phones: Arc<Vec<Phone>>,
    ) -> Result<PhaseReport, SimulateError> {
        let jobs = Jobs::RegisterSensors {
            target: self.target.clone(),
            phones,
        };
        let (report, _) = self
            .phase(Phase::RegisteringSensors, jobs, 0.0, None)
            .await?;
        Ok(report)
    }

    async fn send(&mut self, phones: Arc<Vec<Phone>>) -> Result<PhaseReport, SimulateError> {
        let mix = self.plan.mix;
        let messages = match self.plan.via_relay {
            false => Messages::new(&self.target, phones, mix),
            true => {
                check_cloudhooks(&phones)?;
                Messages::via_relay(&self.plan.url, phones, mix)
            }
        };
        let jobs = Jobs::Messages(messages);
        let (rate, duration) = (self.plan.rate, Some(self.plan.duration));
        let (report, _) = self.phase(Phase::Sending, jobs, rate, duration).await?;
        Ok(report)
    }

    /// Lets every connection work on `jobs`, until these or the time are used up.
    async fn phase(
        &mut self,
        phase: Phase,
        jobs: Jobs,
        rate: f64,
        duration: Option<Duration>,
    ) -> Result<(PhaseReport, Tally), SimulateError> {
        let total = jobs.count();
        let schedule = Schedule::starting_now(rate, duration);
        let shared = Arc::new(Shared::new(jobs, schedule));
        let mut lanes = JoinSet::new();
        for connection in self.connections.drain(..) {
            lanes.spawn(lane(connection, Arc::clone(&shared)));
        }
        let tell = || Progress {
            phase,
            done: shared.done.load(Ordering::Relaxed),
            failed: shared.failed.load(Ordering::Relaxed),
            total: total.or(schedule.planned()),
            elapsed: schedule.elapsed(),
            duration,
        };
        let mut ticks = interval(PROGRESS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut sum = Tally::default();
        loop {
            tokio::select! {
                joined = lanes.join_next() => match joined {
                    None => break,
                    Some(ended) => {
                        let (connection, tally) = ended
                            .map_err(|error| SimulateError::Task(error.to_string()))??;
                        self.connections.push(connection);
                        sum.add(tally)?;
                    }
                },
                _ = ticks.tick() => (self.progress)(tell()),
                () = &mut self.stop, if !self.interrupted => {
                    self.interrupted = true;
                    shared.stop.send_replace(true);
                }
            }
        }
        (self.progress)(tell());
        let report = sum.report(phase, schedule.elapsed(), schedule.planned());
        Ok((report, sum))
    }
}

/// Every phone must have a way through the relay that simulated phones can take.
fn check_cloudhooks(phones: &[Phone]) -> Result<(), SimulateError> {
    let refuse = |problem: String| SimulateError::Plan {
        field: "via_relay",
        problem,
    };
    for phone in phones {
        let url = phone.cloudhook_url().ok_or_else(|| {
            refuse("the hub gave its phones no cloudhook: is it connected to a relay?".to_owned())
        })?;
        Target::parse(url).map_err(|error| refuse(format!("the cloudhook's address: {error}")))?;
    }
    Ok(())
}
