//! §9 row 10, byte for byte: the same text to the same registration over HTTP and `webhook/handle`.

use hearth_e2e::{Door, Hub, Phone};
use serde_json::json;

fn commands() -> Vec<(&'static str, serde_json::Value)> {
    let sensor = json!({"name": "S", "type": "sensor", "unique_id": "s", "state": 1});
    vec![
        ("update_location", json!({"gps": [1, 2], "gps_accuracy": 3})),
        ("update_location", json!({"gps": [1, 2]})),
        ("call_service", json!({"domain": "nope", "service": "nope"})),
        ("call_service", json!({"domain": "nope"})),
        ("fire_event", json!({"event_type": "both_doors"})),
        ("fire_event", json!({"event_type": "x".repeat(65)})),
        (
            "render_template",
            json!({"a": {"template": "{{ 1+1 }}"}, "b": {"template": "{{ 1/0 }}"}}),
        ),
        ("render_template", json!({"a": {}})),
        ("update_registration", json!({"model": "Two"})),
        ("update_registration", json!({"os_name": "Two"})),
        ("get_zones", json!({})),
        ("get_config", json!({})),
        ("stream_camera", json!({"camera_entity_id": "camera.none"})),
        ("stream_camera", json!({})),
        (
            "conversation_process",
            json!({"text": 1, "conversation_id": null}),
        ),
        ("register_sensor", sensor.clone()),
        ("register_sensor", sensor),
        ("register_sensor", json!({"bogus": 1})),
        (
            "update_sensor_states",
            json!([
                {"type": "sensor", "unique_id": "s", "state": 5},
                {"type": "sensor", "unique_id": "none", "state": 5},
                {"type": "sensor", "unique_id": "s2"},
            ]),
        ),
        ("update_sensor_states", json!({"bogus": 1})),
        ("scan_tag", json!({"tag_id": "both"})),
        ("scan_tag", json!({})),
        ("nope", json!({})),
    ]
}

#[tokio::test]
async fn plain_commands_are_answered_alike_byte_for_byte() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Both").await;
    let mut other = Door::ws(&hub).await;
    let mut bodies: Vec<String> = commands()
        .into_iter()
        .map(|(kind, data)| json!({"type": kind, "data": data}).to_string())
        .collect();
    for raw in [
        "",
        "garbage",
        "{",
        "[]",
        "5",
        "{}",
        r#"{"type":"get_zones","encrypted":true}"#,
    ] {
        bodies.push(raw.to_owned());
    }
    for body in bodies {
        let http = phone.post(&body).await;
        let ws = other.post(&phone.webhook_id, &body).await;
        assert_eq!(http, ws, "{body}");
    }
}

#[tokio::test]
async fn sealed_commands_are_answered_alike_byte_for_byte() {
    let hub = Hub::start();
    let mut phone = Phone::register_encrypted(&hub, "Both sealed").await;
    let key = phone.current();
    let mut other = Door::ws(&hub).await;
    let mut cases = commands();
    cases.push(("enable_encryption", json!({})));
    for (kind, data) in cases {
        let frame = key.seal(&data.to_string());
        let body = json!({"type": kind, "encrypted": true, "encrypted_data": frame}).to_string();
        let mut http = phone.post(&body).await;
        let mut ws = other.post(&phone.webhook_id, &body).await;
        // Nonces differ; what they seal must not.
        for answer in [&mut http, &mut ws] {
            if answer.body.contains("encrypted_data") {
                let frame = answer.json()["encrypted_data"].as_str().unwrap().to_owned();
                answer.body = key.open(&frame).unwrap();
            }
        }
        assert_eq!(http, ws, "{kind} {data}");
    }
    let body = r#"{"type":"get_zones"}"#;
    let http = phone.post(body).await;
    let ws = other.post(&phone.webhook_id, body).await;
    assert_eq!(http, ws, "encryption required");
}

#[tokio::test]
async fn other_methods_unknown_and_deleted_ids_are_answered_alike() {
    let hub = Hub::start();
    let old = Phone::register(&hub, "Gone").await;
    let phone = Phone::register(&hub, "Gone").await;
    let unknown = "ab".repeat(32);
    let (mut http, mut ws) = (Door::http(hub.addr()), Door::ws(&hub).await);
    for id in [&old.webhook_id, &phone.webhook_id, &unknown] {
        for method in ["GET", "HEAD", "POST", "PUT"] {
            let over_http = http.send(method, id, "{}").await;
            let over_ws = ws.send(method, id, "{}").await;
            assert_eq!(over_http, over_ws, "{method} {id}");
        }
    }
}
