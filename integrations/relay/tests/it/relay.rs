//! A relay that says what a test has it say.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hearth_relay_protocol::{
    Frame, FromHub, FromRelay, Hello, Limits, Msg, Result as Outcome, Welcome,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where hubs connect.
pub(crate) struct Relay {
    listener: TcpListener,
}

/// One hub's connection.
pub(crate) struct Session {
    socket: WebSocketStream<TcpStream>,
    /// What the hub said first.
    pub(crate) hello: Hello,
    /// What it asked for in the handshake: path, token, subprotocol.
    pub(crate) asked: [String; 3],
}

impl Relay {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// The next connection, greeted by the hub.
    pub(crate) async fn greeted(&self) -> Session {
        within(async {
            let (stream, _) = self.listener.accept().await.unwrap();
            let mut asked = Default::default();
            let answer = |request: &Request, mut response: Response| {
                let header = |name: &str| {
                    let value = request.headers().get(name).unwrap();
                    value.to_str().unwrap().to_owned()
                };
                asked = [
                    request.uri().path().to_owned(),
                    header("authorization"),
                    header("sec-websocket-protocol"),
                ];
                let protocol = HeaderValue::from_static("hearth-relay.v1");
                let headers = response.headers_mut();
                headers.insert("sec-websocket-protocol", protocol);
                Ok(response)
            };
            let mut socket = tokio_tungstenite::accept_hdr_async(stream, answer)
                .await
                .unwrap();
            let text = socket.next().await.unwrap().unwrap().into_text().unwrap();
            let Some(FromHub::Hello(hello)) = FromHub::read(&text).unwrap() else {
                panic!("expected a hello, got {text}");
            };
            Session {
                socket,
                hello,
                asked,
            }
        })
        .await
    }

    /// The next connection, welcomed.
    pub(crate) async fn welcomed(&self) -> Session {
        let mut session = self.greeted().await;
        session.welcome().await;
        session
    }

    /// Refuses the next connection.
    pub(crate) async fn refuse(&self, status: u16, retry_after: Option<&'static str>) {
        within(async {
            let (stream, _) = self.listener.accept().await.unwrap();
            let answer = |_: &Request, _: Response| {
                let mut response = ErrorResponse::new(None);
                *response.status_mut() = status.try_into().unwrap();
                if let Some(seconds) = retry_after {
                    let value = HeaderValue::from_static(seconds);
                    response.headers_mut().insert("retry-after", value);
                }
                Err(response)
            };
            let refused = tokio_tungstenite::accept_hdr_async(stream, answer).await;
            assert!(refused.is_err());
        })
        .await;
    }
}

pub(crate) fn welcome() -> Welcome {
    Welcome {
        session: "s".to_owned(),
        ping_s: 30,
        dead_s: 75,
        gap: Vec::new(),
        limits: Limits {
            data_bytes: 16_384,
            registrations: 1000,
        },
        cloudhook_base: "https://relay.example/c/".to_owned(),
    }
}

impl Session {
    pub(crate) async fn welcome(&mut self) {
        self.say(FromRelay::Welcome(welcome())).await;
        // Which cloudhooks there are is told at once.
        let published = self.published().await;
        self.confirm(published.0).await;
    }

    pub(crate) async fn say(&mut self, frame: FromRelay) {
        self.say_text(&frame.to_text()).await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.socket.send(text.into()).await.unwrap();
    }

    /// The next frame of the hub.
    pub(crate) async fn hears(&mut self) -> FromHub {
        within(async {
            loop {
                match self.socket.next().await.unwrap().unwrap() {
                    Message::Text(text) => return FromHub::read(&text).unwrap().unwrap(),
                    Message::Close(close) => panic!("the hub closed the connection: {close:?}"),
                    _ => {}
                }
            }
        })
        .await
    }

    /// The code with which the hub closes.
    pub(crate) async fn close_code(&mut self) -> u16 {
        within(async {
            loop {
                if let Message::Close(Some(close)) = self.socket.next().await.unwrap().unwrap() {
                    return close.code.into();
                }
            }
        })
        .await
    }

    pub(crate) async fn close(mut self, code: u16) {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.socket.close(Some(frame)).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }

    /// The hub's list of cloudhooks: number of the question, and ids.
    pub(crate) async fn published(&mut self) -> (u64, Vec<String>) {
        match self.hears().await {
            FromHub::CloudhookPublish(publish) => (publish.id, publish.cloudhook_ids),
            other => panic!("expected the cloudhooks, got {other:?}"),
        }
    }

    /// The next registration, as (number, webhook, secret, data).
    pub(crate) async fn registration(&mut self) -> (u64, String, String, Value) {
        match self.hears().await {
            FromHub::Register(register) => {
                let data = register.data.map_or(Value::Null, |data| {
                    serde_json::from_str(data.get()).unwrap()
                });
                (register.id, register.webhook_id, register.secret, data)
            }
            other => panic!("expected a registration, got {other:?}"),
        }
    }

    pub(crate) async fn confirm(&mut self, id: u64) {
        self.answer(Outcome {
            id,
            ok: true,
            ..Outcome::default()
        })
        .await;
    }

    pub(crate) async fn answer(&mut self, outcome: Outcome) {
        self.say(FromRelay::Result(outcome)).await;
    }

    /// Sends a message whose body is its delivery's name.
    pub(crate) async fn deliver(
        &mut self,
        seq: u64,
        webhook_id: &str,
        delivery: &str,
        attempt: u32,
    ) {
        let message = json!({
            "headers": {"content-type": "text/plain"}, "query": {"a": "1"}, "body": delivery,
            "body_type": "text", "raw_body": "", "raw_headers": [["content-type", "text/plain"]],
            "method": "POST", "received_at": "2026-01-01T00:00:00.000000+00:00",
        });
        self.say(FromRelay::Msg(Msg {
            shard: 0,
            seq,
            delivery_id: delivery.to_owned(),
            webhook_id: webhook_id.to_owned(),
            attempt,
            message: RawValue::from_string(message.to_string()).unwrap(),
        }))
        .await;
    }
}

pub(crate) fn cursors(of: &[(u32, u64)]) -> BTreeMap<u32, u64> {
    of.iter().copied().collect()
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("what must come did not come in time")
}
