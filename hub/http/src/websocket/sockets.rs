//! The sockets of one HTTP worker: their outboxes, users and deadlines.
//!
//! A session is only polled while its client reads, so it cannot watch its own clock. The sweep
//! here does, for all sockets of the worker: signing in, pings, slow readers, users who were shut
//! out, and connections that do not end after their close frame.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use actix::{Actor, Addr};
use actix_http::ws::{CloseCode, CloseReason};
use hearth_auth::Authenticated;
use hearth_core::event::Event;
use hearth_core::settings::WebSocketSettings;
use tokio::time::Instant;

use super::commands::WrittenStates;
use super::entity_feed::EntityFeed;
use super::fan_out::{FanOut, Topics};
use super::outbox::Outbox;
use crate::connection::ConnectionSocket;
use crate::door::Door;
use crate::metrics::OpenConnection;

/// How long a connection may take to end after its close frame was queued.
const GRACE: Duration = Duration::from_secs(5);
/// The same when the hub stops.
const LAST_GRACE: Duration = Duration::from_millis(500);
/// Longest time between two looks at the deadlines.
const SWEEP: Duration = Duration::from_secs(1);
/// For how many messages the others wait for a reader that is behind, and how many of these it
/// gets back a second; see [`FanOut`].
const PATIENCE: u32 = 80_000;
const PATIENCE_REGAINED: f64 = 2_000.0;

/// One socket, as all who deal with it on its worker's thread share it.
pub(super) struct Socket {
    pub(super) key: u64,
    pub(super) outbox: Outbox,
    user: RefCell<Option<Authenticated>>,
    reads_all: Cell<bool>,
    connection: Option<ConnectionSocket>,
    sign_in_due: Cell<Option<Instant>>,
    ping_at: Cell<Instant>,
    pong_due: Cell<Option<Instant>>,
    /// Since when more than `slow_queue` messages wait.
    slow_since: Cell<Option<Instant>>,
    /// When the connection is cut off if it has not ended by itself.
    cut_at: Cell<Option<Instant>>,
    patience: Cell<u32>,
    /// The session does not read because its commands have not ended: no pong can be seen.
    is_reading_paused: Cell<bool>,
}

impl Socket {
    /// From now on this user's.
    pub(super) fn sign_in(&self, user: Authenticated) {
        self.sign_in_due.set(None);
        self.set_user(user);
    }

    pub(super) fn set_user(&self, user: Authenticated) {
        self.reads_all.set(user.may_read_all());
        *self.user.borrow_mut() = Some(user);
    }

    /// Whether its user may see what the event speaks of.
    pub(super) fn may_hear(&self, event: &Event) -> bool {
        if self.reads_all.get() {
            return true;
        }
        match (event.entity_id(), &*self.user.borrow()) {
            (None, Some(_)) => true,
            (Some(entity_id), Some(user)) => user.may_read(entity_id),
            (_, None) => false,
        }
    }

    /// Asks the others to wait for this socket because it is behind; no for ever.
    pub(super) fn asks_for_patience(&self) -> bool {
        let left = self.patience.get();
        self.patience.set(left.saturating_sub(1));
        left > 0
    }

    pub(super) fn pong_arrived(&self) {
        self.pong_due.set(None);
    }

    pub(super) fn pause_reading(&self, is_paused: bool) {
        self.is_reading_paused.set(is_paused);
    }

    /// Closes behind what already waits; cuts the connection off if that does not go out.
    pub(super) fn close(&self, reason: CloseReason) {
        self.outbox.close(reason);
        self.end_within(GRACE);
    }

    /// Closes in place of what waits.
    fn discard_and_close(&self, reason: CloseReason) {
        self.outbox.discard_and_close(reason);
        self.end_within(GRACE);
    }

    fn end_within(&self, grace: Duration) {
        self.cut_at.set(Some(Instant::now() + grace));
    }

    fn user_name(&self) -> String {
        let user = self.user.borrow();
        user.as_ref()
            .map_or_else(|| "nobody".to_owned(), |user| user.user.name.clone())
    }
}

/// All sockets of one worker; see the module's guide.
pub(super) struct Sockets {
    pub(super) door: Door,
    pub(super) topics: Topics,
    pub(super) entities: EntityFeed,
    pub(super) written_states: WrittenStates,
    pub(super) fan_out: Addr<FanOut>,
    open: RefCell<HashMap<u64, Rc<Socket>>>,
    last_key: Cell<u64>,
}

thread_local! {
    static WORKER: RefCell<Option<Rc<Sockets>>> = const { RefCell::new(None) };
}

impl Sockets {
    /// Those of the worker on this thread; started at its first socket.
    pub(super) fn of_this_worker(door: &Door) -> Rc<Self> {
        WORKER.with_borrow_mut(|worker| match worker {
            Some(sockets) if sockets.serves(door) => Rc::clone(sockets),
            // A thread may serve another hub before, in tests.
            _ => Rc::clone(worker.insert(Self::start(door))),
        })
    }

    fn serves(&self, door: &Door) -> bool {
        std::sync::Arc::ptr_eq(&self.door.metrics, &door.metrics)
    }

    fn start(door: &Door) -> Rc<Self> {
        let sockets = Rc::new_cyclic(|sockets| Self {
            door: door.clone(),
            topics: Topics::default(),
            entities: EntityFeed::default(),
            written_states: WrittenStates::default(),
            fan_out: FanOut::new(sockets.clone(), door.websocket().queue).start(),
            open: RefCell::default(),
            last_key: Cell::new(0),
        });
        actix::spawn(keep_sweeping(Rc::downgrade(&sockets), door.clone()));
        sockets
    }

