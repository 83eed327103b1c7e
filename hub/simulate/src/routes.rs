//! Which way a message takes: through the relay, or straight to the hub (spec relay §7.1). Pure:
//! it says what to try and is told what came of it; sending is the client's.
//!
//! A phone is told up to three addresses when it registers. It tries them in an order, goes on to
//! the next when one fails, and leaves the failed one alone for a while:
//!
//! ```
//! use hearth_simulate::routes::{Addresses, Prefer, Route, Routes, Verdict, verdict};
//! use std::time::Duration;
//!
//! let addresses = Addresses {
//!     cloudhook_url: Some("https://relay.example/c/abc"),
//!     remote_ui_url: None,
//!     instance_url: "http://192.168.1.5:8123",
//!     local_url: None,
//! };
//! let mut routes = Routes::new("5e1f", addresses, Prefer::SeedOrder);
//! let now = Duration::ZERO;
//! assert_eq!(routes.to_try(now), [Route::Cloudhook, Route::Instance]);
//!
//! assert_eq!(verdict(503, false), Verdict::Failed);
//! routes.failed(Route::Cloudhook, now);
//! assert_eq!(routes.to_try(now), [Route::Instance]);
//! assert_eq!(
//!     routes.url(Route::Instance),
//!     Some("http://192.168.1.5:8123/api/webhook/5e1f")
//! );
//!
//! // A minute later it is looked at again, beside the messages.
//! let later = Duration::from_secs(60);
//! assert_eq!(routes.to_look_at(later), Some(Route::Cloudhook));
//! routes.works(Route::Cloudhook);
//! assert_eq!(routes.to_try(later), [Route::Cloudhook, Route::Instance]);
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

/// How long a route is left alone after it failed for the first time.
pub const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// How long at most.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// How long an answer is waited for.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// The header field that makes a message that is sent twice one message: the same for every
/// attempt, another for every message.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The header field by which a relay's own errors are told from the hub's answers.
pub const RELAY_ERROR: &str = "x-hearth-relay-error";

/// A way to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// The cloudhook's address, as it is.
    Cloudhook,
    /// The hub's pages through the relay, and its webhook there.
    RemoteUi,
    /// The hub's own address, and its webhook there.
    Instance,
    /// The hub's address on the home's network.
    Local,
}

impl Route {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cloudhook => "cloudhook",
            Self::RemoteUi => "remote_ui",
            Self::Instance => "instance",
            Self::Local => "local",
        }
    }
}

/// Which routes come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    /// Cloudhook, remote UI, instance.
    #[default]
    SeedOrder,
    /// Those through the relay, then the others.
    Cloud,
    /// Those that need no relay, then the others: what is said at home stays there.
    Local,
}

/// What a phone knows of its hub.
#[derive(Clone, Copy, Debug)]
pub struct Addresses<'a> {
    /// From its registration.
    pub cloudhook_url: Option<&'a str>,
    /// From its registration.
    pub remote_ui_url: Option<&'a str>,
    /// Where it registered.
    pub instance_url: &'a str,
    /// At home, where the phone knows one.
    pub local_url: Option<&'a str>,
}

/// What an answer means for its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The hub has the message, or will never take it: nothing else is tried.
    Answered,
    /// The hub knows the registration no more: the phone must register again.
    Gone,
    /// The route failed: the next is tried.
    Failed,
}

/// What an answer means; one that does not come is [`Verdict::Failed`].
#[must_use]
pub fn verdict(status: u16, is_relay_error: bool) -> Verdict {
    match status {
        _ if is_relay_error => Verdict::Failed,
        404 | 408 | 429 | 500..=599 => Verdict::Failed,
        410 => Verdict::Gone,
        _ => Verdict::Answered,
    }
}

/// The routes of one phone, in their order.
#[derive(Clone, Debug)]
pub struct Routes(Vec<Step>);

#[derive(Clone, Debug)]
struct Step {
    route: Route,
    url: Box<str>,
    /// Failed, and is left alone until then, by any steady clock; and how long that was.
    failed: Option<(Duration, Duration)>,
}

