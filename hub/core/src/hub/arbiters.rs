//! The threads of a hub.

use std::sync::atomic::{AtomicUsize, Ordering};

use actix::{Arbiter, ArbiterHandle};

/// The threads on which integrations and their actors run.
pub struct Arbiters {
    handles: Vec<ArbiterHandle>,
    next: AtomicUsize,
}

impl Arbiters {
    pub(super) fn start(threads: usize) -> Self {
        let threads = match threads {
            0 => std::thread::available_parallelism()
                .map_or(1, |cores| cores.get())
                .min(8),
            given => given,
        };
        Self {
            handles: (0..threads).map(|_| Arbiter::new().handle()).collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// One of them, in turn.
    pub fn next(&self) -> ArbiterHandle {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.handles[turn % self.handles.len()].clone()
    }
}
