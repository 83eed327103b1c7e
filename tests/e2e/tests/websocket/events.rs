//! §3 and §4: states, subscriptions, events.

use hearth_e2e::Hub;
use serde_json::{Value, json};

#[tokio::test]
async fn get_states_gives_full_states() {
    let hub = Hub::start();
    let states = hub.ws().await.result("get_states", json!({})).await;
    let zone = states
        .as_array()
        .unwrap()
        .iter()
        .find(|state| state["entity_id"] == "zone.home")
        .unwrap();
    assert_eq!(zone, &hub.state("zone.home").await.unwrap());
}

#[tokio::test]
async fn an_event_has_its_shape_and_comes_after_the_result() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    ws.send(&json!({"id": 1, "type": "subscribe_events", "event_type": "shape"}))
        .await;
    ws.send(&json!({"id": 2, "type": "fire_event", "event_type": "shape", "event_data": {"a": 1}}))
        .await;
    let first = ws.json().await;
    assert_eq!(
        first,
        json!({"id": 1, "type": "result", "success": true, "result": null})
    );
    let rest = [ws.json().await, ws.json().await];
    let event = rest
        .iter()
        .find(|message| message["type"] == "event")
        .unwrap();
    let result = rest
        .iter()
        .find(|message| message["type"] == "result")
        .unwrap();
    assert_eq!(event["id"], 1);
    let event = &event["event"];
    assert_eq!(event["event_type"], "shape");
    assert_eq!(event["data"], json!({"a": 1}));
    assert_eq!(event["origin"], "LOCAL");
    assert_eq!(event["context"], result["result"]["context"]);
    assert!(event["context"]["user_id"].is_string());
    assert!(event["context"]["parent_id"].is_null());
    assert_eq!(event["context"]["id"].as_str().unwrap().len(), 26);
    let time = event["time_fired"].as_str().unwrap();
    assert!(time.ends_with("+00:00") && time.len() == 32, "{time}");
}

#[tokio::test]
async fn a_state_change_carries_both_snapshots() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let changes = ws.subscribe("state_changed").await;
    let mut http = hub.http();
    let path = "/api/states/sensor.snap";
    http.post(path, &json!({"state": 1})).await;
    let event = ws.change_of(changes, "sensor.snap").await;
    assert!(event["data"]["old_state"].is_null());
    assert_eq!(event["data"]["new_state"]["state"], "1");
    http.post(path, &json!({"state": 2, "attributes": {"a": [1]}}))
        .await;
    let event = ws.change_of(changes, "sensor.snap").await;
    assert_eq!(event["data"]["old_state"]["state"], "1");
    assert_eq!(
        event["data"]["new_state"],
        hub.state("sensor.snap").await.unwrap()
    );
    // Nothing differs: no event. The removal is the next.
    http.post(path, &json!({"state": 2, "attributes": {"a": [1]}}))
        .await;
    http.delete(path).await;
    let event = ws.change_of(changes, "sensor.snap").await;
    assert!(event["data"]["new_state"].is_null());
    assert_eq!(event["data"]["old_state"]["state"], "2");
}

#[tokio::test]
async fn a_subscription_gets_its_type_only() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let one = ws.subscribe("type_one").await;
    let two = ws.subscribe("type_two").await;
    for (event_type, n) in [
        ("type_one", 1),
        ("type_two", 2),
        ("type_three", 3),
        ("type_one", 4),
    ] {
        let fields = json!({"event_type": event_type, "event_data": {"n": n}});
        ws.result("fire_event", fields).await;
    }
    assert_eq!(ws.event(one).await["data"]["n"], 1);
    assert_eq!(ws.event(one).await["data"]["n"], 4);
    assert_eq!(ws.event(two).await["data"]["n"], 2);
}

