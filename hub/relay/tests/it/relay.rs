//! A relay on a free port, and a client that writes what it is told to.

use std::sync::Arc;
use std::time::Duration;

use hearth_core::env::Env;
use hearth_core::settings::RelaySettings;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_relay::ids::{HubId, WebhookId};
use hearth_relay::store::{Embedded, QueueLimits, ReadLimits};
use hearth_relay::{Relay, Serving, admin};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct TestRelay {
    pub(crate) relay: Relay,
    pub(crate) serving: Serving,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) header: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.header.lines().find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Runs a test with a relay that keeps nothing.
pub(crate) fn with_relay(change: impl FnOnce(&mut RelaySettings), test: impl AsyncFn(&TestRelay)) {
    let mut settings = RelaySettings {
        listen: "127.0.0.1:0".to_owned(),
        admin_listen: "127.0.0.1:0".to_owned(),
        workers: 2,
        address_rate: 1e6,
        address_burst: 1e6,
        ..RelaySettings::default()
    };
    change(&mut settings);
    hearth_testing::run(async move {
        let env = Env::system();
        let store = Store::open(&Location::Memory, StoreSettings::default()).unwrap();
        let limits = QueueLimits {
            messages: settings.queue,
            bytes: settings.queue_bytes,
        };
        let store = Embedded::open(store, env.clone(), limits, settings.seen).unwrap();
        let relay = Relay::open(env, settings, Arc::new(store)).unwrap();
        let serving = hearth_relay::serve(relay.clone()).unwrap();
        let relay = TestRelay { relay, serving };
        test(&relay).await;
        relay.serving.stop().await.unwrap();
    });
}

/// The same with the settings that a relay has.
pub(crate) fn with_default_relay(test: impl AsyncFn(&TestRelay)) {
    with_relay(|_| {}, test);
}

impl TestRelay {
    /// The operator's command, which must succeed.
    pub(crate) async fn admin(&self, command: &str, data: Value) -> Value {
        self.try_admin(command, data).await.unwrap()
    }

    /// The operator's command; an error as its message.
    pub(crate) async fn try_admin(&self, command: &str, data: Value) -> Result<Value, String> {
        let data: Map<String, Value> = data.as_object().unwrap().clone();
        let answer = admin::carry_out(&self.relay, command, data).await;
        answer.map_err(|error| error.message)
    }

    /// A new webhook.
    pub(crate) async fn webhook(&self, wanted: Value) -> WebhookId {
        let made = self.admin("webhook/create", wanted).await;
        made["id"].as_str().unwrap().parse().unwrap()
    }

    /// A new hub that has registered for a webhook with this data.
    pub(crate) async fn hub(&self, webhook: WebhookId, data: Value) -> HubId {
        let made = self.admin("hub/create", json!({})).await;
        let hub = made["id"].as_str().unwrap().parse().unwrap();
        let webhook = self.relay.webhooks.get(webhook).unwrap();
        let (registrations, data) = (&self.relay.registrations, data.to_string());
        let registered = registrations.register(hub, &webhook, &data).await;
        assert_eq!(registered.unwrap(), None);
        hub
    }

    /// The messages that wait for a hub.
    pub(crate) async fn messages(&self, hub: HubId) -> Vec<Value> {
        let limits = ReadLimits {
            messages: 10_000,
            bytes: usize::MAX,
        };
        let page = self.relay.store.read(hub, 0, limits).await.unwrap();
        let messages = page.messages.iter();
        messages
            .map(|queued| serde_json::from_str(queued.delivery.message.get()).unwrap())
            .collect()
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Client {
        let address = self.serving.address();
        Client(TcpStream::connect(address).await.unwrap())
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut client = self.connect().await;
        client.request(method, target, fields, body).await;
        client.reply().await
    }

    /// JSON to a webhook.
    pub(crate) async fn post(&self, webhook: WebhookId, body: Value) -> Reply {
        let target = format!("/webhook/{webhook}");
        let fields = [("content-type", "application/json")];
        let body = body.to_string();
        self.send("POST", &target, &fields, body.as_bytes()).await
    }

    /// What the operator's door says.
    pub(crate) async fn operator(&self, target: &str) -> Reply {
        let address = self.serving.admin_address();
        let mut client = Client(TcpStream::connect(address).await.unwrap());
        client.request("GET", target, &[], b"").await;
        client.reply().await
    }
}

pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn request(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) {
        let mut header = format!("{method} {target} HTTP/1.1\r\nhost: relay.test\r\n");
        for (name, value) in fields {
            header.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            header.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        header.push_str("\r\n");
        let mut bytes = header.into_bytes();
        bytes.extend_from_slice(body);
        self.write(&bytes).await;
    }

    /// The next reply.
    pub(crate) async fn reply(&mut self) -> Reply {
        let reading = tokio::time::timeout(PATIENCE, self.read_reply());
        reading.await.expect("no reply came in time")
    }

    /// Whether the server ends the connection, whatever it says before.
    pub(crate) async fn is_ended(&mut self) -> bool {
        let mut rest = Vec::new();
        let reading = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut rest));
        reading.await.is_ok()
    }

    async fn read_reply(&mut self) -> Reply {
        let mut bytes = Vec::new();
        let end = loop {
            let end = bytes.windows(4).position(|four: &[u8]| four == b"\r\n\r\n");
            if let Some(end) = end {
                break end;
            }
            let mut byte = [0];
            let count = self.0.read(&mut byte).await.unwrap();
            assert!(count > 0, "the connection ended without a reply");
            bytes.extend_from_slice(&byte);
        };
        let header = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = header.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply {
            status,
            header,
            body: String::new(),
        };
        let length = reply
            .field("content-length")
            .unwrap_or("0")
            .parse()
            .unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        reply.body = String::from_utf8(body).unwrap();
        reply
    }
}
