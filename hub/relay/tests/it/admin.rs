//! What the operator can do and see.

use hearth_relay::registry::SignIn;
use serde_json::{Value, json};

use crate::relay::with_default_relay;

#[test]
fn a_key_path_that_is_wrong_is_refused_with_the_byte() {
    with_default_relay(async |relay| {
        let made = relay.try_admin("webhook/create", json!({"key_path": "body.a.(b)"}));
        let error = made.await.unwrap_err();
        assert_eq!(error, "key_path: syntax at byte 7: expected a name");
        for (wanted, start) in [
            (json!({"key_path": "window.a"}), "key_path: "),
            (json!({"limits": {"body": 9_000_000}}), "limits.body: "),
            (json!({"limits": {"ttl_h": 337}}), "limits.ttl_h: "),
            (
                json!({"signature": {"scheme": "standard", "secrets": []}}),
                "signature.secrets: ",
            ),
            (json!({"unknown": 1}), "unknown field"),
        ] {
            let error = relay.try_admin("webhook/create", wanted).await.unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
    });
}

#[test]
fn secrets_are_shown_when_they_are_made_and_never_again() {
    with_default_relay(async |relay| {
        let made = relay.admin("webhook/create", json!({"name": "w"})).await;
        let secret = made["secret"].as_str().unwrap();
        assert_eq!(secret.len(), 43);
        let hub = relay.admin("hub/create", json!({"name": "h"})).await;
        let token = hub["token"].as_str().unwrap();
        for list in ["webhook/list", "hub/list"] {
            let shown = relay.admin(list, json!({})).await.to_string();
            assert!(!shown.contains(secret) && !shown.contains(token), "{shown}");
        }
    });
}

#[test]
fn a_secret_that_is_rotated_is_valid_for_a_while_beside_the_new_one() {
    with_default_relay(async |relay| {
        let made = relay.admin("webhook/create", json!({})).await;
        let id = made["id"].as_str().unwrap();
        let check = |secret: &Value| {
            let found = relay
                .relay
                .webhooks
                .check(id.parse().ok(), secret.as_str().unwrap());
            found.is_some()
        };
        let second = relay.admin("webhook/rotate", json!({"id": id})).await;
        assert!(check(&made["secret"]) && check(&second["secret"]));
        let asked = json!({"id": id, "overlap_s": 0});
        let third = relay.admin("webhook/rotate", asked).await;
        assert!(!check(&made["secret"]) && !check(&second["secret"]) && check(&third["secret"]));
        let none = relay
            .relay
            .webhooks
            .check(None, third["secret"].as_str().unwrap());
        assert!(none.is_none());
    });
}

#[test]
fn a_token_leads_to_its_hub_until_it_is_rotated_or_revoked() {
    with_default_relay(async |relay| {
        let made = relay.admin("hub/create", json!({})).await;
        let hub = made["id"].as_str().unwrap().parse().unwrap();
        let sign_in = |token: &Value| relay.relay.hubs.sign_in(token.as_str().unwrap());
        assert_eq!(sign_in(&made["token"]), SignIn::Hub(hub));
        assert_eq!(sign_in(&json!("other")), SignIn::Unknown);

        let asked = json!({"id": hub, "overlap_s": 0});
        let second = relay.admin("hub/rotate", asked).await;
        assert_eq!(sign_in(&made["token"]), SignIn::Unknown);
        assert_eq!(sign_in(&second["token"]), SignIn::Hub(hub));
        relay
            .admin("hub/disable", json!({"id": hub, "disabled": true}))
            .await;
        assert_eq!(sign_in(&second["token"]), SignIn::Disabled);
        relay.admin("hub/revoke", json!({"id": hub})).await;
        assert_eq!(sign_in(&second["token"]), SignIn::Unknown);
        let again = relay.try_admin("hub/revoke", json!({"id": hub})).await;
        assert_eq!(again.unwrap_err(), "there is no such hub");
    });
}

#[test]
fn a_revoked_hub_leaves_no_registrations_and_no_messages() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"key_path": "body"})).await;
        let hub = relay.hub(webhook, json!({"$key": "a"})).await;
        relay.post(webhook, json!("a")).await;
        assert_eq!(relay.messages(hub).await.len(), 1);
        relay.admin("hub/revoke", json!({"id": hub})).await;
        assert!(relay.messages(hub).await.is_empty());
        relay.post(webhook, json!("a")).await;
        assert!(relay.messages(hub).await.is_empty());
        assert!(relay.relay.registrations.index.is_empty());
    });
}

