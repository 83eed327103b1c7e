//! §3: states.

use hearth_e2e::Hub;
use serde_json::{Value, json};

use crate::message;

#[tokio::test]
async fn a_state_is_set_read_removed_in_that_order() {
    let hub = Hub::start();
    let mut http = hub.http();
    let path = "/api/states/sensor.Kitchen_Temp";
    let body = json!({"state": 25, "attributes": {"unit": "°C"}});
    let reply = http.post(path, &body).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("location"), Some(path));
    let state = reply.json();
    assert_eq!(state["entity_id"], "sensor.kitchen_temp");
    assert_eq!(state["state"], "25");
    assert_eq!(state["attributes"], json!({"unit": "°C"}));

    let reply = http.post(path, &json!({"state": "26"})).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json()["attributes"],
        json!({}),
        "attributes are cleared"
    );

    let reply = http.get("/api/states/SENSOR.kitchen_TEMP").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["state"], "26");

    let reply = http.delete(path).await;
    assert_eq!(reply.status, 200);
    assert_eq!(message(&reply), "Entity removed.");
    let reply = http.delete(path).await;
    assert_eq!(
        (reply.status, message(&reply).as_str()),
        (404, "Entity not found.")
    );
    let reply = http.get(path).await;
    assert_eq!(
        (reply.status, message(&reply).as_str()),
        (404, "Entity not found.")
    );
}

#[tokio::test]
async fn scalars_become_text_as_python_prints_them() {
    let hub = Hub::start();
    let mut http = hub.http();
    for (value, text) in [
        (json!("on"), "on"),
        (json!(""), ""),
        (json!(25), "25"),
        (json!(2.5), "2.5"),
        (json!(true), "True"),
        (json!(false), "False"),
    ] {
        let reply = http
            .post("/api/states/sensor.x", &json!({"state": value}))
            .await;
        assert_eq!(reply.json()["state"], text, "{value}");
    }
}

#[tokio::test]
async fn bad_states_are_refused_in_their_words() {
    let hub = Hub::start();
    let mut http = hub.http();
    let longest = "x".repeat(255);
    let too_long = "x".repeat(256);
    let reply = http
        .post("/api/states/sensor.long", &json!({"state": longest}))
        .await;
    assert_eq!(reply.status, 201);
    let too_long_id = format!("sensor.{}", "x".repeat(249));
    for (id, body, said) in [
        ("sensor.x", "nonsense".to_owned(), "Invalid JSON specified."),
        ("sensor.x", "[]".to_owned(), "Invalid JSON specified."),
        ("sensor.x", "5".to_owned(), "Invalid JSON specified."),
        ("sensor.x", "{}".to_owned(), "No state specified."),
        (
            "sensor.x",
            json!({"state": null}).to_string(),
            "No state specified.",
        ),
        (
            "sensor.x",
            json!({"state": too_long}).to_string(),
            "Invalid state specified.",
        ),
        (
            "sensor.x",
            json!({"state": {}}).to_string(),
            "Invalid state specified.",
        ),
        (
            "sensor.x",
            json!({"state": []}).to_string(),
            "Invalid state specified.",
        ),
        (
            "nodot",
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
        (
            "a.b.c",
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
        (
            "sensor.x-y",
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
        (
            "sensor._x",
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
        (
            "sen__sor.x",
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
        (
            &too_long_id,
            json!({"state": 1}).to_string(),
            "Invalid entity ID specified.",
        ),
    ] {
        let reply = http.post_text(&format!("/api/states/{id}"), &body).await;
        assert_eq!(reply.status, 400, "{id} {body}");
        assert_eq!(message(&reply), said, "{id} {body}");
    }
}

#[tokio::test]
async fn times_follow_what_differs() {
    let hub = Hub::start();
    let mut http = hub.http();
    let path = "/api/states/sensor.times";
    let mut set = async |body: Value| http.post(path, &body).await.json();
    let new = set(json!({"state": 1})).await;
    assert_eq!(new["last_changed"], new["last_updated"]);
    assert!(new["last_changed"].as_str().unwrap().ends_with("+00:00"));
    let attributes = set(json!({"state": 1, "attributes": {"a": 1}})).await;
    assert_eq!(attributes["last_changed"], new["last_changed"]);
    assert_ne!(attributes["last_updated"], new["last_updated"]);
    let same = set(json!({"state": 1, "attributes": {"a": 1}})).await;
    assert_eq!(same["last_updated"], attributes["last_updated"]);
    assert_ne!(same["last_reported"], attributes["last_reported"]);
    assert_eq!(same["context"], attributes["context"]);
    let forced = set(json!({"state": 1, "attributes": {"a": 1}, "force_update": true})).await;
    assert_ne!(forced["last_changed"], same["last_changed"]);
    let changed = set(json!({"state": 2})).await;
    assert_eq!(changed["last_changed"], changed["last_updated"]);
    assert!(changed["context"]["user_id"].is_string());
    assert_eq!(changed["context"]["id"].as_str().unwrap().len(), 26);
}

#[tokio::test]
async fn the_demo_home_shows_in_the_states() {
    let hub = Hub::start();
    let states = hub.http().get("/api/states").await.json();
    let states = states.as_array().unwrap();
    for domain in [
        "light", "switch", "cover", "climate", "sensor", "lock", "zone", "person",
    ] {
        let prefix = format!("{domain}.");
        assert!(
            states
                .iter()
                .any(|state| state["entity_id"].as_str().unwrap().starts_with(&prefix)),
            "{domain}"
        );
    }
    let over_ws = hub.ws().await.result("get_states", json!({})).await;
    assert_eq!(over_ws.as_array().unwrap().len(), states.len());
}
