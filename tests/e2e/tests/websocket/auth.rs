//! §1: the auth phase.

use hearth_e2e::hub::{GUEST, GUEST_TOKEN};
use hearth_e2e::ws::Next;
use hearth_e2e::{Hub, Ws};
use serde_json::{Value, json};

async fn refused(mut ws: Ws) -> (String, Option<u16>) {
    let message = ws.json().await;
    assert_eq!(message["type"], "auth_invalid", "{message}");
    let text = message["message"].as_str().unwrap().to_owned();
    (text, ws.closed().await)
}

async fn asked(hub: &Hub) -> Ws {
    let mut ws = Ws::connect(hub.addr()).await;
    let hello = ws.json().await;
    assert_eq!(hello["type"], "auth_required");
    assert!(hello["ha_version"].as_str().unwrap().starts_with("2025.4"));
    ws
}

#[tokio::test]
async fn a_valid_token_passes() {
    let hub = Hub::start();
    let mut ws = asked(&hub).await;
    ws.send(&json!({"type": "auth", "access_token": hub.token()}))
        .await;
    let message = ws.json().await;
    assert_eq!(message["type"], "auth_ok");
    assert!(message["ha_version"].is_string());
}

#[tokio::test]
async fn a_bad_token_is_told_and_closed() {
    let hub = Hub::start();
    for message in [
        json!({"type": "auth", "access_token": "nonsense"}),
        json!({"type": "auth", "access_token": ""}),
        json!({"type": "auth"}),
        json!({"type": "auth", "api_password": "secret"}),
    ] {
        let mut ws = asked(&hub).await;
        ws.send(&message).await;
        let (text, code) = refused(ws).await;
        assert_eq!(text, "Invalid access token or password", "{message}");
        assert_eq!(code, Some(1000), "{message}");
    }
}

#[tokio::test]
async fn a_wrong_shape_is_told_and_closed() {
    let hub = Hub::start();
    for message in [
        json!({"type": "ping", "id": 1}),
        json!({"access_token": hub.token()}),
        json!({"type": "auth", "access_token": hub.token(), "more": 1}),
        json!([]),
        Value::Null,
    ] {
        let mut ws = asked(&hub).await;
        ws.send(&message).await;
        let (text, code) = refused(ws).await;
        let start = "Auth message incorrectly formatted: ";
        assert!(text.starts_with(start), "{message}: {text}");
        assert_eq!(code, Some(1000), "{message}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_closed_without_a_word() {
    let hub = Hub::start();
    for binary in [false, true] {
        let mut ws = asked(&hub).await;
        if binary {
            ws.send_binary(b"\x01abc").await;
        } else {
            ws.send_text("garbage").await;
        }
        match ws.next().await {
            Next::Closed(code) => assert_eq!(code, Some(1000)),
            Next::Text(text) => panic!("no word was expected: {text}"),
        }
    }
}

#[tokio::test]
async fn silence_is_closed_after_the_deadline() {
    let hub = Hub::with("[websocket]\nauth_timeout_s = 1\n");
    let mut ws = asked(&hub).await;
    match ws.next().await {
        Next::Closed(code) => assert_eq!(code, Some(1000)),
        Next::Text(text) => panic!("no word was expected: {text}"),
    }
}

#[tokio::test]
async fn no_command_is_served_before_auth() {
    let hub = Hub::start();
    let mut ws = asked(&hub).await;
    ws.send(&json!({"id": 1, "type": "get_states"})).await;
    refused(ws).await;
}

#[tokio::test]
async fn a_plain_user_passes_and_is_not_an_admin() {
    let hub = Hub::with(GUEST);
    let mut ws = Ws::authenticated(hub.addr(), GUEST_TOKEN).await;
    for kind in ["get_states", "get_config", "get_services"] {
        ws.result(kind, json!({})).await;
    }
    ws.subscribe("state_changed").await;
    for event_type in ["call_service", "tag_scanned", "ios.action_fired"] {
        let error = ws
            .error("subscribe_events", json!({"event_type": event_type}))
            .await;
        assert_eq!(error["code"], "unauthorized", "{event_type}");
    }
    let error = ws.error("subscribe_events", json!({})).await;
    assert_eq!(error["code"], "unauthorized");
    let error = ws.error("fire_event", json!({"event_type": "x"})).await;
    assert_eq!(
        error,
        json!({"code": "unauthorized", "message": "Unauthorized"})
    );
}

#[tokio::test]
async fn revoking_a_token_closes_its_sockets_only() {
    let hub = Hub::start();
    let other = hub.create_token("Paul", "other");
    let mut admin = hub.ws().await;
    let tokens = admin.call("auth/refresh_tokens", json!({})).await;
    assert_eq!(tokens["success"], true, "{tokens}");
    let mut victim = Ws::authenticated(hub.addr(), &other).await;
    let id = tokens["result"]
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["client_name"] == "other")
        .unwrap()["id"]
        .clone();
    admin
        .result("auth/delete_refresh_token", json!({"refresh_token_id": id}))
        .await;
    assert_eq!(victim.closed().await, Some(1000));
    assert_eq!(admin.call("ping", json!({})).await["type"], "pong");
    let reply = hearth_e2e::Http::new(hub.addr())
        .bearer(&other)
        .get("/api/")
        .await;
    assert_eq!(reply.status, 401);
}
