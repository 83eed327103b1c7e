//! What was acknowledged is kept: the hub is killed under load and nothing acknowledged is lost.
//!
//! `HEARTH_SEED=<number>` repeats a run's choices.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hearth_e2e::phone::registration;
use hearth_e2e::{Http, Hub, Key};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Acknowledgements that must have been given before the hub is killed.
const ACKNOWLEDGED: usize = 2_000;
const CONNECTIONS: usize = 32;

/// What one phone was told.
#[derive(Default)]
struct Told {
    webhook_id: String,
    secret: Option<String>,
    sensors: Vec<String>,
    /// `enable_encryption` was sent, and the answer to it did not come.
    secret_in_flight: bool,
}

struct Worker {
    addr: SocketAddr,
    token: String,
    number: usize,
    acknowledged: Arc<AtomicUsize>,
    told: Vec<Told>,
}

impl Worker {
    /// Registers phones, sensors and keys until the hub is gone.
    async fn run(mut self) -> Vec<Told> {
        let mut api = Http::new(self.addr).bearer(&self.token);
        let mut phone = Http::new(self.addr);
        for n in 0.. {
            if self.one_phone(&mut api, &mut phone, n).await.is_none() {
                break;
            }
        }
        self.told
    }

    async fn one_phone(&mut self, api: &mut Http, http: &mut Http, n: usize) -> Option<()> {
        let encrypted = n.is_multiple_of(3);
        let body = registration(&format!("Load {} {n}", self.number), encrypted);
        let reply = send(api, "/api/mobile_app/registrations", &body).await?;
        assert_eq!(reply.0, 201, "{reply:?}");
        self.acknowledge();
        self.told.push(Told {
            webhook_id: reply.1["webhook_id"].as_str()?.to_owned(),
            secret: reply.1["secret"].as_str().map(str::to_owned),
            ..Told::default()
        });
        self.sensor(http, "one").await?;
        let told = self.told.last_mut()?;
        if told.secret.is_none() && n % 3 == 1 {
            let path = format!("/api/webhook/{}", told.webhook_id);
            told.secret_in_flight = true;
            let reply = send(http, &path, &json!({"type": "enable_encryption"})).await?;
            assert_eq!(reply.0, 200, "{reply:?}");
            told.secret = Some(reply.1["secret"].as_str()?.to_owned());
            told.secret_in_flight = false;
            self.acknowledge();
        }
        self.sensor(http, "two").await
    }

    async fn sensor(&mut self, http: &mut Http, id: &str) -> Option<()> {
        let told = self.told.last_mut()?;
        let path = format!("/api/webhook/{}", told.webhook_id);
        let data = json!({"name": id, "type": "sensor", "unique_id": id, "state": 1});
        let reply = send(http, &path, &envelope(told, "register_sensor", &data)).await?;
        assert_eq!(reply.0, 201, "{reply:?}");
        told.sensors.push(id.to_owned());
        self.acknowledge();
        Some(())
    }

    fn acknowledge(&self) {
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
    }
}

fn envelope(told: &Told, kind: &str, data: &Value) -> Value {
    match &told.secret {
        Some(secret) => {
            let frame = Key::current(secret).seal(&data.to_string());
            json!({"type": kind, "encrypted": true, "encrypted_data": frame})
        }
        None => json!({"type": kind, "data": data}),
    }
}

/// The status and JSON of an answer, or nothing when the hub is gone.
async fn send(http: &mut Http, path: &str, body: &Value) -> Option<(u16, Value)> {
    let headers = [("Content-Type", "application/json")];
    let body = body.to_string();
    let reply = http
        .try_request("POST", path, &headers, body.as_bytes())
        .await
        .ok()?;
    let json = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    Some((reply.status, json))
}

/// What is missing of what this phone was told, in words.
async fn missing(http: &mut Http, told: &Told) -> Option<String> {
    let path = format!("/api/webhook/{}", told.webhook_id);
    let request = envelope(told, "get_config", &json!({}));
    let Some((status, body)) = send(http, &path, &request).await else {
        return Some("no answer".to_owned());
    };
    if told.secret_in_flight && status == 400 {
        // It was switched on, though the phone was never told: both outcomes are right.
        assert_eq!(body["error"]["code"], "encryption_required", "{body}");
        return None;
    }
    if status != 200 || body.is_null() {
        return Some(format!("the registration: {status} {body}"));
    }
    let config = match &told.secret {
        None => body,
        Some(secret) => {
            let frame = body["encrypted_data"].as_str().unwrap_or_default();
            match Key::current(secret).open(frame) {
                Some(text) => serde_json::from_str(&text).unwrap(),
                None => return Some(format!("the secret: {body}")),
            }
        }
    };
    told.sensors
        .iter()
        .find(|id| config["entities"].get(id.as_str()).is_none())
        .map(|id| format!("sensor {id}: {}", config["entities"]))
}

