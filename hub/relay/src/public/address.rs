//! Whose request this is: the connection's peer, or the client that a trusted proxy names.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, X_FORWARDED_FOR};
use ipnet::IpNet;

use crate::relay::Relay;

/// The setting `relay.trusted_proxies` holds something else than addresses and networks.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "relay.trusted_proxies: `{0}` is neither an address such as 10.0.0.2 nor a network such as 10.0.0.0/24"
)]
pub struct NotANetwork(String);

/// Reads the setting.
///
/// # Errors
/// Names the first entry that is wrong.
pub fn networks(texts: &[String]) -> Result<Vec<IpNet>, NotANetwork> {
    let network = |text: &String| {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| NotANetwork(text.clone()))
    };
    texts.iter().map(network).collect()
}

/// Whether an address is that of a trusted proxy.
pub fn is_trusted(proxies: &[IpNet], address: IpAddr) -> bool {
    let canonical = address.to_canonical();
    proxies
        .iter()
        .any(|network| network.contains(&canonical) || network.contains(&address))
}

/// The address that a request's connection comes from.
pub fn peer(request: &HttpRequest) -> IpAddr {
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    // Only a connection that has just gone has no peer.
    peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// The client's address: what a trusted proxy says it is, else the peer's.
pub fn client(relay: &Relay, request: &HttpRequest) -> IpAddr {
    named(&relay.proxies, peer(request), request.headers())
}

/// From the right, the first address that is no trusted proxy's own; a proxy that names nobody
/// speaks for itself.
fn named(proxies: &[IpNet], peer: IpAddr, fields: &HeaderMap) -> IpAddr {
    if !is_trusted(proxies, peer) {
        return peer;
    }
    let lines: Vec<&str> = fields
        .get_all(X_FORWARDED_FOR)
        .filter_map(|value| value.to_str().ok())
        .collect();
    let mut client = peer;
    for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Ok(address) = entry.trim().parse::<IpAddr>() else {
            return client;
        };
        client = address.to_canonical();
        if !is_trusted(proxies, client) {
            return client;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn only_a_trusted_proxy_names_the_client() {
        let proxies = networks(&["10.0.0.0/24".to_owned(), "::1".to_owned()]).unwrap();
        for (peer, chain, expected) in [
            ("9.9.9.9", "8.8.8.8", "9.9.9.9"),
            ("10.0.0.2", "8.8.8.8", "8.8.8.8"),
            ("10.0.0.2", "1.1.1.1, 8.8.8.8", "8.8.8.8"),
            ("10.0.0.2", "8.8.8.8, 10.0.0.3", "8.8.8.8"),
            ("10.0.0.2", "10.0.0.4, 10.0.0.3", "10.0.0.4"),
            ("10.0.0.2", "nonsense", "10.0.0.2"),
            ("10.0.0.2", "8.8.8.8, nonsense, 10.0.0.3", "10.0.0.3"),
            ("::ffff:10.0.0.2", "8.8.8.8", "8.8.8.8"),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(X_FORWARDED_FOR, HeaderValue::from_static(chain));
            let found = named(&proxies, peer.parse().unwrap(), &fields);
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {chain}");
        }
        assert!(networks(&["the router".to_owned()]).is_err());
    }
}
