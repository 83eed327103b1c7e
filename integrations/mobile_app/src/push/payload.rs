//! What is sent to a phone, and where to.

use hearth_core::service::{Field, Kind, Schema};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::record::Record;

/// The title that a notification without one has; it is not sent.
const DEFAULT_TITLE: &str = "Home Assistant";

/// A notification as phones get it: `message`, and `title` and `data` where given.
pub(super) type Payload = Map<String, Value>;

/// What the services take.
pub(super) fn schema() -> Schema {
    Schema::Fields(vec![
        Field::required("message", Kind::Text, "What is said."),
        Field::optional("title", Kind::Text, "What stands above it."),
        Field::optional(
            "target",
            Kind::Texts,
            "Webhook ids of phones; for the service to all.",
        ),
        Field::optional("data", Kind::Object, "What the app makes of it."),
    ])
}

/// From checked service data, which has no other keys.
pub(super) fn payload(mut data: Map<String, Value>) -> Payload {
    data.remove("target");
    if data
        .get("title")
        .is_some_and(|title| title == DEFAULT_TITLE)
    {
        data.remove("title");
    }
    data
}

/// By which a later notification takes the place of an earlier one.
pub(super) fn tag(payload: &Payload) -> Option<&str> {
    payload.get("data")?.get("tag")?.as_str()
}

/// How a phone is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Its push service.
    pub(super) cloud: Option<Cloud>,
}

/// A phone at its push service. The token is a secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Cloud {
    pub(super) url: String,
    pub(super) token: String,
}

impl std::fmt::Debug for Cloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cloud(***)")
    }
}

impl Target {
    /// `None`: this registration takes no notifications.
    pub(super) fn of(record: &Record) -> Option<Self> {
        #[derive(Deserialize)]
        struct AppData<'a> {
            push_token: Option<String>,
            push_url: Option<String>,
            /// Whatever its value.
            #[serde(borrow, default)]
            push_websocket_channel: Option<&'a RawValue>,
        }
        let data: AppData<'_> = serde_json::from_str(record.app_data.as_deref()?.get()).ok()?;
        let cloud = data.push_url.zip(data.push_token);
        (cloud.is_some() || data.push_websocket_channel.is_some()).then(|| Self {
            cloud: cloud.map(|(url, token)| Cloud { url, token }),
        })
    }
}

/// What a push service gets.
pub(super) fn post_body(
    payload: &Payload,
    cloud: &Cloud,
    record: &Record,
    confirm_id: Option<&str>,
) -> String {
    let mut body = payload.clone();
    let mut info = json!({
        "app_id": record.make.app_id,
        "app_version": record.make.app_version,
        "webhook_id": record.webhook_id,
    });
    if let Some(version) = &record.make.os_version {
        info["os_version"] = json!(version);
    }
    body.insert("push_token".to_owned(), cloud.token.as_str().into());
    body.insert("registration_info".to_owned(), info);
    if let Some(id) = confirm_id {
        body.insert("hass_confirm_id".to_owned(), id.into());
    }
    Value::Object(body).to_string()
}

/// What a phone gets on its channel.
pub(super) fn channel_event(payload: &Payload, confirm_id: Option<&str>) -> Value {
    let mut event = payload.clone();
    if let Some(id) = confirm_id {
        event.insert("hass_confirm_id".to_owned(), id.into());
    }
    Value::Object(event)
}
