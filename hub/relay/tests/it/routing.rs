//! Who gets a request (spec relay §4).

use serde_json::json;

use crate::relay::{with_default_relay, with_relay};

#[test]
fn a_request_reaches_the_hubs_of_its_key_and_no_other() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"key_path": "body.device.id"})).await;
        let other_webhook = relay.webhook(json!({"key_path": "body.device.id"})).await;
        let one = relay.hub(webhook, json!({"$key": "d1"})).await;
        let both = relay.hub(webhook, json!({"$keys": ["d1", "d2"]})).await;
        let number = relay.hub(webhook, json!({"$key": 1})).await;
        let elsewhere = relay.hub(other_webhook, json!({"$key": "d1"})).await;

        relay.post(webhook, json!({"device": {"id": "d1"}})).await;
        relay.post(webhook, json!({"device": {"id": "d2"}})).await;
        relay.post(webhook, json!({"device": {"id": "1"}})).await;
        relay.post(webhook, json!({"device": null})).await;

        assert_eq!(relay.messages(one).await.len(), 1);
        assert_eq!(relay.messages(both).await.len(), 2);
        assert_eq!(relay.messages(number).await.len(), 0);
        assert_eq!(relay.messages(elsewhere).await.len(), 0);
        relay.post(webhook, json!({"device": {"id": 1.0}})).await;
        assert_eq!(relay.messages(number).await.len(), 1);
    });
}

#[test]
fn a_hub_that_is_named_gets_it_whatever_the_key() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"key_path": "body.id"})).await;
        let by_key = relay.hub(webhook, json!({"$key": "a"})).await;
        let named = relay.hub(webhook, json!({"$key": "b"})).await;
        let stranger = relay.webhook(json!({})).await;
        let stranger = relay.hub(stranger, json!({})).await;
        let fields = [("content-type", "application/json")];
        let send = async |query: String| {
            let target = format!("/webhook/{webhook}?{query}");
            let reply = relay.send("POST", &target, &fields, br#"{"id":"a"}"#).await;
            assert_eq!(reply.status, 200);
        };
        send(format!("homey={named}&x=1")).await;
        send(format!("homey={stranger}")).await;
        send("homey=".to_owned()).await;
        assert_eq!(relay.messages(by_key).await.len(), 0);
        assert_eq!(relay.messages(stranger).await.len(), 0);
        let messages = relay.messages(named).await;
        assert_eq!(messages.len(), 1);
        let expected = json!({"homey": named.to_string(), "x": "1"});
        assert_eq!(messages[0]["query"], expected, "it stays in the query");
        send(format!("homey={named}&homey={by_key}&homey={named}")).await;
        assert_eq!(relay.messages(by_key).await.len(), 1);
        assert_eq!(relay.messages(named).await.len(), 2);
    });
}

#[test]
fn header_names_match_in_any_case() {
    with_default_relay(async |relay| {
        let webhook = relay
            .webhook(json!({"key_path": "headers['X-Device-Id']"}))
            .await;
        let hub = relay.hub(webhook, json!({"$key": "D1"})).await;
        let target = format!("/webhook/{webhook}");
        for (value, count) in [("D1", 1), ("d1", 1), ("D1", 2)] {
            let name = if count == 1 {
                "x-device-id"
            } else {
                "X-DEVICE-ID"
            };
            relay.send("GET", &target, &[(name, value)], b"").await;
            assert_eq!(relay.messages(hub).await.len(), count, "{name}: {value}");
        }
    });
}

#[test]
fn header_names_may_be_narrowed_to_two_spellings() {
    with_relay(
        |settings| settings.header_case = hearth_core::settings::HeaderCase::Canonical,
        async |relay| {
            for (path, count) in [("headers['X-Id']", 1), ("headers['X-ID']", 0)] {
                let webhook = relay.webhook(json!({"key_path": path})).await;
                let hub = relay.hub(webhook, json!({"$key": "1"})).await;
                let target = format!("/webhook/{webhook}");
                relay.send("GET", &target, &[("x-id", "1")], b"").await;
                assert_eq!(relay.messages(hub).await.len(), count, "{path}");
            }
        },
    );
}

#[test]
fn a_webhook_without_a_path_reaches_only_those_that_are_named() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({})).await;
        let hub = relay.hub(webhook, json!({"$key": "a"})).await;
        assert_eq!(relay.post(webhook, json!({"a": "a"})).await.status, 200);
        assert!(relay.messages(hub).await.is_empty());
    });
}

#[test]
fn a_hub_that_gets_too_much_of_a_webhook_loses_what_is_more_and_others_nothing() {
    with_relay(
        |settings| {
            settings.hub_rate = 0.001;
            settings.hub_burst = 2.0;
        },
        async |relay| {
            let webhook = relay.webhook(json!({"key_path": "body"})).await;
            let flooded = relay.hub(webhook, json!({"$key": "a"})).await;
            let other = relay.hub(webhook, json!({"$key": "b"})).await;
            for _ in 0..5 {
                assert_eq!(relay.post(webhook, json!("a")).await.status, 200);
            }
            assert_eq!(relay.post(webhook, json!("b")).await.status, 200);
            assert_eq!(relay.messages(flooded).await.len(), 2);
            assert_eq!(relay.messages(other).await.len(), 1);
            let metrics = relay.operator("/metrics").await.body;
            assert!(
                metrics.contains("relay_rate_limited_total{scope=\"hub\"} 3"),
                "{metrics}"
            );
        },
    );
}

#[test]
fn a_fan_out_beyond_the_limit_is_cut_and_counted() {
    with_relay(
        |settings| settings.fan_out = 3,
        async |relay| {
            let webhook = relay.webhook(json!({"key_path": "body"})).await;
            let mut hubs = Vec::new();
            for _ in 0..5 {
                hubs.push(relay.hub(webhook, json!({"$key": "all"})).await);
            }
            hubs.sort();
            assert_eq!(relay.post(webhook, json!("all")).await.status, 200);
            for (index, hub) in hubs.into_iter().enumerate() {
                let count = usize::from(index < 3);
                assert_eq!(relay.messages(hub).await.len(), count);
            }
            let metrics = relay.operator("/metrics").await.body;
            assert!(
                metrics.contains("relay_fanout_truncated_total 2"),
                "{metrics}"
            );
        },
    );
}

#[test]
fn a_message_that_would_fill_too_much_in_all_queues_is_refused() {
    with_relay(
        |settings| settings.fan_out_bytes = 5000,
        async |relay| {
            let webhook = relay.webhook(json!({"key_path": "query.to"})).await;
            let one = relay.hub(webhook, json!({"$keys": ["one", "all"]})).await;
            let two = relay.hub(webhook, json!({"$key": "all"})).await;
            let large = vec![b'x'; 2000];
            for (to, status) in [("one", 200), ("all", 413)] {
                let target = format!("/webhook/{webhook}?to={to}");
                let reply = relay.send("POST", &target, &[], &large).await;
                assert_eq!(reply.status, status, "{to}");
            }
            assert_eq!(relay.messages(one).await.len(), 1);
            assert_eq!(relay.messages(two).await.len(), 0);
        },
    );
}