fn seed() -> u64 {
    match std::env::var("HEARTH_SEED") {
        Ok(text) => text.parse().expect("HEARTH_SEED is a number"),
        Err(_) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::from(now.subsec_nanos())
        }
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_to_kill_9() {
    let seed = seed();
    // Anywhere in the second thousand after the first two.
    let moment = ACKNOWLEDGED + (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize % 1_000;
    println!("HEARTH_SEED={seed}: kill -9 at {moment} acknowledgements");
    let mut hub = Hub::start();
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for number in 0..CONNECTIONS {
        let worker = Worker {
            addr: hub.addr(),
            token: hub.token().to_owned(),
            number,
            acknowledged: Arc::clone(&acknowledged),
            told: Vec::new(),
        };
        workers.spawn(worker.run());
    }
    while acknowledged.load(Ordering::SeqCst) < moment {
        assert!(start.elapsed() < Duration::from_secs(180), "too slow");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    hub.kill();
    let took = start.elapsed();
    let mut told = Vec::new();
    while let Some(worker) = workers.join_next().await {
        told.extend(worker.unwrap());
    }
    let total = acknowledged.load(Ordering::SeqCst);
    assert!(total >= ACKNOWLEDGED);

    let ready = hub.restart();
    let mut http = Http::new(hub.addr());
    let mut lost = Vec::new();
    for told in &told {
        if let Some(what) = missing(&mut http, told).await {
            lost.push(what);
        }
    }
    println!(
        "{total} acknowledged in {took:?} ({} phones), ready again in {ready:?}, {} lost",
        told.len(),
        lost.len()
    );
    assert!(lost.is_empty(), "{} of {total} lost: {lost:?}", lost.len());
}

#[tokio::test]
async fn nothing_is_lost_over_several_kills_in_a_row() {
    let mut hub = Hub::start();
    let mut told = Vec::new();
    for round in 0..4 {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let mut workers = JoinSet::new();
        for number in 0..8 {
            let worker = Worker {
                addr: hub.addr(),
                token: hub.token().to_owned(),
                number: round * 100 + number,
                acknowledged: Arc::clone(&acknowledged),
                told: Vec::new(),
            };
            workers.spawn(worker.run());
        }
        hearth_e2e::wait::until("100 acknowledgements", async || {
            (acknowledged.load(Ordering::SeqCst) >= 100).then_some(())
        })
        .await;
        hub.kill();
        while let Some(worker) = workers.join_next().await {
            told.extend(worker.unwrap());
        }
        hub.restart();
    }
    let mut http = Http::new(hub.addr());
    for told in &told {
        assert_eq!(missing(&mut http, told).await, None);
    }
}

#[tokio::test]
async fn states_are_kept_over_an_orderly_stop() {
    let mut hub = Hub::start();
    let mut phone = hearth_e2e::Phone::register(&hub, "Orderly").await;
    for n in 0..200 {
        let data = json!({"name": format!("n{n}"), "type": "sensor", "unique_id": format!("n{n}"), "state": n});
        assert_eq!(phone.send("register_sensor", data).await.status, 201);
    }
    let items: Vec<Value> = (0..200)
        .map(|n| json!({"type": "sensor", "unique_id": format!("n{n}"), "state": n + 1000}))
        .collect();
    let answer = phone.send("update_sensor_states", items.into()).await;
    assert_eq!(answer.status, 200);
    hub.terminate();
    hub.restart();
    let states = hub.http().get("/api/states").await.json();
    for n in 0..200 {
        let id = format!("sensor.orderly_n{n}");
        let state = states
            .as_array()
            .unwrap()
            .iter()
            .find(|state| state["entity_id"] == id.as_str())
            .unwrap_or_else(|| panic!("{id} is gone"));
        assert_eq!(state["state"], (n + 1000).to_string());
    }
}
