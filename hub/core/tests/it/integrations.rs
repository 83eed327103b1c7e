//! Integrations: a crash takes nothing else with it, and what was registered is withdrawn.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use hearth_core::command::ErrorCode;
use hearth_core::hub::Hub;
use hearth_core::ids::WebhookId;
use hearth_core::integration::Health;
use hearth_core::prelude::*;
use hearth_core::webhook::{Method, Methods, Source, WebhookRequest, WebhookResponse};
use hearth_testing::run;

static STARTS: AtomicU32 = AtomicU32::new(0);

#[derive(Default)]
struct Fragile;

impl Integration for Fragile {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            STARTS.fetch_add(1, Ordering::SeqCst);
            host.register_command("fragile/touch", Access::AnyUser);
            host.register_webhook("hook".into(), "Hook", Methods::POST_PUT, Some(false))
                .await
                .unwrap();
            Ok(())
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            assert!(!command.data.contains_key("hard"), "touched too hard");
            Ok(Value::Null)
        })
    }

    fn webhook(&mut self, _: WebhookRequest) -> LocalBoxFuture<'_, WebhookResponse> {
        Box::pin(async { WebhookResponse::empty(204) })
    }
}

async fn touch(hub: &Hub, data: Value) -> Result<Value, CommandError> {
    let caller = Caller::new(Context::new(&hub.env), Access::AnyUser);
    hub.commands
        .call("fragile/touch", data.as_object().unwrap().clone(), caller)
        .await
}

async fn post(hub: &Hub) -> u16 {
    let request = WebhookRequest {
        id: WebhookId::from("hook"),
        method: Method::Post,
        query: String::new(),
        headers: Default::default(),
        body: Default::default(),
        source: Source::Relay,
    };
    hub.webhooks.handle(request).await.unwrap().status
}

#[test]
fn a_crashed_integration_is_reported_withdrawn_and_started_again() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let fragile = Factory::new(Manifest::new("fragile", "Fragile"), |_| Box::new(Fragile));
        hub.start_integrations(vec![fragile]).await;
        assert_eq!(touch(&hub, json!({})).await, Ok(Value::Null));
        assert_eq!(post(&hub).await, 204);

        let crashed = touch(&hub, json!({"hard": true})).await.unwrap_err();
        assert_eq!(crashed.code, ErrorCode::UNKNOWN);
        while hub.commands.contains("fragile/touch") {
            tokio::task::yield_now().await;
        }
        let status = hub.integrations.list().remove(0);
        assert_eq!((status.health, status.crashes), (Health::Backoff, 1));
        assert!(status.last_error.unwrap().contains("touched too hard"));
        assert_eq!(post(&hub).await, 200, "an unknown webhook answers nothing");

        // The first restart comes after a second.
        let back = async {
            while touch(&hub, json!({})).await.is_err() || post(&hub).await != 204 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), back)
            .await
            .unwrap();
        assert_eq!(STARTS.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn an_integration_without_what_it_requires_is_reported_and_the_others_run() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let needy = Manifest::new("needy", "Needy").requiring(&["somebody/else"]);
        hub.start_integrations(vec![Factory::new(needy, |_| Box::new(Fragile))])
            .await;
        let status = hub.integrations.list().remove(0);
        assert_eq!(status.health, Health::Failed);
        assert!(status.last_error.unwrap().contains("somebody/else"));
        assert_eq!(hub.phase().as_str(), "RUNNING");
    });
}
