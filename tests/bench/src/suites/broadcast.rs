//! One state change to many subscribed sockets: the time from the request to the last socket. Once
//! for sockets that hear events, and once for sockets that hear of entities.
//!
//! The reference server broadcasts the very bytes that the hub sent, so both send equal messages
//! to an equal number of sockets, and the load reads both with the same code.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use hearth_simulate::{Connection, Secret, Target as Url};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::Bench;
use crate::error::BenchError;
use crate::figures::{Figure, Target, median};
use crate::servers::{Home, Running};

/// What the sockets hear.
pub(crate) struct Feed {
    suite: &'static str,
    /// The command that subscribes.
    command: &'static str,
    /// The target on `event_type`.
    event_type: Option<&'static str>,
    /// Sends all states first.
    has_states: bool,
}

/// Events of the type `state_changed`.
pub(crate) const EVENTS: Feed = Feed {
    suite: "broadcast",
    command: "subscribe_events",
    event_type: Some("state_changed"),
    has_states: false,
};

/// Entities, in a home that has many.
pub(crate) const ENTITIES: Feed = Feed {
    suite: "entities",
    command: "subscribe_entities",
    event_type: None,
    has_states: true,
};

const ENTITY: &str = "sensor.bench";
/// Unmeasured changes at the beginning of each round.
const WARMUP_CHANGES: usize = 10;
/// How long one change may take to reach the last socket.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) type Socket = WebSocketStream<TcpStream>;

/// The state of change number `number`: what a socket looks for in a message.
fn marker(number: usize) -> String {
    format!("bench-{number:06}")
}

pub(crate) async fn run(bench: &Bench, feed: &Feed) -> Result<Vec<Figure>, BenchError> {
    let (mut hub, mut bare) = (Vec::new(), Vec::new());
    let mut message = sample_message(&marker(WARMUP_CHANGES + bench.changes - 1));
    for _ in 0..bench.rounds {
        if bench.servers.has_hub() {
            let (times, seen) = of_the_hub(bench, feed).await?;
            message = seen;
            hub.push(times);
        }
        bare.push(of_the_bare_server(bench, &message).await?);
    }
    let figure = |measure: String, value: fn(&[f64]) -> Option<f64>| {
        let values = |rounds: &[Vec<f64>]| rounds.iter().filter_map(|times| value(times)).collect();
        Figure::new(feed.suite, measure, "ms", values(&hub), values(&bare))
    };
    Ok(vec![
        figure(format!("to the last of {} sockets", bench.sockets), median)
            .wanted(Target::RatioAtMost(3.0)),
        figure("the slowest change".to_owned(), |times| {
            times.iter().copied().reduce(f64::max)
        }),
    ])
}

async fn of_the_hub(bench: &Bench, feed: &Feed) -> Result<(Vec<f64>, String), BenchError> {
    let home = bench.servers.home()?;
    let server = bench.servers.start_hub(&home)?;
    if feed.has_states {
        fill(&server, &home, bench.entities).await?;
    }
    let mut sockets = Vec::with_capacity(bench.sockets);
    for _ in 0..bench.sockets {
        let mut socket = signed_in(&server, &home.token).await?;
        let mut subscribe = json!({"id": 1, "type": feed.command});
        if let Some(event_type) = feed.event_type {
            subscribe["event_type"] = event_type.into();
        }
        socket.send(Message::text(subscribe.to_string())).await?;
        expect(&mut socket, "result").await?;
        if feed.has_states {
            expect(&mut socket, "event").await?;
        }
        sockets.push(socket);
    }
    let path = format!("/api/states/{ENTITY}");
    let body = |marker: &str| {
        json!({"state": marker, "attributes": {"unit_of_measurement": "%"}}).to_string()
    };
    let outcome = changes(bench, &server, sockets, &path, Some(&home.token), body).await?;
    server.stop()?;
    Ok(outcome)
}

async fn of_the_bare_server(bench: &Bench, message: &str) -> Result<Vec<f64>, BenchError> {
    let server = bench.servers.start_bare(&[])?;
    let mut sockets = Vec::with_capacity(bench.sockets);
    for _ in 0..bench.sockets {
        sockets.push(connect(&server, "/ws").await?);
    }
    let last = marker(WARMUP_CHANGES + bench.changes - 1);
    let body = |marker: &str| message.replace(&last, marker);
    let (times, _) = changes(bench, &server, sockets, "/broadcast", None, body).await?;
    server.stop()?;
    Ok(times)
}

pub(super) async fn connect(server: &Running, path: &str) -> Result<Socket, BenchError> {
    let address = first_address(server).await?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // Hundreds of sockets: the library's buffers of 128 kB each would crowd out the caches.
    let config = WebSocketConfig::default().read_buffer_size(8 * 1024);
    let url = format!("ws://{address}{path}");
    let (socket, _) = client_async_with_config(url, stream, Some(config)).await?;
    Ok(socket)
}

async fn first_address(server: &Running) -> Result<SocketAddr, BenchError> {
    let addresses = Url::parse(&server.url)?.addresses().await?;
    addresses
        .first()
        .copied()
        .ok_or_else(|| unexpected("the server has no address"))
}

/// A socket of the hub that has signed in.
pub(super) async fn signed_in(server: &Running, token: &Secret) -> Result<Socket, BenchError> {
    let mut socket = connect(server, "/api/websocket").await?;
    let auth = json!({"type": "auth", "access_token": token.reveal()});
    expect(&mut socket, "auth_required").await?;
    socket.send(Message::text(auth.to_string())).await?;
    expect(&mut socket, "auth_ok").await?;
    Ok(socket)
}

