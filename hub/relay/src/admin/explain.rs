//! `webhook/explain`: which hubs a request would reach, and why. Nothing is sent.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hearth_core::command::CommandError;
use hearth_key_path::Key;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{id, of_webhook};
use crate::accept::{Route, route};
use crate::ids::WebhookId;
use crate::objects::Routing;
use crate::public::{Arrived, Fields, read};
use crate::registry::WebhookError;
use crate::relay::Relay;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Explain {
    id: String,
    #[serde(default = "post")]
    method: String,
    /// Without the question mark.
    #[serde(default)]
    query: String,
    /// Pairs of name and value.
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// A body that is text.
    #[serde(default)]
    body: Option<String>,
    /// Any other, as base64.
    #[serde(default)]
    body_base64: Option<String>,
}

fn post() -> String {
    "POST".to_owned()
}

pub(super) async fn explain(relay: &Relay, asked: Explain) -> Result<Value, CommandError> {
    let id: WebhookId = id(&asked.id)?;
    let webhook = relay.webhooks.get(id);
    let webhook = webhook.ok_or_else(|| of_webhook(WebhookError::Unknown))?;
    let arrived = arrived(relay, asked)?;
    let incoming = read(&arrived).await;
    let incoming = incoming.map_err(|error| CommandError::invalid(error.to_string()))?;
    let (route, matched) = route(relay, &webhook, &incoming);
    let key_path = match &webhook.record.routing {
        Routing::KeyPath(path) => Some(path),
        Routing::Query => None,
    };
    let (by, key, why) = match &route {
        Route::Named => (
            "query",
            None,
            "the query names hubs; of these, those that have registered",
        ),
        Route::KeyPath(Some(key)) => (
            "key_path",
            Some(shown(key)),
            "the hubs that have registered this key",
        ),
        Route::KeyPath(None) => (
            "key_path",
            None,
            "there is nothing at the key path, or nothing that can be a key",
        ),
        Route::Nobody => (
            "none",
            None,
            "the query names no hub, and the webhook has no key path",
        ),
    };
    Ok(json!({
        "by": by,
        "why": why,
        "key_path": key_path,
        "key": key,
        "hubs": matched.hubs,
        "left_out": matched.truncated,
        "disabled": webhook.record.disabled,
    }))
}

fn arrived(relay: &Relay, asked: Explain) -> Result<Arrived, CommandError> {
    let body = match (asked.body, asked.body_base64) {
        (Some(_), Some(_)) => {
            return Err(CommandError::invalid(
                "body and body_base64 exclude each other",
            ));
        }
        (Some(text), None) => Bytes::from(text),
        (None, Some(text)) => STANDARD
            .decode(text)
            .map_err(|_| CommandError::invalid("body_base64: expected base64"))?
            .into(),
        (None, None) => Bytes::new(),
    };
    let mut fields = HeaderMap::new();
    for (name, value) in &asked.headers {
        let wrong = || CommandError::invalid(format!("headers: `{name}` is no header field"));
        let field: HeaderName = name.parse().map_err(|_| wrong())?;
        fields.append(field, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    Ok(Arrived {
        received_at: relay.env.now(),
        method: asked.method,
        query: asked.query,
        fields: Fields::of_request(&fields, IpAddr::V4(Ipv4Addr::LOCALHOST), false),
        body,
        repeat: None,
    })
}

fn shown(key: &Key) -> Value {
    match key {
        Key::Bool(value) => json!(value),
        // Within 64 bits, signed or not.
        Key::Integer(value) => match i64::try_from(*value) {
            Ok(value) => json!(value),
            Err(_) => json!(u64::try_from(*value).ok()),
        },
        Key::Double(bits) => json!(f64::from_bits(*bits)),
        Key::Text(text) => json!(text),
    }
}
