//! One hub's connection, from its greeting to its end.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hearth_core::env::to_hex;
use hearth_core::settings::RelaySettings;
use hearth_relay_protocol::{
    Ack, Drain, Frame, FromHub, FromRelay, Gap, Hello, Limits, Nack, Ping, Welcome, close,
};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::door::Door;
use super::line::{Answer, Line, Order};
use super::outbox::{Outbox, Sender};
use super::requests;
use super::window::{Nacked, Window};
use crate::ids::HubId;
use crate::presence::{Farewell, Nudges, Present};
use crate::registry::DATA_BYTES_MAX;
use crate::relay::Relay;
use crate::store::Seq;

/// How long a hub may take to say who it is.
const GREETING: Duration = Duration::from_secs(10);
/// How long a connection may take to end after its close frame was queued.
const GRACE: Duration = Duration::from_secs(2);
/// The WebSocket's code for a server that restarts.
pub(super) const RESTART: u16 = 1012;
/// Its code for a client that broke a rule: here, one that is shut out.
const POLICY: u16 = 1008;

/// See the module's guide. Lives on its worker's thread.
pub(super) struct Session {
    pub(super) relay: Relay,
    pub(super) hub: HubId,
    pub(super) outbox: Outbox,
    /// What is on its way; replaced when the hub is greeted.
    pub(super) window: RefCell<Arc<Mutex<Window>>>,
    /// How often messages were sent and put off over the connections before.
    pub(super) attempts: RefCell<HashMap<Seq, (u32, u32)>>,
    /// Told of what the delivery has to look at.
    pub(super) woken: Notify,
    /// The delivery waits for acknowledgements.
    pub(super) is_stalled: Cell<bool>,
    /// What comes before a cloudhook's id in its address.
    base: String,
    greeting: RefCell<Option<oneshot::Sender<Greeting>>>,
    line: OnceCell<Arc<Line>>,
    /// The last message that was sent over the connections before: it may be acknowledged here.
    known: Cell<Seq>,
    heard_at: Cell<Instant>,
    pinged_at: Cell<Instant>,
    is_gone: Cell<bool>,
}

/// A hub has said who it is.
pub(super) struct Greeting {
    pub(super) nudges: Nudges,
    pub(super) present: Present,
    pub(super) orders: mpsc::Receiver<Order>,
    /// The last message of which the hub was told that it is lost.
    pub(super) told: Seq,
    pub(super) newest: Seq,
}

impl Session {
    pub(super) fn new(
        relay: Relay,
        hub: HubId,
        base: String,
    ) -> (Rc<Self>, oneshot::Receiver<Greeting>) {
        let (greeting, greeted) = oneshot::channel();
        let now = Instant::now();
        let session = Self {
            relay,
            hub,
            outbox: Outbox::default(),
            window: RefCell::new(Arc::new(Mutex::new(Window::new(1, 1, 0)))),
            attempts: RefCell::default(),
            woken: Notify::new(),
            is_stalled: Cell::new(false),
            base,
            greeting: RefCell::new(Some(greeting)),
            line: OnceCell::new(),
            known: Cell::new(0),
            heard_at: Cell::new(now),
            pinged_at: Cell::new(now),
            is_gone: Cell::new(false),
        };
        (Rc::new(session), greeted)
    }

    /// Lives as long as the connection.
    pub(super) async fn live(self: Rc<Self>, greeting: oneshot::Receiver<Greeting>) {
        let greeted = tokio::select! {
            greeted = timeout(GREETING, greeting) => greeted,
            () = self.until_gone() => return,
        };
        match greeted {
            Ok(Ok(greeting)) => self.serve(greeting).await,
            Ok(Err(_)) => {}
            Err(_) => self.close(close::BAD_FRAME, "expected hello"),
        }
        let _ = timeout(GRACE, self.until_gone()).await;
        self.outbox.end();
    }

    async fn serve(&self, greeting: Greeting) {
        tracing::info!(hub = ?self.hub, "a hub has connected");
        let present = self.deliver(greeting).await;
        if let Some(line) = self.line.get() {
            line.close();
            let is_mine = |_: &HubId, other: &Arc<Line>| Arc::ptr_eq(line, other);
            self.relay.door.lines.remove_if(&self.hub, is_mine);
        }
        let window = Arc::clone(&self.window.borrow());
        self.relay.door.windows.remove_if(&self.hub, |_, other| {
            Arc::ptr_eq(&window, other) && window.lock().sent().next().is_none()
        });
        drop(present);
        tracing::info!(hub = ?self.hub, "a hub's connection has ended");
        if !self.relay.presence.is_connected(self.hub) {
            let (relay, hub) = (self.relay.clone(), self.hub);
            actix_rt::spawn(async move {
                if let Err(error) = relay.hubs.left(hub).await {
                    tracing::debug!(%error, "not noted when a hub was last seen");
                }
            });
        }
    }

    async fn until_gone(&self) {
        while !self.is_gone.get() {
            self.woken.notified().await;
        }
    }

