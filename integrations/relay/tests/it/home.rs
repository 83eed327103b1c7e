//! A hub with a link to the tests' relay, and a webhook of its own.

use std::path::Path;

use futures_util::future::LocalBoxFuture;
use hearth_core::env::Env;
use hearth_core::prelude::*;
use hearth_core::settings::{SecretText, Settings};
use hearth_core::store::Location;
use hearth_core::subscription::{Events, subscription};
use hearth_core::webhook::{Method, Methods, WebhookRequest, WebhookResponse};
use hearth_testing::Home;

use crate::relay::{Relay, within};

pub(crate) const HUB_ID: &str = "0123456789abcdef01234567";

pub(crate) fn settings(relay: &Relay) -> Settings {
    let mut settings = Settings::default();
    let link = &mut settings.relay_link;
    link.url = Some(relay.url());
    link.hub_id = Some(HUB_ID.to_owned());
    link.token = Some(SecretText::Text("the-hubs-token".to_owned()));
    settings
}

pub(crate) async fn home(settings: Settings) -> Home {
    Home::with(settings, factories()).await
}

pub(crate) async fn kept_in(folder: &Path, settings: Settings) -> Home {
    let location = Location::File(folder.join("hub.db"));
    Home::open(Env::system(), settings, &location, factories()).await
}

fn factories() -> Vec<Factory> {
    vec![
        hearth_persistent_notification::factory(),
        Factory::new(Manifest::new("own", "Own"), |_| Box::<Own>::default()),
        hearth_relay_link::factory(),
    ]
}

/// Subscribes to a webhook of the relay; what the command answers comes when the relay has.
pub(crate) async fn register(
    home: &Home,
    webhook_id: &str,
    secret: &str,
    data: Value,
) -> (Result<Value, CommandError>, Events) {
    let (subscriber, events) = subscription();
    let command = json!({"webhook_id": webhook_id, "secret": secret, "data": data});
    let caller = Caller::inside(Context::new(&home.hub.env));
    let name = "relay/webhook/register";
    let data = command.as_object().unwrap().clone();
    let answer = home.hub.commands.subscribe(name, data, caller, subscriber);
    (answer.await, events)
}

/// What a listener hears next.
pub(crate) async fn heard(events: &mut Events) -> Value {
    let event = within(events.next()).await.expect("the subscription ended");
    serde_json::from_slice(&event).unwrap()
}

/// Waits until the link says that it is so.
pub(crate) async fn until_cloud_is(home: &Home, state: &str) {
    within(async {
        while home.command("cloud/status", json!({})).await.unwrap()["cloud"] != state {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Waits for a notification; its message.
pub(crate) async fn notification(home: &Home, id: &str) -> String {
    within(async {
        loop {
            let command = home.command("persistent_notification/get", json!({}));
            let all = command.await.unwrap();
            let all = all.as_array().unwrap();
            if let Some(one) = all.iter().find(|one| one["notification_id"] == id) {
                return one["message"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
}

/// The hub's own webhooks: `echo` answers what it was asked, `near` is for callers near by,
/// `silent` never answers.
#[derive(Default)]
struct Own {
    calls: u64,
}

impl Integration for Own {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let any = Methods::of([Method::Get, Method::Post, Method::Put]);
            for (id, local_only) in [("echo", false), ("near", true), ("silent", false)] {
                host.register_webhook(id.into(), id, any, Some(local_only))
                    .await
                    .map_err(StartError::new)?;
            }
            Ok(())
        })
    }

    fn webhook(&mut self, request: WebhookRequest) -> LocalBoxFuture<'_, WebhookResponse> {
        Box::pin(async move {
            if request.id.as_str() == "silent" {
                std::future::pending::<()>().await;
            }
            self.calls += 1;
            assert!(request.is_relayed());
            if request.method == Method::Put {
                return WebhookResponse {
                    status: 201,
                    content_type: Some("application/octet-stream".into()),
                    body: request.body,
                };
            }
            let answer = json!({
                "call": self.calls,
                "method": request.method,
                "query": request.query,
                "agent": request.headers.get("user-agent"),
                "body": String::from_utf8_lossy(&request.body),
            });
            WebhookResponse::json(200, &answer)
        })
    }
}
