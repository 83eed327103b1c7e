//! §2: ids, batches, errors of form.

use hearth_e2e::{Hub, Ws};
use serde_json::{Value, json};

async fn exchange(ws: &mut Ws, message: &Value) -> Value {
    ws.send(message).await;
    ws.json().await
}

fn code(answer: &Value) -> &str {
    assert_eq!(answer["success"], false, "{answer}");
    assert_eq!(answer["type"], "result", "{answer}");
    answer["error"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn a_ping_is_answered_by_a_bare_pong() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let answer = exchange(&mut ws, &json!({"id": 7, "type": "ping"})).await;
    assert_eq!(answer, json!({"id": 7, "type": "pong"}));
}

#[tokio::test]
async fn ids_must_rise() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let ping = |id: u64| json!({"id": id, "type": "ping"});
    assert_eq!(exchange(&mut ws, &ping(5)).await["type"], "pong");
    for id in [5, 4, 1] {
        let answer = exchange(&mut ws, &ping(id)).await;
        assert_eq!(code(&answer), "id_reuse");
        assert_eq!(
            answer["error"]["message"],
            "Identifier values have to increase."
        );
        assert_eq!(answer["id"], id);
    }
    assert_eq!(exchange(&mut ws, &ping(6)).await["type"], "pong");
    assert_eq!(exchange(&mut ws, &ping(1000)).await["type"], "pong");
}

#[tokio::test]
async fn what_is_refused_for_its_form_does_not_use_up_its_id() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let answer = exchange(&mut ws, &json!({"id": 5, "type": "no_such_thing"})).await;
    assert_eq!(code(&answer), "unknown_command");
    assert_eq!(answer["error"]["message"], "Unknown command.");
    assert_eq!(answer["id"], 5);
    let answer = exchange(&mut ws, &json!({"id": 5})).await;
    assert_eq!(code(&answer), "invalid_format");
    let answer = exchange(&mut ws, &json!({"id": 5, "type": "ping"})).await;
    assert_eq!(answer["type"], "pong");
}

#[tokio::test]
async fn a_command_that_fails_its_schema_uses_up_its_id() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let bad = json!({"id": 5, "type": "unsubscribe_events", "subscription": "x"});
    assert_eq!(code(&exchange(&mut ws, &bad).await), "invalid_format");
    let answer = exchange(&mut ws, &json!({"id": 5, "type": "ping"})).await;
    assert_eq!(code(&answer), "id_reuse");
}

#[tokio::test]
async fn messages_without_a_proper_id_or_type_are_incorrectly_formatted() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    for (message, id) in [
        (json!({"type": "ping"}), Value::Null),
        (json!({"id": 0, "type": "ping"}), json!(0)),
        (json!({"id": -1, "type": "ping"}), json!(-1)),
        (json!({"id": "1", "type": "ping"}), json!("1")),
        (json!({"id": 1}), json!(1)),
        (json!({"id": 1, "type": 5}), json!(1)),
        (json!(5), json!(0)),
        (json!("text"), json!(0)),
        (Value::Null, json!(0)),
        (json!(true), json!(0)),
    ] {
        let answer = exchange(&mut ws, &message).await;
        assert_eq!(code(&answer), "invalid_format", "{message}");
        assert_eq!(
            answer["error"]["message"], "Message incorrectly formatted.",
            "{message}"
        );
        assert_eq!(answer["id"], id, "{message}");
    }
    assert_eq!(ws.call("ping", json!({})).await["type"], "pong");
}

#[tokio::test]
async fn a_batch_is_handled_element_by_element() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let batch = json!([
        {"id": 1, "type": "ping"},
        {"id": 2, "type": "no_such_thing"},
        {"id": 3, "type": "ping"},
        {"id": 3, "type": "ping"},
        5,
    ]);
    ws.send(&batch).await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(ws.json().await);
    }
    let find = |id: u64, kind: &str| {
        answers
            .iter()
            .any(|answer| answer["id"] == id && answer["type"] == kind)
    };
    assert!(find(1, "pong") && find(3, "pong"), "{answers:?}");
    let codes: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer["error"]["code"].as_str())
        .collect();
    assert_eq!(codes, ["unknown_command", "id_reuse", "invalid_format"]);
}

#[tokio::test]
async fn an_empty_batch_is_harmless() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    ws.send_text("[]").await;
    assert_eq!(ws.call("ping", json!({})).await["type"], "pong");
}

#[tokio::test]
async fn invalid_json_closes_the_connection_without_a_reply() {
    let hub = Hub::start();
    for text in ["", "garbage", "{\"id\":1", "{\"id\":1,\"type\":\"ping\"}}"] {
        let mut ws = hub.ws().await;
        ws.send_text(text).await;
        match ws.next().await {
            hearth_e2e::ws::Next::Closed(code) => assert_eq!(code, Some(1000), "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    let mut ws = hub.ws().await;
    ws.send_binary(b"").await;
    assert_eq!(ws.closed().await, Some(1000));
}

#[tokio::test]
async fn a_binary_frame_for_an_unknown_handler_is_ignored() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    ws.send_binary(b"\x07abc").await;
    assert_eq!(ws.call("ping", json!({})).await["type"], "pong");
}

#[tokio::test]
async fn unknown_keys_and_missing_keys_are_named() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let error = ws.error("get_states", json!({"bogus": 1})).await;
    assert_eq!(error["code"], "invalid_format");
    let text = error["message"].as_str().unwrap();
    assert!(text.starts_with("extra keys not allowed"), "{text}");
    let error = ws.error("fire_event", json!({})).await;
    assert_eq!(error["code"], "invalid_format");
    let text = error["message"].as_str().unwrap();
    assert!(
        text.starts_with("required key not provided @ data['event_type']"),
        "{text}"
    );
}

#[tokio::test]
async fn messages_may_be_coalesced_when_asked_for() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let result = ws
        .result(
            "supported_features",
            json!({"features": {"coalesce_messages": 1, "unknown": 7}}),
        )
        .await;
    assert!(result.is_null());
    let batch: Vec<Value> = (10..60)
        .map(|id| json!({"id": id, "type": "ping"}))
        .collect();
    ws.send(&Value::Array(batch)).await;
    let mut ids = Vec::new();
    while ids.len() < 50 {
        match ws.json().await {
            Value::Array(messages) => {
                ids.extend(
                    messages
                        .iter()
                        .map(|message| message["id"].as_u64().unwrap()),
                );
            }
            message => ids.push(message["id"].as_u64().unwrap()),
        }
    }
    ids.sort_unstable();
    assert_eq!(ids, (10..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn without_asking_no_array_is_ever_sent() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let batch: Vec<Value> = (10..110)
        .map(|id| json!({"id": id, "type": "ping"}))
        .collect();
    ws.send(&Value::Array(batch)).await;
    for _ in 0..100 {
        assert!(ws.json().await.is_object());
    }
}
