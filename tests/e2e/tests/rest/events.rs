//! §2: events.

use hearth_e2e::Hub;
use serde_json::json;

use crate::message;

#[tokio::test]
async fn events_are_listed_and_fired() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let id = ws.subscribe("doorbell").await;
    let mut http = hub.http();
    let listed = http.get("/api/events").await.json();
    assert!(
        listed
            .as_array()
            .unwrap()
            .contains(&json!({"event": "doorbell", "listener_count": 1})),
        "{listed}"
    );
    let reply = http.post("/api/events/doorbell", &json!({"a": 1})).await;
    assert_eq!(reply.status, 200);
    assert_eq!(message(&reply), "Event doorbell fired.");
    let event = ws.event(id).await;
    assert_eq!(event["data"], json!({"a": 1}));
    assert_eq!(event["origin"], "REMOTE");
    assert!(event["context"]["user_id"].is_string());
    let reply = http.post_text("/api/events/doorbell", "").await;
    assert_eq!(reply.status, 200);
    assert_eq!(ws.event(id).await["data"], json!({}));
}

#[tokio::test]
async fn bad_events_are_refused_in_their_words() {
    let hub = Hub::start();
    let mut http = hub.http();
    let reply = http.post_text("/api/events/x", "{bad").await;
    assert_eq!(reply.status, 400);
    assert_eq!(message(&reply), "Event data should be valid JSON.");
    for body in ["[]", "5", "\"text\""] {
        let reply = http.post_text("/api/events/x", body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(
            message(&reply),
            "Event data should be a JSON object",
            "{body}"
        );
    }
    let path = format!("/api/events/{}", "x".repeat(65));
    assert_eq!(http.post(&path, &json!({})).await.status, 400);
    let path = format!("/api/events/{}", "x".repeat(64));
    assert_eq!(http.post(&path, &json!({})).await.status, 200);
}
