use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::{End, Socket};
use crate::home::{with_home, with_settings};

#[test]
fn a_good_token_is_welcome() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        socket.ping().await;
    });
}

#[test]
fn a_token_that_is_no_good_ends_the_socket_with_a_word() {
    with_home(|home| async move {
        let no = "Invalid access token or password";
        let malformed = "Auth message incorrectly formatted: ";
        for (message, expected) in [
            (json!({"type": "auth", "access_token": "x"}), no.to_owned()),
            (
                json!({"type": "auth", "access_token": format!("{}x", home.admin)}),
                no.to_owned(),
            ),
            (json!({"type": "auth"}), no.to_owned()),
            (json!({"type": "auth", "api_password": "x"}), no.to_owned()),
            (
                json!({"type": "get_states", "id": 1}),
                format!(
                    "{malformed}not a valid value for dictionary value @ data['type']. Got 'get_states'"
                ),
            ),
            (
                json!([]),
                format!("{malformed}expected a dictionary. Got []"),
            ),
        ] {
            let mut socket = Socket::open(&home).await;
            socket.send(message).await;
            let reply = json!({"type": "auth_invalid", "message": expected});
            assert_eq!(socket.receive().await, reply);
            assert_eq!(socket.end().await, End::normal());
        }
    });
}

#[test]
fn what_is_no_text_of_json_ends_the_socket_without_a_word() {
    with_home(|home| async move {
        for message in [
            Message::text("{"),
            Message::text(""),
            Message::text("[".repeat(10_000)),
            Message::binary(vec![1, 2]),
            Message::binary(vec![]),
        ] {
            let mut socket = Socket::open(&home).await;
            socket.send_message(message).await;
            assert_eq!(socket.end().await, End::normal());
        }
    });
}

#[test]
fn a_client_that_does_not_sign_in_in_time_is_closed() {
    with_settings(
        |settings| {
            settings.websocket.auth_timeout_s = 0;
            settings.websocket.ping_interval_s = 0.2;
        },
        |home| async move {
            let mut socket = Socket::open(&home).await;
            assert_eq!(socket.end().await, End::normal());
        },
    );
}

#[test]
fn what_is_no_upgrade_is_answered_with_400() {
    with_home(|home| async move {
        let reply = home.plain("GET", "/api/websocket", "", "").await;
        assert_eq!(reply.plain(), (400, "WebSocket upgrade is expected"));
    });
}

#[test]
fn a_client_that_has_not_signed_in_may_send_little() {
    with_home(|home| async move {
        let mut socket = Socket::open(&home).await;
        let token = "x".repeat(100 * 1024);
        socket
            .send(json!({"type": "auth", "access_token": token}))
            .await;
        assert_eq!(socket.end().await, End::Closed(1009, String::new()));
    });
}
