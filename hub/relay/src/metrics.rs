//! What is counted and measured (spec relay §11). No label names a hub or a webhook.

use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::store::RelayStore;

type Label = [(&'static str, &'static str); 1];

/// Everything that is counted. Its methods may be called from any thread.
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Public requests by status.
    pub requests: Family<[(&'static str, String); 1], Counter>,
    /// Hubs that one request reached.
    pub matched_hubs: Histogram,
    /// Seconds that routing took, by kind.
    pub match_seconds: Family<Label, Histogram>,
    /// Seconds from a request to its durable place.
    pub accept_seconds: Histogram,
    /// Seconds from a request to its hub's acknowledgement.
    pub deliver_seconds: Histogram,
    /// Acknowledged messages.
    pub acks: Counter,
    /// Messages that were sent again.
    pub redeliveries: Counter,
    /// Messages that went because they were too old.
    pub expired: Counter,
    /// Messages that went because their hub's queue was full.
    pub displaced: Counter,
    /// Messages that were set aside.
    pub dead_letters: Counter,
    /// Messages that wait.
    pub buffered_messages: Gauge,
    /// Their bytes.
    pub buffered_bytes: Gauge,
    /// Hubs that are connected.
    pub hubs_connected: Gauge,
    /// Attempts to connect, by result.
    pub hub_connects: Family<Label, Counter>,
    /// Times that a hub's window was full.
    pub window_stalls: Counter,
    /// Seconds that a cloudhook call took, by status.
    pub cloudhook_seconds: Family<[(&'static str, String); 1], Histogram>,
    /// What a rate limit held back, by scope.
    pub rate_limited: Family<Label, Counter>,
    /// Hubs that a request did not reach because there were too many.
    pub fanout_truncated: Counter,
    /// Whether the store takes writes.
    pub engine_up: Gauge,
    /// Seconds that the store took, by operation.
    pub engine_seconds: Family<Label, Histogram>,
}

/// From half a millisecond to half a minute.
fn seconds() -> Histogram {
    Histogram::new([
        0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
    ])
}

/// Routing is a matter of microseconds.
fn instants() -> Histogram {
    Histogram::new([1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 1e-2, 0.1, 1.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("relay");
        macro_rules! add {
            ($name:literal, $help:literal, $metric:expr) => {{
                let metric = $metric;
                registry.register($name, $help, metric.clone());
                metric
            }};
        }
        Self {
            requests: add!("requests", "Public requests", Family::default()),
            matched_hubs: add!(
                "matched_hubs",
                "Hubs that one request reached",
                Histogram::new([0.0, 1.0, 2.0, 5.0, 10.0, 100.0, 1000.0, 10_000.0])
            ),
            match_seconds: add!(
                "match_seconds",
                "Time to find a request's hubs",
                Family::new_with_constructor(instants as fn() -> Histogram)
            ),
            accept_seconds: add!("accept_seconds", "Request to durable place", seconds()),
            deliver_seconds: add!("deliver_seconds", "Request to acknowledgement", seconds()),
            acks: add!("acks", "Acknowledged messages", Counter::default()),
            redeliveries: add!("redeliveries", "Messages sent again", Counter::default()),
            expired: add!("expired", "Messages that were too old", Counter::default()),
            displaced: add!(
                "displaced",
                "Messages that a full queue pushed out",
                Counter::default()
            ),
            dead_letters: add!("dead_letters", "Messages set aside", Counter::default()),
            buffered_messages: add!("buffered_messages", "Messages that wait", Gauge::default()),
            buffered_bytes: add!("buffered_bytes", "Bytes that wait", Gauge::default()),
            hubs_connected: add!("hubs_connected", "Connected hubs", Gauge::default()),
            hub_connects: add!("hub_connects", "Attempts to connect", Family::default()),
            window_stalls: add!(
                "window_stalls",
                "Times that a hub's window was full",
                Counter::default()
            ),
            cloudhook_seconds: add!(
                "cloudhook_seconds",
                "Time of a cloudhook call",
                Family::new_with_constructor(seconds as fn() -> Histogram)
            ),
            rate_limited: add!("rate_limited", "Held back by a rate", Family::default()),
            fanout_truncated: add!(
                "fanout_truncated",
                "Hubs beyond the fan-out",
                Counter::default()
            ),
            engine_up: add!(
                "engine_up",
                "Whether the store takes writes",
                Gauge::default()
            ),
            engine_seconds: add!(
                "engine_seconds",
                "Time that the store took",
                Family::new_with_constructor(seconds as fn() -> Histogram)
            ),
            registry: Mutex::new(registry),
        }
    }
}

impl Metrics {
    /// All of it, in the OpenMetrics text form.
    ///
    /// # Errors
    /// None is known; the encoder has the type.
    pub fn scrape(
        &self,
        store: &dyn RelayStore,
        hubs_connected: usize,
    ) -> Result<String, std::fmt::Error> {
        let usage = store.usage();
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.buffered_messages.set(gauge(usage.messages));
        self.buffered_bytes.set(gauge(usage.bytes));
        self.hubs_connected.set(gauge(hubs_connected as u64));
        self.engine_up.set(i64::from(store.is_up()));
        catch_up(&self.expired, usage.expired);
        catch_up(&self.displaced, usage.displaced);
        catch_up(&self.dead_letters, usage.dead_letters);
        let mut text = String::with_capacity(16 * 1024);
        encode(&mut text, &self.registry.lock())?;
        Ok(text)
    }
}

/// The store counts for itself.
fn catch_up(counter: &Counter, value: u64) {
    counter.inner().store(value, Ordering::Relaxed);
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}