impl Routes {
    /// The routes to a phone's webhook.
    #[must_use]
    pub fn new(webhook_id: &str, addresses: Addresses<'_>, prefer: Prefer) -> Self {
        let below = |base: &str| format!("{}/api/webhook/{webhook_id}", base.trim_end_matches('/'));
        let cloudhook = addresses.cloudhook_url.map(str::to_owned);
        let mut steps: Vec<Step> = [
            (Route::Cloudhook, cloudhook),
            (Route::RemoteUi, addresses.remote_ui_url.map(below)),
            (Route::Instance, Some(below(addresses.instance_url))),
            (Route::Local, addresses.local_url.map(below)),
        ]
        .into_iter()
        .filter_map(|(route, url)| {
            let url = url?.into();
            let failed = None;
            Some(Step { route, url, failed })
        })
        .collect();
        if prefer == Prefer::Local {
            steps.sort_by_key(|step| match step.route {
                Route::Local => 0,
                Route::Instance => 1,
                Route::Cloudhook | Route::RemoteUi => 2,
            });
        }
        Self(steps)
    }

    /// The phone is on the home's network: the direct way comes first, where it knows one.
    pub fn are_at_home(&mut self) {
        if let Some(local) = self.0.iter().position(|step| step.route == Route::Local) {
            self.0[..=local].rotate_right(1);
        }
    }

    /// The routes to try now, in their order. Those that failed are left out; where all have,
    /// those are tried that were left alone for long enough.
    #[must_use]
    pub fn to_try(&self, now: Duration) -> Vec<Route> {
        let routes = |fits: &dyn Fn(&Step) -> bool| {
            let steps = self.0.iter().filter(|step| fits(step));
            steps.map(|step| step.route).collect::<Vec<_>>()
        };
        let good = routes(&|step| step.failed.is_none());
        match good.is_empty() {
            true => routes(&|step| step.is_rested(now)),
            false => good,
        }
    }

    /// The first failed route that was left alone for long enough, to be looked at beside the
    /// messages.
    #[must_use]
    pub fn to_look_at(&self, now: Duration) -> Option<Route> {
        let is_failed = |step: &&Step| step.failed.is_some() && step.is_rested(now);
        self.0.iter().find(is_failed).map(|step| step.route)
    }

    /// A route failed; it is left alone, twice as long each time.
    pub fn failed(&mut self, route: Route, now: Duration) {
        if let Some(step) = self.step(route) {
            let pause = match step.failed {
                // Several messages may have been on their way.
                Some((until, _)) if now < until => return,
                Some((_, pause)) => (2 * pause).min(LONGEST_PAUSE),
                None => FIRST_PAUSE,
            };
            step.failed = Some((now + pause, pause));
        }
    }

    /// A route works.
    pub fn works(&mut self, route: Route) {
        if let Some(step) = self.step(route) {
            step.failed = None;
        }
    }

    /// Where a route leads.
    #[must_use]
    pub fn url(&self, route: Route) -> Option<&str> {
        let step = self.0.iter().find(|step| step.route == route);
        step.map(|step| &*step.url)
    }

    fn step(&mut self, route: Route) -> Option<&mut Step> {
        self.0.iter_mut().find(|step| step.route == route)
    }
}

impl Step {
    fn is_rested(&self, now: Duration) -> bool {
        self.failed.is_none_or(|(until, _)| until <= now)
    }
}

/// Messages that no route took, the oldest first; of locations only the newest is kept.
#[derive(Clone, Debug)]
pub struct Queue<M> {
    waiting: VecDeque<(M, bool)>,
    limit: usize,
}

impl<M> Default for Queue<M> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            limit: 100,
        }
    }
}

impl<M> Queue<M> {
    /// Keeps a message; gives the one that has to go for it.
    pub fn push(&mut self, message: M, is_location: bool) -> Option<M> {
        let older = self.waiting.iter().position(|(_, is)| *is && is_location);
        let gone = match older {
            Some(older) => self.waiting.remove(older),
            None if self.waiting.len() >= self.limit => self.waiting.pop_front(),
            None => None,
        };
        self.waiting.push_back((message, is_location));
        gone.map(|(message, _)| message)
    }

