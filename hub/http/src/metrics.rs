//! Counters for `/metrics`, and the text that a scrape reads.

use hearth_core::hub::Phase;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::door::Door;

/// What the doors count. All methods may be called from any thread.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Replies by the first digit of their status, 1 to 5.
    replies: [Counter; 5],
    /// WebSockets that are open now, signed in or not.
    open_sockets: Gauge,
    /// Event streams (`/api/stream`) that are open now.
    open_streams: Gauge,
    /// Sockets and streams that were cut off because they read too slowly.
    slow_readers: Counter,
}

impl Metrics {
    /// Counts a reply.
    pub(crate) fn replied(&self, status: u16) {
        let class = usize::from(status / 100);
        if let Some(counter) = class
            .checked_sub(1)
            .and_then(|index| self.replies.get(index))
        {
            counter.inc();
        }
    }

    /// Counts a WebSocket until what is returned is dropped; `None` where `limit` are open.
    pub(crate) fn open_socket(&self, limit: usize) -> Option<OpenConnection> {
        let before = self.open_sockets.inc();
        let open = OpenConnection(self.open_sockets.clone());
        usize::try_from(before)
            .is_ok_and(|before| before < limit)
            .then_some(open)
    }

    /// Counts an event stream until what is returned is dropped.
    pub(crate) fn open_stream(&self) -> OpenConnection {
        self.open_streams.inc();
        OpenConnection(self.open_streams.clone())
    }

    /// Counts a socket or stream that was cut off because it read too slowly.
    pub(crate) fn cut_off_slow_reader(&self) {
        self.slow_readers.inc();
    }
}

/// One connection that is counted as open.
#[must_use]
#[derive(Debug)]
pub(crate) struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The metrics of the hub and of this process in the OpenMetrics text form.
pub(crate) fn scrape(door: &Door) -> Result<String, std::fmt::Error> {
    let (hub, own) = (&door.hub, &*door.metrics);
    let mut registry = Registry::with_prefix("hearth");

    let replies = Family::<[(&str, String); 1], Counter>::default();
    for (class, counter) in own.replies.iter().enumerate() {
        let label = [("status", format!("{}xx", class + 1))];
        replies.get_or_create(&label).inc_by(counter.get());
    }
    registry.register("http_replies", "Replies by class of status", replies);
    registry.register("websockets", "Open WebSockets", own.open_sockets.clone());
    registry.register(
        "event_streams",
        "Open event streams",
        own.open_streams.clone(),
    );
    registry.register(
        "slow_readers",
        "Sockets and streams cut off because they read too slowly",
        own.slow_readers.clone(),
    );

    let unknown = Family::<[(&str, String); 1], Counter>::default();
    for (source, count) in hub.webhooks.unknown_hits_by_source() {
        unknown.get_or_create(&[("source", source)]).inc_by(count);
    }
    registry.register(
        "webhook_unknown_ids_by_source",
        "Requests for webhook ids that nobody has, by where they came from",
        unknown,
    );

    let mut counter = |name: &str, help: &str, value: u64| {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    };
    counter(
        "events_published",
        "Events published since the start",
        hub.bus.published(),
    );
    counter(
        "webhook_unknown_ids",
        "Requests for webhook ids that nobody has",
        hub.webhooks.unknown_hits(),
    );

    let mut gauge = |name: &str, help: &str, value: usize| {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    gauge(
        "up",
        "Whether the hub is fully up",
        usize::from(hub.phase() == Phase::Running),
    );
    gauge(
        "events_in_flight",
        "Events on their way now",
        hub.bus.in_flight(),
    );
    gauge("entities", "Entities that have a state", hub.states.len());
    gauge("webhooks", "Registered webhooks", hub.webhooks.len());
    gauge(
        "sessions",
        "Connections that stay open on a token",
        door.auth.open_sessions(),
    );

    let uptime: Gauge<f64, std::sync::atomic::AtomicU64> = Gauge::default();
    uptime.set(hub.env.monotonic().as_secs_f64());
    registry.register_with_unit("uptime", "Time since the start", Unit::Seconds, uptime);
    if let Some(bytes) = resident_bytes() {
        let resident: Gauge = Gauge::default();
        resident.set(bytes);
        registry.register_with_unit("resident_memory", "Memory in use", Unit::Bytes, resident);
    }

    let mut text = String::with_capacity(4096);
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

/// What this process holds in memory; `None` where the system does not tell.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
