use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{End, Socket, refused};
use crate::home::with_home;

const MALFORMED: &str = "Message incorrectly formatted.";

#[test]
fn only_what_reaches_a_command_advances_the_last_id() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let reused =
            |id: u64| refused(id.into(), "id_reuse", "Identifier values have to increase.");
        let unknown = |id: u64| refused(id.into(), "unknown_command", "Unknown command.");
        let pong = |id: u64| json!({"id": id, "type": "pong"});
        let wrong = refused(
            9.into(),
            "invalid_format",
            "extra keys not allowed @ data['x']. Got 1",
        );
        for (message, reply) in [
            (json!({"id": 5, "type": "nope"}), unknown(5)),
            (json!({"id": 5, "type": "ping"}), pong(5)),
            (json!({"id": 5, "type": "ping"}), reused(5)),
            (json!({"id": 4, "type": "nope"}), reused(4)),
            (json!({"id": 9, "type": "ping", "x": 1}), wrong),
            (json!({"id": 9, "type": "ping"}), reused(9)),
            (
                json!({"id": 10, "type": ""}),
                refused(10.into(), "invalid_format", MALFORMED),
            ),
            (json!({"id": 10, "type": "ping"}), pong(10)),
        ] {
            socket.send(message).await;
            assert_eq!(socket.receive().await, reply);
        }
    });
}

#[test]
fn a_malformed_message_is_answered_with_the_id_that_it_has() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        for (message, id) in [
            (json!({"id": 0, "type": "ping"}), json!(0)),
            (json!({"id": -1, "type": "ping"}), json!(-1)),
            (json!({"id": 1.5, "type": "ping"}), json!(1.5)),
            (json!({"id": "1", "type": "ping"}), json!("1")),
            (json!({"type": "ping"}), Value::Null),
            (json!({"id": 1}), json!(1)),
            (json!("ping"), json!(0)),
            (json!(7), json!(0)),
        ] {
            socket.send(message).await;
            assert_eq!(
                socket.receive().await,
                refused(id, "invalid_format", MALFORMED)
            );
        }
        socket.ping().await;
    });
}

#[test]
fn a_batch_is_handled_in_order() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        socket
            .send(json!([
                {"id": 1, "type": "subscribe_events", "event_type": "x"},
                {"id": 2, "type": "fire_event", "event_type": "x"},
                {"id": 2, "type": "ping"},
                [],
                {"id": 3, "type": "ping"},
            ]))
            .await;
        let mut replies = Vec::new();
        let mut events = 0;
        while replies.len() < 5 || events < 1 {
            match socket.receive().await {
                event if event["type"] == "event" => events += 1,
                reply => replies.push((reply["id"].as_u64().unwrap(), reply["success"].as_bool())),
            }
        }
        assert_eq!(
            replies,
            [
                (1, Some(true)),
                (2, Some(true)),
                (2, Some(false)),
                (0, Some(false)),
                (3, None)
            ]
        );
        socket.send(json!([])).await;
        socket.last_id = 3;
        socket.ping().await;
    });
}

#[test]
fn a_long_batch_is_answered_whole() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let batch: Vec<Value> = (1..=20_000)
            .map(|id| json!({"id": id, "type": "ping"}))
            .collect();
        socket.send(batch.into()).await;
        for id in 1..=20_000 {
            assert_eq!(socket.receive().await, json!({"id": id, "type": "pong"}));
        }
    });
}

#[test]
fn what_is_no_json_ends_the_socket_without_a_word() {
    with_home(|home| async move {
        for message in [
            Message::text("ping"),
            Message::text("{\"id\":1,\"type\":\"ping\""),
            Message::text(format!("{{\"id\":1,\"type\":{}", "[".repeat(100_000))),
            Message::binary(vec![]),
        ] {
            let mut socket = Socket::admin(&home).await;
            socket.send_message(message).await;
            assert_eq!(socket.end().await, End::normal());
        }
    });
}

#[test]
fn a_binary_message_for_no_handler_is_ignored() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        socket.send_message(Message::binary(vec![1, 2, 3])).await;
        socket.ping().await;
    });
}

#[test]
fn a_closing_client_is_answered_in_kind() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        socket.stream.close(None).await.unwrap();
        let end = socket.end().await;
        assert!(matches!(end, End::CutOff | End::Closed(1000, _)), "{end:?}");
        super::until(|| home.door.auth.open_sessions() == 0).await;
    });
}
