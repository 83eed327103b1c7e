//! What a command answers, and whether that is sealed.

use bytes::Bytes;
use hearth_core::env::Env;
use hearth_core::webhook::WebhookResponse;
use serde_json::json;

use crate::record::Record;

/// The answer to one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    status: u16,
    /// JSON; `None`: no body at all.
    body: Option<Bytes>,
    /// Sealed where encryption is on.
    is_sealed: bool,
}

impl Answer {
    /// `{}` in clear: done, or not understood.
    pub(crate) const NOTHING: Self = Self::object(200);
    /// The body is not JSON.
    pub(crate) const NOT_JSON: Self = Self::object(400);
    /// No body: something failed that the app cannot mend.
    pub(crate) const EMPTY: Self = Self::bodiless(200);
    /// Too much is waiting, or the store failed: the app tries again later.
    pub(crate) const BUSY: Self = Self::bodiless(503);

    const fn object(status: u16) -> Self {
        Self {
            status,
            body: Some(Bytes::from_static(b"{}")),
            is_sealed: false,
        }
    }

    const fn bodiless(status: u16) -> Self {
        Self {
            status,
            body: None,
            is_sealed: false,
        }
    }

    /// JSON, sealed where encryption is on.
    pub(crate) fn sealed(status: u16, json: impl Into<Bytes>) -> Self {
        Self {
            status,
            body: Some(json.into()),
            is_sealed: true,
        }
    }

    /// JSON in clear.
    pub(crate) fn clear(status: u16, json: impl Into<Bytes>) -> Self {
        Self {
            status,
            body: Some(json.into()),
            is_sealed: false,
        }
    }

    /// The error envelope, always in clear.
    pub(crate) fn refused(code: &str, message: &str) -> Self {
        let error = json!({"success": false, "error": {"code": code, "message": message}});
        Self::clear(400, error.to_string())
    }

    /// As the door sends it to the phone of `record`.
    pub(crate) fn into_response(self, record: &Record, env: &Env) -> WebhookResponse {
        let Some(body) = self.body else {
            return WebhookResponse::empty(self.status);
        };
        let Some((secret, kind)) = record.reply_key().filter(|_| self.is_sealed) else {
            return WebhookResponse::json_text(self.status, body);
        };
        // Base64 makes four characters of three bytes; frame and envelope add less than 120.
        let mut sealed = String::with_capacity(body.len() * 4 / 3 + 120);
        sealed.push_str("{\"encrypted\":true,\"encrypted_data\":\"");
        secret.seal(kind, &body, env, &mut sealed);
        sealed.push_str("\"}");
        WebhookResponse::json_text(self.status, sealed)
    }
}
