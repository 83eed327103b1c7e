//! Requests for ids that nobody has: counted by source, so that a house sees who tries doors.
//!
//! Every one of them is answered as if it had arrived (spec webhook §2); only logs and counts know.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use parking_lot::Mutex;

use super::request::{Source, WebhookRequest};

/// Sources that are told apart; those that come later are counted together.
const SOURCES: usize = 256;

/// How much of a body is logged at `debug`.
const BODY_SHOWN: usize = 64;

/// Counts of requests for unknown ids.
#[derive(Default)]
pub(super) struct UnknownIds(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    total: u64,
    by_source: HashMap<Sender, u64>,
    others: u64,
}

/// A source as it is counted: who has one IPv6 address has the whole network of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Sender {
    Address(IpAddr),
    Network(Ipv6Addr),
    WebSocket,
    Relay,
}

impl From<Source> for Sender {
    fn from(source: Source) -> Self {
        match source {
            Source::Relay => Self::Relay,
            Source::WebSocket(_) => Self::WebSocket,
            Source::Http(address) => match address.to_canonical() {
                IpAddr::V6(v6) if !v6.is_loopback() => {
                    Self::Network(Ipv6Addr::from(u128::from(v6) >> 64 << 64))
                }
                address => Self::Address(address),
            },
        }
    }
}

impl std::fmt::Display for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Network(network) => write!(f, "{network}/64"),
            Self::WebSocket => f.write_str("websocket"),
            Self::Relay => f.write_str("relay"),
        }
    }
}

impl UnknownIds {
    /// Counts a request and logs it: a source at `info` when it has come 1, 2, 4, 8… times, so
    /// that nobody floods the log.
    pub(super) fn note(&self, request: &WebhookRequest) {
        let sender = Sender::from(request.source);
        let times = self.0.lock().count(sender);
        if times.is_power_of_two() {
            tracing::info!(webhook = request.id.short(), source = %sender, times, "no such webhook");
        }
        if tracing::enabled!(tracing::Level::DEBUG) {
            let shown = &request.body[..request.body.len().min(BODY_SHOWN)];
            let begins = shown.escape_ascii().to_string();
            tracing::debug!(webhook = request.id.short(), source = %sender, body = begins, "no such webhook");
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.0.lock().total
    }

    pub(super) fn by_source(&self) -> Vec<(String, u64)> {
        let counts = self.0.lock();
        let told = counts.by_source.iter();
        let mut all: Vec<_> = told
            .map(|(sender, times)| (sender.to_string(), *times))
            .collect();
        if counts.others > 0 {
            all.push(("others".to_owned(), counts.others));
        }
        all.sort();
        all
    }
}

impl Counts {
    fn count(&mut self, sender: Sender) -> u64 {
        self.total += 1;
        let known = self.by_source.contains_key(&sender);
        let times = match known || self.by_source.len() < SOURCES {
            true => self.by_source.entry(sender).or_default(),
            false => &mut self.others,
        };
        *times += 1;
        *times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Sender {
        Source::Http(address.parse().unwrap()).into()
    }

    #[test]
    fn sources_are_told_apart_up_to_a_limit() {
        let mut counts = Counts::default();
        assert_eq!(counts.count(from("192.0.2.1")), 1);
        assert_eq!(counts.count(from("::ffff:192.0.2.1")), 2);
        for n in 0..1000 {
            counts.count(from(&format!("10.0.{}.{}", n / 250, n % 250)));
        }
        assert_eq!(counts.by_source.len(), SOURCES);
        assert_eq!((counts.total, counts.others), (1002, 1002 - 2 - 255));
        assert_eq!(counts.count(from("192.0.2.1")), 3);
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let mut counts = Counts::default();
        counts.count(from("2001:db8::1"));
        assert_eq!(counts.count(from("2001:db8::2:3")), 2);
        assert_eq!(counts.count(from("2001:db8:0:1::1")), 1);
        assert_eq!(from("2001:db8::1").to_string(), "2001:db8::/64");
        assert_eq!(from("::1").to_string(), "::1");
    }
}
