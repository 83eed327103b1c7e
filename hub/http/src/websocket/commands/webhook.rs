//! Webhooks over the socket (spec webhook §4).

use bytes::Bytes;
use futures_util::FutureExt;
use hearth_core::command::{Access, CommandError};
use hearth_core::ids::WebhookId;
use hearth_core::webhook::{Headers, Method, Overloaded, Source, WebhookRequest, WebhookResponse};
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::{Act, Command};
use crate::websocket::fields::{Fields, wrong};
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

/// A request to a webhook, as HTTP would carry it.
pub(super) struct Handle {
    id: WebhookId,
    method: Method,
    body: String,
    headers: Headers,
    query: String,
}

impl Command for Handle {
    const TYPE: &'static str = "webhook/handle";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let command = Self {
            id: WebhookId::from(fields.text("webhook_id")?.as_str()),
            method: fields.one_of("method", &["GET", "HEAD", "POST", "PUT"], Method::parse)?,
            body: fields.optional_text("body")?.unwrap_or_default(),
            headers: headers(fields.object("headers")?)?,
            query: fields.optional_text("query")?.unwrap_or_default(),
        };
        fields.finish()?;
        Ok(command)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        if self.body.len() > session.door.http().body_limit {
            return Ok(Act::Done(result(WebhookResponse::empty(413))?));
        }
        let request = WebhookRequest {
            id: self.id,
            method: self.method,
            query: self.query,
            headers: self.headers,
            body: Bytes::from(self.body),
            source: Source::WebSocket(session.user.user.id),
        };
        let hub = session.door.hub.clone();
        let handled = async move {
            // What HTTP would answer; the client reads the status either way.
            let response = hub.webhooks.handle(request).await;
            result(response.unwrap_or_else(|Overloaded| WebhookResponse::empty(503)))
        };
        Ok(Act::Beside(handled.boxed_local()))
    }
}

fn headers(given: Map<String, Value>) -> Result<Headers, CommandError> {
    let field = |(name, value): (String, Value)| {
        let path = format!("['headers']['{name}']");
        let Some(text) = value.as_str() else {
            return Err(wrong("expected str for dictionary value", &path, &value));
        };
        match (HeaderName::try_from(&name), HeaderValue::from_str(text)) {
            (Ok(name), Ok(value)) => Ok((name, value)),
            _ => Err(wrong("not a header field", &path, &value)),
        }
    };
    given
        .into_iter()
        .map(field)
        .collect::<Result<_, _>>()
        .map(Headers::new)
}

/// Only the content type is told of the fields, without parameters.
fn result(response: WebhookResponse) -> Result<Answer, CommandError> {
    let body = match response.body.is_empty() {
        true => Value::Null,
        false => std::str::from_utf8(&response.body)
            .map_err(|_| CommandError::unknown())?
            .into(),
    };
    let given = response
        .content_type
        .as_deref()
        .unwrap_or("application/octet-stream");
    let content_type = given.split(';').next().unwrap_or_default().trim();
    Ok(Answer::Value(json!({
        "body": body,
        "status": response.status,
        "headers": {"Content-Type": content_type},
    })))
}

/// Every webhook. Ids are secrets: for administrators only (spec webhook §4).
pub(super) struct List;

impl Command for List {
    const TYPE: &'static str = "webhook/list";
    const ACCESS: Access = Access::Admin;

    fn parse(fields: Fields) -> Result<Self, CommandError> {
        fields.finish().map(|()| Self)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let hooks = session.door.hub.webhooks.list();
        let described = hooks.iter().map(|(id, hook)| {
            json!({
                "webhook_id": id,
                "domain": hook.domain,
                "name": hook.name,
                "local_only": hook.local_only,
                "allowed_methods": hook.methods.names(),
            })
        });
        Ok(Act::Done(Answer::Value(described.collect())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parsed(message: Value) -> Result<Handle, String> {
        Handle::parse(Fields::new(message.as_object().unwrap().clone()))
            .map_err(|error| error.message)
    }

    #[test]
    fn what_is_missing_is_empty_but_id_and_method_must_be_there() {
        let handle =
            parsed(json!({"webhook_id": "abc", "method": "PUT"})).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((handle.id.as_str(), handle.method), ("abc", Method::Put));
        assert_eq!(
            (&*handle.body, &*handle.query, handle.headers.iter().count()),
            ("", "", 0)
        );
        for (message, expected) in [
            (
                json!({"method": "GET"}),
                "required key not provided @ data['webhook_id']. Got None",
            ),
            (
                json!({"webhook_id": "a", "method": "DELETE"}),
                "value must be one of ['GET', 'HEAD', 'POST', 'PUT'] for dictionary value @ data['method']. Got 'DELETE'",
            ),
            (
                json!({"webhook_id": "a", "method": "GET", "headers": {"x": 1}}),
                "expected str for dictionary value @ data['headers']['x']. Got 1",
            ),
            (
                json!({"webhook_id": "a", "method": "GET", "url": "x"}),
                "extra keys not allowed @ data['url']. Got 'x'",
            ),
        ] {
            assert_eq!(parsed(message).err().as_deref(), Some(expected));
        }
    }

    #[test]
    fn header_names_have_no_case() {
        let handle = parsed(json!({
            "webhook_id": "a", "method": "POST", "headers": {"Content-TYPE": "text/plain"},
        }));
        let headers = handle.unwrap_or_else(|error| panic!("{error}")).headers;
        assert_eq!(headers.get("content-type"), Some("text/plain"));
    }

    #[test]
    fn a_result_tells_the_bare_content_type() {
        let answered = |content_type: Option<&'static str>, body: &'static [u8]| {
            let response = WebhookResponse {
                status: 200,
                content_type: content_type.map(Into::into),
                body: Bytes::from_static(body),
            };
            match result(response) {
                Ok(Answer::Value(value)) => Some((
                    value["headers"]["Content-Type"].clone(),
                    value["body"].clone(),
                )),
                _ => None,
            }
        };
        assert_eq!(
            answered(Some("application/json; charset=utf-8"), b"{}"),
            Some(("application/json".into(), "{}".into()))
        );
        assert_eq!(
            answered(None, b""),
            Some(("application/octet-stream".into(), Value::Null))
        );
        assert_eq!(answered(None, b"\xff"), None);
    }
}
