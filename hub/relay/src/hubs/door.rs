//! What the hubs' door shares among its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use dashmap::DashMap;
use hearth_core::settings::RelaySettings;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::failures::Failures;
use super::line::{Line, LineLimits};
use super::window::Window;
use crate::ids::HubId;
use crate::rates::{Rates, Source};

/// Queues that are read at a time: when all hubs come back at once, they come in turn.
const READS: usize = 16;

/// See the module's guide.
pub(crate) struct Door {
    /// How often hubs connect.
    pub(super) hubs: Rates<HubId>,
    /// How often addresses do.
    pub(super) addresses: Rates<Source>,
    /// Who tries webhooks' secrets.
    pub(super) failures: Failures,
    /// The connected hubs' lines.
    pub(super) lines: DashMap<HubId, Arc<Line>>,
    /// What is on its way to each hub. It outlives the connection, so that attempts are counted on.
    pub(super) windows: DashMap<HubId, Arc<Mutex<Window>>>,
    pub(super) reads: Semaphore,
    /// Bytes of all calls that are under way.
    pub(super) call_bytes: Arc<AtomicUsize>,
    /// The relay is about to stop.
    pub(super) is_draining: AtomicBool,
}

impl Door {
    pub(crate) fn new(settings: &RelaySettings) -> Self {
        Self {
            hubs: Rates::new(settings.rates),
            addresses: Rates::new(settings.rates),
            failures: Failures::new(settings),
            lines: DashMap::new(),
            windows: DashMap::new(),
            reads: Semaphore::new(READS),
            call_bytes: Arc::default(),
            is_draining: AtomicBool::new(false),
        }
    }

    pub(super) fn line_limits(settings: &RelaySettings) -> LineLimits {
        LineLimits {
            calls: settings.cloudhook_calls,
            bytes: settings.cloudhook_bytes,
            all_bytes: settings.bodies_limit,
        }
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}