/// Gives a home this many entities.
pub(super) async fn fill(server: &Running, home: &Home, entities: usize) -> Result<(), BenchError> {
    let url = Url::parse(&server.url)?;
    let mut connection = Connection::new(vec![first_address(server).await?], PATIENCE);
    connection.open().await?;
    for number in 0..entities {
        let path = format!("/api/states/sensor.filling_{number}");
        let body = json!({"state": number.to_string(), "attributes": {
            "unit_of_measurement": "°C", "device_class": "temperature",
            "state_class": "measurement", "friendly_name": format!("Filling {number}"),
        }});
        let request = url.post(&path, Some(&home.token), body.to_string().as_bytes());
        let status = connection.exchange(&request).await?.status;
        if !(200..300).contains(&status) {
            return Err(unexpected(&format!("{path} answered {status}")));
        }
    }
    Ok(())
}

pub(super) async fn expect(socket: &mut Socket, kind: &str) -> Result<(), BenchError> {
    let message = socket
        .next()
        .await
        .ok_or_else(|| unexpected("the socket was closed"))??;
    let value: Value = serde_json::from_str(message.to_text()?).unwrap_or_default();
    if value["type"] == kind && value["success"] != false {
        Ok(())
    } else {
        Err(unexpected(&format!(
            "expected a message of type {kind}, got one of type {}",
            value["type"]
        )))
    }
}

/// Makes change after change, each when the one before has reached every socket; gives the times
/// of the measured ones in milliseconds, and the last message that a socket got.
async fn changes(
    bench: &Bench,
    server: &Running,
    sockets: Vec<Socket>,
    path: &str,
    token: Option<&Secret>,
    body: impl Fn(&str) -> String,
) -> Result<(Vec<f64>, String), BenchError> {
    let count = sockets.len();
    let number_of_changes = WARMUP_CHANGES + bench.changes;
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let last_message = Arc::new(Mutex::new(String::new()));
    let mut listeners = JoinSet::new();
    for socket in sockets {
        let (arrived, last) = (arrived.clone(), Arc::clone(&last_message));
        listeners.spawn(listen(socket, number_of_changes, arrived, last));
    }
    let url = Url::parse(&server.url)?;
    let mut connection = Connection::new(vec![first_address(server).await?], PATIENCE);
    connection.open().await?;

    let mut times = Vec::with_capacity(bench.changes);
    for number in 0..number_of_changes {
        let request = url.post(path, token, body(&marker(number)).as_bytes());
        let start = Instant::now();
        let last_arrival = async {
            let mut last = start;
            for _ in 0..count {
                last = arrivals.recv().await?;
            }
            Some(last)
        };
        let both = futures_util::future::join(
            connection.exchange(&request),
            tokio::time::timeout(PATIENCE, last_arrival),
        );
        let (answer, last) = both.await;
        let status = answer?.status;
        if !(200..300).contains(&status) {
            return Err(unexpected(&format!("{path} answered {status}")));
        }
        let last = last
            .ok()
            .flatten()
            .ok_or_else(|| unexpected("a change did not reach every socket in time"))?;
        if number >= WARMUP_CHANGES {
            times.push(last.duration_since(start).as_secs_f64() * 1e3);
        }
    }
    // Closes the sockets, so that the server has nothing to wait for when it is stopped.
    listeners.shutdown().await;
    let last = last_message
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    Ok((times, last))
}

/// Reads a socket and tells when each change has arrived, in their order.
async fn listen(
    mut socket: Socket,
    number_of_changes: usize,
    arrived: mpsc::UnboundedSender<Instant>,
    last: Arc<Mutex<String>>,
) {
    for number in 0..number_of_changes {
        let marker = marker(number);
        let text = loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) if text.contains(&marker) => break text,
                Some(Ok(_)) => {}
                // The suite ends with its own error when this arrival stays away.
                Some(Err(_)) | None => return,
            }
        };
        if arrived.send(Instant::now()).is_err() {
            return;
        }
        if number + 1 == number_of_changes {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = text.as_str().to_owned();
        }
    }
    // Held open until the suite is done: a socket less would make the next change cheaper.
    std::future::pending::<()>().await;
}

/// What a hub sends for a change of state, for when no hub is measured.
fn sample_message(new_state: &str) -> String {
    let state = |state: &str| {
        json!({
            "entity_id": ENTITY, "state": state, "attributes": {"unit_of_measurement": "%"},
            "last_changed": "2025-01-01T00:00:00.000000+00:00",
            "last_reported": "2025-01-01T00:00:00.000000+00:00",
            "last_updated": "2025-01-01T00:00:00.000000+00:00",
            "context": {"id": "01JGFH0000000000000000000", "parent_id": null, "user_id": null},
        })
    };
    json!({
        "id": 1, "type": "event",
        "event": {
            "event_type": "state_changed",
            "data": {"entity_id": ENTITY, "old_state": state("0"), "new_state": state(new_state)},
            "origin": "REMOTE", "time_fired": "2025-01-01T00:00:00.000000+00:00",
            "context": {"id": "01JGFH0000000000000000000", "parent_id": null, "user_id": null},
        },
    })
    .to_string()
}

fn unexpected(problem: &str) -> BenchError {
    BenchError::Unexpected {
        suite: EVENTS.suite,
        problem: problem.to_owned(),
    }
}