#[tokio::test]
async fn a_subscription_to_all_gets_every_type_in_order() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    ws.result("subscribe_events", json!({})).await;
    let all = 1;
    for n in 0..20 {
        let fields = json!({"event_type": format!("type_{n}"), "event_data": {"n": n}});
        ws.result("fire_event", fields).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 20 {
        let event = ws.event(all).await;
        if event["event_type"].as_str().unwrap().starts_with("type_") {
            seen.push(event["data"]["n"].as_u64().unwrap());
        }
    }
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn state_reported_is_hidden_and_cannot_be_subscribed() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let error = ws
        .error("subscribe_events", json!({"event_type": "state_reported"}))
        .await;
    assert_eq!(error["code"], "home_assistant_error");
    assert_eq!(
        error["message"],
        "Event filter is required for event state_reported"
    );
    ws.result("subscribe_events", json!({})).await;
    let all = 2;
    let mut http = hub.http();
    for _ in 0..3 {
        http.post("/api/states/sensor.same", &json!({"state": 1}))
            .await;
    }
    http.post("/api/states/sensor.same", &json!({"state": 2}))
        .await;
    let events = ws
        .events_until(all, |event| event["data"]["new_state"]["state"] == "2")
        .await;
    let mine: Vec<&Value> = events
        .iter()
        .filter(|event| {
            event["data"]["entity_id"] == "sensor.same" || event["event_type"] == "state_reported"
        })
        .collect();
    assert_eq!(mine.len(), 2, "{mine:?}");
}

#[tokio::test]
async fn after_unsubscribing_nothing_comes() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let one = ws.subscribe("shared").await;
    let two = ws.subscribe("shared").await;
    let result = ws
        .result("unsubscribe_events", json!({"subscription": one}))
        .await;
    assert!(result.is_null());
    let fields = json!({"event_type": "shared", "event_data": {}});
    ws.result("fire_event", fields).await;
    ws.event(two).await;
    let pong = ws.fresh_id();
    ws.send(&json!({"id": pong, "type": "ping"})).await;
    let next = ws.json().await;
    assert_eq!(
        next["id"], pong,
        "nothing for the first subscription: {next}"
    );
    for subscription in [json!(one), json!(999)] {
        let error = ws
            .error("unsubscribe_events", json!({"subscription": subscription}))
            .await;
        assert_eq!(error["code"], "not_found");
        assert_eq!(error["message"], "Subscription not found.");
    }
}

#[tokio::test]
async fn fire_event_refuses_what_is_too_long_or_no_object() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let error = ws
        .error("fire_event", json!({"event_type": "x".repeat(65)}))
        .await;
    assert_eq!(error["code"], "home_assistant_error");
    assert_eq!(error["translation_key"], "max_length_exceeded");
    let error = ws
        .error("fire_event", json!({"event_type": "x", "event_data": []}))
        .await;
    assert_eq!(error["code"], "invalid_format");
}

#[tokio::test]
async fn every_socket_sees_the_same_order() {
    let hub = Hub::start();
    let mut sockets = Vec::new();
    for _ in 0..5 {
        let mut ws = hub.ws().await;
        let id = ws.subscribe("state_changed").await;
        sockets.push((ws, id));
    }
    let set = async |name: &str| {
        let mut http = hub.http();
        for n in 0..50 {
            let path = format!("/api/states/sensor.order_{name}");
            http.post(&path, &json!({"state": n})).await;
        }
    };
    tokio::join!(set("a"), set("b"), set("c"));
    hub.http()
        .post("/api/states/sensor.last", &json!({"state": 1}))
        .await;
    let mut first = None;
    for (mut ws, id) in sockets {
        let events = ws
            .events_until(id, |event| event["data"]["entity_id"] == "sensor.last")
            .await;
        let order: Vec<(String, String)> = events
            .iter()
            .map(|event| &event["data"]["new_state"])
            .filter(|state| state["entity_id"].as_str().unwrap().contains("order_"))
            .map(|state| (state["entity_id"].to_string(), state["state"].to_string()))
            .collect();
        assert_eq!(order.len(), 150);
        assert_eq!(first.get_or_insert_with(|| order.clone()), &order);
    }
}
