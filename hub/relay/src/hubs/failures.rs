//! Hubs that try webhooks' secrets: a hub whose registrations fail too often may not register for
//! a while. It outlives the connection.

use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use hearth_core::settings::RelaySettings;

use crate::ids::HubId;

/// The time in which failures are counted.
const COUNTED_FOR: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Failures {
    hubs: DashMap<HubId, Failing>,
    limit: u32,
    pause: Duration,
}

#[derive(Debug)]
struct Failing {
    since: Duration,
    count: u32,
    shut_until: Option<Duration>,
}

impl Failures {
    pub(super) fn new(settings: &RelaySettings) -> Self {
        Self {
            hubs: DashMap::new(),
            limit: settings.registration_failures.max(1),
            pause: Duration::from_secs(settings.registration_pause_s),
        }
    }

    /// How long this hub may not register, at `now` since any steady beginning.
    pub(super) fn shut_for(&self, hub: HubId, now: Duration) -> Option<Duration> {
        let Entry::Occupied(entry) = self.hubs.entry(hub) else {
            return None;
        };
        let failing = entry.get();
        match failing.shut_until {
            Some(until) if now < until => Some(until - now),
            None if now.saturating_sub(failing.since) < COUNTED_FOR => None,
            _ => {
                entry.remove();
                None
            }
        }
    }

    /// A registration of this hub has failed.
    pub(super) fn note(&self, hub: HubId, now: Duration) {
        let mut failing = self.hubs.entry(hub).or_insert(Failing {
            since: now,
            count: 0,
            shut_until: None,
        });
        failing.count += 1;
        if failing.count >= self.limit {
            failing.shut_until = Some(now + self.pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use hearth_core::env::Env;

    use super::*;

    #[test]
    fn a_hub_that_fails_too_often_waits() {
        let settings = RelaySettings {
            registration_failures: 3,
            registration_pause_s: 600,
            ..RelaySettings::default()
        };
        let failures = Failures::new(&settings);
        let (hub, other) = (HubId::random(&Env::system()), HubId::random(&Env::system()));
        let at = Duration::from_secs;
        for second in [0, 1, 70, 71] {
            assert_eq!(failures.shut_for(hub, at(second)), None);
            failures.note(hub, at(second));
        }
        assert_eq!(failures.shut_for(hub, at(72)), None, "two within a minute");
        failures.note(hub, at(72));
        assert_eq!(failures.shut_for(hub, at(73)), Some(at(599)));
        assert_eq!(failures.shut_for(other, at(73)), None);
        assert_eq!(failures.shut_for(hub, at(672)), None);
        assert!(failures.hubs.is_empty());
    }
}
