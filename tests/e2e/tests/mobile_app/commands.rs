//! §5: the commands besides location and sensors.

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
async fn render_template_gives_native_types_and_errors_by_key() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Rendering").await;
    let answer = phone
        .send(
            "render_template",
            json!({
                "number": {"template": "{{ 1+1 }}"},
                "list": {"template": "{{ [1,2] }}"},
                "text": {"template": "it is {{ 1+1 }}"},
                "variable": {"template": "{{ a }}", "variables": {"a": 5}},
                "state": {"template": "{{ states('zone.home') }}"},
                "division": {"template": "{{ 1/0 }}"},
                "syntax": {"template": "{{ 1"},
            }),
        )
        .await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["number"], 2);
    assert_eq!(body["list"], json!([1, 2]));
    assert_eq!(body["text"], "it is 2");
    assert_eq!(body["variable"], 5);
    assert_eq!(body["state"], 0);
    assert_eq!(
        body["division"],
        json!({"error": "ZeroDivisionError: division by zero"})
    );
    let error = body["syntax"]["error"].as_str().unwrap();
    assert!(error.starts_with("TemplateSyntaxError: "), "{error}");
    assert_eq!(body.as_object().unwrap().len(), 7);
}

#[tokio::test]
async fn one_malformed_template_voids_the_whole_command() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Voiding").await;
    for data in [
        json!({"good": {"template": "1"}, "bad": {}}),
        json!({"good": {"template": "1"}, "bad": {"template": null}}),
        json!({"good": {"template": "1"}, "bad": {"template": "1", "variables": []}}),
        json!({"good": {"template": "1"}, "bad": {"template": "1", "bogus": 1}}),
        json!({"bad": "{{ 1 }}"}),
    ] {
        phone.send("render_template", data).await.is(200, "{}");
    }
}

#[tokio::test]
async fn update_registration_merges_what_is_given_and_answers_safely() {
    let hub = Hub::start();
    let mut phone = Phone::register_encrypted(&hub, "Updating").await;
    let key = phone.current();
    let data =
        json!({"app_data": {"push_websocket_channel": true}, "app_version": 9, "model": "Two"});
    let answer = phone.send_sealed(&key, "update_registration", &data).await;
    let safe = json!({
        "app_data": {"push_websocket_channel": true},
        "app_id": "org.example.phone",
        "app_name": "Example phone",
        "app_version": "9",
        "device_name": "Updating",
        "manufacturer": "Example",
        "model": "Two",
        "os_version": "6.1",
        "supports_encryption": true,
    });
    assert_eq!(answer.open(&key), safe);
    // `app_data` is replaced whole, the rest stays.
    let answer = phone
        .send_sealed(&key, "update_registration", &json!({"app_data": {"a": 1}}))
        .await;
    let mut expected = safe;
    expected["app_data"] = json!({"a": 1});
    assert_eq!(answer.open(&key), expected);
    // Unknown keys void the command; it changes nothing.
    for data in [
        json!({"os_name": "Other"}),
        json!({"device_id": "other", "model": "Three"}),
        json!({"model": null}),
        json!({"app_data": {"push_token": "alone"}}),
    ] {
        let answer = phone.send_sealed(&key, "update_registration", &data).await;
        answer.is(200, "{}");
    }
    let answer = phone
        .send_sealed(&key, "update_registration", &json!({}))
        .await;
    assert_eq!(answer.open(&key), expected);
}

#[tokio::test]
async fn get_zones_gives_full_states_in_order() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Zones").await;
    let zones = phone.send("get_zones", json!({})).await.json();
    let zones = zones.as_array().unwrap();
    let ids: Vec<_> = zones
        .iter()
        .map(|zone| zone["entity_id"].as_str().unwrap())
        .collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    assert_eq!(ids, sorted);
    assert!(ids.iter().all(|id| id.starts_with("zone.")));
    let home = zones
        .iter()
        .find(|zone| zone["entity_id"] == "zone.home")
        .unwrap();
    assert_eq!(home, &hub.state("zone.home").await.unwrap());
    assert_eq!(home["state"], "0");
    assert_eq!(
        home["attributes"],
        json!({
            "latitude": 52.3731, "longitude": 4.8903, "radius": 100, "passive": false,
            "persons": [], "editable": true, "icon": "mdi:home", "friendly_name": "Test home",
        })
    );
    let mut keys: Vec<_> = home.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "attributes",
            "context",
            "entity_id",
            "last_changed",
            "last_reported",
            "last_updated",
            "state"
        ]
    );
}

#[tokio::test]
async fn get_config_tells_the_home_and_the_entities_of_this_phone() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Config").await;
    for (id, disabled) in [("one", false), ("two", true)] {
        let sensor = json!({"name": id, "type": "sensor", "unique_id": id, "disabled": disabled});
        let answer = phone.send("register_sensor", sensor).await;
        assert_eq!(answer.status, 201);
    }
    let config = phone.send("get_config", json!({})).await.json();
    let mut keys: Vec<_> = config.as_object().unwrap().keys().cloned().collect();
    keys.sort();
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
            "version"
        ]
    );
    assert_eq!(config["latitude"], 52.3731);
    assert_eq!(config["location_name"], "Test home");
    assert_eq!(config["time_zone"], "Europe/Amsterdam");
    assert_eq!(config["theme_color"], "#03A9F4");
    assert!(config["version"].as_str().unwrap().starts_with("2025.4"));
    let components = config["components"].as_array().unwrap();
    assert!(components.contains(&json!("mobile_app")));
    for unit in [
        "length",
        "accumulated_precipitation",
        "area",
        "mass",
        "pressure",
        "temperature",
        "volume",
        "wind_speed",
    ] {
        assert!(config["unit_system"][unit].is_string(), "{unit}");
    }
    assert!(config["hass_device_id"].is_string());
    assert_eq!(
        config["entities"],
        json!({
            "device-Config": {"disabled": false},
            "one": {"disabled": false},
            "two": {"disabled": true},
        })
    );
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
