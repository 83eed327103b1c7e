//! Which relay, and who the hub is to it.

use hearth_core::settings::RelayLinkSettings;
use hearth_relay_protocol::PATH;
use url::{Host, Url};

use crate::secret::Secret;

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: expected {expected}")]
pub struct Misconfigured {
    /// Such as `relay_link.url`.
    pub key: &'static str,
    /// The end of a sentence.
    pub expected: String,
}

/// The relay's address, and the hub's name there.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    /// Of the WebSocket.
    pub(crate) url: Url,
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
    pub(crate) is_tls: bool,
    pub(crate) hub_id: String,
    pub(crate) token: Secret,
}

/// Whether the relay can be reached so; nothing is connected. What else the link needs may come
/// from another place than its address, so that is looked at when the link starts.
///
/// # Errors
/// Names the key, and what was expected.
pub fn check(settings: &RelayLinkSettings) -> Result<(), Misconfigured> {
    match &settings.url {
        None => Ok(()),
        Some(url) => address(url).map(|_| ()),
    }
}

impl Relay {
    /// From the settings; none where no relay is named.
    pub(crate) fn from_settings(
        settings: &RelayLinkSettings,
    ) -> Result<Option<Self>, Misconfigured> {
        let Some(url) = &settings.url else {
            return Ok(None);
        };
        let (url, host, port) = address(url)?;
        let token = settings.token.as_ref().ok_or_else(|| {
            wrong(
                "relay_link.token",
                "the secret that the relay gave this hub",
            )
        })?;
        let token = token
            .resolve()
            .map_err(|missing| wrong("relay_link.token", &format!("a secret: {missing}")))?;
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(
                "relay_link.token",
                "visible ASCII characters, and no space",
            ));
        }
        Ok(Some(Self {
            is_tls: url.scheme() == "wss",
            url,
            host,
            port,
            hub_id: hub_id(settings)?,
            token: token.into(),
        }))
    }

    /// What cursors and cloudhooks belong to: those of another relay mean nothing to this one.
    pub(crate) fn key(&self) -> String {
        format!("{}:{} {}", self.host, self.port, self.hub_id)
    }
}

fn hub_id(settings: &RelayLinkSettings) -> Result<String, Misconfigured> {
    let is_id = |id: &&String| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let id = settings.hub_id.as_ref().filter(is_id).cloned();
    id.ok_or_else(|| wrong("relay_link.hub_id", "the id that the relay gave this hub"))
}

fn address(text: &str) -> Result<(Url, Host<String>, u16), Misconfigured> {
    let expected = "an address such as https://relay.example";
    let refused = || wrong("relay_link.url", expected);
    let mut url: Url = text.parse().map_err(|_| refused())?;
    let scheme = match url.scheme() {
        "https" | "wss" => "wss",
        "http" | "ws" => "ws",
        _ => return Err(refused()),
    };
    let host = url.host().ok_or_else(refused)?.to_owned();
    if scheme == "ws" && !is_loopback(&host) {
        let expected = "https: only a relay on the hub's own machine is spoken to without TLS";
        return Err(wrong("relay_link.url", expected));
    }
    let port = url.port_or_known_default().ok_or_else(refused)?;
    // From one special scheme to another.
    url.set_scheme(scheme).map_err(|()| refused())?;
    let path = format!("{}{PATH}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    // What stands before an @ would go into logs.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused());
    }
    Ok((url, host, port))
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn wrong(key: &'static str, expected: &str) -> Misconfigured {
    Misconfigured {
        key,
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use hearth_core::settings::SecretText;

    use super::*;

    fn settings(url: &str) -> RelayLinkSettings {
        RelayLinkSettings {
            url: Some(url.to_owned()),
            hub_id: Some("0123456789abcdef01234567".to_owned()),
            token: Some(SecretText::Text("secret-token".to_owned())),
            ..RelayLinkSettings::default()
        }
    }

    #[test]
    fn the_relay_is_named_as_people_name_it() {
        for (given, url) in [
            ("https://relay.example", "wss://relay.example/hub/v1"),
            (
                "https://relay.example:8443/",
                "wss://relay.example:8443/hub/v1",
            ),
            (
                "wss://relay.example/below/",
                "wss://relay.example/below/hub/v1",
            ),
            ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/hub/v1"),
            ("http://[::1]:8080", "ws://[::1]:8080/hub/v1"),
            ("http://localhost", "ws://localhost/hub/v1"),
        ] {
            let relay = Relay::from_settings(&settings(given)).unwrap().unwrap();
            assert_eq!(relay.url.as_str(), url, "{given}");
            assert!(!format!("{relay:?}").contains("secret-token"));
        }
        assert_eq!(check(&RelayLinkSettings::default()), Ok(()));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (url, expected) in [
            ("http://relay.example", "https"),
            ("http://192.168.1.5:8443", "https"),
            ("ftp://relay.example", "an address"),
            ("https://user:word@relay.example", "an address"),
            ("relay.example", "an address"),
        ] {
            let wrong = check(&settings(url)).unwrap_err();
            assert_eq!(wrong.key, "relay_link.url", "{url}");
            assert!(wrong.expected.starts_with(expected), "{url}: {wrong}");
        }
        let mut without = settings("https://relay.example");
        without.hub_id = None;
        let wrong = Relay::from_settings(&without).unwrap_err();
        assert_eq!(wrong.key, "relay_link.hub_id");
        let mut without = settings("https://relay.example");
        without.token = None;
        let wrong = Relay::from_settings(&without).unwrap_err();
        assert_eq!(wrong.key, "relay_link.token");
    }
}
