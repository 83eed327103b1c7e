//! What one connection does in a phase: take the next request, wait until it is due, exchange it,
//! note the outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::fleet::{Job, Jobs};
use crate::report::Tally;
use crate::routes::Route;
use crate::schedule::Schedule;
use crate::ways::Ways;
use crate::{Answer, Connection, Kind, Phone, SimulateError, TransportFault};

/// A phase without an end is given up after so many faults in a row on one connection.
const GIVE_UP_AFTER: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What the lanes of a phase share.
pub(crate) struct Shared {
    pub(crate) jobs: Jobs,
    pub(crate) schedule: Schedule,
    /// Number of the next request.
    pub(crate) next: AtomicU64,
    pub(crate) done: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Set when going on has no sense: the token is refused, nobody answers any more, or
    /// whoever started the run has seen enough.
    pub(crate) stop: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(jobs: Jobs, schedule: Schedule) -> Self {
        Self {
            jobs,
            schedule,
            next: AtomicU64::new(0),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            stop: watch::Sender::new(false),
        }
    }
}

/// How one request ended.
pub(crate) enum Outcome {
    /// 2xx, and done.
    Ok,
    /// 2xx, but the answer says that nothing was done.
    Refused,
    /// Another status.
    Status(u16),
    /// No answer.
    Fault(TransportFault),
}

/// Runs one connection until the phase ends; gives the connection back for the next phase.
pub(crate) async fn lane(
    mut connection: Connection,
    shared: Arc<Shared>,
) -> Result<(Connection, Tally), SimulateError> {
    let mut tally = Tally::default();
    let mut faults_in_a_row = 0;
    let mut stopped = shared.stop.subscribe();
    let mut ways = Ways::new(connection.timeout(), shared.schedule);
    while !*stopped.borrow() {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(job) = shared.jobs.get(number) else {
            break;
        };
        let sent = async {
            let due = shared.schedule.due(number).await?;
            let sent = match job.routes {
                None => exchange(&mut connection, &job).await,
                Some(routes) => ways.exchange(routes, &job, number).await,
            };
            Some((due, sent))
        };
        // An exchange that is cut short is in no count, and its connection is used no more.
        let sent = tokio::select! {
            biased;
            sent = sent => sent,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let Some((due, sent)) = sent else {
            break;
        };
        let Sent {
            outcome,
            body_length,
            phone,
            route,
        } = sent;
        tally.count(job.kind, &outcome, body_length, due.elapsed())?;
        if let (Some(route), Outcome::Ok) = (route, &outcome) {
            tally.took(route);
        }
        shared.done.fetch_add(1, Ordering::Relaxed);
        if let Some(phone) = phone {
            tally.registered.push((number, phone));
        }
        match outcome {
            Outcome::Ok => {
                faults_in_a_row = 0;
                continue;
            }
            Outcome::Fault(_) => {
                faults_in_a_row += 1;
                if faults_in_a_row >= GIVE_UP_AFTER && !shared.schedule.has_end() {
                    shared.stop.send_replace(true);
                }
                tokio::select! {
                    () = sleep(pause(faults_in_a_row)) => {}
                    _ = stopped.wait_for(|stop| *stop) => {}
                }
            }
            Outcome::Status(401 | 403) if job.kind == Kind::Register => {
                shared.stop.send_replace(true);
            }
            Outcome::Refused | Outcome::Status(_) => faults_in_a_row = 0,
        }
        shared.failed.fetch_add(1, Ordering::Relaxed);
    }
    // One fault may be a connection that was closed in good order.
    tally.ended_unanswered(faults_in_a_row > 1);
    Ok((connection, tally))
}

/// What came of a job.
pub(crate) struct Sent {
    pub(crate) outcome: Outcome,
    /// Of the answer.
    pub(crate) body_length: usize,
    /// That a registration brought.
    pub(crate) phone: Option<Phone>,
    /// Which way it took, where there are several.
    pub(crate) route: Option<Route>,
}

impl From<Outcome> for Sent {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            body_length: 0,
            phone: None,
            route: None,
        }
    }
}

async fn exchange(connection: &mut Connection, job: &Job<'_>) -> Sent {
    match connection.exchange(&job.request).await {
        Ok(answer) => read(job, &answer),
        Err(fault) => Outcome::Fault(fault).into(),
    }
}

/// What an answer says of its job.
pub(crate) fn read(job: &Job<'_>, answer: &Answer<'_>) -> Sent {
    let mut phone = None;
    let outcome = match (answer.status, job.phone) {
        (200..300, Some(sender)) => match sender.accepts(job.kind, answer.body, job.thorough) {
            true => Outcome::Ok,
            false => Outcome::Refused,
        },
        (200..300, None) => match serde_json::from_slice::<Phone>(answer.body) {
            Ok(registered) => {
                phone = Some(registered);
                Outcome::Ok
            }
            Err(_) => Outcome::Refused,
        },
        (status, _) => Outcome::Status(status),
    };
    Sent {
        body_length: answer.body.len(),
        phone,
        ..outcome.into()
    }
}

/// How long a lane rests after the `faults`-th fault in a row, so that it does not spin while the
/// server is away.
fn pause(faults: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << faults.saturating_sub(1).min(10))
        .min(LONGEST_PAUSE)
}

/// Waits until a server accepts connections at all, so that a wrong URL is one clear error.
pub(crate) async fn reach(connection: &mut Connection, url: &str) -> Result<(), SimulateError> {
    connection
        .open()
        .await
        .map_err(|fault| SimulateError::Connect {
            url: url.to_owned(),
            fault,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_second() {
        let pauses: Vec<u128> = [1, 2, 3, 6, 7, 100]
            .map(|faults| pause(faults).as_millis())
            .to_vec();
        assert_eq!(pauses, [10, 20, 40, 320, 500, 500]);
    }
}
