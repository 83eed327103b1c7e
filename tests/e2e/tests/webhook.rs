//! Generic webhooks (spec webhook.md §0, §2, §4, §7), reached through registrations.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use hearth_e2e::{Http, Hub, Phone};
use serde_json::json;

const MIB: usize = 1024 * 1024;

/// A `fire_event` body padded to exactly `size` bytes.
fn padded(size: usize) -> Vec<u8> {
    let head = br#"{"type":"fire_event","data":{"event_type":"padded","event_data":{"a":""#;
    let tail = br#""}}}"#;
    let mut body = head.to_vec();
    body.resize(size - tail.len(), b'a');
    body.extend_from_slice(tail);
    body
}

#[tokio::test]
async fn an_unknown_id_answers_200_empty_to_the_four_methods() {
    let hub = Hub::start();
    let mut http = Http::new(hub.addr());
    for id in ["ab".repeat(32).as_str(), "x", "%20", "a-b_c.d"] {
        for method in ["GET", "HEAD", "POST", "PUT"] {
            let reply = http
                .request(method, &format!("/api/webhook/{id}"), &[], b"")
                .await;
            assert_eq!(reply.status, 200, "{method} {id}");
            assert!(reply.body.is_empty(), "{method} {id}");
            assert_eq!(reply.header("content-type"), None, "{method} {id}");
            assert_eq!(reply.header("content-length"), Some("0"), "{method} {id}");
        }
    }
}

#[tokio::test]
async fn delete_and_patch_are_405_for_known_and_unknown_ids() {
    let hub = Hub::start();
    let phone = Phone::register(&hub, "Methods").await;
    for id in [phone.webhook_id.as_str(), "unknown"] {
        for method in ["DELETE", "PATCH"] {
            let path = format!("/api/webhook/{id}");
            let reply = Http::new(hub.addr()).request(method, &path, &[], b"").await;
            assert_eq!(
                (reply.status, reply.text()),
                (405, "405: Method Not Allowed"),
                "{method} {id}"
            );
        }
    }
}

