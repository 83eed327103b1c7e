//! §3: `subscribe_entities`.

use std::collections::BTreeMap;

use hearth_e2e::{Hub, Ws};
use serde_json::{Value, json};

async fn subscribe(ws: &mut Ws, fields: Value) -> u64 {
    let id = ws.fresh_id();
    let mut message = fields;
    message["id"] = id.into();
    message["type"] = "subscribe_entities".into();
    ws.send(&message).await;
    let answer = ws.json().await;
    assert_eq!(
        answer,
        json!({"id": id, "type": "result", "success": true, "result": null})
    );
    id
}

#[tokio::test]
async fn the_states_come_first_and_are_those_of_get_states() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let states = ws.result("get_states", json!({})).await;
    let id = subscribe(&mut ws, json!({})).await;
    let first = ws.event(id).await;
    let told = first["a"].as_object().unwrap();
    assert_eq!(told.len(), states.as_array().unwrap().len());
    for state in states.as_array().unwrap() {
        let told = &told[state["entity_id"].as_str().unwrap()];
        assert_eq!(told["s"], state["state"]);
        assert_eq!(told["a"], state["attributes"]);
        assert!(told["lc"].is_f64());
    }
}

#[tokio::test]
async fn an_attribute_that_goes_is_named_and_the_rest_is_what_is_new() {
    let hub = Hub::start();
    let mut http = hub.http();
    let path = "/api/states/sensor.q";
    let body = json!({"state": "1", "attributes": {"a": 1, "b": 2}});
    http.post(path, &body).await;
    let mut ws = hub.ws().await;
    let id = subscribe(&mut ws, json!({"entity_ids": ["sensor.q"]})).await;
    assert_eq!(ws.event(id).await["a"]["sensor.q"]["a"], body["attributes"]);
    http.post(path, &json!({"state": "1", "attributes": {"a": 3}}))
        .await;
    let event = ws.event(id).await;
    let change = &event["c"]["sensor.q"];
    assert_eq!(change["-"], json!({"a": ["b"]}));
    let new = change["+"].as_object().unwrap();
    let keys: Vec<&String> = new.keys().collect();
    assert_eq!(keys, ["a", "c", "lu"], "{event}");
    assert_eq!(new["a"], json!({"a": 3}));
    http.delete(path).await;
    assert_eq!(ws.event(id).await, json!({"r": ["sensor.q"]}));
}

#[tokio::test]
async fn everything_stays_known_through_many_changes() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let id = subscribe(&mut ws, json!({"include": {"domains": ["sensor"]}})).await;
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let mut http = hub.http();
    for round in 0..200 {
        let path = format!("/api/states/sensor.s{}", round % 7);
        http.post(&path, &json!({"state": round.to_string()})).await;
    }
    http.post("/api/states/sensor.end", &json!({"state": "end"}))
        .await;
    while !known.contains_key("sensor.end") {
        let event = ws.event(id).await;
        for (id, state) in event["a"].as_object().into_iter().flatten() {
            known.insert(id.clone(), state["s"].clone());
        }
        for (id, change) in event["c"].as_object().into_iter().flatten() {
            if let Some(state) = change["+"].get("s") {
                known.insert(id.clone(), state.clone());
            }
        }
    }
    for (id, state) in known {
        assert_eq!(hub.state(&id).await.unwrap()["state"], state, "{id}");
    }
}
