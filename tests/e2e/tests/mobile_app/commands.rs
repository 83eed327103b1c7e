//! §5: what a phone makes the home do, and what of the replies is sealed.

use hearth_e2e::{Door, Hub, Phone};
use serde_json::{Value, json};

/// The id of the user whom the tests' token belongs to.
async fn my_user_id(hub: &Hub) -> String {
    let result = hub
        .ws()
        .await
        .result("fire_event", json!({"event_type": "who_am_i"}))
        .await;
    result["context"]["user_id"].as_str().unwrap().to_owned()
}

/// Some light of the demo home that is in this state.
async fn a_light(hub: &Hub, state: &str) -> String {
    let states = hub.http().get("/api/states").await.json();
    states
        .as_array()
        .unwrap()
        .iter()
        .find(|entity| {
            entity["entity_id"].as_str().unwrap().starts_with("light.") && entity["state"] == state
        })
        .unwrap_or_else(|| panic!("the demo home has a light that is {state}"))["entity_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn call_service_acts_as_the_registering_user_and_waits() {
    let hub = Hub::start();
    let user = my_user_id(&hub).await;
    let light = a_light(&hub, "off").await;
    let mut phone = Phone::register(&hub, "Caller").await;
    let mut ws = hub.ws().await;
    let calls = ws.subscribe("call_service").await;
    let data = json!({
        "domain": "light", "service": "turn_on", "service_data": {"entity_id": light},
    });
    phone.send("call_service", data).await.is(200, "{}");
    let state = hub.state(&light).await.unwrap();
    assert_eq!(state["state"], "on");
    let event = ws.event(calls).await;
    assert_eq!(event["data"]["domain"], "light");
    assert_eq!(event["data"]["service"], "turn_on");
    assert_eq!(event["context"]["user_id"], json!(user));
    assert_eq!(state["context"]["id"], event["context"]["id"]);
}

#[tokio::test]
async fn a_failed_call_service_is_still_200() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Failing").await;
    for data in [
        json!({"domain": "nope", "service": "turn_on"}),
        json!({"domain": "light", "service": "nope"}),
        json!({"domain": "light", "service": "turn_on", "service_data": {"entity_id": "light.x", "bogus": 1}}),
        json!({"domain": "light", "service": "turn_on", "service_data": {}}),
    ] {
        let answer = phone.send("call_service", data.clone()).await;
        assert_eq!(answer.status, 200, "{data}");
        assert!(
            ["", "{}"].contains(&answer.body.as_str()),
            "{data}: {answer:?}"
        );
    }
    for data in [
        json!({}),
        json!({"domain": "light"}),
        json!({"domain": "light", "service": "turn_on", "service_data": []}),
        json!({"domain": "light", "service": "turn_on", "bogus": 1}),
        json!({"domain": "light", "service": "turn_on", "target": {"entity_id": "light.x"}}),
    ] {
        phone.send("call_service", data).await.is(200, "{}");
    }
}

#[tokio::test]
async fn fire_event_fires_remotely_as_the_registering_user() {
    let hub = Hub::start();
    let user = my_user_id(&hub).await;
    let mut phone = Phone::register(&hub, "Firing").await;
    let mut ws = hub.ws().await;
    let events = ws.subscribe("ios.action_fired").await;
    let data =
        json!({"event_type": "ios.action_fired", "event_data": {"actionName": "wake", "n": [1]}});
    phone.send("fire_event", data).await.is(200, "{}");
    let event = ws.event(events).await;
    assert_eq!(event["event_type"], "ios.action_fired");
    assert_eq!(event["data"], json!({"actionName": "wake", "n": [1]}));
    assert_eq!(event["origin"], "REMOTE");
    assert_eq!(event["context"]["user_id"], json!(user));
    assert!(event["context"]["parent_id"].is_null());

    let data = json!({"event_type": "ios.action_fired"});
    phone.send("fire_event", data).await.is(200, "{}");
    assert_eq!(ws.event(events).await["data"], json!({}));
}

#[tokio::test]
async fn fire_event_with_invalid_data_fires_nothing() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Misfiring").await;
    let mut ws = hub.ws().await;
    let events = ws.subscribe("shot").await;
    let long = "x".repeat(65);
    phone
        .send("fire_event", json!({"event_type": long}))
        .await
        .is(200, "");
    for data in [
        json!({"event_type": "shot", "event_data": "text"}),
        json!({"event_type": "shot", "event_data": [1]}),
        json!({"event_type": "shot", "bogus": 1}),
        json!({"event_type": null}),
        json!({"event_data": {}}),
    ] {
        phone.send("fire_event", data).await.is(200, "{}");
    }
    let data = json!({"event_type": "shot", "event_data": {"last": true}});
    phone.send("fire_event", data).await.is(200, "{}");
    assert_eq!(ws.event(events).await["data"], json!({"last": true}));
    // The longest type that is allowed.
    let long = "y".repeat(64);
    phone
        .send("fire_event", json!({"event_type": long}))
        .await
        .is(200, "{}");
}

#[tokio::test]
async fn stream_camera_of_an_unknown_camera_is_400() {
    let hub = Hub::start();
    let light = a_light(&hub, "on").await;
    let mut plain = Phone::register(&hub, "Streaming").await;
    let mut sealed = Phone::register_encrypted(&hub, "Sealed streaming").await;
    let key = sealed.current();
    for entity in ["camera.nope", light.as_str()] {
        let data = json!({"camera_entity_id": entity});
        let answer = plain.send("stream_camera", data.clone()).await;
        answer.is_json(400, &json!({"success": false}));
        let answer = sealed.send_sealed(&key, "stream_camera", &data).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.open(&key), json!({"success": false}));
    }
    plain.send("stream_camera", json!({})).await.is(200, "{}");
}