    /// Takes a new connection in.
    pub(super) fn open(
        self: Rc<Self>,
        connection: Option<ConnectionSocket>,
        counted: OpenConnection,
    ) -> Place {
        let settings = self.door.websocket();
        let now = Instant::now();
        self.last_key.set(self.last_key.get() + 1);
        let socket = Rc::new(Socket {
            key: self.last_key.get(),
            outbox: Outbox::default(),
            user: RefCell::default(),
            reads_all: Cell::new(false),
            connection,
            sign_in_due: Cell::new(Some(now + Duration::from_secs(settings.auth_timeout_s))),
            ping_at: Cell::new(now + seconds(settings.ping_interval_s)),
            pong_due: Cell::new(None),
            slow_since: Cell::new(None),
            cut_at: Cell::new(None),
            patience: Cell::new(PATIENCE),
            is_reading_paused: Cell::new(false),
        });
        self.open
            .borrow_mut()
            .insert(socket.key, Rc::clone(&socket));
        Place {
            sockets: self,
            socket,
            _counted: counted,
        }
    }

    /// Closes a socket whose user was shut out.
    pub(super) fn shut_out(&self, key: u64) {
        if let Some(socket) = self.open.borrow().get(&key) {
            socket.close(CloseCode::Normal.into());
        }
    }

    /// Cuts off a reader that is too slow: it gets no further message but why.
    pub(super) fn cut_off(&self, socket: &Socket) {
        let waiting = socket.outbox.len();
        tracing::warn!(
            user = socket.user_name(),
            waiting,
            "a socket reads too slowly and is cut off"
        );
        self.door.metrics.cut_off_slow_reader();
        socket.discard_and_close(CloseReason {
            code: CloseCode::Policy,
            description: Some(format!("too slow: {waiting} messages were waiting")),
        });
    }

    fn sweep(&self, since_last: Duration) {
        let now = Instant::now();
        self.entities.forget_unused(now);
        self.written_states.forget_unused(now);
        let regained = (since_last.as_secs_f64() * PATIENCE_REGAINED) as u32;
        // Closing does not change the table: a session leaves it when it is polled.
        for socket in self.open.borrow().values() {
            if is_past(&socket.cut_at, now) {
                socket.cut_at.set(None);
                if let Some(connection) = &socket.connection {
                    connection.cut_off();
                }
            }
            if !socket.outbox.is_closing() {
                let patience = socket.patience.get().saturating_add(regained);
                socket.patience.set(patience.min(PATIENCE));
                self.check(socket, now, self.door.websocket());
            }
        }
    }

    /// Everything that may be wrong with an open socket.
    fn check(&self, socket: &Socket, now: Instant, settings: &WebSocketSettings) {
        if is_past(&socket.sign_in_due, now) {
            return socket.close(CloseCode::Normal.into());
        }
        let user = socket.user.borrow().clone();
        match user.map(|user| self.door.auth.recheck(&user)) {
            Some(Ok(user)) => socket.set_user(user),
            Some(Err(_)) => return socket.close(CloseCode::Normal.into()),
            None => {}
        }
        if socket.outbox.len() <= settings.slow_queue {
            socket.slow_since.set(None);
        } else {
            let since = socket.slow_since.get().unwrap_or(now);
            socket.slow_since.set(Some(since));
            if now - since >= Duration::from_secs(settings.slow_s) {
                return self.cut_off(socket);
            }
        }
        if is_past(&socket.pong_due, now) && !socket.is_reading_paused.get() {
            tracing::debug!(
                user = socket.user_name(),
                "a socket answers no ping and is closed"
            );
            return socket.discard_and_close(CloseCode::Away.into());
        }
        if socket.ping_at.get() <= now {
            socket.ping_at.set(now + seconds(settings.ping_interval_s));
            socket.outbox.ping();
            if socket.pong_due.get().is_none() {
                socket
                    .pong_due
                    .set(Some(now + seconds(settings.pong_timeout_s)));
            }
        }
    }

    fn close_all(&self) {
        for socket in self.open.borrow().values() {
            if !socket.outbox.is_closing() {
                socket.outbox.close(CloseReason {
                    code: CloseCode::Away,
                    description: Some("the hub stops".to_owned()),
                });
            }
            socket.end_within(LAST_GRACE);
        }
    }
}

/// A socket's place among the others, until it is dropped.
pub(super) struct Place {
    pub(super) sockets: Rc<Sockets>,
    pub(super) socket: Rc<Socket>,
    _counted: OpenConnection,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.sockets.open.borrow_mut().remove(&self.socket.key);
    }
}

async fn keep_sweeping(sockets: Weak<Sockets>, door: Door) {
    let settings = door.websocket();
    let shortest = settings.ping_interval_s.min(settings.pong_timeout_s);
    // Short intervals, as tests and labs set them, want a closer look.
    let mut pause = seconds(shortest / 4.0).min(SWEEP);
    let mut is_open = true;
    let closed = door.closed();
    tokio::pin!(closed);
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = &mut closed, if is_open => {
                is_open = false;
                pause = LAST_GRACE / 4;
                if let Some(sockets) = sockets.upgrade() {
                    sockets.close_all();
                }
            }
        }
        match sockets.upgrade() {
            Some(sockets) => sockets.sweep(pause),
            None => return,
        }
    }
}

fn is_past(deadline: &Cell<Option<Instant>>, now: Instant) -> bool {
    deadline.get().is_some_and(|deadline| deadline <= now)
}

/// A setting in seconds, kept within what timers can take.
fn seconds(setting: f64) -> Duration {
    let longest = Duration::from_secs(365 * 24 * 60 * 60);
    Duration::try_from_secs_f64(setting)
        .unwrap_or(longest)
        .clamp(Duration::from_millis(10), longest)
}
