//! What the link tells people: notifications on the page.

use hearth_core::prelude::*;
use hearth_core::service::CallRequest;

/// What a notification is about; a newer one replaces the older.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Notice {
    /// Whether the relay takes this hub.
    Connection,
    /// Messages that were lost.
    Gap,
    /// A webhook that the relay refused.
    Webhook,
}

impl Notice {
    fn id(self) -> &'static str {
        match self {
            Self::Connection => "relay_connection",
            Self::Gap => "relay_gap",
            Self::Webhook => "relay_webhook",
        }
    }
}

/// Shows a notification.
pub(crate) fn show(hub: &Hub, notice: Notice, message: &str) {
    let data = json!({
        "notification_id": notice.id(),
        "title": "Relay",
        "message": message,
    });
    call(hub, "create", data);
}

/// Takes it away again.
pub(crate) fn dismiss(hub: &Hub, notice: Notice) {
    call(hub, "dismiss", json!({"notification_id": notice.id()}));
}

fn call(hub: &Hub, service: &str, data: Value) {
    let Value::Object(data) = data else { return };
    let request = CallRequest {
        domain: "persistent_notification".to_owned(),
        service: service.to_owned(),
        data,
        context: Context::new(&hub.env),
        return_response: false,
    };
    let services = Arc::clone(&hub.services);
    actix_rt::spawn(async move {
        // A hub without notifications has the log.
        let _ = services.call(request).await;
    });
}
