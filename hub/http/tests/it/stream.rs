//! `/api/stream`.

use serde_json::{Value, json};

use crate::client::Client;
use crate::home::{Home, with_home, with_settings};

async fn open(home: &Home, path: &str) -> Client {
    let mut client = home.connect().await;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\n\r\n",
        home.admin
    );
    client.send(head.as_bytes()).await;
    let head = client.head().await.unwrap();
    assert_eq!(
        (head.status, head.field("content-type")),
        (200, Some("text/event-stream"))
    );
    assert_eq!(client.chunk().await.unwrap(), b"data: ping\n\n");
    client
}

async fn event(client: &mut Client) -> Option<Value> {
    let chunk = client.chunk().await?;
    let text = String::from_utf8(chunk).unwrap();
    let json = text
        .strip_prefix("data: ")
        .and_then(|text| text.strip_suffix("\n\n"))
        .unwrap();
    Some(serde_json::from_str(json).unwrap())
}

#[test]
fn a_stream_pings_at_once_and_brings_events_in_order() {
    with_home(async |home| {
        let mut stream = open(&home, "/api/stream").await;
        for n in 0..20 {
            home.admin("POST", "/api/events/knock", &json!({"n": n}).to_string())
                .await;
        }
        for n in 0..20 {
            let event = event(&mut stream).await.unwrap();
            assert_eq!(
                (&event["event_type"], &event["data"]["n"]),
                (&json!("knock"), &json!(n))
            );
            assert_eq!(event["origin"], "REMOTE");
            assert_eq!(event["context"]["user_id"], home.admin_id.to_string());
        }
    });
}

#[test]
fn a_restricted_stream_brings_only_what_it_names() {
    with_home(async |home| {
        let mut stream = open(&home, "/api/stream?restrict=knock,%20ring").await;
        for name in ["step", "ring", "state_changed", "knock"] {
            home.admin("POST", &format!("/api/events/{name}"), "").await;
        }
        assert_eq!(event(&mut stream).await.unwrap()["event_type"], "ring");
        assert_eq!(event(&mut stream).await.unwrap()["event_type"], "knock");
    });
}

#[test]
fn a_stream_ends_when_the_hub_stops() {
    with_home(async |home| {
        let mut all = open(&home, "/api/stream").await;
        let mut some = open(&home, "/api/stream?restrict=knock").await;
        home.door.hub.stop().await;
        while event(&mut all).await.is_some() {}
        assert!(event(&mut some).await.is_none());
    });
}

#[test]
fn a_stream_ends_when_its_token_is_revoked() {
    with_home(async |home| {
        let mut stream = open(&home, "/api/stream?restrict=knock").await;
        let token = home.door.auth.tokens_of(home.admin_id)[0].id;
        home.door.auth.revoke_token(token).await.unwrap();
        assert!(event(&mut stream).await.is_none());
        assert_eq!(home.door.auth.open_sessions(), 0);
    });
}

#[test]
fn a_stream_whose_client_left_leaves_nothing_behind() {
    with_home(async |home| {
        let stream = open(&home, "/api/stream?restrict=knock").await;
        assert_eq!(home.door.auth.open_sessions(), 1);
        drop(stream);
        let gone = async {
            while home.door.auth.open_sessions() > 0
                || home.door.hub.bus.listeners().await.contains_key("knock")
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::client::DEADLINE, gone)
            .await
            .unwrap();
    });
}

#[test]
fn a_client_that_takes_nothing_is_given_up_though_its_queue_has_room() {
    let impatient = |settings: &mut hearth_core::settings::Settings| settings.http.keep_alive_s = 1;
    with_settings(impatient, async |home| {
        let _asleep = open(&home, "/api/stream?restrict=knock").await;
        let long = json!({"text": "x".repeat(1_000_000)}).to_string();
        for _ in 0..20 {
            let reply = home.admin("POST", "/api/events/knock", &long).await;
            assert_eq!(reply.status, 200);
        }
        let given_up = async {
            while home.door.auth.open_sessions() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::client::DEADLINE, given_up)
            .await
            .unwrap();
    });
}

#[test]
fn a_reader_that_does_not_read_is_cut_off_and_delays_nobody() {
    with_settings(
        |settings| settings.websocket.queue = 16,
        async |home| {
            let mut slow = open(&home, "/api/stream?restrict=knock").await;
            let mut quick = open(&home, "/api/stream?restrict=done").await;
            let long = json!({"text": "x".repeat(100_000)}).to_string();
            let mut sender = home.connect().await;
            let fields = format!("Authorization: Bearer {}\r\n", home.admin);
            for _ in 0..400 {
                let reply = sender
                    .request("POST", "/api/events/knock", &fields, long.as_bytes())
                    .await;
                assert_eq!(reply.status, 200);
            }
            assert_eq!(
                sender
                    .request("POST", "/api/events/done", &fields, b"")
                    .await
                    .status,
                200
            );
            assert_eq!(event(&mut quick).await.unwrap()["event_type"], "done");
            // Whatever was in the pipes comes, then the end.
            slow.rest().await;
            let metrics = home.plain("GET", "/metrics", "", "").await;
            assert!(
                metrics.text().contains("hearth_slow_readers_total 1"),
                "{}",
                metrics.text()
            );
        },
    );
}
