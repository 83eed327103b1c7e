//! What a phone makes the home do.

use serde_json::{Value, json};

use crate::home::Home;
use crate::neighbours::Heard;

#[actix_rt::test]
async fn call_service_acts_for_the_registering_user() {
    let home = Home::start().await;
    let phone = home.phone("Caller").await;
    let mut heard = Heard::all(&home.hub).await;
    let call = json!({"domain": "neighbours", "service": "work", "service_data": {"a": 1}});
    phone.send("call_service", call).await.is(200, "{}");
    let event = heard.next_of("call_service").await;
    assert_eq!(event["data"]["service_data"], json!({"a": 1}));
    assert_eq!(event["context"]["user_id"], json!(home.user));
    for bad in [
        json!({}),
        json!({"domain": "neighbours"}),
        json!({"domain": "neighbours", "service": "work", "service_data": []}),
        json!({"domain": "neighbours", "service": "work", "target": {}}),
    ] {
        phone.send("call_service", bad).await.is(200, "{}");
    }
}

#[actix_rt::test]
async fn fire_event_fires_from_outside_for_the_registering_user() {
    let home = Home::start().await;
    let phone = home.phone("Firing").await;
    let mut heard = Heard::all(&home.hub).await;
    let long = "x".repeat(65);
    let answer = phone.send("fire_event", json!({"event_type": long})).await;
    answer.is(200, "");
    let bad = json!({"event_type": "ios.x", "event_data": "text"});
    phone.send("fire_event", bad).await.is(200, "{}");
    let good = json!({"event_type": "ios.x", "event_data": {"n": [1]}});
    phone.send("fire_event", good).await.is(200, "{}");
    let event = heard.next_of("ios.x").await;
    assert_eq!(event["data"], json!({"n": [1]}));
    assert_eq!(event["origin"], "REMOTE");
    assert_eq!(event["context"]["user_id"], json!(home.user));
}

#[actix_rt::test]
async fn each_template_is_rendered_or_fails_for_itself() {
    let home = Home::start().await;
    let phone = home.phone("Rendering").await;
    let data = json!({
        "two": {"template": "{{ 1+1 }}"},
        "x": {"template": "{{ x }}", "variables": {"x": [1]}},
        "bad": {"template": "{{ 1/0 }}"},
    });
    let expected = json!({
        "two": 2, "x": [1], "bad": {"error": "ZeroDivisionError: division by zero"},
    });
    let answer = phone.send("render_template", data).await;
    answer.is_json(200, &expected);
    let void = json!({"two": {"template": "{{ 1+1 }}"}, "void": {}});
    phone.send("render_template", void).await.is(200, "{}");
}

#[actix_rt::test]
async fn a_message_of_very_many_templates_has_its_first_ones_rendered() {
    let home = Home::start().await;
    let phone = home.phone("Rendering").await;
    let many: serde_json::Map<String, Value> = (0..101)
        .map(|at| (format!("{at:03}"), json!({"template": "{{ 1+1 }}"})))
        .collect();
    let answer = phone.send("render_template", Value::Object(many)).await;
    let results = answer.json();
    assert_eq!(results["099"], 2);
    let expected = json!({"error": "Expected at most 100 templates in one message"});
    assert_eq!(results["100"], expected);
}

#[actix_rt::test]
async fn update_registration_merges_any_subset_and_shows_nothing_secret() {
    let home = Home::start().await;
    let phone = home.sealed_phone("Before").await;
    let key = phone.current();
    let data =
        json!({"model": "Two", "os_version": 7, "app_data": {"push_websocket_channel": true}});
    let mut heard = Heard::all(&home.hub).await;
    let answer = phone.sealed(&key, "update_registration", data).await;
    let expected = json!({
        "app_data": {"push_websocket_channel": true}, "app_id": "org.example.phone",
        "app_name": "Example", "app_version": "1", "device_name": "Before",
        "manufacturer": "Example", "model": "Two", "os_version": "7", "supports_encryption": true,
    });
    assert_eq!(answer.open(&key), Some(expected));
    let event = heard.next_of("device_registry_updated").await;
    assert_eq!(event["data"]["action"], "update");
    assert_eq!(
        event["data"]["changes"],
        json!({"model": "One", "sw_version": "6"})
    );
    for bad in [
        json!({"os_name": "x"}),
        json!({"model": null}),
        json!({"app_data": []}),
    ] {
        let answer = phone.sealed(&key, "update_registration", bad).await;
        answer.is(200, "{}");
    }
}

#[actix_rt::test]
async fn an_app_keeps_no_more_data_than_it_may() {
    let home = Home::with(|settings| settings.mobile_app.app_data_limit = 20).await;
    let too_big = json!({"a": "x".repeat(13)});
    let mut body = Home::body("Hoarder", false);
    body["app_data"] = too_big.clone();
    let (status, answer) = home.post(&body.to_string()).await;
    assert_eq!(status, 400);
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("app_data_limit"), "{message}");

    let phone = home.phone("Hoarder").await;
    let data = json!({"app_data": too_big, "model": "Two"});
    let answer = phone.send("update_registration", data).await;
    answer.is_refused("invalid_format");
    let data = json!({"app_data": {"a": "x"}});
    let kept = phone.send("update_registration", data).await.json();
    assert_eq!(
        (&kept["app_data"]["a"], &kept["model"]),
        (&json!("x"), &json!("One"))
    );
}

