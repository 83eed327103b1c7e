//! Turns: of those who work on one device, one at a time; on different devices, all at once.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

type Queues = Arc<Mutex<HashMap<Arc<str>, Arc<Queue<()>>>>>;

/// Hands out turns by name, in the order of asking.
#[derive(Default)]
pub(crate) struct Turns(Queues);

impl Turns {
    /// Waits for the turn on `name`; it ends when the guard is dropped.
    pub(crate) async fn take(&self, name: &Arc<str>) -> Turn {
        let queue = Arc::clone(self.0.lock().entry(Arc::clone(name)).or_default());
        Turn {
            guard: Some(queue.lock_owned().await),
            name: Arc::clone(name),
            queues: Arc::clone(&self.0),
        }
    }
}

/// Somebody's turn.
pub(crate) struct Turn {
    guard: Option<OwnedMutexGuard<()>>,
    name: Arc<str>,
    queues: Queues,
}

impl Drop for Turn {
    /// The last one takes the queue away.
    fn drop(&mut self) {
        let mut queues = self.queues.lock();
        self.guard = None;
        // One count is the table's: nobody holds or awaits this turn.
        if queues
            .get(&self.name)
            .is_some_and(|queue| Arc::strong_count(queue) == 1)
        {
            queues.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_turn_waits_for_the_one_before_and_leaves_nothing_behind() {
        let turns = Turns::default();
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let first = turns.take(&one).now_or_never().unwrap();
        assert!(turns.take(&other).now_or_never().is_some());
        let mut second = Box::pin(turns.take(&one));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        drop(second.now_or_never().unwrap());
        assert!(turns.0.lock().is_empty());
    }
}