    pub(super) fn line(&self) -> Option<&Arc<Line>> {
        self.line.get()
    }

    /// Whether nothing is to be sent any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_gone.get() || self.outbox.is_closing()
    }

    pub(super) fn is_greeted(&self) -> bool {
        self.line.get().is_some()
    }

    /// Closes the connection at once.
    pub(super) fn close(&self, code: u16, reason: &str) {
        tracing::debug!(hub = ?self.hub, code, reason, "a hub's connection is closed");
        self.outbox.discard_and_close(code, reason);
        self.woken.notify_one();
    }

    /// Something came from the hub.
    pub(super) fn heard(&self) {
        self.heard_at.set(Instant::now());
    }

    /// Takes a frame; what takes a while is to be waited for.
    pub(super) fn receive(self: &Rc<Self>, text: &str) -> Option<LocalBoxFuture<'static, ()>> {
        let frame = match FromHub::read(text) {
            Ok(Some(frame)) => frame,
            Ok(None) => return None,
            Err(error) => {
                self.close(close::BAD_FRAME, &error.to_string());
                return None;
            }
        };
        match (frame, self.line.get()) {
            (FromHub::Hello(hello), _) => self.greet(&hello),
            (_, None) => self.close(close::BAD_FRAME, "expected hello"),
            (FromHub::Ack(ack), _) => self.ack(&ack),
            (FromHub::Nack(nack), _) => self.nack(&nack),
            (FromHub::Res(res), Some(line)) => line.answer(res.rid, Answer::Res(res)),
            (FromHub::ResErr(failed), Some(line)) => {
                line.answer(failed.rid, Answer::Failed(failed));
            }
            (FromHub::Pong(_), _) => {}
            (FromHub::Ping(Ping { n }), _) => {
                self.outbox.push(FromRelay::Pong(Ping { n }).to_text());
            }
            (question, _) => {
                let session = Rc::clone(self);
                let answering = async move {
                    session.outbox.room().await;
                    let answer = requests::answer(&session.relay, session.hub, question).await;
                    if let Some(answer) = answer {
                        session.outbox.push(FromRelay::Result(answer).to_text());
                    }
                };
                return Some(answering.boxed_local());
            }
        }
        None
    }

    fn greet(&self, hello: &Hello) {
        let Some(greeting) = self.greeting.borrow_mut().take() else {
            return self.close(close::BAD_FRAME, "a second hello");
        };
        if hello.v != 1 {
            return self.close(close::BAD_FRAME, "hello: v: expected 1");
        }
        if hello.hub_id != self.hub.to_string() {
            tracing::warn!(hub = ?self.hub, "a hub said that it was another");
            return self.close(close::WRONG_HUB, "the token is that of another hub");
        }
        let door = &self.relay.door;
        // Before the position is read, so that nothing comes between.
        let (nudges, present) = self.relay.presence.enter(self.hub);
        let position = self.relay.store.position(self.hub);
        let start = match hello.cursors.get(&0) {
            Some(cursor) if *cursor <= position.newest => {
                self.relay.store.acked(self.hub, *cursor);
                *cursor
            }
            given => {
                if given.is_some() {
                    tracing::warn!(hub = ?self.hub, "a hub's cursor is ahead of all messages");
                }
                position.acked
            }
        };
        let window = Window::new(hello.window, hello.window_bytes, start);
        let window = Arc::new(Mutex::new(window));
        let before = door.windows.insert(self.hub, Arc::clone(&window));
        if let Some(before) = before {
            let before = before.lock();
            self.known.set(before.through());
            let attempts = before
                .sent()
                .map(|sent| (sent.seq, (sent.attempt, sent.nacks)));
            *self.attempts.borrow_mut() = attempts.collect();
        }
        self.window.replace(window);
        let limits = Door::line_limits(&self.relay.settings);
        let (line, orders) = Line::new(limits, Arc::clone(&door.call_bytes));
        door.lines.insert(self.hub, Arc::clone(&line));
        // The greeting was not taken before, so there is none.
        let _ = self.line.set(line);
        // What the hub had is trimmed, too: only one that was set back asks for that.
        let missed = position.lost > start || position.acked > start;
        let oldest_seq = position.oldest.unwrap_or(position.newest + 1);
        self.welcome(missed.then_some(Gap {
            shard: 0,
            oldest_seq,
        }));
        // The task is there as long as the connection.
        let _ = greeting.send(Greeting {
            nudges,
            present,
            orders,
            told: position.lost,
            newest: position.newest,
        });
    }

    fn welcome(&self, gap: Option<Gap>) {
        let settings = &self.relay.settings;
        let mut id = [0; 8];
        self.relay.env.fill(&mut id);
        let welcome = Welcome {
            session: to_hex(&id),
            ping_s: settings.ping_s,
            dead_s: settings.dead_s,
            gap: gap.into_iter().collect(),
            limits: Limits {
                data_bytes: DATA_BYTES_MAX as u64,
                registrations: settings.registrations_per_hub as u64,
            },
            cloudhook_base: self.base.clone(),
        };
        self.outbox.push(FromRelay::Welcome(welcome).to_text());
    }

    fn ack(&self, ack: &Ack) {
        let window = self.window.borrow();
        let mut window = window.lock();
        let sent = window.through().max(self.known.get());
        if ack.shard != 0 || ack.seq > sent {
            tracing::debug!(hub = ?self.hub, "a hub acknowledged what it was not sent");
            return;
        }
        let taken = window.ack(ack.seq);
        window.skip_to(ack.seq);
        self.relay.store.acked(self.hub, ack.seq);
        let metrics = &self.relay.metrics;
        metrics.acks.inc_by(taken.len() as u64);
        let now = self.relay.env.now().as_micros();
        for sent in taken {
            let micros = now.saturating_sub(sent.received_at.as_micros());
            metrics.deliver_seconds.observe(micros as f64 / 1e6);
        }
        if self.is_stalled.get() {
            self.woken.notify_one();
        }
    }

    fn nack(&self, nack: &Nack) {
        if nack.shard != 0 {
            return;
        }
        let due = Instant::now() + Duration::from_secs(nack.retry_after_s);
        let limit = self.relay.settings.nacks.max(1);
        let nacked = self.window.borrow().lock().nack(nack.seq, due, limit);
        match nacked {
            Nacked::Waits => self.woken.notify_one(),
            Nacked::TooOften => self.bury(nack.seq),
            Nacked::Unknown => {}
        }
    }

    /// Sets a message aside that the hub cannot take.
    fn bury(&self, seq: Seq) {
        let window = Arc::clone(&self.window.borrow());
        let (relay, hub) = (self.relay.clone(), self.hub);
        actix_rt::spawn(async move {
            match relay.store.bury(hub, seq).await {
                Ok(()) => {
                    tracing::warn!(
                        ?hub,
                        seq,
                        "a message was put off too often and is set aside"
                    );
                    window.lock().gone(seq);
                }
                // It is sent once more, and may be put off once more.
                Err(error) => tracing::error!(?hub, seq, %error, "a message is not set aside"),
            }
        });
        self.woken.notify_one();
    }

    /// Looks at the clock; says when to look again.
    pub(super) fn check_clock(&self, now: Instant) -> Instant {
        let settings = &self.relay.settings;
        let dead_at = self.heard_at.get() + Duration::from_secs(settings.dead_s);
        if now >= dead_at {
            self.close(close::DEAD, "nothing was heard for too long");
            return now;
        }
        let blocked_at = self
            .outbox
            .stuck_since()
            .map(|since| since + seconds(settings.blocked_s));
        if blocked_at.is_some_and(|at| now >= at) {
            tracing::info!(hub = ?self.hub, "a hub takes nothing");
            self.close(close::SLOW, "the connection takes nothing");
            return now;
        }
        let ping_every = Duration::from_secs(settings.ping_s.max(1));
        if now >= self.pinged_at.get() + ping_every {
            self.pinged_at.set(now);
            // One that takes nothing has no use for more.
            if self.outbox.has_room() {
                let n = u64::try_from(self.relay.env.monotonic().as_millis()).unwrap_or(0);
                self.outbox.push(FromRelay::Ping(Ping { n }).to_text());
            }
        }
        let next_ping = self.pinged_at.get() + ping_every;
        let next = dead_at.min(next_ping);
        blocked_at.map_or(next, |at| next.min(at))
    }

    /// The relay wants the connection to end.
    pub(super) fn bid_farewell(&self, farewell: Farewell) {
        match farewell {
            Farewell::Replaced => self.close(close::REPLACED, "replaced"),
            Farewell::Revoked => {
                self.relay.door.windows.remove(&self.hub);
                self.close(POLICY, "this hub is shut out");
            }
            Farewell::Draining => {
                self.relay.door.is_draining.store(true, Ordering::Relaxed);
                let reconnect_after_ms = self.spread();
                let drain = FromRelay::Drain(Drain { reconnect_after_ms });
                self.outbox.push(drain.to_text());
                self.outbox.close(RESTART, "the relay stops");
            }
        }
    }

    /// A random pause: the more hubs there are, the longer they spread.
    fn spread(&self) -> u64 {
        let mut random = [0; 8];
        self.relay.env.fill(&mut random);
        let longest = 1000 + 2 * self.relay.presence.len() as u64;
        500 + u64::from_le_bytes(random) % longest
    }
}

impl Sender for Session {
    fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn gone(&self) {
        self.is_gone.set(true);
        self.outbox.give_up();
        self.woken.notify_one();
    }
}

/// When a message is sent again.
pub(super) fn redelivery(settings: &RelaySettings, now: Instant) -> Instant {
    now + seconds(settings.redeliver_s)
}

/// A setting in seconds, kept within what timers can take.
pub(super) fn seconds(setting: f64) -> Duration {
    let longest = Duration::from_secs(24 * 60 * 60);
    Duration::try_from_secs_f64(setting)
        .unwrap_or(longest)
        .clamp(Duration::from_millis(10), longest)
}
