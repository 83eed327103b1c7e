//! Client ids and redirect URIs (spec auth §1, after IndieAuth).
//!
//! A client is named by a URL, and a code is handed only to a redirect URI that this URL vouches
//! for. URLs are read as browsers read them, so that what is judged here is where a browser would
//! go. What only the client's own page can decide is left to the door: nothing is fetched here.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::address::is_local;

/// Longest client id or redirect URI, in bytes.
pub(crate) const LONGEST_URL: usize = 2048;

/// The clients that are known by heart, and where they may be sent: the Companion apps must be
/// able to sign in on a hub without the internet.
const KNOWN: [(&str, &[&str]); 2] = [
    ("https://home-assistant.io/iOS", &[APP_CALLBACK]),
    (
        "https://home-assistant.io/android",
        &[
            APP_CALLBACK,
            "https://wear.googleapis.com/3p_auth/io.homeassistant.companion.android",
            "https://wear.googleapis-cn.com/3p_auth/io.homeassistant.companion.android",
        ],
    ),
];
const APP_CALLBACK: &str = "homeassistant://auth-callback";

/// Schemes that make a browser run or show something instead of going somewhere.
const HARMFUL_SCHEMES: [&str; 8] = [
    "javascript",
    "vbscript",
    "data",
    "file",
    "blob",
    "about",
    "filesystem",
    "view-source",
];

/// A client id that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid client id")]
pub struct InvalidClientId;

/// The URL that names a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientId {
    text: String,
    url: Url,
}

/// What the client id alone says of a redirect URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
    /// The client may be sent there.
    Accepted(RedirectUri),
    /// Only if the client's own page names it.
    AskClient(RedirectUri),
    /// Nobody may be sent there.
    Refused,
}

impl ClientId {
    /// Reads a client id: an http or https URL without user, password, fragment and dot segments,
    /// whose host is a name or an address of a home's network.
    ///
    /// # Errors
    /// [`InvalidClientId`].
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let url = plain_url(text).ok_or(InvalidClientId)?;
        let host_fits = match url.host() {
            Some(Host::Domain(name)) => !name.is_empty(),
            Some(Host::Ipv4(address)) => is_local(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => is_local(IpAddr::V6(address)),
            None => false,
        };
        let fits = matches!(url.scheme(), "http" | "https")
            && host_fits
            && url.fragment().is_none()
            && !has_dot_segments(text);
        if !fits {
            return Err(InvalidClientId);
        }
        Ok(Self {
            text: text.to_owned(),
            url,
        })
    }

