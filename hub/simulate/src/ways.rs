//! The connections that a lane needs when phones have several ways to the hub.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::fleet::Job;
use crate::lane::{Outcome, Sent, read};
use crate::routes::{Route, Routes, Verdict, verdict};
use crate::schedule::Schedule;
use crate::{Answer, Connection, Target, TransportFault};

/// One lane's connections, one to each server that a route leads to.
pub(crate) struct Ways {
    /// The clock of all lanes, which share the routes.
    schedule: Schedule,
    /// What the keys of this lane's messages begin with.
    nonce: String,
    timeout: Duration,
    open: HashMap<String, Connection>,
}

impl Ways {
    pub(crate) fn new(timeout: Duration, schedule: Schedule) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = since_epoch.unwrap_or_default().as_nanos();
        Self {
            schedule,
            nonce: format!("{:x}-{nanos:x}", std::process::id()),
            timeout,
            open: HashMap::new(),
        }
    }

    /// Sends a job by the first of its phone's routes that takes it. The bytes and the key are the
    /// same on every route, so that the hub runs it once.
    pub(crate) async fn exchange(
        &mut self,
        routes: &Mutex<Routes>,
        job: &Job<'_>,
        number: u64,
    ) -> Sent {
        let key = format!("{}-{number:x}", self.nonce);
        let (to_try, rested) = {
            let routes = lock(routes);
            let now = self.schedule.elapsed();
            (routes.to_try(now), routes.to_look_at(now))
        };
        let mut sent = Sent::from(Outcome::Fault(TransportFault::Connect));
        for route in to_try {
            let (tried, verdict) = self.attempt(routes, route, job, &key).await;
            sent = tried;
            if verdict != Verdict::Failed {
                lock(routes).works(route);
                break;
            }
            lock(routes).failed(route, self.schedule.elapsed());
        }
        if let Some(route) = rested {
            self.look_at(routes, route).await;
        }
        sent
    }

    async fn attempt(
        &mut self,
        routes: &Mutex<Routes>,
        route: Route,
        job: &Job<'_>,
        key: &str,
    ) -> (Sent, Verdict) {
        let url = lock(routes).url(route).unwrap_or_default().to_owned();
        let request = |target: &Target| target.post_once(key, &job.request);
        match self.send(&url, request).await {
            Ok(answer) => {
                let sent = Sent {
                    route: Some(route),
                    ..read(job, &answer)
                };
                (sent, verdict(answer.status, answer.is_relay_error))
            }
            Err(fault) => (Outcome::Fault(fault).into(), Verdict::Failed),
        }
    }

    /// Sees whether a route that failed works again. Webhooks of phones take no GET, so this does
    /// nothing there.
    async fn look_at(&mut self, routes: &Mutex<Routes>, route: Route) {
        let url = lock(routes).url(route).unwrap_or_default().to_owned();
        let seen = match self.send(&url, Target::get).await {
            Ok(answer) => verdict(answer.status, answer.is_relay_error),
            Err(_) => Verdict::Failed,
        };
        match seen {
            Verdict::Failed => lock(routes).failed(route, self.schedule.elapsed()),
            Verdict::Answered | Verdict::Gone => lock(routes).works(route),
        }
    }

    async fn send(
        &mut self,
        url: &str,
        request: impl FnOnce(&Target) -> Box<[u8]>,
    ) -> Result<Answer<'_>, TransportFault> {
        let target = Target::parse(url).map_err(|_| TransportFault::Connect)?;
        if !self.open.contains_key(target.authority()) {
            let addresses = target.addresses().await;
            let addresses = addresses.map_err(|_| TransportFault::Connect)?;
            let connection = Connection::new(addresses, self.timeout);
            self.open.insert(target.authority().to_owned(), connection);
        }
        let connection = self.open.get_mut(target.authority());
        let connection = connection.ok_or(TransportFault::Connect)?;
        connection.exchange(&request(&target)).await
    }
}

/// A lane that panicked in between has left the routes as they were.
fn lock(routes: &Mutex<Routes>) -> MutexGuard<'_, Routes> {
    routes.lock().unwrap_or_else(PoisonError::into_inner)
}
