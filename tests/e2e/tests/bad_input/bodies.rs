//! Request bodies: garbage, truncated, huge, deeply nested, of the wrong type, sealed wrongly.

use hearth_e2e::{Http, Key, Phone};
use serde_json::json;

use crate::Siege;

/// Bytes that look random, the same at every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut x = seed | 1;
    (0..length)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 32) as u8
        })
        .collect()
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}1{}", open.repeat(depth), close.repeat(depth))
}

#[tokio::test]
async fn garbage_bodies_get_the_answers_of_the_spec() {
    let siege = Siege::lay("").await;
    let phone = Phone::register(&siege.hub, "Garbage").await;
    let webhook = format!("/api/webhook/{}", phone.webhook_id);
    let mut anyone = Http::new(siege.hub.addr());
    let mut owner = siege.hub.http();
    for seed in 0..60 {
        let body = noise(seed, 1 + (seed as usize * 37) % 2000);
        let reply = anyone.request("POST", &webhook, &[], &body).await;
        assert_eq!((reply.status, reply.text()), (400, "{}"), "seed {seed}");
        let reply = anyone
            .request("POST", "/api/webhook/unknown", &[], &body)
            .await;
        assert_eq!((reply.status, reply.text()), (200, ""), "seed {seed}");
        for path in [
            "/api/mobile_app/registrations",
            "/api/states/sensor.x",
            "/api/events/x",
            "/api/services/light/turn_on",
            "/api/template",
        ] {
            let reply = owner.request("POST", path, &[], &body).await;
            assert_eq!(reply.status, 400, "{path} seed {seed}: {reply:?}");
            assert!(reply.json()["message"].is_string(), "{path} {reply:?}");
        }
    }
    siege.lift("garbage", &[&phone.webhook_id]);
}

#[tokio::test]
async fn every_truncation_of_a_command_is_answered() {
    let siege = Siege::lay("").await;
    let mut phone = Phone::register(&siege.hub, "Truncated").await;
    let whole = json!({"type": "update_location", "data": {"gps": [1.5, 2.5], "gps_accuracy": 3}});
    let whole = whole.to_string();
    for end in 0..whole.len() {
        phone.post(&whole[..end]).await.is(400, "{}");
    }
    phone.post(&whole).await.is(200, "{}");
    siege.lift("truncated bodies", &[]);
}

#[tokio::test]
async fn deeply_nested_json_is_refused_not_followed() {
    let siege = Siege::lay("").await;
    let mut phone = Phone::register(&siege.hub, "Nested").await;
    let mut ws = siege.hub.ws().await;
    let mut owner = siege.hub.http();
    for deep in [
        "[".repeat(100_000),
        nested("[", "]", 100_000),
        nested("{\"a\":", "}", 100_000),
        nested("[{\"a\":", "}]", 1_000),
    ] {
        let answer = phone.post(&deep).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, "{}"));
        let inside = format!(
            r#"{{"type":"fire_event","data":{{"event_type":"x","event_data":{{"a":{deep}}}}}}}"#
        );
        let answer = phone.post(&inside).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, "{}"));
        for path in ["/api/events/x", "/api/states/sensor.x", "/api/template"] {
            let reply = owner.post_text(path, &deep).await;
            assert_eq!(reply.status, 400, "{path}");
        }
        // Over the WebSocket's own door the webhook's answer is the same.
        let fields = json!({"webhook_id": phone.webhook_id, "method": "POST", "body": deep});
        let result = ws.result("webhook/handle", fields).await;
        assert_eq!(
            (&result["status"], &result["body"]),
            (&json!(400), &json!("{}"))
        );
    }
    siege.lift("deep nesting", &[]);
}