    /// The id as it was given: what codes and tokens are bound to.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The page that speaks for the client.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether a browser may be sent to `redirect_uri` with a code for this client.
    pub fn judge(&self, redirect_uri: &str) -> Redirect {
        let Some(url) = plain_url(redirect_uri) else {
            return Redirect::Refused;
        };
        if HARMFUL_SCHEMES.contains(&url.scheme()) {
            return Redirect::Refused;
        }
        let same_site = url.scheme() == self.url.scheme()
            && url.host() == self.url.host()
            && url.port_or_known_default() == self.url.port_or_known_default();
        let known = KNOWN
            .iter()
            .any(|(client, uris)| self.url.as_str() == *client && uris.contains(&redirect_uri));
        let uri = RedirectUri {
            text: redirect_uri.to_owned(),
            url,
        };
        if same_site || known {
            Redirect::Accepted(uri)
        } else {
            Redirect::AskClient(uri)
        }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where a browser goes with its code. Judged by a [`ClientId`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri {
    text: String,
    url: Url,
}

impl RedirectUri {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As browsers read it.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The URI with the code, and the client's state where it gave one, added to its query.
    pub fn with_code(&self, code: &str, state: Option<&str>) -> Url {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("code", code);
        if let Some(state) = state {
            url.query_pairs_mut().append_pair("state", state);
        }
        url
    }
}

/// A URL that is neither long nor split over lines, and names no user.
fn plain_url(text: &str) -> Option<Url> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    if text.len() > LONGEST_URL || text.contains(odd) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let names_user = !url.username().is_empty() || url.password().is_some();
    if names_user || (url.has_authority() && !has_plain_authority(text, url.scheme())) {
        return None;
    }
    Some(url)
}

/// Whether the text says where it leads as it is parsed: browsers also read `http:host`,
/// `http:///host` and `http://@host`.
fn has_plain_authority(text: &str, scheme: &str) -> bool {
    let rest = text
        .get(scheme.len()..)
        .and_then(|rest| rest.strip_prefix("://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let may_be_empty = !matches!(scheme, "http" | "https");
    authority.is_some_and(|text| !text.contains('@') && (may_be_empty || !text.is_empty()))
}

/// Whether the path holds `.` or `..`, which the parsed URL no longer shows.
fn has_dot_segments(text: &str) -> bool {
    let path = text.split(['?', '#']).next().unwrap_or(text);
    path.split('/').any(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_accepted(client: &str, redirect: &str) -> bool {
        let client = ClientId::parse(client).unwrap();
        matches!(client.judge(redirect), Redirect::Accepted(_))
    }

    #[test]
    fn a_client_id_is_a_plain_url_of_a_name_or_of_the_home() {
        for good in [
            "http://hub.local:8123/",
            "http://hub.local:8123",
            "https://EXAMPLE.org",
            "https://home-assistant.io/iOS",
            "https://example.org/path?query=1",
            "http://192.168.1.5:8123/",
            "http://127.0.0.1/",
            "http://[::1]:8123/",
            "http://[fd00::1]/",
            "http://localhost",
        ] {
            assert!(ClientId::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "hub",
            "/path",
            "ftp://example.org/",
            "homeassistant://auth-callback",
            "javascript:alert(1)",
            "https://example.org/#fragment",
            "https://example.org/#",
            "https://paul@example.org/",
            "https://paul:secret@example.org/",
            "https://@example.org/",
            "https://example.org/a/../b",
            "https://example.org/./b",
            "https://example.org/%2e%2E/b",
            "https://example.org/..",
            "https://example.org:99999/",
            "https://example.org:port/",
            "https://8.8.8.8/",
            "https://[2001:4860:4860::8888]/",
            "https:///path",
            "https:/example.org/",
            "https:example.org/",
            "https://exa mple.org/",
            "https://example.org/\n",
            " https://example.org/",
            "https:\\\\example.org\\",
        ] {
            assert_eq!(ClientId::parse(bad), Err(InvalidClientId), "{bad:?}");
        }
        let long = format!("https://example.org/{}", "x".repeat(LONGEST_URL));
        assert!(ClientId::parse(&long).is_err());
    }

    #[test]
    fn a_client_is_sent_to_its_own_site_only() {
        let client = "http://hub.local:8123/";
        for good in [
            "http://hub.local:8123/",
            "http://hub.local:8123/?auth_callback=1",
            "http://HUB.local:8123/deep/path?x=1#part",
        ] {
            assert!(is_accepted(client, good), "{good}");
        }
        for elsewhere in [
            "https://hub.local:8123/",
            "http://hub.local/",
            "http://hub.local:8124/",
            "http://hub.local.evil.example:8123/",
            "http://evil.example/http://hub.local:8123/",
            "//evil.example/",
            "/relative",
            "",
            "http://hub.local:8123@evil.example/",
            "http://hub.local:8123\\@evil.example/",
            "http://evil.example\\hub.local:8123/",
            "homeassistant://auth-callback",
            "javascript:alert(1)//hub.local:8123",
            "http://hub.local:8123/\r\nLocation: http://evil.example/",
        ] {
            assert!(!is_accepted(client, elsewhere), "{elsewhere:?}");
        }
        assert!(is_accepted("https://a.example", "https://a.example:443/x"));
    }

    #[test]
    fn the_companion_apps_are_known_by_heart() {
        let android = "https://home-assistant.io/android";
        for (client, redirect, accepted) in [
            ("https://home-assistant.io/iOS", APP_CALLBACK, true),
            ("https://HOME-assistant.io/iOS", APP_CALLBACK, true),
            (android, APP_CALLBACK, true),
            (
                android,
                "https://wear.googleapis.com/3p_auth/io.homeassistant.companion.android",
                true,
            ),
            (
                android,
                "https://wear.googleapis-cn.com/3p_auth/io.homeassistant.companion.android",
                true,
            ),
            (
                "https://home-assistant.io/iOS",
                "https://wear.googleapis.com/3p_auth/io.homeassistant.companion.android",
                false,
            ),
            ("https://home-assistant.io/ios", APP_CALLBACK, false),
            ("http://home-assistant.io/iOS", APP_CALLBACK, false),
            ("https://home-assistant.io/iOS/", APP_CALLBACK, false),
            (
                "https://home-assistant.io.evil.example/iOS",
                APP_CALLBACK,
                false,
            ),
            (android, "homeassistant://auth-callback/x", false),
            (android, "homeassistant-beta://auth-callback", false),
        ] {
            assert_eq!(
                is_accepted(client, redirect),
                accepted,
                "{client} {redirect}"
            );
        }
    }

    #[test]
    fn no_page_can_vouch_for_a_uri_that_runs_or_shows_something() {
        let client = ClientId::parse("https://example.org/").unwrap();
        for harmful in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "https://user@example.net/",
        ] {
            assert_eq!(client.judge(harmful), Redirect::Refused, "{harmful}");
        }
        let app = client.judge("com.example.app://signed-in");
        assert!(matches!(app, Redirect::AskClient(_)));
    }

    #[test]
    fn the_code_is_added_to_the_query() {
        for (client, redirect, expected) in [
            (
                "https://home-assistant.io/iOS",
                APP_CALLBACK,
                "homeassistant://auth-callback?code=c0de&state=a%26b",
            ),
            (
                "http://hub.local",
                "http://hub.local/?auth_callback=1#top",
                "http://hub.local/?auth_callback=1&code=c0de&state=a%26b#top",
            ),
        ] {
            let Redirect::Accepted(uri) = ClientId::parse(client).unwrap().judge(redirect) else {
                panic!("{redirect} is accepted");
            };
            assert_eq!(uri.with_code("c0de", Some("a&b")).as_str(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_judged(client in "\\PC*", redirect in "\\PC*") {
            let _ = ClientId::parse(&client);
            let hub = ClientId::parse("http://hub.local:8123/").unwrap();
            if let Redirect::Accepted(uri) = hub.judge(&redirect) {
                prop_assert_eq!(uri.url().host_str(), Some("hub.local"));
            }
        }

        #[test]
        fn wherever_a_browser_is_sent_is_on_the_clients_site(tail in "[/@:.?#\\\\a-z0-9]{0,24}") {
            let hub = ClientId::parse("http://hub.local:8123/").unwrap();
            if let Redirect::Accepted(uri) = hub.judge(&format!("http://hub.local:8123{tail}")) {
                let url = uri.with_code("c", None);
                prop_assert_eq!(url.host_str(), Some("hub.local"));
                prop_assert_eq!(url.port(), Some(8123));
            }
        }
    }
}