    /// Takes the oldest, to send it again.
    pub fn pop(&mut self) -> Option<M> {
        self.waiting.pop_front().map(|(message, _)| message)
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Addresses<'static> = Addresses {
        cloudhook_url: Some("http://relay/c/x"),
        remote_ui_url: Some("http://relay/ui/"),
        instance_url: "http://hub:8123/",
        local_url: Some("http://10.0.0.2:8123"),
    };

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_order_is_that_of_the_setting_and_of_where_the_phone_is() {
        use Route::{Cloudhook, Instance, Local, RemoteUi};
        for (prefer, order) in [
            (Prefer::SeedOrder, [Cloudhook, RemoteUi, Instance, Local]),
            (Prefer::Cloud, [Cloudhook, RemoteUi, Instance, Local]),
            (Prefer::Local, [Local, Instance, Cloudhook, RemoteUi]),
        ] {
            assert_eq!(Routes::new("w", ALL, prefer).to_try(s(0)), order);
        }
        let mut routes = Routes::new("w", ALL, Prefer::SeedOrder);
        routes.are_at_home();
        assert_eq!(routes.to_try(s(0)), [Local, Cloudhook, RemoteUi, Instance]);
        assert_eq!(routes.url(Cloudhook), Some("http://relay/c/x"));
        assert_eq!(routes.url(RemoteUi), Some("http://relay/ui/api/webhook/w"));
        assert_eq!(routes.url(Instance), Some("http://hub:8123/api/webhook/w"));
    }

    #[test]
    fn only_failures_lead_to_the_next_route() {
        for (status, expected) in [
            (200, Verdict::Answered),
            (201, Verdict::Answered),
            (400, Verdict::Answered),
            (405, Verdict::Answered),
            (410, Verdict::Gone),
            (404, Verdict::Failed),
            (408, Verdict::Failed),
            (429, Verdict::Failed),
            (500, Verdict::Failed),
            (503, Verdict::Failed),
            (599, Verdict::Failed),
        ] {
            assert_eq!(verdict(status, false), expected, "{status}");
            assert_eq!(verdict(status, true), Verdict::Failed, "{status}");
        }
    }

    #[test]
    fn a_failed_route_is_left_alone_twice_as_long_each_time_up_to_a_quarter_of_an_hour() {
        let mut routes = Routes::new("w", ALL, Prefer::SeedOrder);
        let mut now = s(0);
        for pause in [60, 120, 240, 480, 900, 900] {
            routes.failed(Route::Cloudhook, now);
            routes.failed(Route::Cloudhook, now + s(1));
            assert_eq!(routes.to_look_at(now + s(pause - 1)), None, "{pause}");
            now += s(pause);
            assert_eq!(routes.to_look_at(now), Some(Route::Cloudhook), "{pause}");
            assert!(!routes.to_try(now).contains(&Route::Cloudhook));
        }
        routes.works(Route::Cloudhook);
        assert_eq!(routes.to_try(now)[0], Route::Cloudhook);
        routes.failed(Route::Cloudhook, now);
        assert_eq!(routes.to_look_at(now + s(60)), Some(Route::Cloudhook));
    }

    #[test]
    fn when_all_have_failed_those_are_tried_that_have_rested() {
        let mut routes = Routes::new("w", ALL, Prefer::SeedOrder);
        for (seconds, route) in [
            (0, Route::Cloudhook),
            (1, Route::RemoteUi),
            (2, Route::Instance),
            (3, Route::Local),
        ] {
            routes.failed(route, s(seconds));
        }
        assert_eq!(routes.to_try(s(59)), []);
        assert_eq!(routes.to_try(s(61)), [Route::Cloudhook, Route::RemoteUi]);
    }

    #[test]
    fn a_hundred_messages_wait_and_of_locations_the_newest() {
        let mut queue = Queue::default();
        assert_eq!(queue.push(0, true), None);
        for number in 1..100 {
            assert_eq!(queue.push(number, false), None);
        }
        assert_eq!(queue.push(100, true), Some(0));
        assert_eq!(queue.push(101, false), Some(1));
        assert_eq!((queue.len(), queue.is_empty()), (100, false));
        assert_eq!(queue.pop(), Some(2));
    }
}
