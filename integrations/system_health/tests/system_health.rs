//! How the hub is, as clients are told.
#![allow(clippy::unwrap_used)]

use hearth_core::prelude::*;
use hearth_core::subscription::subscription;
use hearth_testing::run;

#[test]
fn everything_is_told_at_once_and_then_the_end() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let integrations = vec![hearth_system_health::factory()];
        hub.start_integrations(integrations).await;
        let (subscriber, mut events) = subscription();
        let caller = Caller::new(Context::new(&hub.env), Access::AnyUser);
        let name = "system_health/info";
        let asked = hub.commands.subscribe(name, Map::new(), caller, subscriber);
        assert_eq!(asked.await.unwrap(), Value::Null);
        let first: Value = serde_json::from_slice(&events.next().await.unwrap()).unwrap();
        assert_eq!(first["type"], "initial");
        let hearth = &first["data"]["hearth"]["info"];
        assert_eq!(
            (&hearth["state"], &hearth["crashes"]),
            (&json!("RUNNING"), &json!(0))
        );
        assert!(first["data"]["homeassistant"]["info"]["version"].is_string());
        assert_eq!(events.next().await.unwrap(), r#"{"type":"finish"}"#);
        assert!(events.next().await.is_none());
    });
}
