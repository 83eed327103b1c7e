//! A good client whose answers are watched while others misbehave.
//!
//! It sends a location every 20 ms over one keep-alive connection and a WebSocket ping every 50 ms,
//! on a thread of its own, so that what a test does on its runtime does not show in the latencies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::process::resident_mib;
use crate::{Hub, Phone};

/// However short an attack is, so many requests of each kind are watched.
const LEAST: u32 = 5;

/// What the bystander saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Time to the answer of each location update.
    pub locations: Vec<Duration>,
    /// Time to the pong of each ping.
    pub pings: Vec<Duration>,
    /// Every wrong or missing answer, in words.
    pub errors: Vec<String>,
    /// The hub's largest resident memory, in MiB.
    pub peak_mib: u64,
}

impl Seen {
    /// Asserts that every request was answered rightly and within `worst`; prints the latencies.
    #[track_caller]
    pub fn assert_unharmed(&self, worst: Duration, what: &str) {
        let mut text = format!("bystander during {what}:");
        for (name, times) in [("location", &self.locations), ("ping", &self.pings)] {
            let mut sorted = times.clone();
            sorted.sort();
            assert!(!sorted.is_empty(), "{text} no {name} was answered");
            let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part) as usize];
            text.push_str(&format!(
                " {name} n={} p50={:?} p99={:?} max={:?}",
                sorted.len(),
                at(0.5),
                at(0.99),
                at(1.0)
            ));
        }
        text.push_str(&format!(" peak={} MiB", self.peak_mib));
        println!("{text}");
        assert!(self.errors.is_empty(), "{text}: {:?}", self.errors);
        let max = self.locations.iter().chain(&self.pings).max();
        assert!(max.is_some_and(|max| *max < worst), "{text}");
    }
}

/// A running bystander.
pub struct Bystander {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Bystander {
    /// Registers a phone, opens a socket, and starts sending.
    pub async fn start(hub: &Hub) -> Self {
        let webhook_id = Phone::register(hub, "Bystander").await.webhook_id;
        let stop = Arc::new(AtomicBool::new(false));
        let (addr, token, pid) = (hub.addr(), hub.token().to_owned(), hub.pid());
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                runtime.block_on(watch(addr, &token, &webhook_id, pid, &stop))
            }
        });
        Self { stop, thread }
    }

    /// Ends it and gives what it saw.
    pub fn finish(self) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().expect("the bystander did not panic")
    }
}

async fn watch(
    addr: SocketAddr,
    token: &str,
    webhook_id: &str,
    pid: u32,
    stop: &AtomicBool,
) -> Seen {
    let locations = async {
        let mut seen = Seen::default();
        let mut http = crate::Http::new(addr);
        let path = format!("/api/webhook/{webhook_id}");
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        let mut sent = 0_u32;
        while !stop.load(Ordering::SeqCst) || sent < LEAST {
            tick.tick().await;
            sent += 1;
            let gps = [52.0 + f64::from(sent % 1000) / 10_000.0, 4.0];
            let body = json!({"type": "update_location", "data": {"gps": gps, "gps_accuracy": 5}});
            let start = Instant::now();
            let headers = [("Content-Type", "application/json")];
            let body = body.to_string();
            match http
                .try_request("POST", &path, &headers, body.as_bytes())
                .await
            {
                Ok(reply) if reply.status == 200 && reply.body == b"{}" => {
                    seen.locations.push(start.elapsed());
                }
                other => seen.errors.push(format!("location {sent}: {other:?}")),
            }
            if sent.is_multiple_of(5) {
                seen.peak_mib = seen.peak_mib.max(resident_mib(pid));
            }
        }
        seen
    };
    let pings = async {
        let mut times = Vec::new();
        let mut ws = crate::Ws::authenticated(addr, token).await;
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        while !stop.load(Ordering::SeqCst) || times.len() < LEAST as usize {
            tick.tick().await;
            let start = Instant::now();
            let answer = ws.call("ping", json!({})).await;
            assert_eq!(answer["type"], "pong", "{answer}");
            times.push(start.elapsed());
        }
        times
    };
    let (mut seen, times) = tokio::join!(locations, pings);
    seen.pings = times;
    seen
}
