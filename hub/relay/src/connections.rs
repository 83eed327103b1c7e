//! Connections beneath requests: how many one address may have, and how long a client may take
//! nothing of what is sent to it.

use std::any::Any;
use std::net::{IpAddr, Shutdown};
use std::sync::Arc;
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use socket2::SockRef;

use crate::public::address::is_trusted;
use crate::rates::Source;
use crate::relay::Relay;

/// Open connections by where they come from.
#[derive(Debug, Default)]
pub(crate) struct Connections(DashMap<Source, usize>);

/// One connection that is counted; kept with the connection's data.
struct Counted {
    connections: Arc<Connections>,
    source: Source,
}

impl Connections {
    /// Counts one more; none where there are too many.
    fn open(self: &Arc<Self>, source: Source, limit: usize) -> Option<Counted> {
        let mut count = self.0.entry(source).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Counted {
            connections: Arc::clone(self),
            source,
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.connections.0.entry(self.source) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// What the server does with each new connection. Trusted proxies may have as many as they like.
pub(crate) fn prepare(
    relay: Relay,
    patience: Duration,
) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync {
    let connections = Arc::<Connections>::default();
    move |connection, data| {
        let Some(stream) = tcp(connection) else {
            return;
        };
        let socket = SockRef::from(stream);
        #[cfg(target_os = "linux")]
        if let Err(error) = socket.set_tcp_user_timeout(Some(patience)) {
            tracing::debug!(%error, "cannot limit how long a client may take nothing");
        }
        let Some(peer) = stream.peer_addr().ok().map(|peer| peer.ip()) else {
            return;
        };
        if let Some(limit) = limit(&relay, peer) {
            match connections.open(Source::of(peer), limit) {
                Some(counted) => {
                    data.insert(counted);
                }
                None => {
                    let limited = [("scope", "connections")];
                    relay.metrics.rate_limited.get_or_create(&limited).inc();
                    // The server finds it closed.
                    let _ = socket.shutdown(Shutdown::Both);
                }
            }
        }
    }
}

fn limit(relay: &Relay, peer: IpAddr) -> Option<usize> {
    (!is_trusted(&relay.proxies, peer)).then_some(relay.settings.connections_per_address)
}

fn tcp(connection: &dyn Any) -> Option<&TcpStream> {
    connection.downcast_ref::<TcpStream>().or_else(|| {
        let encrypted = connection.downcast_ref::<TlsStream<TcpStream>>()?;
        Some(encrypted.get_ref().0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_connections_at_a_time() {
        let connections = Arc::<Connections>::default();
        let here = Source::of(IpAddr::from([10, 0, 0, 1]));
        let there = Source::of(IpAddr::from([10, 0, 0, 2]));
        let first = connections.open(here, 2);
        let second = connections.open(here, 2);
        assert!(first.is_some() && second.is_some());
        assert!(connections.open(here, 2).is_none());
        assert!(connections.open(there, 2).is_some());
        drop(first);
        assert!(connections.open(here, 2).is_some());
        drop(second);
        assert!(connections.0.is_empty());
    }
}
