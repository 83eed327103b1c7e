//! WebSockets: replayed ids, huge and broken frames, more subscriptions than allowed, many sockets.

use hearth_e2e::ws::Next;
use hearth_e2e::{Phone, Ws};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::Siege;

#[tokio::test]
async fn replayed_ids_are_refused_each_time() {
    let siege = Siege::lay("").await;
    let mut ws = siege.hub.ws().await;
    ws.send(&json!({"id": 100, "type": "ping"})).await;
    assert_eq!(ws.json().await["type"], "pong");
    for n in 0..1_000 {
        ws.send(&json!({"id": 1 + n % 100, "type": "ping"})).await;
        assert_eq!(ws.json().await["error"]["code"], "id_reuse");
    }
    ws.send(&json!({"id": 101, "type": "ping"})).await;
    assert_eq!(ws.json().await["type"], "pong");
    siege.lift("replayed ids", &[]);
}

#[tokio::test]
async fn ten_thousand_subscriptions_end_at_the_limit() {
    let siege = Siege::lay("").await;
    let mut ws = siege.hub.ws().await;
    let (mut granted, mut refused) = (0, 0);
    for _ in 0..100 {
        let batch: Vec<Value> = (0..100)
            .map(
                |_| json!({"id": ws.fresh_id(), "type": "subscribe_events", "event_type": "flood"}),
            )
            .collect();
        ws.send(&Value::Array(batch)).await;
        for _ in 0..100 {
            let answer = ws.json().await;
            if answer["success"] == true {
                granted += 1;
            } else {
                refused += 1;
                assert!(answer["error"]["code"].is_string(), "{answer}");
            }
        }
    }
    assert_eq!((granted, refused), (1024, 8976));
    // Those that were granted work.
    siege
        .hub
        .http()
        .post("/api/events/flood", &json!({"n": 1}))
        .await;
    let mut seen = 0;
    while seen < granted {
        let message = ws.json().await;
        assert_eq!(message["event"]["data"]["n"], 1, "{message}");
        seen += 1;
    }
    siege.lift("10,000 subscriptions", &[]);
}

#[tokio::test]
async fn huge_messages_close_their_own_socket_only() {
    let siege = Siege::lay("").await;
    let huge = format!(
        r#"{{"id":1,"type":"ping","a":"{}"}}"#,
        "x".repeat(100 << 20)
    );
    let mut ws = siege.hub.ws().await;
    let _ = ws.try_send_text(&huge).await;
    let code = ws.closed().await;
    assert!(code == Some(1009) || code.is_none(), "{code:?}");
    // Before auth as well.
    let mut ws = Ws::connect(siege.hub.addr()).await;
    let _ = ws.try_send_text(&huge).await;
    ws.closed().await;
    siege.lift("messages of 100 MB", &[]);
}

#[tokio::test]
async fn garbage_and_nesting_close_their_own_socket_only() {
    let siege = Siege::lay("").await;
    for text in [
        "garbage".to_owned(),
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        "\u{0}".to_owned(),
    ] {
        let mut ws = siege.hub.ws().await;
        ws.send_text(&text).await;
        ws.closed().await;
    }
    siege.lift("garbage over WebSocket", &[]);
}

#[tokio::test]
async fn broken_frames_close_their_own_socket_only() {
    let siege = Siege::lay("").await;
    for frame in [
        // Not masked.
        &b"\x81\x02{}"[..],
        // A reserved opcode, and reserved bits.
        b"\x83\x80\x00\x00\x00\x00",
        b"\xf1\x80\x00\x00\x00\x00",
        // A length of 2^63.
        b"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        // A continuation of nothing.
        b"\x80\x80\x00\x00\x00\x00",
        // A ping that is too long, and one that is fragmented.
        b"\x89\xfe\x00\xff\x00\x00\x00\x00",
        b"\x09\x80\x00\x00\x00\x00",
        // Text that is no UTF-8.
        b"\x81\x82\x00\x00\x00\x00\xff\xfe",
    ] {
        let mut tcp = tokio::net::TcpStream::connect(siege.hub.addr())
            .await
            .unwrap();
        let upgrade = "GET /api/websocket HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        tcp.write_all(upgrade.as_bytes()).await.unwrap();
        let _ = tcp.write_all(frame).await;
        let _ = tcp.shutdown().await;
        let mut rest = Vec::new();
        let _ = hearth_e2e::wait::soon("the hub closes", tcp.read_to_end(&mut rest)).await;
    }
    siege.lift("broken frames", &[]);
}

#[tokio::test]
async fn hundreds_of_sockets_that_say_nothing_are_cut() {
    let siege = Siege::lay("[websocket]\nauth_timeout_s = 2\n").await;
    let mut sockets = Vec::new();
    for _ in 0..300 {
        sockets.push(Ws::connect(siege.hub.addr()).await);
    }
    for mut ws in sockets {
        ws.closed().await;
    }
    siege.lift("300 sockets without auth", &[]);
}

#[tokio::test]
async fn garbage_within_webhook_handle_is_answered_as_over_http() {
    let siege = Siege::lay("").await;
    let phone = Phone::register(&siege.hub, "Garbled").await;
    let mut ws = siege.hub.ws().await;
    for body in ["", "garbage", "[[[[", "\u{0}\u{1}", "{\"type\":"] {
        let fields = json!({"webhook_id": phone.webhook_id, "method": "POST", "body": body});
        let result = ws.result("webhook/handle", fields).await;
        assert_eq!(
            (&result["status"], &result["body"]),
            (&json!(400), &json!("{}"))
        );
    }
    siege.lift("garbage in webhook/handle", &[&phone.webhook_id]);
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_cut_off() {
    let siege = Siege::lay("[websocket]\nqueue = 64\nslow_queue = 32\nslow_s = 1\n").await;
    let mut stuck = siege.hub.ws().await;
    stuck.subscribe("flood").await;
    // Far more than the sockets' own buffers hold.
    let filling = "x".repeat(256 * 1024);
    let mut http = siege.hub.http();
    for n in 0..200 {
        let reply = http
            .post("/api/events/flood", &json!({"n": n, "filling": filling}))
            .await;
        assert_eq!(reply.status, 200);
    }
    let mut expected = 0;
    while let Next::Text(text) = stuck.next().await {
        let message: Value = serde_json::from_str(&text).unwrap();
        let n = &message["event"]["data"]["n"];
        assert_eq!(n, expected, "in order, none missing");
        expected += 1;
        assert!(expected < 200, "the stuck reader got everything");
    }
    println!("the stuck reader was cut off after {expected} of 200 events");
    siege.lift("a reader that stops reading", &[]);
}
