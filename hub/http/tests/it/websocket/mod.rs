//! `/api/websocket` with a real client.

mod commands;
mod entities;
mod ids;
mod limits;
mod pressure;
mod services;
mod sign_in;
mod streams;
mod subscriptions;
mod tokens;
mod users;
mod webhooks;

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use hearth_core::attributes::Attributes;
use hearth_core::event::Context;
use hearth_core::state::StateWrite;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::client::{Client, DEADLINE};
use crate::home::Home;

/// One socket.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    last_id: u64,
}

/// How a socket ended.
#[derive(Debug, PartialEq)]
enum End {
    Closed(u16, String),
    /// Without a close frame.
    CutOff,
}

impl End {
    fn normal() -> Self {
        Self::Closed(1000, String::new())
    }
}

impl Socket {
    /// Connects and takes the greeting.
    async fn open(home: &Home) -> Self {
        let mut socket = Self::over(home.connect().await.stream).await;
        let hello = json!({"type": "auth_required", "ha_version": "2025.4.4"});
        assert_eq!(socket.receive().await, hello);
        socket
    }

    /// Tries to sign in with these header fields (each ending in CRLF), and is refused.
    pub(crate) async fn refused(home: &Home, fields: &str, token: &str) {
        let mut socket = Self::with_fields(home, fields).await;
        let wanted = json!({"type": "auth", "access_token": token});
        socket.send(wanted).await;
        assert_eq!(socket.receive().await["type"], "auth_invalid");
    }

    /// The same, and is let in.
    pub(crate) async fn welcomed(home: &Home, fields: &str, token: &str) {
        let mut socket = Self::with_fields(home, fields).await;
        let wanted = json!({"type": "auth", "access_token": token});
        socket.send(wanted).await;
        assert_eq!(socket.receive().await["type"], "auth_ok");
    }

    async fn with_fields(home: &Home, fields: &str) -> Self {
        let mut request = "ws://hub/api/websocket".into_client_request().unwrap();
        for field in fields.lines() {
            let (name, value) = field.split_once(": ").unwrap();
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let stream = home.connect().await.stream;
        let (stream, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .unwrap();
        let mut socket = Self { stream, last_id: 0 };
        assert_eq!(socket.receive().await["type"], "auth_required");
        socket
    }

    /// Shakes hands over a connection.
    async fn over(stream: TcpStream) -> Self {
        // The tests send what a client should not.
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let url = "ws://hub/api/websocket";
        let (stream, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config))
            .await
            .unwrap();
        Self { stream, last_id: 0 }
    }

    /// Connects and signs in.
    pub(crate) async fn signed_in(home: &Home, token: &str) -> Self {
        Self::signed_in_at(home.address(), token).await
    }

    async fn signed_in_at(address: SocketAddr, token: &str) -> Self {
        let mut socket = Self::over(Client::connect(address).await.stream).await;
        socket.receive().await;
        socket
            .send(json!({"type": "auth", "access_token": token}))
            .await;
        assert_eq!(
            socket.receive().await,
            json!({"type": "auth_ok", "ha_version": "2025.4.4"})
        );
        socket
    }

    async fn admin(home: &Home) -> Self {
        Self::signed_in(home, &home.admin).await
    }

    async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    async fn send_text(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    async fn send_message(&mut self, message: Message) {
        // A server that has heard enough may close; how it ends is what counts.
        let _ = tokio::time::timeout(DEADLINE, self.stream.send(message))
            .await
            .expect("in time");
    }

    /// The next text message, or how the socket ended.
    async fn next_text(&mut self) -> Result<String, End> {
        loop {
            match tokio::time::timeout(DEADLINE, self.stream.next())
                .await
                .expect("in time")
            {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err(End::Closed(frame.code.into(), frame.reason.to_string()));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(_)) | None => return Err(End::CutOff),
            }
        }
    }

    /// The next message.
    async fn receive(&mut self) -> Value {
        let text = self
            .next_text()
            .await
            .unwrap_or_else(|end| panic!("the socket ended: {end:?}"));
        serde_json::from_str(&text).unwrap()
    }

    /// How the socket ends, which must be next.
    async fn end(&mut self) -> End {
        match self.next_text().await {
            Err(end) => end,
            Ok(text) => panic!("not the end: {text}"),
        }
    }

    /// Sends a command under the next id and says which that is.
    async fn give(&mut self, kind: &str, fields: Value) -> u64 {
        self.last_id += 1;
        let mut message = fields;
        message["id"] = self.last_id.into();
        message["type"] = kind.into();
        self.send(message).await;
        self.last_id
    }

    /// Sends a command and takes its reply, which must be next.
    async fn ask(&mut self, kind: &str, fields: Value) -> Value {
        let id = self.give(kind, fields).await;
        let reply = self.receive().await;
        assert_eq!(
            (&reply["id"], &reply["type"]),
            (&json!(id), &json!("result")),
            "{reply}"
        );
        reply
    }

    /// The result of a command that succeeds.
    pub(crate) async fn result(&mut self, kind: &str, fields: Value) -> Value {
        let mut reply = self.ask(kind, fields).await;
        assert_eq!(reply["success"], true, "{reply}");
        reply["result"].take()
    }

    /// Code and message of a command that fails.
    pub(crate) async fn error(&mut self, kind: &str, fields: Value) -> (String, String) {
        let reply = self.ask(kind, fields).await;
        assert_eq!(reply["success"], false, "{reply}");
        let text = |key: &str| reply["error"][key].as_str().unwrap().to_owned();
        (text("code"), text("message"))
    }

    /// Waits until nothing that was sent before is unanswered.
    async fn ping(&mut self) {
        let id = self.give("ping", json!({})).await;
        assert_eq!(self.receive().await, json!({"id": id, "type": "pong"}));
    }
}

/// Writes a state, as an integration would.
async fn set(home: &Home, entity_id: &str, state: &str, attributes: Attributes) {
    let write = StateWrite {
        state: state.into(),
        attributes,
        force: false,
        context: Context::new(&home.door.hub.env),
    };
    home.door
        .hub
        .states
        .set(&entity_id.parse().unwrap(), write)
        .await
        .unwrap();
}

fn refused(id: Value, code: &str, message: &str) -> Value {
    json!({"id": id, "type": "result", "success": false, "error": {"code": code, "message": message}})
}

fn done(id: u64) -> Value {
    json!({"id": id, "type": "result", "success": true, "result": null})
}

/// Waits until something is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waited)
        .await
        .expect("in time");
}

/// The head of an upgrade, for clients that shake hands and then misbehave.
const UPGRADE: &str = "GET /api/websocket HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A connection that has shaken hands and is fed byte for byte.
async fn upgraded(home: &Home) -> Client {
    let mut client = home.connect().await;
    client.send(UPGRADE.as_bytes()).await;
    assert_eq!(client.head().await.unwrap().status, 101);
    client
}
