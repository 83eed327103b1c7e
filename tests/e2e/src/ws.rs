//! A WebSocket client: the auth phase, commands with rising ids, and the events of subscriptions.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::wait::SOON;

/// What came next on a socket.
#[derive(Debug)]
pub enum Next {
    /// A text frame as it was sent.
    Text(String),
    /// The socket was closed: with this code, or without a close frame.
    Closed(Option<u16>),
}

/// One connection.
pub struct Ws {
    stream: WebSocketStream<TcpStream>,
    last_id: u64,
    waiting: VecDeque<Value>,
}

impl Ws {
    /// Connects; the hub's `auth_required` is still to be read.
    pub async fn connect(addr: SocketAddr) -> Self {
        let tcp = TcpStream::connect(addr).await.expect("connect");
        tcp.set_nodelay(true).expect("nodelay");
        let config = WebSocketConfig::default()
            .max_message_size(Some(256 << 20))
            .max_frame_size(Some(256 << 20));
        let url = format!("ws://{addr}/api/websocket");
        let (stream, _) = client_async_with_config(url, tcp, Some(config))
            .await
            .expect("the WebSocket upgrade");
        Self {
            stream,
            last_id: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Connects and passes the auth phase with `token`.
    pub async fn authenticated(addr: SocketAddr, token: &str) -> Self {
        let mut ws = Self::connect(addr).await;
        assert_eq!(ws.json().await["type"], "auth_required");
        ws.send(&json!({"type": "auth", "access_token": token}))
            .await;
        assert_eq!(ws.json().await["type"], "auth_ok");
        ws
    }

    /// Sends one JSON text frame.
    pub async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    /// Sends one text frame as it is.
    pub async fn send_text(&mut self, text: &str) {
        self.try_send_text(text).await.expect("the socket is open");
    }

    /// As [`Ws::send_text`], for a socket that the hub may have closed.
    pub async fn try_send_text(&mut self, text: &str) -> Result<(), Error> {
        self.stream.send(Message::text(text)).await
    }

    /// Sends one binary frame.
    pub async fn send_binary(&mut self, bytes: &[u8]) {
        let message = Message::binary(bytes.to_vec());
        self.stream.send(message).await.expect("the socket is open");
    }

    /// The next text frame or the end of the socket; pings are answered meanwhile.
    pub async fn next(&mut self) -> Next {
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => return Next::Text(text.to_string()),
                    Some(Ok(Message::Close(frame))) => return Next::Closed(code(frame)),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Next::Closed(None),
                }
            }
        };
        match tokio::time::timeout(SOON, next).await {
            Ok(next) => next,
            Err(_) => panic!("nothing on the WebSocket for {SOON:?}"),
        }
    }

    /// The next text frame as JSON; panics when the socket is closed.
    pub async fn json(&mut self) -> Value {
        match self.next().await {
            Next::Text(text) => serde_json::from_str(&text).expect("JSON"),
            Next::Closed(code) => panic!("the socket was closed ({code:?})"),
        }
    }

    /// Reads until the socket is closed; gives the code of the close frame, if there was one.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Next::Closed(code) = self.next().await {
                return code;
            }
        }
    }

    /// Whether no message arrives for `time`, and the socket stays open; pings are answered meanwhile.
    pub async fn silent_for(&mut self, time: Duration) -> bool {
        let message = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => return other,
                }
            }
        };
        self.waiting.is_empty() && tokio::time::timeout(time, message).await.is_err()
    }

    /// An id that was not used yet on this connection.
    pub fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Sends a command with a fresh id and gives its answer whole; events that come first are kept
    /// for [`Ws::event`].
    pub async fn call(&mut self, kind: &str, fields: Value) -> Value {
        let id = self.fresh_id();
        let mut message = fields;
        message["id"] = id.into();
        message["type"] = kind.into();
        self.send(&message).await;
        self.answer(id).await
    }

    /// The answer to the command `id`.
    pub async fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.json().await;
            if message["id"] == id && message["type"] != "event" {
                return message;
            }
            self.waiting.push_back(message);
        }
    }

    /// Sends a command that must succeed and gives its result.
    pub async fn result(&mut self, kind: &str, fields: Value) -> Value {
        let answer = self.call(kind, fields.clone()).await;
        assert_eq!(answer["success"], true, "{kind} {fields}: {answer}");
        assert_eq!(answer["type"], "result", "{kind}: {answer}");
        answer["result"].clone()
    }

    /// Sends a command that must fail and gives its error object.
    pub async fn error(&mut self, kind: &str, fields: Value) -> Value {
        let answer = self.call(kind, fields.clone()).await;
        assert_eq!(answer["success"], false, "{kind} {fields}: {answer}");
        assert_eq!(answer["type"], "result", "{kind}: {answer}");
        answer["error"].clone()
    }

    /// Subscribes to an event type and gives the subscription's id.
    pub async fn subscribe(&mut self, event_type: &str) -> u64 {
        let result = self
            .result("subscribe_events", json!({"event_type": event_type}))
            .await;
        assert!(result.is_null(), "subscribe_events gives null: {result}");
        self.last_id
    }

    /// The next event of a subscription.
    pub async fn event(&mut self, subscription: u64) -> Value {
        let mine = |message: &Value| message["id"] == subscription && message["type"] == "event";
        if let Some(at) = self.waiting.iter().position(mine) {
            return self.waiting.remove(at).expect("found")["event"].clone();
        }
        loop {
            let message = self.json().await;
            if mine(&message) {
                return message["event"].clone();
            }
            self.waiting.push_back(message);
        }
    }

    /// The events of a subscription up to and including the first for which `last` holds.
    pub async fn events_until(
        &mut self,
        subscription: u64,
        last: impl Fn(&Value) -> bool,
    ) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.event(subscription).await;
            let done = last(&event);
            events.push(event);
            if done {
                return events;
            }
        }
    }

    /// The next `state_changed` event of `entity_id`; those of other entities are passed over.
    pub async fn change_of(&mut self, subscription: u64, entity_id: &str) -> Value {
        loop {
            let event = self.event(subscription).await;
            if event["data"]["entity_id"] == entity_id {
                return event;
            }
        }
    }

    /// Closes from the client's side.
    pub async fn close(mut self) {
        let _ = self.stream.close(None).await;
    }
}

fn code(frame: Option<CloseFrame>) -> Option<u16> {
    frame.map(|frame| frame.code.into())
}
