//! Requests that come twice (spec relay §5 and §8).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::relay::with_default_relay;

#[test]
fn a_repeat_by_its_header_field_is_answered_with_the_first_id_and_goes_nowhere() {
    with_default_relay(async |relay| {
        let wanted = json!({"key_path": "body", "dedupe_header": "X-Delivery"});
        let webhook = relay.webhook(wanted).await;
        let hub = relay.hub(webhook, json!({"$key": "a"})).await;
        let target = format!("/webhook/{webhook}");
        let send = async |delivery: Option<&str>| {
            let mut fields = vec![("content-type", "application/json")];
            fields.extend(delivery.map(|delivery| ("x-delivery", delivery)));
            relay.send("POST", &target, &fields, b"\"a\"").await.json()
        };
        let first = send(Some("1")).await;
        assert_eq!(first.get("duplicate"), None);
        let again = send(Some("1")).await;
        assert_eq!(again, json!({"id": first["id"], "duplicate": true}));
        assert_ne!(send(Some("2")).await["id"], first["id"]);
        // Without the field nothing is a repeat: two equal events are two events.
        assert_ne!(send(None).await["id"], send(None).await["id"]);
        assert_eq!(relay.messages(hub).await.len(), 4);
    });
}

#[test]
fn the_same_value_at_another_webhook_is_no_repeat() {
    with_default_relay(async |relay| {
        for _ in 0..2 {
            let webhook = relay.webhook(json!({"dedupe_header": "x-id"})).await;
            let target = format!("/webhook/{webhook}");
            let reply = relay.send("POST", &target, &[("x-id", "1")], b"a").await;
            assert_eq!(reply.json().get("duplicate"), None);
        }
    });
}

#[test]
fn of_repeats_that_come_together_one_is_the_first() {
    with_default_relay(async |relay| {
        let wanted = json!({"key_path": "query.to", "dedupe_header": "x-id"});
        let webhook = relay.webhook(wanted).await;
        let hub = relay.hub(webhook, json!({"$key": "a"})).await;
        let target = format!("/webhook/{webhook}?to=a");
        let sends = (0..20).map(|_| relay.send("POST", &target, &[("x-id", "1")], b"a"));
        let replies = futures_util::future::join_all(sends).await;
        let firsts = replies
            .iter()
            .filter(|reply| reply.json().get("duplicate").is_none());
        assert_eq!(firsts.count(), 1);
        let first = replies[0].json()["id"].clone();
        assert!(replies.iter().all(|reply| reply.json()["id"] == first));
        assert_eq!(relay.messages(hub).await.len(), 1);
    });
}

#[test]
fn a_signed_request_cannot_be_replayed_whatever_else_it_says() {
    with_default_relay(async |relay| {
        let key = STANDARD.encode(b"secret");
        let webhook = relay
            .webhook(json!({
                "key_path": "query.to",
                "dedupe_header": "x-id",
                "signature": {"scheme": "standard", "secrets": [key]},
            }))
            .await;
        let hub = relay.hub(webhook, json!({"$key": "a"})).await;
        let target = format!("/webhook/{webhook}?to=a");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let send = async |id: &str, age: u64, other: &str| {
            let at = (now.as_secs() - age).to_string();
            let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(b"secret").unwrap();
            mac.update(format!("{id}.{at}.body").as_bytes());
            let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
            let fields = [
                ("webhook-id", id),
                ("webhook-timestamp", at.as_str()),
                ("webhook-signature", signature.as_str()),
                ("x-id", other),
            ];
            relay.send("POST", &target, &fields, b"body").await
        };
        assert_eq!(send("m1", 0, "1").await.json().get("duplicate"), None);
        let replayed = send("m1", 0, "2").await;
        assert_eq!(replayed.json()["duplicate"], Value::from(true));
        assert_eq!(send("m2", 0, "1").await.json().get("duplicate"), None);
        assert_eq!(send("m3", 400, "1").await.status, 401, "stale");
        assert_eq!(relay.messages(hub).await.len(), 2);
    });
}
