//! `subscribe_entities` on one worker: a snapshot of all states that its sockets share, and every
//! change since, told as difference once for all of them.
//!
//! A snapshot stays good after states have changed: who gets it gets the changes since then behind
//! it. So a thousand clients that connect at once cost one snapshot, while the home goes on.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearth_core::event::{Event, EventData};
use hearth_core::hub::Hub;
use hearth_core::ids::EntityId;
use hearth_core::state::State;
use tokio::time::Instant;

use super::compressed;
use super::fan_out::{FanOut, HandOnAll};

/// More states than this are written on a thread for such work: the worker has other sockets.
const WRITTEN_AT_ONCE: usize = 1000;
/// Changes behind a snapshot, at least, before a new one is made; a large home's may be an eighth
/// of its states.
const FEWEST_SINCE: usize = 256;
/// A snapshot that nobody asks for is given up after this long.
const KEPT: Duration = Duration::from_secs(5);

/// A change of one entity's state, shared by all sockets of a worker that hear it.
pub(super) struct Change {
    pub(super) entity_id: EntityId,
    pub(super) old: Option<Arc<State>>,
    pub(super) new: Option<Arc<State>>,
    json: OnceCell<Bytes>,
}

impl Change {
    /// `None` where the event is no change of state.
    pub(super) fn of(event: &Event) -> Option<Self> {
        match &event.data {
            EventData::StateChanged {
                entity_id,
                old,
                new,
            } => Some(Self {
                entity_id: entity_id.clone(),
                old: old.clone(),
                new: new.clone(),
                json: OnceCell::new(),
            }),
            _ => None,
        }
    }

    /// The difference, written at the first call.
    pub(super) fn json(&self) -> &Bytes {
        self.json.get_or_init(|| {
            let told = compressed::change(self.old.as_deref(), self.new.as_deref());
            Bytes::from(told.unwrap_or_else(|| "{}".to_owned()))
        })
    }
}

/// All states at one moment, and what has changed since.
pub(super) struct Snapshot {
    states: Arc<Vec<Arc<State>>>,
    /// All of them, written; for those who may read all and want all.
    whole: OnceCell<Bytes>,
    since: RefCell<Vec<Rc<Change>>>,
    used: Cell<Instant>,
}

impl Snapshot {
    /// Every state that `wants` lets through, written.
    pub(super) async fn of_those(&self, wants: impl Fn(&State) -> bool) -> Bytes {
        let states = self.states.iter().filter(|state| wants(state));
        written(states.map(Arc::clone).collect()).await
    }

    /// All states, written once.
    pub(super) async fn whole(&self) -> Bytes {
        if let Some(written) = self.whole.get() {
            return written.clone();
        }
        let states = Arc::clone(&self.states);
        let written = written(states.to_vec()).await;
        self.whole.get_or_init(|| written).clone()
    }

    /// What has changed since, in order.
    pub(super) fn since(&self) -> Vec<Rc<Change>> {
        self.since.borrow().clone()
    }
}

async fn written(states: Vec<Arc<State>>) -> Bytes {
    if states.len() <= WRITTEN_AT_ONCE {
        return compressed::added(states.iter()).into();
    }
    let written = actix_web::web::block(move || compressed::added(states.iter())).await;
    // It fails only with the runtime; then nobody hears the answer either.
    written.unwrap_or_else(|_| "{\"a\":{}}".to_owned()).into()
}

/// See the module's guide. Hears the changes for as long as the worker's fan-out does.
#[derive(Default)]
pub(super) struct EntityFeed {
    snapshot: RefCell<Option<Rc<Snapshot>>>,
    /// Those before it that somebody still is about to start from.
    older: RefCell<Vec<Weak<Snapshot>>>,
    /// What is heard while a snapshot is being taken.
    heard: RefCell<Option<Vec<Rc<Change>>>>,
    taking: tokio::sync::Mutex<()>,
}