#[tokio::test]
async fn a_method_outside_the_set_is_405_empty_and_head_is_200() {
    let hub = Hub::start();
    let phone = Phone::register(&hub, "Outside").await;
    let path = format!("/api/webhook/{}", phone.webhook_id);
    let mut http = Http::new(hub.addr());
    let reply = http.get(&path).await;
    assert_eq!((reply.status, reply.text()), (405, ""));
    let reply = http.request("HEAD", &path, &[], b"").await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn an_extra_path_segment_is_404() {
    let hub = Hub::start();
    let phone = Phone::register(&hub, "Segments").await;
    for path in [
        format!("/api/webhook/{}/more", phone.webhook_id),
        "/api/webhook/".to_owned(),
        "/api/webhook".to_owned(),
    ] {
        let reply = Http::new(hub.addr()).get(&path).await;
        assert_eq!(
            (reply.status, reply.text()),
            (404, "404: Not Found"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn ids_are_exact_and_case_sensitive() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Exact").await;
    let id = phone.webhook_id.clone();
    let body = r#"{"type":"get_zones"}"#;
    for other in [id.to_uppercase(), id[1..].to_owned(), format!("{id}0")] {
        phone.door.post(&other, body).await.is(200, "");
    }
    assert_ne!(phone.post(body).await.body, "");
}

#[tokio::test]
async fn the_authorization_header_is_not_looked_at() {
    let hub = Hub::start();
    let phone = Phone::register(&hub, "Unasked").await;
    let path = format!("/api/webhook/{}", phone.webhook_id);
    for token in ["nonsense", "", hub.token()] {
        let mut http = Http::new(hub.addr()).bearer(token);
        let reply = http.post(&path, &json!({"type": "get_zones"})).await;
        assert_eq!(reply.status, 200);
        assert!(reply.json().is_array());
    }
}

#[tokio::test]
async fn any_content_type_is_read() {
    let hub = Hub::start();
    let phone = Phone::register(&hub, "Types").await;
    let path = format!("/api/webhook/{}", phone.webhook_id);
    for content_type in [
        "text/plain",
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        "nonsense",
    ] {
        let reply = Http::new(hub.addr())
            .request(
                "POST",
                &path,
                &[("Content-Type", content_type)],
                br#"{"type":"get_zones"}"#,
            )
            .await;
        assert!(reply.json().is_array(), "{content_type}");
    }
}

#[tokio::test]
async fn a_body_of_16_mib_is_accepted_and_of_17_refused() {
    let hub = Hub::start();
    let phone = Phone::register(&hub, "Large").await;
    let path = format!("/api/webhook/{}", phone.webhook_id);
    let mut ws = hub.ws().await;
    let events = ws.subscribe("padded").await;

    let reply = Http::new(hub.addr())
        .request("POST", &path, &[], &padded(16 * MIB))
        .await;
    assert_eq!((reply.status, reply.text()), (200, "{}"));
    let event = ws.event(events).await;
    assert!(event["data"]["a"].as_str().unwrap().len() > 15 * MIB);

    // The hub may answer before it has read all, and close: only the answer counts.
    let mut http = Http::new(hub.addr());
    let body = padded(17 * MIB);
    match http.try_request("POST", &path, &[], &body).await {
        Ok(reply) => assert!(
            reply.status == 413 || (reply.status == 200 && reply.body.is_empty()),
            "{reply:?}"
        ),
        Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::Other, "{error}"),
    }
    // It is refused for its length alone, before a byte of it was sent.
    let mut http = Http::new(hub.addr());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: hub\r\nContent-Length: {}\r\n\r\n",
        17 * MIB
    );
    http.write(head.as_bytes()).await.unwrap();
    let reply = hearth_e2e::wait::soon("an early answer", http.read_reply(false))
        .await
        .unwrap();
    assert!(
        reply.status == 413 || (reply.status == 200 && reply.body.is_empty()),
        "{reply:?}"
    );
}

#[tokio::test]
async fn a_large_body_to_an_unknown_id_is_200_empty() {
    let hub = Hub::start();
    let mut http = Http::new(hub.addr());
    let reply = http
        .request("POST", "/api/webhook/unknown", &[], &padded(MIB))
        .await;
    assert_eq!((reply.status, reply.text()), (200, ""));
}

#[tokio::test]
async fn a_preflight_allows_any_origin() {
    let hub = Hub::start();
    let path = "/api/webhook/anything";
    let headers = [
        ("Origin", "https://example.org"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    let reply = Http::new(hub.addr())
        .request("OPTIONS", path, &headers, b"")
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some("https://example.org")
    );
    let reply = Http::new(hub.addr())
        .request("OPTIONS", path, &[], b"")
        .await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.content_type(), Some("text/plain"));
}

#[tokio::test]
async fn a_request_with_an_origin_is_answered_with_it() {
    let hub = Hub::start();
    let phone = Phone::register(&hub, "Origin").await;
    for id in [phone.webhook_id.as_str(), "unknown"] {
        let headers = [("Origin", "https://example.org")];
        let reply = Http::new(hub.addr())
            .request("POST", &format!("/api/webhook/{id}"), &headers, b"{}")
            .await;
        assert_eq!(
            reply.header("access-control-allow-origin"),
            Some("https://example.org")
        );
        let reply = Http::new(hub.addr())
            .request("POST", &format!("/api/webhook/{id}"), &[], b"{}")
            .await;
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn the_headers_of_the_whole_api_are_on_every_answer() {
    let hub = Hub::start();
    let phone = Phone::register(&hub, "Headers").await;
    for path in [
        format!("/api/webhook/{}", phone.webhook_id),
        "/api/webhook/unknown".to_owned(),
        "/nowhere".to_owned(),
    ] {
        let reply = Http::new(hub.addr()).post(&path, &json!({})).await;
        assert_eq!(
            reply.header("referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
        assert_eq!(
            reply.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(
            reply.header("x-frame-options"),
            Some("SAMEORIGIN"),
            "{path}"
        );
        assert!(reply.header("content-length").is_some(), "{path}");
    }
}

#[tokio::test]
async fn a_forwarded_header_from_an_untrusted_peer_is_400() {
    let hub = Hub::start();
    let reply = Http::new(hub.addr())
        .request(
            "POST",
            "/api/webhook/unknown",
            &[("X-Forwarded-For", "203.0.113.9")],
            b"{}",
        )
        .await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn forwarded_headers_from_a_trusted_proxy_are_read_strictly() {
    let hub = Hub::with("[http]\nuse_x_forwarded_for = true\ntrusted_proxies = [\"127.0.0.1\"]\n");
    for (headers, status) in [
        (vec![("X-Forwarded-For", "203.0.113.9")], 200),
        (vec![("X-Forwarded-For", "203.0.113.9, 127.0.0.1")], 200),
        (vec![("X-Forwarded-For", "not an address")], 400),
        (
            vec![
                ("X-Forwarded-For", "203.0.113.9"),
                ("X-Forwarded-For", "203.0.113.8"),
            ],
            400,
        ),
        (
            vec![("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Host", "")],
            400,
        ),
        (
            vec![
                ("X-Forwarded-For", "203.0.113.9"),
                ("X-Forwarded-Proto", "https"),
            ],
            200,
        ),
        (
            vec![
                ("X-Forwarded-For", "203.0.113.9"),
                ("X-Forwarded-Proto", "https, http"),
            ],
            400,
        ),
    ] {
        let reply = Http::new(hub.addr())
            .request("POST", "/api/webhook/unknown", &headers, b"{}")
            .await;
        assert_eq!(reply.status, status, "{headers:?}");
    }
}

#[tokio::test]
async fn an_unknown_id_is_answered_about_as_fast_as_a_known_one() {
    let hub = Hub::start();
    let phone = Phone::register(&hub, "Timing").await;
    let mut http = Http::new(hub.addr());
    let mut median = async |id: &str| {
        let path = format!("/api/webhook/{id}");
        let mut times = Vec::new();
        for _ in 0..200 {
            let start = Instant::now();
            http.post(&path, &json!({"type": "nope"})).await;
            times.push(start.elapsed());
        }
        times.sort();
        times[times.len() / 2]
    };
    let known = median(&phone.webhook_id).await;
    let unknown = median("unknown").await;
    println!("median answer: known id {known:?}, unknown id {unknown:?}");
    // No tight bound on a busy machine: only a delay that is there on purpose would show.
    assert!(known < Duration::from_millis(250) && unknown < Duration::from_millis(250));
}