#[tokio::test]
async fn a_body_of_100_mb_is_not_kept() {
    let siege = Siege::lay("").await;
    let phone = Phone::register(&siege.hub, "Huge").await;
    let chunk = vec![b'a'; 64 * 1024];
    for path in [
        format!("/api/webhook/{}", phone.webhook_id),
        "/api/webhook/unknown".to_owned(),
        "/api/mobile_app/registrations".to_owned(),
    ] {
        for chunked in [false, true] {
            let mut http = Http::new(siege.hub.addr());
            let framing = if chunked {
                "Transfer-Encoding: chunked".to_owned()
            } else {
                format!("Content-Length: {}", 100 * 1024 * 1024)
            };
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\n{framing}\r\n\r\n",
                siege.hub.token()
            );
            http.write(head.as_bytes()).await.unwrap();
            let mut sent_all = true;
            for _ in 0..(100 * 1024 * 1024 / chunk.len()) {
                let written = if chunked {
                    let size = format!("{:x}\r\n", chunk.len());
                    http.write(size.as_bytes()).await.is_ok()
                        && http.write(&chunk).await.is_ok()
                        && http.write(b"\r\n").await.is_ok()
                } else {
                    http.write(&chunk).await.is_ok()
                };
                if !written {
                    // The hub has answered and closed: it need not read what it refuses.
                    sent_all = false;
                    break;
                }
            }
            if sent_all && chunked {
                let _ = http.write(b"0\r\n\r\n").await;
            }
            if let Ok(reply) = http.read_reply(false).await {
                let refused = reply.status == 413
                    || (path.contains("webhook") && reply.status == 200 && reply.body.is_empty());
                assert!(refused, "{path}: {reply:?}");
            }
        }
    }
    siege.lift("bodies of 100 MB", &[&phone.webhook_id]);
}

#[tokio::test]
async fn wrongly_sealed_messages_are_ignored() {
    let siege = Siege::lay("[log]\nlevel = \"debug\"\n").await;
    let mut phone = Phone::register_encrypted(&siege.hub, "Wrong keys").await;
    let secret = phone.secret.clone().unwrap();
    let key = phone.current();
    for n in 0..100_u64 {
        let other = Key::current(&format!("{n:064x}"));
        let frame = if n.is_multiple_of(2) {
            other.seal("{}")
        } else {
            String::from_utf8_lossy(&noise(n, 80)).into_owned()
        };
        phone.send_frame("get_zones", &frame).await.is(200, "{}");
    }
    let answer = phone.send_sealed(&key, "get_zones", &json!({})).await;
    assert!(answer.open(&key).is_array());
    let webhook_id = phone.webhook_id.clone();
    siege.lift("wrong keys", &[&secret, &webhook_id]);
}

#[tokio::test]
async fn unknown_ids_are_answered_in_any_number() {
    let siege = Siege::lay("").await;
    let mut http = Http::new(siege.hub.addr());
    for n in 0..2_000 {
        let reply = http
            .post_text(&format!("/api/webhook/{n:064x}"), r#"{"type":"get_zones"}"#)
            .await;
        assert_eq!((reply.status, reply.text()), (200, ""));
    }
    siege.lift("unknown ids", &[]);
}

#[tokio::test]
async fn a_long_sentence_to_a_bare_webhook_stalls_nobody() {
    let siege = Siege::lay("").await;
    let mut phone = Phone::register(&siege.hub, "Talkative").await;
    let text = "turn on the light and ".repeat(80);
    for body in [
        json!({"type": "conversation_process", "data": {"text": text}}),
        json!({"type": "render_template", "data": {"a": {"template": "{% for i in range(100000000) %}x{% endfor %}"}}}),
        json!({"type": "render_template", "data": {"a": {"template": "{{ 'x' * 1000000000 }}"}}}),
        json!({"type": "render_template", "data": {"a": {"template": "{{ ".repeat(2000)}}}),
        json!({"type": "render_template", "data": {"a": {"template": format!("{{{{ {}1{} }}}}", "(".repeat(2000), ")".repeat(2000))}}}),
    ] {
        let answer = phone.post(&body.to_string()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    siege.lift("long sentences and endless templates", &[]);
}

#[tokio::test]
async fn wrong_tokens_are_never_logged() {
    let siege = Siege::lay("[log]\nlevel = \"debug\"\n").await;
    let wrong = "wrong-token-that-somebody-mistyped";
    for _ in 0..50 {
        let reply = Http::new(siege.hub.addr()).bearer(wrong).get("/api/").await;
        assert_eq!(reply.status, 401);
    }
    siege.lift("wrong tokens", &[wrong]);
}
