//! Under which URL a hub is reached: what webhooks' senders, apps and pages are told.
//!
//! People give an internal and an external URL ([`HomeConfig`](crate::home::HomeConfig)). Without
//! an internal one the hub falls back on the address that it listens on, where others can reach
//! that. Who needs a URL says which ones will do:
//!
//! ```
//! use hearth_core::base_url::BaseUrls;
//! use hearth_core::home::HomeChanges;
//! use hearth_core::prelude::*;
//!
//! hearth_core::System::new().block_on(async {
//!     let hub = Hub::in_memory().unwrap();
//!     assert!(BaseUrls::ANY.of(&hub).is_err(), "nobody said how it is reached");
//!
//!     let changes = r#"{"external_url": "https://home.example.org"}"#;
//!     let changes: HomeChanges = serde_json::from_str(changes).unwrap();
//!     hub.home.update(changes, Context::new(&hub.env)).await.unwrap();
//!     assert_eq!(BaseUrls::ANY.of(&hub).unwrap(), "https://home.example.org");
//!     assert!(BaseUrls::INTERNAL.of(&hub).is_err());
//! });
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::OnceLock;

use crate::hub::Hub;

/// Which base URLs will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseUrls {
    /// Whether one that is reached at home only will do.
    pub internal: bool,
    /// Whether one that is reached from everywhere will do.
    pub external: bool,
    /// Whether one whose host is a bare IP address will do.
    pub ip: bool,
    /// Whether the external one comes first where both will do.
    pub prefer_external: bool,
}

impl BaseUrls {
    /// Any, the external one first: the default for webhooks.
    pub const ANY: Self = Self {
        internal: true,
        external: true,
        ip: true,
        prefer_external: true,
    };
    /// The internal one.
    pub const INTERNAL: Self = Self {
        external: false,
        ..Self::ANY
    };
    /// The external one.
    pub const EXTERNAL: Self = Self {
        internal: false,
        ..Self::ANY
    };

    /// The best base URL of `hub` that will do, without a slash at its end.
    ///
    /// # Errors
    /// The hub knows none that will do.
    pub fn of(self, hub: &Hub) -> Result<String, NoBaseUrl> {
        let home = hub.home.current();
        let external = || {
            let given = home.external_url.as_deref().filter(|_| self.external)?;
            self.fitting(given)
        };
        let internal = || {
            let given = home.internal_url.as_deref().filter(|_| self.internal);
            match given {
                Some(given) => self.fitting(given),
                None if self.internal && self.ip => hub.listening.url(),
                None => None,
            }
        };
        let found = match self.prefer_external {
            true => external().or_else(internal),
            false => internal().or_else(external),
        };
        found.ok_or(NoBaseUrl)
    }

    fn fitting(self, given: &str) -> Option<String> {
        let uri: http::Uri = given.parse().ok()?;
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        let fits = self.ip || host.parse::<IpAddr>().is_err();
        fits.then(|| given.trim_end_matches('/').to_owned())
    }
}

/// The hub knows no URL under which it is reached that would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no URL of this hub is known; set `external_url` or `internal_url` in [hub] or in the app's settings"
)]
pub struct NoBaseUrl;

/// Where the HTTP door listens, once it does. One a hub: [`Parts::listening`](crate::hub::Parts).
#[derive(Debug, Default)]
pub struct Listening(OnceLock<SocketAddr>);

impl Listening {
    /// Says where; the first to say so is believed.
    pub fn on(&self, address: SocketAddr) {
        let _ = self.0.set(address);
    }

    /// Where.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.get().copied()
    }

    /// How others at home reach it: `http://192.168.1.5:8123`. `None` where only this machine can.
    pub fn url(&self) -> Option<String> {
        let address = self.address()?;
        let ip = match address.ip() {
            ip if ip.is_unspecified() => own_address()?,
            ip => ip,
        };
        (!ip.is_loopback()).then(|| format!("http://{}", SocketAddr::new(ip, address.port())))
    }
}

/// This machine's address towards its router. Nothing is sent: the system only says which of its
/// addresses it would take.
fn own_address() -> Option<IpAddr> {
    let towards = |from: IpAddr, to: IpAddr| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        let own = socket.local_addr().ok()?.ip();
        (!own.is_unspecified() && !own.is_loopback()).then_some(own)
    };
    // Addresses that are set aside for documentation: they lie beyond every router.
    let v4 = Ipv4Addr::new(198, 51, 100, 1);
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    towards(Ipv4Addr::UNSPECIFIED.into(), v4.into())
        .or_else(|| towards(Ipv6Addr::UNSPECIFIED.into(), v6.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Context;
    use crate::home::HomeChanges;

    async fn hub(internal: Option<&str>, external: Option<&str>) -> Hub {
        let hub = Hub::in_memory().unwrap();
        let changes = HomeChanges {
            internal_url: Some(internal.map(str::to_owned)),
            external_url: Some(external.map(str::to_owned)),
            ..HomeChanges::default()
        };
        let context = Context::new(&hub.env);
        hub.home.update(changes, context).await.unwrap();
        hub
    }

    #[test]
    fn who_asks_says_which_url_will_do() {
        crate::System::new().block_on(async {
            let hub = hub(
                Some("http://192.168.1.5:8123/"),
                Some("https://home.example.org"),
            )
            .await;
            let internal = Ok("http://192.168.1.5:8123".to_owned());
            let external = Ok("https://home.example.org".to_owned());
            let inside_first = BaseUrls {
                prefer_external: false,
                ..BaseUrls::ANY
            };
            let no_ip = |urls: BaseUrls| BaseUrls { ip: false, ..urls };
            assert_eq!(BaseUrls::ANY.of(&hub), external);
            assert_eq!(inside_first.of(&hub), internal);
            assert_eq!(no_ip(inside_first).of(&hub), external);
            assert_eq!(BaseUrls::INTERNAL.of(&hub), internal);
            assert_eq!(no_ip(BaseUrls::INTERNAL).of(&hub), Err(NoBaseUrl));
            assert_eq!(BaseUrls::EXTERNAL.of(&hub), external);
        });
    }

    #[test]
    fn without_an_internal_url_the_address_stands_in_that_others_can_reach() {
        crate::System::new().block_on(async {
            let hub = hub(None, None).await;
            hub.listening.on("192.168.7.7:8123".parse().unwrap());
            let own = Ok("http://192.168.7.7:8123".to_owned());
            assert_eq!(BaseUrls::ANY.of(&hub), own);
            assert_eq!(BaseUrls::EXTERNAL.of(&hub), Err(NoBaseUrl));
            let named = BaseUrls {
                ip: false,
                ..BaseUrls::ANY
            };
            assert_eq!(named.of(&hub), Err(NoBaseUrl));
        });
        let loopback = Listening::default();
        loopback.on("127.0.0.1:8123".parse().unwrap());
        assert_eq!(loopback.url(), None);
        let v6 = Listening::default();
        v6.on("[fd00::5]:8123".parse().unwrap());
        assert_eq!(v6.url().as_deref(), Some("http://[fd00::5]:8123"));
    }

    #[test]
    fn a_door_on_every_interface_is_reached_at_no_wildcard() {
        let everywhere = Listening::default();
        everywhere.on("0.0.0.0:8123".parse().unwrap());
        let url = everywhere.url();
        assert!(
            url.as_deref().is_none_or(|url| !url.contains("0.0.0.0")),
            "{url:?}"
        );
    }
}
