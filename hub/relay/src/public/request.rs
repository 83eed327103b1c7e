//! From an HTTP request to what is routed and what hubs get.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hearth_core::time::Timestamp;
use hearth_relay_protocol::Message;
use serde_json::value::RawValue;

use super::content::{self, Content};
use super::headers::Fields;
use super::query;
use super::reply::Refusal;
use crate::accept::Incoming;
use crate::ids::HubId;

/// Hubs that one request may name.
const NAMED_MAX: usize = 10;
/// The parameter that names them.
const NAMING: &str = "homey";

/// A request as it came, its body decoded.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// When.
    pub received_at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// Without the question mark.
    pub query: String,
    /// Those that go on.
    pub fields: Fields,
    /// Without its content coding.
    pub body: Bytes,
    /// By what a repeat is known.
    pub repeat: Option<String>,
}

/// Reads a request.
///
/// # Errors
/// Says what cannot be read.
pub async fn read(arrived: &Arrived) -> Result<Incoming, BadRequest> {
    let content = read_content(arrived).await;
    incoming(arrived, &content)
}

/// The request names too many hubs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request may name 10 hubs")]
pub struct BadRequest;

impl From<BadRequest> for Refusal {
    fn from(_: BadRequest) -> Self {
        Self::TooManyHubs
    }
}

pub(crate) async fn read_content(arrived: &Arrived) -> Content {
    content::read(arrived.fields.get("content-type"), &arrived.body).await
}

pub(crate) fn incoming(arrived: &Arrived, content: &Content) -> Result<Incoming, BadRequest> {
    let named = named(&arrived.query)?;
    let query = query::to_json(arrived.query.as_bytes());
    let headers = arrived.fields.to_json();
    let message = message(arrived, content, &headers, &query);
    Ok(Incoming {
        received_at: arrived.received_at,
        named,
        body: content.json.clone(),
        headers,
        query,
        message,
        repeat: arrived.repeat.clone(),
        bytes: arrived.body.len(),
    })
}

/// The hubs that a query names; none where it has no such parameter. What is no hub's id is
/// nobody.
fn named(query: &str) -> Result<Option<Vec<HubId>>, BadRequest> {
    let mut names: Vec<String> = query::pairs(query.as_bytes())
        .filter_map(|(name, value)| (name == NAMING).then_some(value))
        .collect();
    if names.is_empty() {
        return Ok(None);
    }
    names.sort_unstable();
    names.dedup();
    if names.len() > NAMED_MAX {
        return Err(BadRequest);
    }
    let hubs = names.iter().filter_map(|name| name.parse().ok());
    Ok(Some(hubs.collect()))
}

fn message(arrived: &Arrived, content: &Content, headers: &str, query: &str) -> Box<RawValue> {
    let raw_headers = arrived.fields.to_raw_json();
    let parse = |text| serde_json::from_str::<&RawValue>(text).unwrap_or(RawValue::NULL);
    let message = Message {
        headers: parse(headers),
        query: parse(query),
        body: parse(&content.json),
        body_type: content.kind.into(),
        body_error: content.error.map(Into::into),
        raw_body: STANDARD.encode(&arrived.body).into(),
        raw_headers: parse(&raw_headers),
        method: arrived.method.as_str().into(),
        received_at: arrived.received_at.to_string().into(),
    };
    // Texts and JSON that was read: there is nothing that could not be written.
    serde_json::value::to_raw_value(&message).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const HUB: &str = "0123456789abcdef01234567";

    #[test]
    fn a_query_names_hubs_by_its_parameter() {
        let hub: HubId = HUB.parse().unwrap();
        for (query, expected) in [
            ("", None),
            ("a=1", None),
            ("Homey=1", None),
            ("homey", Some(vec![])),
            ("homey=", Some(vec![])),
            ("homey=nobody", Some(vec![])),
            (&format!("homey={HUB}"), Some(vec![hub])),
            (&format!("a=1&homey={HUB}&homey={HUB}"), Some(vec![hub])),
        ] {
            assert_eq!(named(query), Ok(expected), "{query}");
        }
        let many = |count: usize| {
            let names: Vec<_> = (0..count).map(|n| format!("homey={n}")).collect();
            named(&names.join("&"))
        };
        assert!(many(10).is_ok());
        assert_eq!(many(11), Err(BadRequest));
    }
}