impl EntityFeed {
    /// Takes note of a change; the fan-out calls this for each, in order.
    pub(super) fn note(&self, change: &Rc<Change>) {
        if let Some(heard) = &mut *self.heard.borrow_mut() {
            heard.push(Rc::clone(change));
        }
        let add = |snapshot: &Snapshot| {
            let mut since = snapshot.since.borrow_mut();
            since.push(Rc::clone(change));
            since.len()
        };
        self.older.borrow_mut().retain(|older| {
            let older = older.upgrade();
            older.is_some_and(|older| add(&older) > 0)
        });
        let most = |snapshot: &Snapshot| FEWEST_SINCE.max(snapshot.states.len() / 8);
        let current = self.snapshot.borrow().clone();
        if current.is_some_and(|snapshot| add(&snapshot) > most(&snapshot)) {
            self.forget();
        }
    }

    /// Starts nobody else from the present snapshot.
    pub(super) fn forget(&self) {
        if let Some(snapshot) = self.snapshot.borrow_mut().take() {
            self.older.borrow_mut().push(Rc::downgrade(&snapshot));
        }
    }

    /// Gives up a snapshot that nobody has asked for in a while.
    pub(super) fn forget_unused(&self, now: Instant) {
        let used = self.snapshot.borrow().as_ref().map(|now| now.used.get());
        if used.is_some_and(|used| now - used > KEPT) {
            self.forget();
        }
    }

    /// A snapshot with every change since. The caller must hear the changes already.
    pub(super) async fn snapshot(&self, hub: &Hub, fan_out: &actix::Addr<FanOut>) -> Rc<Snapshot> {
        let _turn = self.taking.lock().await;
        let known = self.snapshot.borrow().clone();
        if let Some(known) = known {
            known.used.set(Instant::now());
            return known;
        }
        let _listening = Listening::start(self);
        let states = hub.states.all();
        // What is in the states was published before they were read, so after this it was heard.
        hub.bus.settle().await;
        // It fails only when the worker ends.
        let _ = fan_out.send(HandOnAll).await;
        let heard = self.heard.borrow_mut().take().unwrap_or_default();
        let snapshot = Rc::new(Snapshot {
            since: RefCell::new(behind(&states, heard)),
            states: Arc::new(states),
            whole: OnceCell::new(),
            used: Cell::new(Instant::now()),
        });
        *self.snapshot.borrow_mut() = Some(Rc::clone(&snapshot));
        snapshot
    }
}

/// Ends the listening also where the taking is given up half way.
struct Listening<'a>(&'a EntityFeed);

impl<'a> Listening<'a> {
    fn start(feed: &'a EntityFeed) -> Self {
        *feed.heard.borrow_mut() = Some(Vec::new());
        Self(feed)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        *self.0.heard.borrow_mut() = None;
    }
}

/// Of these changes those that `states` do not hold yet: of each entity what comes behind the last
/// change that leads to its state.
fn behind(states: &[Arc<State>], heard: Vec<Rc<Change>>) -> Vec<Rc<Change>> {
    if heard.is_empty() {
        return heard;
    }
    let known: HashMap<&str, &Arc<State>> = states
        .iter()
        .map(|state| (state.entity_id.as_str(), state))
        .collect();
    let mut last_held: HashMap<EntityId, usize> = HashMap::new();
    for (index, change) in heard.iter().enumerate() {
        let is_held = match (known.get(change.entity_id.as_str()), &change.new) {
            (Some(state), Some(new)) => is_same_write(state, new),
            (None, None) => true,
            _ => false,
        };
        if is_held {
            last_held.insert(change.entity_id.clone(), index);
        }
    }
    let is_behind = |index: usize, change: &Change| {
        let held = last_held.get(&change.entity_id);
        held.is_none_or(|held| index > *held)
    };
    heard
        .into_iter()
        .enumerate()
        .filter(|(index, change)| is_behind(*index, change))
        .map(|(_, change)| change)
        .collect()
}

/// Whether both are of one write; one of them may have been reported again since.
fn is_same_write(one: &Arc<State>, other: &Arc<State>) -> bool {
    Arc::ptr_eq(one, other)
        || (one.last_updated == other.last_updated
            && one.last_changed == other.last_changed
            && one.context == other.context
            && one.state == other.state
            && one.attributes.as_json() == other.attributes.as_json())
}
