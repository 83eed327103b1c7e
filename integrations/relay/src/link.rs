//! The actor that keeps the connection: it connects, speaks for the hub, and connects again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use hearth_core::hub::Hub;
use hearth_core::ids::WebhookId;
use hearth_core::settings::RelayLinkSettings;
use hearth_relay_protocol::{
    Cancel, Drain, Frame, FromHub, FromRelay, Hello, Result as Outcome, WINDOW_BYTES_DEFAULT,
    Welcome, close,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::backoff::Backoff;
use crate::cloudhooks::Cloudhooks;
use crate::commands::Waiting;
use crate::connection::{Connection, Ended, OUTGOING, Outgoing};
use crate::dial::{AGENT, DialError, Dialer};
use crate::inbox::Inbox;
use crate::journal::{Journal, Remembered};
use crate::notices::{self, Notice};
use crate::relay::Relay;
use crate::webhooks::Webhooks;

/// How long the relay may take to answer a question.
const ANSWER: Duration = Duration::from_secs(10);
/// Questions that may wait for the actor, which takes each up at once.
const MAILBOX: usize = 1024;
/// Messages that may wait to be stored.
const STORING: usize = 1024;
/// The longest that a relay may send the hub away for.
const DRAIN_MAX: Duration = Duration::from_secs(3600);
/// How long the end of a connection is waited for when the hub stops.
const GOODBYE: Duration = Duration::from_millis(700);

/// See the module's guide.
pub(crate) struct Link {
    pub(crate) hub: Hub,
    pub(crate) relay: Arc<Relay>,
    pub(crate) settings: RelayLinkSettings,
    pub(crate) state: State,
    pub(crate) inbox: Inbox,
    pub(crate) journal: Journal,
    pub(crate) webhooks: Webhooks,
    pub(crate) cloudhooks: Cloudhooks,
    /// Whoever waits for a cloudhook that is being made.
    pub(crate) creating: HashMap<WebhookId, Vec<Waiting>>,
    /// Requests under way, by the relay's number.
    pub(crate) calls: HashMap<u64, SpawnHandle>,
    /// Bounds the requests under way until their answers are written.
    pub(crate) turns: Arc<Semaphore>,
    dialer: Arc<Dialer>,
    backoff: Backoff,
    /// Of the connection; what an older one brings is not looked at.
    number: u64,
    /// To the relay; none while there is no connection.
    outgoing: Option<mpsc::Sender<Outgoing>>,
    /// Questions that the relay has not answered.
    asked: HashMap<u64, oneshot::Sender<Outcome>>,
    next_id: u64,
    /// Where the relay said when to come again.
    drain: Option<Duration>,
    room: Arc<Semaphore>,
    closing: Option<oneshot::Sender<()>>,
}

/// How the connection is.
#[derive(Clone, Debug)]
pub(crate) enum State {
    /// On its way.
    Connecting,
    /// Open.
    Connected {
        /// Since when, by the steady clock.
        since: Duration,
        /// What cloudhooks' addresses begin with.
        base: String,
    },
    /// It failed, and is tried again.
    Waiting(String),
    /// It is not tried again before a person has done something.
    Stopped(String),
}

/// The relay is not there, or did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreached;

impl Link {
    /// With what the store remembers of this relay.
    pub(crate) fn new(hub: Hub, relay: Relay, dialer: Dialer, remembered: Remembered) -> Self {
        let settings = hub.settings.relay_link.clone();
        let longest = Duration::from_secs(settings.reconnect_max_s.max(1));
        let now = hub.env.monotonic();
        let mut webhooks = Webhooks::default();
        for id in remembered.webhooks {
            webhooks.restore(id, now);
        }
        Self {
            inbox: Inbox::new(remembered.cursors.clone(), remembered.seen, settings.seen),
            journal: Journal::new(hub.store.clone(), relay.key(), remembered.cursors),
            webhooks,
            cloudhooks: remembered.cloudhooks,
            creating: HashMap::new(),
            calls: HashMap::new(),
            turns: Arc::new(Semaphore::new(
                settings.calls.clamp(1, Semaphore::MAX_PERMITS),
            )),
            state: State::Connecting,
            dialer: Arc::new(dialer),
            backoff: Backoff::new(longest),
            number: 0,
            outgoing: None,
            asked: HashMap::new(),
            next_id: 0,
            drain: None,
            room: Arc::new(Semaphore::new(STORING)),
            closing: None,
            relay: Arc::new(relay),
            settings,
            hub,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    fn connect(&mut self, ctx: &mut Context<Self>) {
        self.number += 1;
        self.state = State::Connecting;
        self.drain = None;
        self.inbox.starts_over();
        let (outgoing, receiver) = mpsc::channel(OUTGOING);
        self.outgoing = Some(outgoing);
        let connection = Connection {
            number: self.number,
            relay: Arc::clone(&self.relay),
            dialer: Arc::clone(&self.dialer),
            hello: Hello {
                v: 1,
                hub_id: self.relay.hub_id.clone(),
                agent: AGENT.to_owned(),
                cursors: self.journal.cursors().clone(),
                window: self.settings.window,
                window_bytes: WINDOW_BYTES_DEFAULT,
            },
            link: ctx.address(),
            room: Arc::clone(&self.room),
        };
        let life = connection.run(receiver).into_actor(self);
        ctx.spawn(life.map(|ended, link, ctx| link.ended(&ended, ctx)));
    }

    fn welcomed(&mut self, welcome: Welcome, ctx: &mut Context<Self>) {
        let waiting = self.webhooks.len();
        tracing::info!(session = %welcome.session, webhooks = waiting, "connected to the relay");
        self.state = State::Connected {
            since: self.hub.env.monotonic(),
            base: welcome.cloudhook_base.clone(),
        };
        notices::dismiss(&self.hub, Notice::Connection);
        if !welcome.gap.is_empty() {
            tracing::warn!(gap = ?welcome.gap, "messages expired at the relay before the hub took them");
            let message = "The hub was away from its relay for so long that messages expired: \
                 some webhooks were lost.";
            notices::show(&self.hub, Notice::Gap, message);
        }
        self.register_all(ctx);
        self.unregister_unwanted(ctx);
        self.tell_cloudhooks(&welcome.cloudhook_base, ctx);
    }

    fn ended(&mut self, ended: &Ended, ctx: &mut Context<Self>) {
        self.outgoing = None;
        self.asked.clear();
        for (_, call) in self.calls.drain() {
            ctx.cancel_future(call);
        }
        if let Some(closing) = self.closing.take() {
            // Whoever asked may have gone.
            let _ = closing.send(());
            return;
        }
        if let State::Connected { since, .. } = self.state {
            self.backoff
                .had_lived(self.hub.env.monotonic().saturating_sub(since));
        }
        match self.after(ended) {
            Next::Again(pause) => {
                tracing::warn!(
                    reason = %ended,
                    again_in_s = pause.as_secs_f64(),
                    "not connected to the relay"
                );
                self.state = State::Waiting(ended.to_string());
                ctx.run_later(pause, Self::connect);
            }
            Next::Stop(why) => {
                tracing::error!(reason = why, "the relay is not connected to any more");
                notices::show(&self.hub, Notice::Connection, why);
                self.state = State::Stopped(why.to_owned());
            }
        }
    }

    /// What follows the end of a connection.
    fn after(&mut self, ended: &Ended) -> Next {
        let random = u64::from_le_bytes(random_bytes(&self.hub));
        let longest = Duration::from_secs(self.settings.reconnect_max_s.max(1));
        match ended {
            Ended::Dial(DialError::Refused { status: 401, .. }) => Next::Stop(
                "The relay does not know this hub's token: set `relay_link.token` and start the hub again.",
            ),
            Ended::Closed {
                code: close::WRONG_HUB,
                ..
            } => Next::Stop(
                "The token is that of another hub: set `relay_link.hub_id` and start the hub again.",
            ),
            Ended::Dial(DialError::Refused { status: 403, .. }) => {
                let why = "The relay has switched this hub off.";
                notices::show(&self.hub, Notice::Connection, why);
                Next::Again(longest)
            }
            // Two hubs with one token would throw each other out for ever.
            Ended::Closed {
                code: close::REPLACED,
                ..
            } => {
                let why =
                    "Another hub uses this hub's token at the relay, and has taken its place.";
                notices::show(&self.hub, Notice::Connection, why);
                Next::Again(longest)
            }
            Ended::Dial(DialError::Refused {
                retry_after: Some(told),
                ..
            }) => Next::Again(self.backoff.pause(random).max(*told)),
            Ended::Closed { .. } | Ended::Broken if self.drain.is_some() => {
                Next::Again(self.drain.take().unwrap_or_default())
            }
            _ => Next::Again(self.backoff.pause(random)),
        }
    }

    /// Says something to the relay; nothing where there is no connection.
    pub(crate) fn say(&mut self, frame: &FromHub, turn: Option<OwnedSemaphorePermit>) {
        let Some(outgoing) = &self.outgoing else {
            return;
        };
        let text = frame.to_text();
        if outgoing.try_send(Outgoing { text, _turn: turn }).is_err() {
            tracing::error!("the relay takes nothing; the connection is ended");
            self.hang_up();
        }
    }

    /// Ends the connection; another follows.
    pub(crate) fn hang_up(&mut self) {
        // The connection ends with it.
        self.outgoing = None;
    }

    /// Asks the relay something.
    pub(crate) fn ask_relay<Q: FnOnce(u64) -> FromHub>(
        &mut self,
        question: Q,
    ) -> impl Future<Output = Result<Outcome, Unreached>> + use<Q> {
        let answer = self.is_connected().then(|| {
            self.next_id += 1;
            let (sender, receiver) = oneshot::channel();
            self.asked.retain(|_, waiting| !waiting.is_closed());
            self.asked.insert(self.next_id, sender);
            self.say(&question(self.next_id), None);
            receiver
        });
        async move {
            let answer = answer.ok_or(Unreached)?;
            match tokio::time::timeout(ANSWER, answer).await {
                Ok(Ok(outcome)) => Ok(outcome),
                Ok(Err(_)) | Err(_) => Err(Unreached),
            }
        }
    }

    fn frame(
        &mut self,
        frame: FromRelay,
        turn: Option<OwnedSemaphorePermit>,
        ctx: &mut Context<Self>,
    ) {
        match frame {
            FromRelay::Msg(msg) => self.message(msg, turn, ctx),
            FromRelay::Req(req) => self.call(req, ctx),
            FromRelay::Cancel(Cancel { rid }) => {
                if let Some(call) = self.calls.remove(&rid) {
                    ctx.cancel_future(call);
                }
            }
            FromRelay::Result(outcome) => {
                if let Some(waiting) = self.asked.remove(&outcome.id) {
                    // Whoever asked may have given up.
                    let _ = waiting.send(outcome);
                }
            }
            FromRelay::Drain(Drain { reconnect_after_ms }) => {
                let after = Duration::from_millis(reconnect_after_ms).min(DRAIN_MAX);
                self.drain = Some(after);
            }
            // The connection's own.
            FromRelay::Welcome(_) | FromRelay::Ping(_) | FromRelay::Pong(_) => {}
        }
    }
}

/// What follows the end of a connection.
enum Next {
    Again(Duration),
    Stop(&'static str),
}

fn random_bytes(hub: &Hub) -> [u8; 8] {
    let mut bytes = [0; 8];
    hub.env.fill(&mut bytes);
    bytes
}

impl Actor for Link {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.unregister_later(ctx);
        self.connect(ctx);
    }
}

/// The relay has welcomed the hub.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Welcomed {
    pub(crate) connection: u64,
    pub(crate) welcome: Welcome,
}

impl Handler<Welcomed> for Link {
    type Result = ();

    fn handle(&mut self, welcomed: Welcomed, ctx: &mut Self::Context) {
        if welcomed.connection == self.number {
            self.welcomed(welcomed.welcome, ctx);
        }
    }
}

/// The relay has said something.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Arrived {
    pub(crate) connection: u64,
    pub(crate) frame: FromRelay,
    /// Held until what it says is stored.
    pub(crate) turn: Option<OwnedSemaphorePermit>,
}

impl Handler<Arrived> for Link {
    type Result = ();

    fn handle(&mut self, arrived: Arrived, ctx: &mut Self::Context) {
        if arrived.connection == self.number {
            self.frame(arrived.frame, arrived.turn, ctx);
        }
    }
}

/// Ends the connection and the actor.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Close;

impl Handler<Close> for Link {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Close, _: &mut Self::Context) -> Self::Result {
        let (sender, ended) = oneshot::channel();
        let is_open = self.outgoing.take().is_some();
        self.closing = Some(sender);
        let goodbye = async move {
            if is_open {
                let _ = tokio::time::timeout(GOODBYE, ended).await;
            }
        };
        Box::pin(goodbye.into_actor(self).map(|(), _, ctx| ctx.stop()))
    }
}