#[actix_rt::test]
async fn names_are_no_longer_than_they_may_be() {
    let home = Home::with(|settings| settings.mobile_app.text_limit = 20).await;
    let long = "x".repeat(21);
    let mut body = Home::body("Wordy", false);
    body["model"] = json!(long);
    let (status, answer) = home.post(&body.to_string()).await;
    assert_eq!(status, 400);
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("text_limit"), "{message}");

    let phone = home.phone("Terse").await;
    let answer = phone
        .send("update_registration", json!({"device_name": long}))
        .await;
    answer.is_refused("invalid_format");
}

#[actix_rt::test]
async fn a_new_name_shows_at_the_next_start_only() {
    let mut home = Home::with(|settings| settings.mobile_app.idle_s = 1).await;
    let phone = home.phone("Before").await;
    let data = json!({"device_name": "After"});
    phone.send("update_registration", data).await;
    phone.send("update_location", json!({})).await.is(200, "{}");
    let tracker = home.attributes("device_tracker.before");
    assert_eq!(tracker["friendly_name"], "Before");
    home.restart().await;
    let safe = home
        .again(&phone)
        .send("update_registration", json!({}))
        .await;
    assert_eq!(safe.json()["device_name"], "After");
    let tracker = home.attributes("device_tracker.before");
    assert_eq!(tracker["friendly_name"], "After");
}

#[actix_rt::test]
async fn get_config_has_exactly_the_keys_of_the_spec() {
    let home = Home::start().await;
    let phone = home.phone("Config").await;
    let sensor = json!({"name": "S", "type": "sensor", "unique_id": "s_1", "disabled": true});
    phone.send("register_sensor", sensor).await;
    let config = phone.send("get_config", json!({})).await.json();
    let keys: Vec<&String> = config.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "components",
            "elevation",
            "entities",
            "hass_device_id",
            "latitude",
            "location_name",
            "longitude",
            "theme_color",
            "time_zone",
            "unit_system",
            "version",
        ]
    );
    assert_eq!(
        config["entities"],
        json!({"device-Config": {"disabled": false}, "s_1": {"disabled": true}})
    );
    let device = home.hub.registries.devices.list().remove(0);
    assert_eq!(config["hass_device_id"], json!(device.id));
    assert_eq!(config["unit_system"].as_object().unwrap().len(), 8);
}

#[actix_rt::test]
async fn cameras_and_conversations_without_an_integration_answer_in_shape() {
    let home = Home::start().await;
    let phone = home.sealed_phone("Asking").await;
    let key = phone.current();
    let data = json!({"camera_entity_id": "camera.nope"});
    let answer = phone.sealed(&key, "stream_camera", data).await;
    assert_eq!(answer.0.status, 400);
    assert_eq!(answer.open(&key), Some(json!({"success": false})));

    let data = json!({"text": "hello", "conversation_id": "c"});
    let answer = phone.sealed(&key, "conversation_process", data).await;
    let answer = answer.open(&key).unwrap();
    assert_eq!(answer["response"]["response_type"], "error");
    assert_eq!(
        answer["response"]["data"],
        json!({"code": "failed_to_handle"})
    );
    assert!(answer["response"]["speech"]["plain"]["speech"].is_string());
    assert_eq!(answer["conversation_id"], "c");
    let data = json!({"text": "hello", "conversation_id": null});
    let answer = phone.sealed(&key, "conversation_process", data).await;
    answer.is(200, "{}");
}

#[actix_rt::test]
async fn scan_tag_names_the_device_and_the_user() {
    let home = Home::start().await;
    let phone = home.phone("Scanner").await;
    let mut heard = Heard::all(&home.hub).await;
    phone
        .send("scan_tag", json!({"tag_id": "Front Door"}))
        .await
        .is(200, "{}");
    let asked = heard.next_of("neighbour_asked").await;
    let device = home.hub.registries.devices.list().remove(0);
    assert_eq!(
        asked["data"],
        json!({"name": "tag/scan", "data": {"tag_id": "Front Door", "device_id": device.id}})
    );
    assert_eq!(asked["context"]["user_id"], json!(home.user));
}

#[actix_rt::test]
async fn what_cannot_be_decrypted_is_answered_with_an_empty_object() {
    let home = Home::start().await;
    let phone = home.sealed_phone("Garbled").await;
    let key = phone.current();
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    for frame in [
        String::new(),
        "AAAA".to_owned(),
        key.seal("not json"),
        key.seal("null"),
        key.seal(""),
        key.seal(&deep),
    ] {
        phone.frame("get_zones", &frame).await.is(200, "{}");
    }
    let answer = phone.sealed(&key, "get_zones", json!({})).await;
    assert_eq!(answer.open(&key), Some(Value::Array(Vec::new())));
}
