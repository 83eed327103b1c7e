//! The relay is killed while deliveries are under way: nothing acknowledged is lost, the order is
//! kept, and repeats are known by their ids.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hearth_e2e::Http;
use hearth_e2e::wait::until;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::server::{Relay, Webhook};

const SENDERS: usize = 8;
/// Deliveries that must have been made between two kills.
const BETWEEN_KILLS: usize = 400;
const KILLS: usize = 3;

/// No rate stands in the way, and the queue takes all.
const OPEN: &[(&str, &str)] = &[
    ("HEARTH__RELAY__HUB_RATE", "1000000"),
    ("HEARTH__RELAY__HUB_BURST", "1000000"),
    ("HEARTH__RELAY__WEBHOOK_RATE", "1000000"),
    ("HEARTH__RELAY__WEBHOOK_BURST", "1000000"),
    ("HEARTH__RELAY__ADDRESS_RATE", "1000000"),
    ("HEARTH__RELAY__ADDRESS_BURST", "1000000"),
    ("HEARTH__RELAY__HUB_CONNECT_RATE", "1000000"),
    ("HEARTH__RELAY__HUB_CONNECT_BURST", "1000000"),
    ("HEARTH__RELAY__HUB_ADDRESS_RATE", "1000000"),
    ("HEARTH__RELAY__HUB_ADDRESS_BURST", "1000000"),
    ("HEARTH__RELAY__QUEUE", "1000000"),
    ("HEARTH__RELAY__QUEUE_BYTES", "1000000000"),
];

/// What a hub has durably taken.
#[derive(Default)]
struct Taken {
    cursor: u64,
    /// Sender and number of each delivery, in the order of their first arrival.
    numbers: Vec<(u64, u64)>,
    deliveries: HashSet<String>,
    repeats: usize,
}

/// A connection as a hub, in the frames of the protocol.
struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn open(addr: SocketAddr, account: &(String, String), cursor: u64) -> Option<Self> {
        let mut request = format!("ws://{addr}/hub/v1").into_client_request().ok()?;
        let headers = request.headers_mut();
        headers.insert(
            "authorization",
            format!("Bearer {}", account.1).parse().ok()?,
        );
        headers.insert("sec-websocket-protocol", "hearth-relay.v1".parse().ok()?);
        let stream = TcpStream::connect(addr).await.ok()?;
        let (socket, _) = client_async(request, stream).await.ok()?;
        let mut socket = Self(socket);
        let cursors = match cursor {
            0 => json!({}),
            cursor => json!({"0": cursor}),
        };
        socket
            .say(&json!({"t": "hello", "v": 1, "hub_id": account.0, "cursors": cursors, "window": 64}))
            .await?;
        let welcome = socket.next().await?;
        assert_eq!(welcome["t"], "welcome", "{welcome}");
        assert_eq!(welcome["gap"], json!([]), "{welcome}");
        Some(socket)
    }

    async fn say(&mut self, frame: &Value) -> Option<()> {
        self.0.send(Message::text(frame.to_string())).await.ok()
    }

    /// The next frame; none when the connection has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.next().await?.ok()? {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }
}

/// Takes messages until told to stop, over as many connections as it needs.
async fn hub(
    addr: SocketAddr,
    account: (String, String),
    arrived: Arc<Mutex<HashSet<(u64, u64)>>>,
    stop: Arc<AtomicBool>,
) -> Taken {
    let mut taken = Taken::default();
    while !stop.load(Ordering::Relaxed) {
        let Some(mut socket) = Socket::open(addr, &account, taken.cursor).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        loop {
            let next = tokio::time::timeout(Duration::from_millis(200), socket.next());
            let frame = match next.await {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(_) if stop.load(Ordering::Relaxed) => break,
                Err(_) => continue,
            };
            if frame["t"] != "msg" {
                continue;
            }
            let seq = frame["seq"].as_u64().unwrap();
            let id = frame["delivery_id"].as_str().unwrap().to_owned();
            if taken.deliveries.insert(id) {
                assert!(seq > taken.cursor, "{seq} came behind {}", taken.cursor);
                let body = &frame["message"]["body"];
                let number = |name: &str| body[name].as_u64().unwrap();
                let number = (number("sender"), number("n"));
                taken.numbers.push(number);
                arrived.lock().unwrap().insert(number);
            } else {
                taken.repeats += 1;
            }
            taken.cursor = taken.cursor.max(seq);
            // Not each one: what is not acknowledged comes again.
            if seq.is_multiple_of(5)
                && socket
                    .say(&json!({"t": "ack", "shard": 0, "seq": seq}))
                    .await
                    .is_none()
            {
                break;
            }
        }
    }
    taken
}

