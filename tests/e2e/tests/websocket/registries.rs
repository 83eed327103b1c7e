//! §6: what a person changes of a phone's entities, while the phone goes on.

use hearth_e2e::{Hub, Phone};
use serde_json::{Value, json};

async fn sensor(phone: &mut Phone) {
    let data = json!({
        "name": "Steps", "type": "sensor", "unique_id": "steps", "state": 1, "state_class": "total",
    });
    let answer = phone.send("register_sensor", data).await;
    answer.is_json(201, &json!({"success": true}));
}

async fn steps(phone: &mut Phone, state: u32) -> Value {
    let data = json!([{"unique_id": "steps", "type": "sensor", "state": state}]);
    phone.send("update_sensor_states", data).await.json()["steps"].clone()
}

#[tokio::test]
async fn a_phone_follows_what_a_person_does_to_its_sensor() {
    let mut hub = Hub::start();
    let mut phone = Phone::register(&hub, "Ada").await;
    sensor(&mut phone).await;
    let mut ws = hub.ws().await;
    let changes = ws.subscribe("entity_registry_updated").await;
    let update = "config/entity_registry/update";
    let given = json!({
        "entity_id": "sensor.ada_steps", "new_entity_id": "sensor.walked", "name": "Walked",
    });
    let answer = ws.result(update, given).await;
    assert_eq!(answer["entity_entry"]["original_name"], "Ada Steps");
    let told = ws.event(changes).await;
    assert_eq!(told["data"]["old_entity_id"], "sensor.ada_steps");

    assert_eq!(steps(&mut phone, 2).await["success"], true);
    let state = hub.state("sensor.walked").await.unwrap();
    assert_eq!(
        (&state["state"], &state["attributes"]["friendly_name"]),
        (&json!("2"), &json!("Walked"))
    );
    assert_eq!(hub.state("sensor.ada_steps").await, None);

    let disable = |by: Value| json!({"entity_id": "sensor.walked", "disabled_by": by});
    ws.result(update, disable(json!("user"))).await;
    assert_eq!(hub.state("sensor.walked").await, None);
    steps(&mut phone, 3).await;
    assert_eq!(hub.state("sensor.walked").await, None);
    let answer = ws.result(update, disable(Value::Null)).await;
    assert_eq!(answer["reload_delay"], 30);
    assert_eq!(hub.state("sensor.walked").await.unwrap()["state"], "2");
    steps(&mut phone, 4).await;
    assert_eq!(hub.state("sensor.walked").await.unwrap()["state"], "4");

    hub.kill();
    hub.restart();
    let entry = hub
        .ws()
        .await
        .result(
            "config/entity_registry/get",
            json!({"entity_id": "sensor.walked"}),
        )
        .await;
    assert_eq!(entry["name"], "Walked");
}

#[tokio::test]
async fn a_page_finds_all_that_it_asks_for_at_its_start() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    for (command, fields) in [
        ("config/entity_registry/list_for_display", json!({})),
        ("config/entity_registry/list", json!({})),
        ("config/device_registry/list", json!({})),
        ("config/area_registry/list", json!({})),
        ("config/floor_registry/list", json!({})),
        ("config/label_registry/list", json!({})),
        (
            "config/category_registry/list",
            json!({"scope": "automation"}),
        ),
        ("get_panels", json!({})),
        ("frontend/get_themes", json!({})),
        ("frontend/get_user_data", json!({"key": "core"})),
        (
            "frontend/get_translations",
            json!({"language": "en", "category": "entity"}),
        ),
        (
            "frontend/get_icons",
            json!({"category": "entity_component"}),
        ),
        ("repairs/list_issues", json!({})),
        ("sensor/numeric_device_classes", json!({})),
        ("lovelace/resources", json!({})),
        ("lovelace/dashboards/list", json!({})),
        ("manifest/list", json!({})),
        ("entity/source", json!({})),
        (
            "config_entries/get",
            json!({"type_filter": ["device", "hub", "service"]}),
        ),
        ("config_entries/flow/progress", json!({})),
        ("logger/log_info", json!({})),
        ("system_log/list", json!({})),
        ("network/url", json!({})),
    ] {
        let result = ws.result(command, fields).await;
        assert!(
            result.is_object() || result.is_array(),
            "{command}: {result}"
        );
    }
    let error = ws
        .error("lovelace/config", json!({"url_path": null, "force": false}))
        .await;
    assert_eq!(error["code"], "config_not_found");
}