#[test]
fn explaining_says_who_would_get_a_request_and_sends_nothing() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"key_path": "body.id"})).await;
        let hub = relay.hub(webhook, json!({"$key": 7})).await;
        let explain = async |asked: Value| {
            let mut asked = asked;
            asked["id"] = json!(webhook);
            relay.admin("webhook/explain", asked).await
        };
        let json_type = json!([["Content-Type", "application/json"]]);
        let found = explain(json!({"headers": json_type, "body": "{\"id\":7.0}"})).await;
        assert_eq!(found["by"], "key_path");
        assert_eq!(found["key"], 7);
        assert_eq!(found["hubs"], json!([hub]));
        let text = explain(json!({"body": "{\"id\":7}"})).await;
        assert_eq!((&text["key"], &text["hubs"]), (&Value::Null, &json!([])));
        let named = explain(json!({"query": format!("homey={hub}")})).await;
        assert_eq!(
            (&named["by"], &named["hubs"]),
            (&json!("query"), &json!([hub]))
        );
        assert!(relay.messages(hub).await.is_empty());
    });
}

#[test]
fn the_last_requests_of_a_webhook_are_listed_without_their_content() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"key_path": "body"})).await;
        relay.hub(webhook, json!({"$key": "secret content"})).await;
        relay.post(webhook, json!("secret content")).await;
        relay.post(webhook, json!("other")).await;
        let log = relay
            .admin("webhook/deliveries", json!({"id": webhook}))
            .await;
        assert_eq!(log[0]["matched"], 0);
        assert_eq!(log[1]["matched"], 1);
        assert_eq!(log[1]["bytes"], 16);
        assert!(!log.to_string().contains("content"));
    });
}

#[test]
fn metrics_and_probes_have_a_door_of_their_own() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"key_path": "body"})).await;
        let hub = relay.hub(webhook, json!({"$key": "a"})).await;
        relay.post(webhook, json!("a")).await;
        assert_eq!(relay.operator("/live").await.status, 200);
        assert_eq!(relay.operator("/ready").await.status, 200);
        let metrics = relay.operator("/metrics").await.body;
        for line in [
            "relay_requests_total{code=\"200\"} 1",
            "relay_buffered_messages 1",
            "relay_hubs_connected 0",
            "relay_engine_up 1",
            "relay_accept_seconds_count 1",
            "relay_matched_hubs_sum 1.0",
            "relay_match_seconds_count{kind=\"key_path\"} 1",
        ] {
            assert!(metrics.contains(line), "{line} is not in\n{metrics}");
        }
        assert!(!metrics.contains(&hub.to_string()) && !metrics.contains(&webhook.to_string()));
        relay.relay.store.close().await.unwrap();
    });
}

#[test]
fn what_nobody_knows_is_refused() {
    with_default_relay(async |relay| {
        let nobodys = json!({"id": "0123456789abcdef01234567"});
        for (command, data, message) in [
            ("webhook/steal", json!({}), "Unknown command."),
            (
                "webhook/revoke",
                nobodys.clone(),
                "there is no such webhook",
            ),
            (
                "webhook/deliveries",
                nobodys.clone(),
                "there is no such webhook",
            ),
            ("hub/rotate", nobodys, "there is no such hub"),
            (
                "hub/revoke",
                json!({"id": "x"}),
                "id: expected 24 lower-case hex characters",
            ),
        ] {
            let error = relay.try_admin(command, data).await.unwrap_err();
            assert_eq!(error, message, "{command}");
        }
    });
}
