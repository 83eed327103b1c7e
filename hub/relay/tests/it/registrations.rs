//! What hubs register, and the addresses that they get (spec relay §3 and §7).

use hearth_relay::ids::{CloudhookId, HubId};
use hearth_relay::registry::{FoundCloudhook, Warning};
use serde_json::json;

use crate::relay::{TestRelay, with_default_relay, with_relay};

async fn new_hub(relay: &TestRelay) -> HubId {
    let made = relay.admin("hub/create", json!({})).await;
    made["id"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_key_that_can_never_match_is_warned_of() {
    with_default_relay(async |relay| {
        let hub = new_hub(relay).await;
        let never = Some(Warning::KeyNeverMatches);
        for (path, data, expected) in [
            ("query.id", r#"{"$key":1}"#, never),
            ("headers['x-id']", r#"{"$keys":["a",true]}"#, never),
            ("headers['x-id']", r#"{"$keys":["a"]}"#, None),
            ("body.id", r#"{"$key":1}"#, None),
        ] {
            let webhook = relay.webhook(json!({"key_path": path})).await;
            let webhook = relay.relay.webhooks.get(webhook).unwrap();
            let registered = relay.relay.registrations.register(hub, &webhook, data);
            assert_eq!(registered.await.unwrap(), expected, "{path} {data}");
        }
    });
}

#[test]
fn data_that_cannot_be_used_is_refused() {
    with_default_relay(async |relay| {
        let hub = new_hub(relay).await;
        let webhook = relay.webhook(json!({})).await;
        let webhook = relay.relay.webhooks.get(webhook).unwrap();
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(16 * 1024));
        for data in ["[]", "{", r#"{"$key":null}"#, &long] {
            let registered = relay.relay.registrations.register(hub, &webhook, data);
            assert_eq!(registered.await.unwrap_err().code(), "bad_data", "{data}");
        }
        assert!(relay.relay.registrations.index.is_empty());
    });
}

#[test]
fn a_hub_may_register_for_so_many_webhooks() {
    with_relay(
        |settings| settings.registrations_per_hub = 2,
        async |relay| {
            let hub = new_hub(relay).await;
            let mut outcomes = Vec::new();
            for _ in 0..3 {
                let webhook = relay.webhook(json!({})).await;
                let webhook = relay.relay.webhooks.get(webhook).unwrap();
                let registrations = &relay.relay.registrations;
                let first = registrations.register(hub, &webhook, "{}").await;
                outcomes.push(first.map_err(|error| error.code()));
                // Again is no second one.
                let again = registrations.register(hub, &webhook, r#"{"a":1}"#).await;
                assert_eq!(again.is_ok(), outcomes.last().unwrap().is_ok());
            }
            assert_eq!(outcomes, [Ok(None), Ok(None), Err("too_many")]);
        },
    );
}

#[test]
fn a_registration_that_ends_gets_nothing_more() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"key_path": "body"})).await;
        let hub = relay.hub(webhook, json!({"$key": "a"})).await;
        let registrations = &relay.relay.registrations;
        assert!(registrations.unregister(hub, webhook).await.unwrap());
        assert!(!registrations.unregister(hub, webhook).await.unwrap());
        relay.post(webhook, json!("a")).await;
        assert!(relay.messages(hub).await.is_empty());
    });
}

#[test]
fn a_cloudhook_is_its_hubs_alone_and_gone_when_it_is_removed() {
    with_default_relay(async |relay| {
        let (hub, other) = (new_hub(relay).await, new_hub(relay).await);
        let hooks = &relay.relay.cloudhooks;
        let hook = hooks.create(hub).await.unwrap();
        assert_eq!(hooks.find(hook), FoundCloudhook::Of(hub));
        assert!(!hooks.delete(other, hook).await.unwrap());
        hooks.publish(other, &[]).await.unwrap();
        assert_eq!(hooks.find(hook), FoundCloudhook::Of(hub));

        hooks.publish(hub, &[]).await.unwrap();
        assert_eq!(hooks.find(hook), FoundCloudhook::Unknown);
        let nobodys = CloudhookId::random(&relay.relay.env);
        hooks.publish(hub, &[hook, nobodys]).await.unwrap();
        assert_eq!(hooks.find(hook), FoundCloudhook::Of(hub));
        assert_eq!(hooks.find(nobodys), FoundCloudhook::Unknown);

        assert!(hooks.delete(hub, hook).await.unwrap());
        assert!(!hooks.delete(hub, hook).await.unwrap());
        hooks.publish(hub, &[hook]).await.unwrap();
        assert_eq!(hooks.find(hook), FoundCloudhook::Gone);
        hooks.sweep().await.unwrap();
        assert_eq!(hooks.find(hook), FoundCloudhook::Gone);
    });
}

#[test]
fn a_hub_has_so_many_cloudhooks_and_cannot_fill_the_store_with_removed_ones() {
    with_relay(
        |settings| settings.cloudhooks_per_hub = 2,
        async |relay| {
            let hub = new_hub(relay).await;
            let hooks = &relay.relay.cloudhooks;
            for _ in 0..8 {
                let hook = hooks.create(hub).await.unwrap();
                hooks.delete(hub, hook).await.unwrap();
            }
            assert!(hooks.create(hub).await.is_err());
            let other = new_hub(relay).await;
            hooks.create(other).await.unwrap();
            hooks.create(other).await.unwrap();
            assert!(hooks.create(other).await.is_err());
        },
    );
}
