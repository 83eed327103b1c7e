//! Persistent notifications: messages that stay on the page until somebody dismisses them.
//!
//! They are kept in memory only, as in the field: what still matters after a restart is told
//! again by whoever told it. This crate knows no page; whoever shows notifications subscribes to
//! them.
//!
//! Start reading at [`factory`], then at `notifications.rs`, which is the bounded list.

mod notifications;

use futures_util::future::LocalBoxFuture;
use hearth_core::prelude::*;
use serde_json::json;

use notifications::{Notification, Notifications};

/// Makes the persistent_notification integration.
pub fn factory() -> Factory {
    let manifest = Manifest::new("persistent_notification", "Persistent notification");
    Factory::new(manifest, |hub| {
        let limit = hub.settings.hub.notifications;
        Box::new(PersistentNotification {
            host: None,
            notifications: Notifications::new(limit),
            subscribers: Vec::new(),
        })
    })
}

const GET: &str = "persistent_notification/get";
const SUBSCRIBE: &str = "persistent_notification/subscribe";

struct PersistentNotification {
    host: Option<Host>,
    notifications: Notifications,
    subscribers: Vec<Subscriber>,
}

impl Integration for PersistentNotification {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let id = |make: fn(_, _, _) -> Field, description| {
                make("notification_id", Kind::Text, description)
            };
            let create = vec![
                Field::required("message", Kind::Text, "The message; Markdown."),
                Field::optional("title", Kind::Text, "Its title."),
                id(Field::optional, "Replaces the notification of this id."),
            ];
            let dismiss = vec![id(Field::required, "Which one.")];
            for (name, description, fields) in [
                ("create", "Shows a notification.", create),
                ("dismiss", "Takes a notification away.", dismiss),
                ("dismiss_all", "Takes all notifications away.", Vec::new()),
            ] {
                let schema = Schema::Fields(fields);
                host.register_service(name, description, schema, Response::None)
                    .await;
            }
            host.register_command(GET, Access::AnyUser);
            host.register_subscription(SUBSCRIBE, Access::AnyUser);
            self.host = Some(host);
            Ok(())
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            match &*call.service {
                "create" => self.create(&call).await,
                "dismiss" => {
                    let id = text(&call.data, "notification_id").unwrap_or_default();
                    let removed = self.notifications.remove(&id).into_iter().collect();
                    self.tell("removed", removed, call.context).await;
                }
                _ => {
                    let removed = self.notifications.remove_all();
                    self.tell("removed", removed, call.context).await;
                }
            }
            Ok(None)
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            let Some(subscriber) = command.subscriber else {
                return Ok(self.notifications.iter().map(|one| json!(one)).collect());
            };
            subscriber.send(&event("current", self.notifications.iter()));
            self.subscribers.push(subscriber);
            Ok(Value::Null)
        })
    }
}

impl PersistentNotification {
    async fn create(&mut self, call: &ServiceCall) {
        let Some(host) = &self.host else { return };
        let notification = Notification {
            notification_id: text(&call.data, "notification_id")
                .unwrap_or_else(|| host.env().hex::<16>()),
            message: text(&call.data, "message").unwrap_or_default(),
            title: text(&call.data, "title"),
            created_at: host.env().now(),
        }
        .cut();
        let put = self.notifications.put(notification.clone());
        if let Some(dropped) = put.dropped {
            self.tell("removed", vec![dropped], call.context).await;
        }
        let change = if put.is_new { "added" } else { "updated" };
        self.tell(change, vec![notification], call.context).await;
    }

    /// Tells subscribers, and the bus that something changed.
    async fn tell(&mut self, change: &str, which: Vec<Notification>, context: Context) {
        let Some(host) = self.host.as_ref().filter(|_| !which.is_empty()) else {
            return;
        };
        let event = event(change, which.iter());
        self.subscribers
            .retain(|subscriber| subscriber.send(&event) == Sent::OnItsWay);
        host.hub()
            .fire("persistent_notifications_updated", json!({}), context)
            .await;
    }
}

fn event<'a>(change: &str, which: impl Iterator<Item = &'a Notification>) -> Value {
    let notifications: Map<String, Value> = which
        .map(|one| (one.notification_id.clone(), json!(one)))
        .collect();
    json!({"type": change, "notifications": notifications})
}

fn text(data: &Map<String, Value>, key: &str) -> Option<String> {
    data.get(key).and_then(Value::as_str).map(str::to_owned)
}
