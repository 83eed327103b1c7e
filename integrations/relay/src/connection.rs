//! One connection: greets the relay, then carries frames both ways until it ends.
//!
//! Reading and writing are tasks of their own, so that a relay that takes nothing for a moment is
//! still heard.

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hearth_relay_protocol::{BadFrame, Frame, FromHub, FromRelay, Hello, Ping, Welcome, close};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::dial::{DialError, Dialer, Socket};
use crate::link::{Arrived, Link, Welcomed};
use crate::relay::Relay;

/// Seconds until a relay that was greeted must have answered.
const WELCOME: Duration = Duration::from_secs(15);
/// A relay that takes nothing for so long is gone.
const BLOCKED: Duration = Duration::from_secs(20);
/// Frames that may wait for the relay to take them: all that is said after a welcome, and more.
pub(crate) const OUTGOING: usize = 8192;

/// Frames that are written before the relay's taking them is waited for.
const TOGETHER: usize = 256;

/// A frame on its way to the relay.
pub(crate) struct Outgoing {
    pub(crate) text: String,
    /// Held until it is written.
    pub(crate) _turn: Option<OwnedSemaphorePermit>,
}

/// What a connection needs.
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) relay: Arc<Relay>,
    pub(crate) dialer: Arc<Dialer>,
    pub(crate) hello: Hello,
    pub(crate) link: Addr<Link>,
    /// Bounds the messages that are being stored.
    pub(crate) room: Arc<Semaphore>,
}

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error("the relay cannot be connected to: {0}")]
    Dial(#[from] DialError),
    #[error("the relay closed the connection ({code} {reason})")]
    Closed { code: u16, reason: String },
    #[error("the connection broke")]
    Broken,
    #[error("nothing was heard of the relay for too long")]
    Dead,
    #[error("the relay sent a frame that is none: {0}")]
    BadFrame(#[from] BadFrame),
    #[error("the relay did not answer the greeting")]
    Unwelcome,
    #[error("the hub ended the connection")]
    Left,
}

impl Connection {
    /// Lives until the connection ends; what the hub says comes from `outgoing`, and it ends with
    /// it.
    pub(crate) async fn run(self, outgoing: mpsc::Receiver<Outgoing>) -> Ended {
        match self.carry(outgoing).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    async fn carry(
        self,
        outgoing: mpsc::Receiver<Outgoing>,
    ) -> Result<std::convert::Infallible, Ended> {
        let mut socket = self.dialer.dial(&self.relay).await?;
        let hello = FromHub::Hello(self.hello.clone()).to_text();
        socket.send(hello.into()).await.map_err(|_| Ended::Broken)?;
        let (mut sink, mut stream) = socket.split();
        let welcome = match timeout(WELCOME, self.welcome(&mut stream)).await {
            Ok(Ok(welcome)) => welcome,
            Ok(Err(ended)) => return Err(self.leave(&mut sink, ended).await),
            Err(_) => return Err(self.leave(&mut sink, Ended::Unwelcome).await),
        };
        let ping_every = Duration::from_secs(welcome.ping_s.clamp(1, 3600));
        let dead_after = Duration::from_secs(welcome.dead_s.clamp(2, 7200));
        let welcomed = Welcomed {
            connection: self.number,
            welcome,
        };
        // A link that has gone drops `outgoing` too.
        let _ = self.link.send(welcomed).await;
        let (pongs, to_answer) = mpsc::channel(16);
        let writer = write(&mut sink, outgoing, to_answer, ping_every);
        let reader = self.read(&mut stream, pongs, dead_after);
        let ended = tokio::select! {
            ended = writer => ended,
            ended = reader => ended,
        };
        Err(self.leave(&mut sink, ended).await)
    }

    async fn welcome(&self, stream: &mut SplitStream<Socket>) -> Result<Welcome, Ended> {
        loop {
            match next(stream).await? {
                Some(FromRelay::Welcome(welcome)) => return Ok(welcome),
                // A relay may drain before it welcomes; all else comes after.
                Some(FromRelay::Drain(drain)) => {
                    self.hand_on(FromRelay::Drain(drain), None).await;
                }
                _ => {}
            }
        }
    }

    /// Hands on what the relay says.
    async fn read(
        &self,
        stream: &mut SplitStream<Socket>,
        pongs: mpsc::Sender<u64>,
        dead_after: Duration,
    ) -> Ended {
        loop {
            let frame = match timeout_at(Instant::now() + dead_after, next(stream)).await {
                Ok(Ok(frame)) => frame,
                Ok(Err(ended)) => return ended,
                Err(_) => return Ended::Dead,
            };
            match frame {
                // One that floods is answered as often as it takes the answers.
                Some(FromRelay::Ping(Ping { n })) => drop(pongs.try_send(n)),
                None | Some(FromRelay::Pong(_) | FromRelay::Welcome(_)) => {}
                Some(frame @ FromRelay::Msg(_)) => {
                    let Ok(turn) = Arc::clone(&self.room).acquire_owned().await else {
                        return Ended::Left;
                    };
                    self.hand_on(frame, Some(turn)).await;
                }
                Some(frame) => self.hand_on(frame, None).await,
            }
        }
    }

    /// Waits until the link has it: one that is busy lets the relay wait.
    async fn hand_on(&self, frame: FromRelay, turn: Option<OwnedSemaphorePermit>) {
        let arrived = Arrived {
            connection: self.number,
            frame,
            turn,
        };
        // A link that has gone drops `outgoing` too, which ends this connection.
        let _ = self.link.send(arrived).await;
    }

    /// Says why it ends, where the relay did not.
    async fn leave(&self, sink: &mut SplitSink<Socket, Message>, ended: Ended) -> Ended {
        let code = match &ended {
            Ended::Closed { .. } | Ended::Broken | Ended::Dial(_) => None,
            Ended::Dead => Some(close::DEAD),
            Ended::BadFrame(_) | Ended::Unwelcome => Some(close::BAD_FRAME),
            Ended::Left => Some(1001),
        };
        if let Some(code) = code {
            let frame = CloseFrame {
                code: CloseCode::from(code),
                reason: Utf8Bytes::default(),
            };
            // One that takes nothing is not waited for.
            let goodbye = sink.send(Message::Close(Some(frame)));
            let _ = timeout(Duration::from_secs(1), goodbye).await;
        }
        ended
    }
}

/// The next frame; none for one that is not known.
async fn next(stream: &mut SplitStream<Socket>) -> Result<Option<FromRelay>, Ended> {
    let message = match stream.next().await {
        Some(Ok(message)) => message,
        Some(Err(SocketError::Capacity(error))) => {
            let reason = error.to_string();
            let frame = "frame".to_owned();
            return Err(BadFrame { frame, reason }.into());
        }
        None | Some(Err(_)) => return Err(Ended::Broken),
    };
    match message {
        Message::Text(text) => Ok(FromRelay::read(&text)?),
        Message::Close(Some(frame)) => Err(Ended::Closed {
            code: frame.code.into(),
            reason: frame.reason.chars().take(100).collect(),
        }),
        Message::Close(None) => Err(Ended::Closed {
            code: 1005,
            reason: String::new(),
        }),
        Message::Binary(_) => Err(BadFrame {
            frame: "frame".to_owned(),
            reason: "expected text".to_owned(),
        }
        .into()),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
    }
}

/// Writes what the hub says, and pings when it says nothing.
async fn write(
    sink: &mut SplitSink<Socket, Message>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    mut to_answer: mpsc::Receiver<u64>,
    ping_every: Duration,
) -> Ended {
    let mut pings = interval_at(Instant::now() + ping_every, ping_every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0;
    loop {
        let first = tokio::select! {
            frame = outgoing.recv() => match frame {
                Some(frame) => frame,
                None => return Ended::Left,
            },
            Some(n) = to_answer.recv() => own(FromHub::Pong(Ping { n })),
            _ = pings.tick() => {
                number += 1;
                own(FromHub::Ping(Ping { n: number }))
            }
        };
        let written = async {
            let mut turns = Vec::new();
            let mut frame = Some(first);
            // All that is there goes out together.
            while let Some(Outgoing { text, _turn: turn }) = frame {
                sink.feed(text.into()).await?;
                turns.push(turn);
                frame = match turns.len() {
                    TOGETHER.. => None,
                    _ => outgoing.try_recv().ok(),
                };
            }
            sink.flush().await
        };
        match timeout(BLOCKED, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Ended::Broken,
        }
    }
}

fn own(frame: FromHub) -> Outgoing {
    Outgoing {
        text: frame.to_text(),
        _turn: None,
    }
}