/// Posts numbers until told to stop; gives those that the relay has accepted.
async fn sender(addr: SocketAddr, webhook: String, number: u64, stop: Arc<AtomicBool>) -> Vec<u64> {
    let mut http = Http::new(addr);
    let mut accepted = Vec::new();
    let headers = [("Content-Type", "application/json")];
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let body = json!({"device": "one", "sender": number, "n": n}).to_string();
        match http
            .try_request("POST", &webhook, &headers, body.as_bytes())
            .await
        {
            Ok(reply) if reply.status == 200 => accepted.push(n),
            Ok(reply) => assert_eq!(reply.status, 503, "{reply:?}"),
            Err(_) => {
                http = Http::new(addr);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    accepted
}

async fn register(relay: &Relay, account: &(String, String), webhook: &Webhook) {
    let mut socket = Socket::open(relay.addr(), account, 0).await.unwrap();
    socket
        .say(&json!({
            "t": "register", "id": 1, "webhook_id": webhook.id, "secret": webhook.secret,
            "data": {"$key": "one"},
        }))
        .await
        .unwrap();
    let result = socket.next().await.unwrap();
    assert_eq!(result["ok"], true, "{result}");
}

#[tokio::test]
async fn nothing_accepted_is_lost_when_the_relay_is_killed_again_and_again() {
    let mut relay = Relay::start_with(OPEN);
    let webhook = relay.webhook();
    let account = relay.account();
    register(&relay, &account, &webhook).await;
    let addr = relay.addr();
    let path = format!("/webhook/{}", webhook.id);
    let arrived = Arc::new(Mutex::new(HashSet::new()));
    let (no_more, away) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let taking = tokio::spawn(hub(addr, account, Arc::clone(&arrived), Arc::clone(&away)));
    let senders: Vec<_> = (0..SENDERS as u64)
        .map(|number| tokio::spawn(sender(addr, path.clone(), number, Arc::clone(&no_more))))
        .collect();

    for kill in 1..=KILLS {
        until("deliveries are under way", async || {
            (arrived.lock().unwrap().len() >= kill * BETWEEN_KILLS).then_some(())
        })
        .await;
        relay.kill();
        relay.restart();
    }
    until("deliveries go on", async || {
        (arrived.lock().unwrap().len() >= (KILLS + 1) * BETWEEN_KILLS).then_some(())
    })
    .await;
    no_more.store(true, Ordering::Relaxed);
    let mut accepted = HashSet::new();
    for (number, sender) in senders.into_iter().enumerate() {
        accepted.extend(
            sender
                .await
                .unwrap()
                .into_iter()
                .map(|n| (number as u64, n)),
        );
    }
    until("all that was accepted has arrived", async || {
        accepted.is_subset(&arrived.lock().unwrap()).then_some(())
    })
    .await;
    away.store(true, Ordering::Relaxed);
    let taken = taking.await.unwrap();

    let arrived = arrived.lock().unwrap();
    assert_eq!(arrived.len(), taken.numbers.len(), "each came once");
    let mut last: HashMap<u64, u64> = HashMap::new();
    for (sender, n) in &taken.numbers {
        if let Some(before) = last.insert(*sender, *n) {
            assert!(before < *n, "sender {sender}: {n} came behind {before}");
        }
    }
    println!(
        "{} accepted, {} arrived, {} repeats, {KILLS} kills",
        accepted.len(),
        arrived.len(),
        taken.repeats
    );
}
