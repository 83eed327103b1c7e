//! Bad input: the spec's answer, bounded memory, no panic, nothing secret in the log, and a good
//! client that notices nothing.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod bodies;
mod connections;
mod sockets;

use std::time::Duration;

use hearth_e2e::Hub;
use hearth_e2e::bystander::Bystander;

/// The most that the hub may grow to while it is attacked, in MiB. Generous: this is a debug build.
const MEMORY_MIB: u64 = 320;

/// The longest that the good client may wait. Generous: the machine may be busy with other tests.
const WORST: Duration = Duration::from_secs(2);

/// A hub under attack, with a good client beside the attacker.
struct Siege {
    hub: Hub,
    pid: u32,
    bystander: Bystander,
}

impl Siege {
    async fn lay(config: &str) -> Self {
        let hub = Hub::with(config);
        let pid = hub.pid();
        let bystander = Bystander::start(&hub).await;
        Self {
            hub,
            pid,
            bystander,
        }
    }

    /// Ends the attack and checks that it did no harm. `secrets` must not be in the log.
    #[track_caller]
    fn lift(mut self, what: &str, secrets: &[&str]) {
        let seen = self.bystander.finish();
        assert!(self.hub.is_running(), "{what}: the hub ended");
        assert_eq!(self.hub.pid(), self.pid);
        seen.assert_unharmed(WORST, what);
        assert!(seen.peak_mib < MEMORY_MIB, "{what}: {} MiB", seen.peak_mib);
        let log = self.hub.stderr();
        assert!(!log.contains("panicked"), "{what}: the hub panicked");
        for secret in secrets.iter().chain(&[self.hub.token()]) {
            assert!(!log.contains(secret), "{what}: a secret is in the log");
        }
    }
}