#[tokio::test]
async fn conversation_process_answers_in_the_shape_of_a_response() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Talking").await;
    let answer = phone
        .send("conversation_process", json!({"text": "turn on the moon"}))
        .await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    let response = &body["response"];
    assert_eq!(response["response_type"], "error", "{body}");
    assert!(response["speech"]["plain"]["speech"].is_string(), "{body}");
    assert!(
        response["speech"]["plain"]["extra_data"].is_null(),
        "{body}"
    );
    assert_eq!(response["card"], json!({}));
    assert!(response["language"].is_string(), "{body}");
    assert!(response["data"]["code"].is_string(), "{body}");
    assert!(body.as_object().unwrap().contains_key("conversation_id"));
    assert_eq!(body["continue_conversation"], false);
    for data in [
        json!({}),
        json!({"text": null}),
        json!({"text": "hi", "conversation_id": null}),
        json!({"text": "hi", "bogus": 1}),
    ] {
        phone.send("conversation_process", data).await.is(200, "{}");
    }
}

#[tokio::test]
async fn scan_tag_fires_and_keeps_the_tag() {
    let hub = Hub::start();
    let user = my_user_id(&hub).await;
    let mut phone = Phone::register(&hub, "Scanner").await;
    let device = phone.send("get_config", json!({})).await.json()["hass_device_id"].clone();
    let mut ws = hub.ws().await;
    let scans = ws.subscribe("tag_scanned").await;
    phone
        .send("scan_tag", json!({"tag_id": "Front Door"}))
        .await
        .is(200, "{}");
    let event = ws.event(scans).await;
    assert_eq!(
        event["data"],
        json!({"tag_id": "Front Door", "name": null, "device_id": device})
    );
    assert_eq!(event["context"]["user_id"], json!(user));
    let tag = hub
        .state_when("tag.front_door", "it exists", |state| {
            state["state"] != "unknown"
        })
        .await;
    assert_eq!(tag["attributes"]["tag_id"], "Front Door");
    assert_eq!(tag["attributes"]["last_scanned_by_device_id"], device);
    assert_eq!(tag["attributes"]["friendly_name"], "Tag Front Door");
    let time = tag["state"].as_str().unwrap();
    let millis = time.split_once('.').unwrap().1;
    assert_eq!(millis.find('+'), Some(3), "milliseconds: {time}");

    for data in [
        json!({}),
        json!({"tag_id": null}),
        json!({"tag_id": "x", "bogus": 1}),
    ] {
        phone.send("scan_tag", data).await.is(200, "{}");
    }
}

#[tokio::test]
async fn enable_encryption_takes_effect_with_the_next_message() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Upgrading").await;
    let answer = phone.send("enable_encryption", json!({})).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    phone.secret = body["secret"].as_str().map(str::to_owned);
    let key = phone.current();
    phone
        .send("get_zones", json!({}))
        .await
        .is_refused("encryption_required", "Encryption required");
    let answer = phone
        .send_sealed(&key, "update_registration", &json!({}))
        .await;
    assert_eq!(answer.open(&key)["supports_encryption"], true);
}

#[tokio::test]
async fn which_replies_are_sealed_is_as_the_table_says() {
    let hub = Hub::start();
    let mut phone = Phone::register_encrypted(&hub, "Sealing").await;
    let key = phone.current();
    for (kind, data) in [
        ("update_location", json!({})),
        ("call_service", json!({"domain": "nope", "service": "nope"})),
        ("fire_event", json!({"event_type": "x"})),
        ("scan_tag", json!({"tag_id": "x"})),
        ("nope", json!({})),
        ("register_sensor", json!({"bogus": 1})),
    ] {
        let answer = phone.send_sealed(&key, kind, &data).await;
        assert_eq!(answer.status, 200, "{kind}");
        assert!(
            ["", "{}"].contains(&answer.body.as_str()),
            "{kind}: {answer:?}"
        );
    }
    let sensor = json!({"name": "S", "type": "sensor", "unique_id": "s"});
    for (kind, data, status) in [
        ("render_template", json!({"a": {"template": "1"}}), 200),
        ("update_registration", json!({}), 200),
        ("get_zones", json!({}), 200),
        ("get_config", json!({}), 200),
        ("conversation_process", json!({"text": "hi"}), 200),
        ("register_sensor", sensor, 201),
        ("update_sensor_states", json!([]), 200),
    ] {
        let answer = phone.send_sealed(&key, kind, &data).await;
        assert_eq!(answer.status, status, "{kind}");
        assert_eq!(answer.content_type, "application/json", "{kind}");
        let plain: Value = answer.open(&key);
        assert!(plain.is_object() || plain.is_array(), "{kind}: {plain}");
    }
}

#[tokio::test]
async fn a_phone_on_the_websocket_door_is_still_its_own_user() {
    let hub = Hub::with(hearth_e2e::hub::GUEST);
    let user = my_user_id(&hub).await;
    let mut phone = Phone::register(&hub, "Owned").await;
    let guest = hearth_e2e::Ws::authenticated(hub.addr(), hearth_e2e::hub::GUEST_TOKEN).await;
    phone.door = Door::Ws(Box::new(guest));
    let mut ws = hub.ws().await;
    let events = ws.subscribe("whose").await;
    phone
        .send("fire_event", json!({"event_type": "whose"}))
        .await
        .is(200, "{}");
    assert_eq!(ws.event(events).await["context"]["user_id"], json!(user));
}
