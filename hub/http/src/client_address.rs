//! Whose request this is: the connection's peer, or the client that a trusted proxy names.
//!
//! The rules are those of spec webhook §3. Bans, local-only users and local-only webhooks go by
//! the address found here, so a header that nobody vouches for is refused and not skipped.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use actix_web::{HttpMessage, HttpRequest};
use hearth_core::settings::HttpSettings;
use ipnet::IpNet;

/// An entry of `http.trusted_proxies` is neither an address nor a network.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "http.trusted_proxies: `{0}` is neither an address such as 10.0.0.2 nor a network such as 10.0.0.0/24"
)]
pub struct NotANetwork(pub String);

/// Who may say on whose behalf it asks.
#[derive(Debug, Clone)]
pub(crate) struct TrustedProxies {
    believed: bool,
    networks: Vec<IpNet>,
}

/// `X-Forwarded-*` fields that no rule allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Untrusted;

/// Where a trusted proxy says that a request came from; kept with the request.
#[derive(Clone, Copy)]
struct ForwardedFor(IpAddr);

impl TrustedProxies {
    pub(crate) fn from_settings(settings: &HttpSettings) -> Result<Self, NotANetwork> {
        let network = |text: &String| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| NotANetwork(text.clone()))
        };
        Ok(Self {
            believed: settings.use_x_forwarded_for,
            networks: settings
                .trusted_proxies
                .iter()
                .map(network)
                .collect::<Result<_, _>>()?,
        })
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&canonical) || network.contains(&address))
    }

    /// The client that the fields name; `None` where they name nobody.
    fn client(
        &self,
        peer: Option<IpAddr>,
        fields: &HeaderMap,
    ) -> Result<Option<IpAddr>, Untrusted> {
        let mut given = fields.get_all(X_FORWARDED_FOR);
        let Some(value) = given.next() else {
            return Ok(None);
        };
        let trusted = self.believed && peer.is_some_and(|peer| self.trusts(peer));
        if !trusted || given.next().is_some() {
            return Err(Untrusted);
        }
        let chain = value
            .to_str()
            .map_err(|_| Untrusted)?
            .split(',')
            .map(|entry| entry.trim().parse::<IpAddr>().map_err(|_| Untrusted))
            .collect::<Result<Vec<_>, _>>()?;
        check_companions(fields, chain.len())?;
        let client = chain
            .iter()
            .rev()
            .find(|entry| !self.trusts(**entry))
            .or(chain.first());
        Ok(client.copied())
    }

    /// Finds the client and keeps it with the request, for [`client_address`].
    pub(crate) fn identify(&self, request: &HttpRequest) -> Result<(), Untrusted> {
        let peer = request.peer_addr().map(|peer| peer.ip());
        if let Some(client) = self.client(peer, request.headers())? {
            request.extensions_mut().insert(ForwardedFor(client));
        }
        Ok(())
    }
}

/// The fields that go with `X-Forwarded-For` must fit it.
fn check_companions(fields: &HeaderMap, addresses: usize) -> Result<(), Untrusted> {
    let text =
        |value: &actix_web::http::header::HeaderValue| value.to_str().unwrap_or("").to_owned();
    let protocols: Vec<String> = fields.get_all(X_FORWARDED_PROTO).map(text).collect();
    let named: Vec<&str> = protocols
        .iter()
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .collect();
    let fits = protocols.is_empty()
        || (protocols.len() == 1
            && (named.len() == 1 || named.len() == addresses)
            && named.iter().all(|protocol| !protocol.is_empty()));
    let hosts: Vec<String> = fields.get_all(X_FORWARDED_HOST).map(text).collect();
    let one_host = hosts.is_empty() || (hosts.len() == 1 && !hosts[0].trim().is_empty());
    if fits && one_host {
        Ok(())
    } else {
        Err(Untrusted)
    }
}

/// The client's address; `None` only for a connection that the system knows no peer of.
pub(crate) fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    // Looking the field up first keeps the common request from touching its extensions.
    if request.headers().contains_key(X_FORWARDED_FOR)
        && let Some(ForwardedFor(client)) = request.extensions().get::<ForwardedFor>()
    {
        return Some(*client);
    }
    request.peer_addr().map(|peer| peer.ip())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn proxies(believed: bool) -> TrustedProxies {
        TrustedProxies::from_settings(&HttpSettings {
            use_x_forwarded_for: believed,
            trusted_proxies: vec!["10.0.0.0/24".into(), "::1".into()],
            ..HttpSettings::default()
        })
        .unwrap()
    }

    fn client(
        proxies: &TrustedProxies,
        peer: &str,
        fields: &[(&str, &str)],
    ) -> Result<Option<IpAddr>, Untrusted> {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        proxies.client(Some(peer.parse().unwrap()), &map)
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        let proxies = proxies(true);
        for (chain, expected) in [
            ("8.8.8.8", "8.8.8.8"),
            ("1.1.1.1, 8.8.8.8", "8.8.8.8"),
            ("8.8.8.8, 10.0.0.7,10.0.0.8", "8.8.8.8"),
            ("10.0.0.9, 10.0.0.8", "10.0.0.9"),
            ("2001:db8::1, ::1", "2001:db8::1"),
        ] {
            let found = client(&proxies, "10.0.0.2", &[("x-forwarded-for", chain)]);
            assert_eq!(found, Ok(Some(expected.parse().unwrap())), "{chain}");
        }
        assert_eq!(client(&proxies, "9.9.9.9", &[]), Ok(None));
        let mapped = client(
            &proxies,
            "::ffff:10.0.0.2",
            &[("x-forwarded-for", "8.8.8.8")],
        );
        assert_eq!(mapped, Ok(Some("8.8.8.8".parse().unwrap())));
    }

    #[test]
    fn a_forwarded_address_that_nobody_vouches_for_is_refused() {
        let one = [("x-forwarded-for", "8.8.8.8")];
        assert_eq!(client(&proxies(false), "10.0.0.2", &one), Err(Untrusted));
        assert_eq!(client(&proxies(true), "9.9.9.9", &one), Err(Untrusted));
        for fields in [
            &[("x-forwarded-for", "")][..],
            &[("x-forwarded-for", "me")],
            &[("x-forwarded-for", "8.8.8.8,")],
            &[
                ("x-forwarded-for", "8.8.8.8"),
                ("x-forwarded-for", "1.1.1.1"),
            ],
            &[("x-forwarded-for", "8.8.8.8"), ("x-forwarded-proto", "")],
            &[
                ("x-forwarded-for", "8.8.8.8"),
                ("x-forwarded-proto", "https,http"),
            ],
            &[("x-forwarded-for", "8.8.8.8"), ("x-forwarded-host", "")],
            &[
                ("x-forwarded-for", "8.8.8.8"),
                ("x-forwarded-host", "a"),
                ("x-forwarded-host", "b"),
            ],
        ] {
            assert_eq!(
                client(&proxies(true), "10.0.0.2", fields),
                Err(Untrusted),
                "{fields:?}"
            );
        }
        let https = [
            ("x-forwarded-for", "8.8.8.8, 10.0.0.3"),
            ("x-forwarded-proto", "https, http"),
        ];
        assert!(client(&proxies(true), "10.0.0.2", &https).is_ok());
    }

    #[test]
    fn a_trusted_proxy_must_be_an_address_or_a_network() {
        let settings = HttpSettings {
            trusted_proxies: vec!["the router".into()],
            ..HttpSettings::default()
        };
        let error = TrustedProxies::from_settings(&settings).unwrap_err();
        assert!(error.to_string().contains("`the router`"), "{error}");
    }
}
