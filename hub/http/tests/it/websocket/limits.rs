use std::time::Duration;

use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{End, Socket, UPGRADE, until, upgraded};
use crate::home::{with_home, with_settings};

fn too_large() -> End {
    End::Closed(1009, String::new())
}

#[test]
fn a_message_of_four_mebibytes_is_taken_and_a_larger_one_closes_with_1009() {
    with_home(|home| async move {
        let limit = home.door.websocket().message_limit;
        let mut socket = Socket::admin(&home).await;
        let frame = "{\"id\":1,\"type\":\"ping\",\"x\":\"\"}".len();
        socket
            .send(json!({"id": 1, "type": "ping", "x": "y".repeat(limit - frame)}))
            .await;
        assert_eq!(socket.receive().await["error"]["code"], "invalid_format");
        socket.send_text(&"y".repeat(limit + 1)).await;
        assert_eq!(socket.end().await, too_large());
    });
}

#[test]
fn fragments_make_one_message_and_count_as_one() {
    with_settings(
        |settings| settings.websocket.message_limit = 100_000,
        |home| async move {
            let mut socket = Socket::admin(&home).await;
            let fragment = |text: String, opcode, is_last| {
                Message::Frame(Frame::message(text, OpCode::Data(opcode), is_last))
            };
            for part in [
                fragment("{\"id\":1,".into(), Data::Text, false),
                fragment("\"type\":".into(), Data::Continue, false),
                fragment("\"ping\"}".into(), Data::Continue, true),
            ] {
                socket.stream.send(part).await.unwrap();
            }
            assert_eq!(socket.receive().await, json!({"id": 1, "type": "pong"}));
            socket
                .send_message(fragment("x".repeat(60_000), Data::Text, false))
                .await;
            socket
                .send_message(fragment("x".repeat(60_000), Data::Continue, false))
                .await;
            assert_eq!(socket.end().await, too_large());
        },
    );
}

#[test]
fn a_frame_that_claims_to_be_huge_is_refused_at_its_header() {
    with_home(|home| async move {
        let mut client = upgraded(&home).await;
        client
            .send(&[
                0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
            ])
            .await;
        // 1009, after the greeting.
        assert!(client.until(&[0x88, 2, 0x03, 0xf1]).await.is_some());
    });
}

#[test]
fn a_socket_beyond_the_limit_is_refused_with_503_until_another_ends() {
    with_settings(
        |settings| settings.websocket.sockets = 2,
        |home| async move {
            let first = Socket::admin(&home).await;
            let _second = Socket::admin(&home).await;
            let refused = async || {
                let mut client = home.connect().await;
                client.send(UPGRADE.as_bytes()).await;
                client.head().await.unwrap().status
            };
            assert_eq!(refused().await, 503);
            drop(first);
            let admitted = async {
                while refused().await != 101 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(crate::client::DEADLINE, admitted)
                .await
                .unwrap();
        },
    );
}

#[test]
fn subscriptions_beyond_the_limit_are_refused() {
    with_settings(
        |settings| settings.websocket.subscriptions = 3,
        |home| async move {
            let mut socket = Socket::admin(&home).await;
            for _ in 0..3 {
                socket.result("subscribe_events", json!({})).await;
            }
            assert_eq!(
                socket.error("subscribe_events", json!({})).await.0,
                "not_allowed"
            );
            socket
                .result("unsubscribe_events", json!({"subscription": 2}))
                .await;
            socket.result("subscribe_events", json!({})).await;
        },
    );
}

#[test]
fn ten_thousand_subscriptions_harm_nobody() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let many: Vec<_> = (1..=10_000)
            .map(|id| json!({"id": id, "type": "subscribe_events", "event_type": format!("lab_{id}")}))
            .collect();
        socket.send(many.into()).await;
        let mut refused = 0;
        for _ in 0..10_000 {
            refused += usize::from(socket.receive().await["success"] == false);
        }
        assert_eq!(refused, 10_000 - home.door.websocket().subscriptions);
        Socket::admin(&home).await.ping().await;
    });
}

#[test]
fn commands_beyond_the_number_that_may_run_wait_for_their_turn() {
    with_settings(
        |settings| settings.websocket.commands = 1,
        |home| async move {
            let mut socket = Socket::admin(&home).await;
            let calls: Vec<_> = (1..=300)
                .map(|id| json!({"id": id, "type": "call_service", "domain": "lab", "service": "maybe"}))
                .collect();
            socket.send(calls.into()).await;
            for id in 1..=300 {
                assert_eq!(socket.receive().await["id"], id);
            }
        },
    );
}

#[test]
fn a_client_that_answers_no_ping_is_closed() {
    with_settings(
        |settings| {
            settings.websocket.ping_interval_s = 0.05;
            settings.websocket.pong_timeout_s = 0.1;
        },
        |home| async move {
            let mut silent = upgraded(&home).await;
            let mut answering = Socket::admin(&home).await;
            let is_closed = async {
                // A ping, and then a close frame with 1001.
                assert!(silent.until(&[0x89, 0]).await.is_some());
                assert!(silent.until(&[0x88, 2, 0x03, 0xe9]).await.is_some());
            };
            tokio::select! {
                () = is_closed => {}
                end = answering.next_text() => panic!("{end:?}"),
            }
            answering.ping().await;
        },
    );
}

#[test]
fn a_stopping_hub_says_so() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let stopped = home.serving.stop(Duration::from_secs(5));
        let ended = async {
            let end = socket.end().await;
            drop(socket);
            end
        };
        let ((), end) = tokio::join!(stopped, ended);
        assert_eq!(end, End::Closed(1001, "the hub stops".into()));
        until(|| home.door.auth.open_sessions() == 0).await;
    });
}
