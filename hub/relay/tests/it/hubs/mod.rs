//! What hubs see of a relay, over real sockets; [`TestHub`] says what a test tells it to.

mod cloudhooks;
mod connecting;
mod delivery;
mod hostile;
mod many;
mod registering;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hearth_core::settings::RelaySettings;
use hearth_relay::ids::{HubId, WebhookId};
use hearth_relay_protocol::{
    Ack, Frame, FromHub, FromRelay, Hello, Msg, Nack, PATH, Register, SUBPROTOCOL, Welcome,
};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::relay::{TestRelay, with_relay};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A hub that may connect.
#[derive(Clone)]
struct Account {
    id: HubId,
    token: String,
}

/// A webhook and its secret.
struct Webhook {
    id: WebhookId,
    secret: String,
}

/// A connection as a hub.
struct TestHub {
    socket: WebSocketStream<TcpStream>,
    welcome: Welcome,
    asked: u64,
}

/// Runs a test with a relay that lets hubs connect as often as they like.
fn with_open_relay(change: impl FnOnce(&mut RelaySettings), test: impl AsyncFn(&TestRelay)) {
    with_relay(
        |settings| {
            settings.connections_per_address = 10_000;
            settings.hub_connect_rate = 1e6;
            settings.hub_connect_burst = 1e6;
            settings.hub_address_rate = 1e6;
            settings.hub_address_burst = 1e6;
            settings.hub_rate = 1e6;
            settings.hub_burst = 1e6;
            settings.webhook_rate = 1e6;
            settings.webhook_burst = 1e6;
            change(settings);
        },
        test,
    );
}

impl TestRelay {
    async fn account(&self) -> Account {
        let made = self.admin("hub/create", json!({})).await;
        Account {
            id: made["id"].as_str().unwrap().parse().unwrap(),
            token: made["token"].as_str().unwrap().to_owned(),
        }
    }

    /// A webhook that is routed by the member `to` of the body.
    async fn routed(&self) -> Webhook {
        let made = self
            .admin("webhook/create", json!({"key_path": "body.to"}))
            .await;
        Webhook {
            id: made["id"].as_str().unwrap().parse().unwrap(),
            secret: made["secret"].as_str().unwrap().to_owned(),
        }
    }

    /// A hub that is connected and has registered the key `a` for a webhook.
    async fn ready(&self) -> (Account, Webhook, TestHub) {
        let (account, webhook) = (self.account().await, self.routed().await);
        let mut hub = TestHub::connect(self, &account).await;
        hub.registers(&webhook, json!({"$key": "a"})).await;
        (account, webhook, hub)
    }

    /// Sends the numbers to the hubs of the key `a`.
    async fn send_numbers(&self, webhook: &Webhook, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let body = json!({"to": "a", "n": number});
            assert_eq!(self.post(webhook.id, body).await.status, 200);
        }
    }
}

impl Account {
    fn hello(&self) -> Hello {
        Hello {
            v: 1,
            hub_id: self.id.to_string(),
            agent: "test".to_owned(),
            cursors: BTreeMap::new(),
            window: 32,
            window_bytes: 4 * 1024 * 1024,
        }
    }

    fn hello_after(&self, cursor: u64) -> Hello {
        Hello {
            cursors: BTreeMap::from([(0, cursor)]),
            ..self.hello()
        }
    }
}

/// Opens a WebSocket; the error is the server's refusal.
async fn dial(
    relay: &TestRelay,
    token: &str,
    subprotocol: &str,
) -> Result<WebSocketStream<TcpStream>, Error> {
    let address = relay.serving.address();
    let mut request = format!("ws://{address}{PATH}")
        .into_client_request()
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers.insert("sec-websocket-protocol", subprotocol.parse().unwrap());
    let socket = TcpSocket::new_v4().unwrap();
    // So that a hub that does not read is soon noticed.
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let stream = socket.connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = 8 * 1024;
    let opening = client_async_with_config(request, stream, Some(config));
    let (socket, _) = timeout(PATIENCE, opening).await.expect("no answer")?;
    Ok(socket)
}

