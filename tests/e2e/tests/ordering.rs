//! A subscriber gets every event that it subscribed to, in order, or is cut off; never silently fewer.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hearth_e2e::ws::Next;
use hearth_e2e::{Door, Hub, Phone, Ws, phone::registration};
use serde_json::{Value, json};

const PHONES: usize = 4;
const SENSORS: usize = 50;
const ROUNDS: usize = 500;
const CHANGES: usize = PHONES * SENSORS * ROUNDS;

/// What one reader saw: a digest of all that it got in the order it got it.
struct Seen {
    events: usize,
    order: u64,
    cut_off: bool,
    took: Duration,
}

/// The text between `before` and the next quote.
fn between<'a>(text: &'a str, before: &str) -> &'a str {
    let from = text.find(before).map(|at| at + before.len()).unwrap();
    let rest = &text[from..];
    &rest[..rest.find('"').unwrap()]
}

/// Checks that the sensors' values rise one by one.
struct Sequence {
    last: Vec<usize>,
}

impl Sequence {
    fn take(&mut self, entity_id: &str, state: &str) {
        // sensor.flood_<phone>_s<sensor>
        let mut parts = entity_id.rsplit('_');
        let sensor: usize = parts.next().unwrap()[1..].parse().unwrap();
        let phone: usize = parts.next().unwrap().parse().unwrap();
        let value: usize = state.parse().unwrap();
        let last = &mut self.last[phone * SENSORS + sensor];
        assert_eq!(value, *last + 1, "{entity_id} jumped");
        *last = value;
    }
}

/// Reads until all changes were seen or the socket is closed, with a pause after each of the first
/// `slow` messages, on a thread of its own.
fn reader(
    addr: SocketAddr,
    token: String,
    slow: usize,
) -> (JoinHandle<Seen>, std::sync::mpsc::Receiver<()>) {
    let (ready, subscribed) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let mut ws = Ws::authenticated(addr, &token).await;
            ws.subscribe("state_changed").await;
            ready.send(()).unwrap();
            read(&mut ws, slow).await
        })
    });
    (thread, subscribed)
}

async fn read(ws: &mut Ws, slow: usize) -> Seen {
    let start = Instant::now();
    let mut sequence = Sequence {
        last: vec![0; PHONES * SENSORS],
    };
    let mut seen = Seen {
        events: 0,
        order: 0xcbf2_9ce4_8422_2325,
        cut_off: false,
        took: Duration::ZERO,
    };
    let mut messages = 0;
    while seen.events < CHANGES {
        let Next::Text(text) = ws.next().await else {
            seen.cut_off = true;
            break;
        };
        messages += 1;
        if messages <= slow {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let entity_id = between(&text, r#""entity_id":""#);
        if !entity_id.starts_with("sensor.flood_") {
            continue;
        }
        let new = &text[text.find(r#""new_state":"#).unwrap()..];
        let state = between(new, r#""state":""#);
        sequence.take(entity_id, state);
        for byte in entity_id.bytes().chain(state.bytes()) {
            seen.order = (seen.order ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        seen.events += 1;
    }
    seen.took = start.elapsed();
    seen
}

async fn phones(hub: &Hub) -> Vec<Phone> {
    let mut phones = Vec::new();
    for n in 0..PHONES {
        let body = registration(&format!("flood {n}"), false);
        let mut phone = Phone::register_with(hub, Door::http(hub.addr()), &body).await;
        for s in 0..SENSORS {
            let data = json!({"name": format!("s{s}"), "type": "sensor", "unique_id": format!("s{s}"), "state": 0});
            assert_eq!(phone.send("register_sensor", data).await.status, 201);
        }
        phones.push(phone);
    }
    phones
}

/// Every phone counts every sensor of its own up by one, a round at a time, as fast as it is answered.
async fn flood(phones: Vec<Phone>) {
    let mut tasks = tokio::task::JoinSet::new();
    for mut phone in phones {
        tasks.spawn(async move {
            for round in 1..=ROUNDS {
                let items: Vec<Value> = (0..SENSORS)
                    .map(
                        |s| json!({"type": "sensor", "unique_id": format!("s{s}"), "state": round}),
                    )
                    .collect();
                // A hub with too much under way says so; what it did not take is sent again.
                let answer = loop {
                    let answer = phone
                        .send("update_sensor_states", items.clone().into())
                        .await;
                    if answer.status != 503 {
                        break answer;
                    }
                    tokio::task::yield_now().await;
                };
                assert_eq!(answer.status, 200, "{answer:?}");
                assert!(!answer.body.contains("false"), "{answer:?}");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

async fn run(config: &str, readers: &[usize]) -> Vec<Seen> {
    let mut hub = Hub::with(config);
    let phones = phones(&hub).await;
    let mut threads = Vec::new();
    for slow in readers {
        let (thread, subscribed) = reader(hub.addr(), hub.token().to_owned(), *slow);
        subscribed.recv().unwrap();
        threads.push(thread);
    }
    let start = Instant::now();
    flood(phones).await;
    let took = start.elapsed();
    println!(
        "{CHANGES} changes in {took:?}: {:.0}/s",
        CHANGES as f64 / took.as_secs_f64()
    );
    // The states themselves are all there.
    for n in 0..PHONES {
        let state = hub.state(&format!("sensor.flood_{n}_s0")).await.unwrap();
        assert_eq!(state["state"], ROUNDS.to_string());
    }
    let seen: Vec<Seen> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    for (seen, slow) in seen.iter().zip(readers) {
        println!(
            "reader (slow for {slow} messages): {} events in {:?}, cut off: {}",
            seen.events, seen.took, seen.cut_off
        );
        assert!(
            seen.cut_off || seen.events == CHANGES,
            "a subscriber got fewer and was not told"
        );
    }
    assert!(hub.is_running());
    assert!(!hub.stderr().contains("panicked"));
    seen
}

#[tokio::test]
async fn with_room_to_queue_every_reader_sees_all_changes_in_one_order() {
    let config = format!(
        "[websocket]\nqueue = {q}\nslow_queue = {q}\nslow_s = 120\n[bus]\nqueue = {q}\n",
        q = 4 * CHANGES
    );
    let seen = run(&config, &[0, 0, 500]).await;
    for one in &seen {
        assert!(!one.cut_off && one.events == CHANGES);
        assert_eq!(one.order, seen[0].order, "the same total order");
    }
}

#[tokio::test]
async fn with_the_default_limits_nobody_silently_gets_fewer() {
    // The last reads next to nothing: it must be cut off, without a gap before.
    let seen = run("", &[0, 0, 2_000, usize::MAX]).await;
    assert!(seen[3].cut_off, "the slow reader was cut off");
}
