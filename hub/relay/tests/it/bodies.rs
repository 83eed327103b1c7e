//! What a hub gets of a request (spec relay §3, §5.1 and §5.2).

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::relay::with_default_relay;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_message_holds_all_of_its_request() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"name": "w"})).await;
        let hub = relay.hub(webhook, json!({})).await;
        let target = format!("/webhook/{webhook}?homey={hub}&a=1&a=2");
        let fields = [
            ("Content-Type", "application/json"),
            ("X-Twice", "1"),
            ("X-Twice", "2"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("X-Hearth-Hub", "evil"),
        ];
        let body = br#"{"n": 12345678901234567890123}"#;
        let reply = relay.send("PUT", &target, &fields, body).await;
        assert_eq!(reply.status, 200);

        let message = relay.messages(hub).await.remove(0);
        assert_eq!(message["method"], "PUT");
        assert_eq!(message["body_type"], "json");
        assert_eq!(message["raw_body"], STANDARD.encode(body));
        assert_eq!(
            message["query"],
            json!({"homey": hub.to_string(), "a": ["1", "2"]})
        );
        assert_eq!(
            message["headers"],
            json!({
                "content-length": "30",
                "content-type": "application/json",
                "host": "relay.test",
                "x-forwarded-for": "127.0.0.1",
                "x-twice": "1, 2",
            })
        );
        let raw = message["raw_headers"].as_array().unwrap();
        assert!(raw.contains(&json!(["x-twice", "1"])) && raw.contains(&json!(["x-twice", "2"])));
        let received = message["received_at"].as_str().unwrap();
        assert!(received.ends_with("+00:00"), "{received}");
    });
}

#[test]
fn the_numbers_of_a_body_reach_the_hub_digit_by_digit() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({})).await;
        let hub = relay.hub(webhook, json!({})).await;
        let target = format!("/webhook/{webhook}?homey={hub}");
        let fields = [("content-type", "application/json")];
        let body = b"{\"n\": 12345678901234567890123, \"x\": 1.10}";
        relay.send("POST", &target, &fields, body).await;
        let limits = hearth_relay::store::ReadLimits {
            messages: 1,
            bytes: usize::MAX,
        };
        let page = relay.relay.store.read(hub, 0, limits).await.unwrap();
        let message = page.messages[0].delivery.message.get();
        assert!(message.contains(r#""body":{"n": 12345678901234567890123, "x": 1.10}"#));
    });
}

#[test]
fn a_coded_body_arrives_decoded_without_the_field_that_told_so() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"key_path": "body.id"})).await;
        let hub = relay.hub(webhook, json!({"$key": "a"})).await;
        let target = format!("/webhook/{webhook}");
        let json_type = ("content-type", "application/json");
        let fields = [json_type, ("content-encoding", "gzip")];
        let body = br#"{"id":"a"}"#;
        let reply = relay.send("POST", &target, &fields, &gzip(body)).await;
        assert_eq!(reply.status, 200);
        let message = relay.messages(hub).await.remove(0);
        assert_eq!(message["body"], json!({"id": "a"}));
        assert_eq!(message["raw_body"], STANDARD.encode(body));
        assert!(message["headers"].get("content-encoding").is_none());
        assert!(message["headers"].get("content-length").is_none());

        let bomb = gzip(&vec![b' '; 5_000_000]);
        let fields = |coding| [json_type, ("content-encoding", coding)];
        for (coding, body, status) in [
            ("gzip", &bomb[..], 413),
            ("gzip", b"no gzip", 400),
            ("zstd", b"abc", 415),
        ] {
            let reply = relay.send("POST", &target, &fields(coding), body).await;
            assert_eq!(reply.status, status, "{coding}");
        }
    });
}

#[test]
fn a_signature_is_checked_on_the_bytes_that_came() {
    with_default_relay(async |relay| {
        let signature = json!({
            "scheme": "hmac_hex", "header": "x-sig", "prefix": "sha256=", "secrets": ["key"],
        });
        let webhook = relay.webhook(json!({"signature": signature})).await;
        let target = format!("/webhook/{webhook}");
        // Of `{"a": 1 }` with the key `key`.
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(b"key").unwrap();
        mac.update(b"{\"a\": 1 }");
        let signed = hearth_core::env::to_hex(&mac.finalize().into_bytes());
        let signed = format!("sha256={signed}");
        let fields = [
            ("x-sig", signed.as_str()),
            ("content-type", "application/json"),
        ];
        let send = async |body: &[u8]| relay.send("POST", &target, &fields, body).await.status;
        assert_eq!(send(b"{\"a\": 1 }").await, 200);
        assert_eq!(send(b"{\"a\":1}").await, 401);
    });
}

#[test]
fn each_kind_of_body_is_told() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({})).await;
        let hub = relay.hub(webhook, json!({})).await;
        let target = format!("/webhook/{webhook}?homey={hub}");
        let form = "application/x-www-form-urlencoded";
        let cases = [
            (Some("application/json"), "{", "text", Some("invalid_json")),
            (Some(form), "a=b", "form", None),
            (Some("text/plain"), "{}", "text", None),
            (Some("image/png"), "x", "binary", None),
            (None, "x", "text", None),
            (None, "", "none", None),
        ];
        for (content_type, body, _, _) in cases {
            let fields: Vec<_> = content_type
                .map(|kind| ("content-type", kind))
                .into_iter()
                .collect();
            relay.send("POST", &target, &fields, body.as_bytes()).await;
        }
        let messages = relay.messages(hub).await;
        for (message, (_, _, kind, error)) in messages.iter().zip(cases) {
            assert_eq!(message["body_type"], kind);
            assert_eq!(message.get("body_error").and_then(|e| e.as_str()), error);
        }
        assert_eq!(messages.len(), cases.len());
    });
}