/// The next frame that is no ping; else the close code.
async fn next(socket: &mut WebSocketStream<TcpStream>) -> Result<FromRelay, u16> {
    loop {
        let message = timeout(PATIENCE, socket.next()).await.expect("no frame");
        match message {
            Some(Ok(Message::Text(text))) => match FromRelay::read(&text).unwrap().unwrap() {
                FromRelay::Ping(_) => {}
                frame => return Ok(frame),
            },
            Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("the connection ended without a code: {other:?}"),
        }
    }
}

impl TestHub {
    async fn connect(relay: &TestRelay, account: &Account) -> Self {
        Self::connect_with(relay, account, account.hello()).await
    }

    async fn connect_with(relay: &TestRelay, account: &Account, hello: Hello) -> Self {
        let mut socket = dial(relay, &account.token, SUBPROTOCOL).await.unwrap();
        let hello = FromHub::Hello(hello).to_text();
        socket.send(hello.into()).await.unwrap();
        let FromRelay::Welcome(welcome) = next(&mut socket).await.unwrap() else {
            panic!("expected a welcome");
        };
        Self {
            socket,
            welcome,
            asked: 0,
        }
    }

    async fn say(&mut self, frame: FromHub) {
        self.socket.send(frame.to_text().into()).await.unwrap();
    }

    async fn next(&mut self) -> FromRelay {
        next(&mut self.socket).await.unwrap()
    }

    /// The code with which the relay closes the connection.
    async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = next(&mut self.socket).await {
                return code;
            }
        }
    }

    async fn message(&mut self) -> Msg {
        match self.next().await {
            FromRelay::Msg(msg) => msg,
            other => panic!("expected a message, not {other:?}"),
        }
    }

    /// Takes messages with these numbers, in this order; gives the last one's place.
    async fn takes(&mut self, numbers: std::ops::Range<u64>) -> u64 {
        let mut last = 0;
        for expected in numbers {
            let msg = self.message().await;
            assert_eq!(number(&msg), expected);
            assert!(msg.seq > last);
            last = msg.seq;
        }
        last
    }

    async fn ack(&mut self, seq: u64) {
        self.say(FromHub::Ack(Ack { shard: 0, seq })).await;
    }

    async fn nack(&mut self, seq: u64, retry_after_s: u64) {
        let nack = Nack {
            shard: 0,
            seq,
            retry_after_s,
        };
        self.say(FromHub::Nack(nack)).await;
    }

    /// Asks something; messages that come before the answer are not wanted.
    async fn ask(
        &mut self,
        question: impl FnOnce(u64) -> FromHub,
    ) -> hearth_relay_protocol::Result {
        self.asked += 1;
        self.say(question(self.asked)).await;
        match self.next().await {
            FromRelay::Result(result) => {
                assert_eq!(result.id, self.asked);
                result
            }
            other => panic!("expected a result, not {other:?}"),
        }
    }

    async fn register(&mut self, webhook: &Webhook, data: Value) -> hearth_relay_protocol::Result {
        let (webhook_id, secret) = (webhook.id.to_string(), webhook.secret.clone());
        self.ask(|id| {
            FromHub::Register(Register {
                id,
                webhook_id,
                secret,
                data: Some(serde_json::value::to_raw_value(&data).unwrap()),
            })
        })
        .await
    }

    async fn registers(&mut self, webhook: &Webhook, data: Value) {
        let result = self.register(webhook, data).await;
        assert!(result.ok, "{result:?}");
    }

    /// Whether the relay has said all that it had to say.
    async fn hears_nothing_more(&mut self) {
        self.say(FromHub::Ping(hearth_relay_protocol::Ping { n: 77 }))
            .await;
        match self.next().await {
            FromRelay::Pong(pong) => assert_eq!(pong.n, 77),
            other => panic!("expected nothing, not {other:?}"),
        }
    }

    /// Ends without a word.
    fn vanish(self) {
        drop(self);
    }
}

/// The number that a test gave a message.
fn number(msg: &Msg) -> u64 {
    let message: Value = serde_json::from_str(msg.message.get()).unwrap();
    message["body"]["n"].as_u64().unwrap()
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come true in time"));
}
