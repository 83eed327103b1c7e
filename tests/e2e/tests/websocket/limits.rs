//! §0: sizes, counts and deadlines of a connection.

use hearth_e2e::Hub;
use serde_json::json;

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let fits = json!({"id": 1, "type": "ping", "a": "x".repeat(4 * 1024 * 1024 - 200)});
    ws.send(&fits).await;
    assert_eq!(ws.json().await["id"], 1, "4 MiB is allowed");
    let over = json!({"id": 2, "type": "ping", "a": "x".repeat(4 * 1024 * 1024)});
    // The hub may close while this is still being sent.
    let _ = ws.try_send_text(&over.to_string()).await;
    let code = ws.closed().await;
    assert!(code == Some(1009) || code.is_none(), "{code:?}");
}

#[tokio::test]
async fn the_message_limit_is_a_setting_and_its_close_code_is_1009() {
    let hub = Hub::with("[websocket]\nmessage_limit = 4096\n");
    let mut ws = hub.ws().await;
    ws.send(&json!({"id": 1, "type": "ping", "a": "x".repeat(5000)}))
        .await;
    assert_eq!(ws.closed().await, Some(1009));
}

#[tokio::test]
async fn subscriptions_beyond_the_limit_are_refused() {
    let hub = Hub::with("[websocket]\nsubscriptions = 3\n");
    let mut ws = hub.ws().await;
    for _ in 0..3 {
        ws.subscribe("x").await;
    }
    let answer = ws
        .call("subscribe_events", json!({"event_type": "x"}))
        .await;
    assert_eq!(answer["success"], false, "{answer}");
    // Room is made by leaving one.
    ws.result("unsubscribe_events", json!({"subscription": 1}))
        .await;
    ws.subscribe("x").await;
}

#[tokio::test]
async fn a_socket_that_never_answers_pings_is_closed() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let hub =
        Hub::with("[websocket]\nping_interval_s = 1\npong_timeout_s = 0.5\nauth_timeout_s = 60\n");
    let mut tcp = tokio::net::TcpStream::connect(hub.addr()).await.unwrap();
    let upgrade = "GET /api/websocket HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    tcp.write_all(upgrade.as_bytes()).await.unwrap();
    // The auth message as one masked frame (mask 0), then silence at the protocol level.
    let auth = json!({"type": "auth", "access_token": hub.token()}).to_string();
    let mut frame = vec![0x81, 0xFE];
    frame.extend_from_slice(&u16::try_from(auth.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(auth.as_bytes());
    tcp.write_all(&frame).await.unwrap();
    let mut all = Vec::new();
    let end = hearth_e2e::wait::soon("the hub closes", tcp.read_to_end(&mut all)).await;
    let text = String::from_utf8_lossy(&all);
    assert!(text.contains("auth_ok"), "{end:?} {text}");
}

#[tokio::test]
async fn a_socket_that_answers_pings_stays_open() {
    let hub = Hub::with("[websocket]\nping_interval_s = 1\npong_timeout_s = 0.5\n");
    let mut ws = hub.ws().await;
    // Reading answers the hub's pings; nothing else is sent in this time.
    assert!(ws.silent_for(std::time::Duration::from_secs(4)).await);
    assert_eq!(ws.call("ping", json!({})).await["type"], "pong");
}
