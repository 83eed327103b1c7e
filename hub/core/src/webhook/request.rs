//! What goes to a webhook's handler and what comes back.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ask::Question;
use crate::ids::{UserId, WebhookId};

/// A method that a webhook can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl Method {
    /// From the exact upper-case name; `None` for any other method.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "GET" => Some(Self::Get),
            "HEAD" => Some(Self::Head),
            "POST" => Some(Self::Post),
            "PUT" => Some(Self::Put),
            _ => None,
        }
    }

    /// The upper-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// The methods that one webhook allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Methods(u8);

impl Methods {
    /// POST and PUT, the default of the protocol.
    pub const POST_PUT: Self = Self(1 << Method::Post as u8 | 1 << Method::Put as u8);

    /// A set of methods.
    pub fn of(methods: impl IntoIterator<Item = Method>) -> Self {
        Self(methods.into_iter().fold(0, |set, m| set | 1 << m as u8))
    }

    /// Whether `method` is allowed.
    pub fn contains(self, method: Method) -> bool {
        self.0 & (1 << method as u8) != 0
    }

    /// The allowed ones, sorted by name.
    pub fn names(self) -> Vec<&'static str> {
        [Method::Get, Method::Head, Method::Post, Method::Put]
            .into_iter()
            .filter(|m| self.contains(*m))
            .map(Method::as_str)
            .collect()
    }
}

/// Through which door a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// HTTP, from this address (the client's, where a trusted proxy stands between).
    Http(IpAddr),
    /// `webhook/handle` on the socket of this user; counts as local.
    WebSocket(UserId),
    /// The relay link; never local, whatever addresses appear in the request.
    Relay,
}

impl Source {
    /// Whether a local-only webhook may run (spec webhook §3).
    pub fn is_local(self) -> bool {
        match self {
            Self::Http(address) => is_local_address(address),
            Self::WebSocket(_) => true,
            Self::Relay => false,
        }
    }
}

/// Loopback, private and link-local addresses, also in their IPv4-mapped form.
pub fn is_local_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_local_address(IpAddr::V4(v4)),
            None => {
                v6 == Ipv6Addr::LOCALHOST
                    || v6.segments()[0] & 0xff00 == 0xfd00
                    || v6.segments()[0] & 0xffc0 == 0xfe80
            }
        },
    }
}

/// Header fields in the order in which they came; names compare without case.
#[derive(Clone, Default)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// From fields.
    pub fn new(fields: Vec<(HeaderName, HeaderValue)>) -> Self {
        Self(fields)
    }

    /// The first field of that name as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(field, _)| field.as_str().eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value.to_str().ok())
    }

    /// Every field, repeated ones too.
    pub fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}

/// Values may hold credentials: only the names are shown.
impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// What arrived at a webhook.
#[derive(Debug)]
pub struct WebhookRequest {
    /// At which one.
    pub id: WebhookId,
    /// How.
    pub method: Method,
    /// URL-encoded text behind the `?`; repeated keys and their order are kept.
    pub query: String,
    /// Header fields.
    pub headers: Headers,
    /// The body, at most `http.body_limit` bytes.
    pub body: Bytes,
    /// Through which door.
    pub source: Source,
}

impl WebhookRequest {
    /// Whether it came over the relay link. Only the link itself says so; no header field does.
    pub fn is_relayed(&self) -> bool {
        self.source == Source::Relay
    }

    /// The query's keys and values, decoded, in their order; repeated and blank ones too.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.query.as_bytes())
    }
}

impl Question for WebhookRequest {
    type Answer = WebhookResponse;
}

/// What a webhook answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookResponse {
    /// HTTP status.
    pub status: u16,
    /// Content type, where there is a body.
    pub content_type: Option<Cow<'static, str>>,
    /// The body.
    pub body: Bytes,
}

impl WebhookResponse {
    /// No body and no content type.
    pub const fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            body: Bytes::new(),
        }
    }

    /// A JSON body from its text.
    pub fn json_text(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: Some(Cow::Borrowed("application/json")),
            body: body.into(),
        }
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::json_text(status, body.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_repeated_and_blank_values_in_order() {
        let request = WebhookRequest {
            id: WebhookId::from("a"),
            method: Method::Get,
            query: "x=1&x=2&y=&z=a%20b+c".to_owned(),
            headers: Headers::default(),
            body: Bytes::new(),
            source: Source::Relay,
        };
        let pairs: Vec<_> = request.query_pairs().collect();
        let expected = [("x", "1"), ("x", "2"), ("y", ""), ("z", "a b c")];
        assert_eq!(
            pairs,
            expected.map(|(key, value)| (key.into(), value.into()))
        );
        assert!(request.is_relayed());
    }

    #[test]
    fn local_addresses_are_those_of_the_spec() {
        for local in [
            "127.9.9.9",
            "::1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "169.254.0.1",
            "fd12::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_local_address(local.parse().unwrap()), "{local}");
        }
        for remote in [
            "8.8.8.8",
            "172.32.0.1",
            "fc00::1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_local_address(remote.parse().unwrap()), "{remote}");
        }
    }
}
