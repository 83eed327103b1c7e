//! §5: `register_sensor` and `update_sensor_states`.

use hearth_e2e::phone::{Answer, registration};
use hearth_e2e::{Door, Hub, Phone};
use serde_json::{Value, json};

async fn register(phone: &mut Phone, data: Value) {
    let answer = phone.send("register_sensor", data).await;
    answer.is_json(201, &json!({"success": true}));
}

async fn update(phone: &mut Phone, data: Value) -> Answer {
    phone.send("update_sensor_states", data).await
}

async fn text(hub: &Hub, entity_id: &str) -> String {
    let state = hub.state(entity_id).await.unwrap();
    state["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_registered_sensor_appears_with_its_description() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Ada").await;
    let data = json!({
        "name": "Battery Level", "type": "sensor", "unique_id": "battery", "state": 87,
        "attributes": {"charging": true}, "icon": "mdi:battery", "device_class": "Battery",
        "unit_of_measurement": "%", "state_class": "measurement", "entity_category": "diagnostic",
    });
    register(&mut phone, data).await;
    let state = hub.state("sensor.ada_battery_level").await.unwrap();
    assert_eq!(state["state"], "87");
    assert_eq!(
        state["attributes"],
        json!({
            "charging": true, "icon": "mdi:battery", "device_class": "battery",
            "unit_of_measurement": "%", "state_class": "measurement",
            "friendly_name": "Ada Battery Level",
        })
    );
}

#[tokio::test]
async fn a_bare_sensor_is_unknown_with_the_phone_icon() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Bare").await;
    let data = json!({"name": "Thing", "type": "sensor", "unique_id": "t"});
    register(&mut phone, data).await;
    let state = hub.state("sensor.bare_thing").await.unwrap();
    assert_eq!(state["state"], "unknown");
    assert_eq!(
        state["attributes"],
        json!({"icon": "mdi:cellphone", "friendly_name": "Bare Thing"})
    );
    let data = json!({"name": "Door", "type": "binary_sensor", "unique_id": "d", "state": true});
    register(&mut phone, data).await;
    assert_eq!(text(&hub, "binary_sensor.bare_door").await, "on");
}

#[tokio::test]
async fn registering_a_sensor_again_updates_the_one_entity() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Again").await;
    let data = json!({
        "name": "Steps", "type": "sensor", "unique_id": "steps", "state": 1,
        "unit_of_measurement": "steps",
    });
    register(&mut phone, data).await;
    let data = json!({
        "name": "Steps", "type": "sensor", "unique_id": "steps", "state": 2,
        "unit_of_measurement": "paces", "attributes": {"a": 1},
    });
    register(&mut phone, data).await;
    let state = hub.state("sensor.again_steps").await.unwrap();
    assert_eq!(state["state"], "2");
    assert_eq!(state["attributes"]["unit_of_measurement"], "paces");
    assert_eq!(state["attributes"]["a"], 1);
    assert!(hub.state("sensor.again_steps_2").await.is_none());
}

#[tokio::test]
async fn names_that_clash_are_numbered() {
    let hub = Hub::start();
    for device_id in ["one", "two"] {
        let mut body = registration("Twin", false);
        body["device_id"] = device_id.into();
        let mut phone = Phone::register_with(&hub, Door::http(hub.addr()), &body).await;
        let data = json!({"name": "S", "type": "sensor", "unique_id": "s", "state": device_id});
        register(&mut phone, data).await;
    }
    assert_eq!(text(&hub, "sensor.twin_s").await, "one");
    assert_eq!(text(&hub, "sensor.twin_s_2").await, "two");
}

#[tokio::test]
async fn invalid_registrations_register_nothing() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Wrong").await;
    let good = json!({"name": "S", "type": "sensor", "unique_id": "s"});
    let with = |key: &str, value: Value| {
        let mut data = good.clone();
        data[key] = value;
        data
    };
    let mut binary = with("state_class", json!("measurement"));
    binary["type"] = "binary_sensor".into();
    for data in [
        json!({"type": "sensor", "unique_id": "s"}),
        json!({"name": "S", "unique_id": "s"}),
        json!({"name": "S", "type": "sensor"}),
        with("type", json!("switch")),
        with("unique_id", json!(null)),
        with("device_class", json!("nonsense")),
        with("state_class", json!("nonsense")),
        with("entity_category", json!("nonsense")),
        with("icon", json!("no-prefix")),
        with("attributes", json!([])),
        with("state", json!([])),
        with("state", json!({})),
        with("disabled", json!("perhaps")),
        with("bogus", json!(1)),
        binary,
        json!([good.clone()]),
    ] {
        let answer = phone.send("register_sensor", data.clone()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "{}"), "{data}");
    }
    assert!(hub.state("sensor.wrong_s").await.is_none());
    for (key, value) in [
        ("device_class", json!(null)),
        ("device_class", json!("door")),
        ("state_class", json!(null)),
        ("entity_category", json!("config")),
        ("icon", json!(null)),
        ("unit_of_measurement", json!(null)),
        ("state", json!(1.5)),
    ] {
        register(&mut phone, with(key, value)).await;
    }
}

#[tokio::test]
async fn a_sensor_registered_as_disabled_has_no_state() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Off").await;
    let data = json!({
        "name": "S", "type": "sensor", "unique_id": "s", "state": 1, "disabled": true,
    });
    register(&mut phone, data).await;
    assert!(hub.state("sensor.off_s").await.is_none());
    let item = json!([{"type": "sensor", "unique_id": "s", "state": 2}]);
    update(&mut phone, item)
        .await
        .is_json(200, &json!({"s": {"success": true, "is_disabled": true}}));
    assert!(hub.state("sensor.off_s").await.is_none());
    let config = phone.send("get_config", json!({})).await.json();
    assert_eq!(config["entities"]["s"], json!({"disabled": true}));
}

#[tokio::test]
async fn each_item_of_an_update_gets_its_own_result() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Mixed").await;
    for (id, disabled) in [("good", false), ("bad", false), ("off", true)] {
        let data = json!({"name": id, "type": "sensor", "unique_id": id, "disabled": disabled});
        register(&mut phone, data).await;
    }
    let items = json!([
        {"type": "sensor", "unique_id": "good", "state": 5},
        {"type": "sensor", "unique_id": "unknown", "state": 5},
        {"type": "sensor", "unique_id": "bad", "state": 5, "bogus": 1},
        {"type": "sensor", "unique_id": "off", "state": 5},
    ]);
    let expected = json!({
        "good": {"success": true},
        "unknown": {"success": false, "error": {
            "code": "not_registered", "message": "sensor unknown is not registered",
        }},
        "bad": {"success": false, "error": {
            "code": "invalid_format", "message": "extra keys not allowed @ data['bogus']. Got 1",
        }},
        "off": {"success": true, "is_disabled": true},
    });
    update(&mut phone, items).await.is_json(200, &expected);
    assert_eq!(text(&hub, "sensor.mixed_good").await, "5");
    assert_eq!(text(&hub, "sensor.mixed_bad").await, "unknown");
}

#[tokio::test]
async fn a_sensor_of_the_other_type_is_not_registered() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Other").await;
    register(
        &mut phone,
        json!({"name": "S", "type": "sensor", "unique_id": "s"}),
    )
    .await;
    let item = json!({"type": "binary_sensor", "unique_id": "s", "state": true});
    let expected = json!({"s": {"success": false, "error": {
        "code": "not_registered", "message": "binary_sensor s is not registered",
    }}});
    update(&mut phone, item).await.is_json(200, &expected);
}

#[tokio::test]
async fn an_item_without_type_or_id_voids_the_whole_update() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Void").await;
    let data = json!({"name": "S", "type": "sensor", "unique_id": "s", "state": 1});
    register(&mut phone, data).await;
    let good = json!({"type": "sensor", "unique_id": "s", "state": 2});
    for bad in [
        json!({"unique_id": "s", "state": 3}),
        json!({"type": "sensor", "state": 3}),
        json!({"type": "switch", "unique_id": "s", "state": 3}),
        json!({"type": "sensor", "unique_id": null, "state": 3}),
        json!("text"),
    ] {
        update(&mut phone, json!([good, bad])).await.is(200, "{}");
        assert_eq!(text(&hub, "sensor.void_s").await, "1", "{bad}");
    }
}

#[tokio::test]
async fn an_update_resets_attributes_and_icon_that_it_omits() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Reset").await;
    let data = json!({
        "name": "S", "type": "sensor", "unique_id": "s", "state": 1,
        "attributes": {"a": 1}, "icon": "mdi:star",
    });
    register(&mut phone, data).await;
    let item = json!({"type": "sensor", "unique_id": "s", "state": 2});
    update(&mut phone, item)
        .await
        .is_json(200, &json!({"s": {"success": true}}));
    let state = hub.state("sensor.reset_s").await.unwrap();
    assert_eq!(
        state["attributes"],
        json!({"icon": "mdi:cellphone", "friendly_name": "Reset S"})
    );
}

#[tokio::test]
async fn values_become_states_as_the_spec_maps_them() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Map").await;
    for kind in ["sensor", "binary_sensor"] {
        let data = json!({"name": "V", "type": kind, "unique_id": kind});
        register(&mut phone, data).await;
    }
    for (kind, value, state) in [
        ("sensor", json!(null), "unknown"),
        ("sensor", json!("unknown"), "unknown"),
        ("sensor", json!("unavailable"), "unavailable"),
        ("sensor", json!("wifi"), "wifi"),
        ("sensor", json!(5), "5"),
        ("sensor", json!(5.5), "5.5"),
        ("sensor", json!(true), "True"),
        ("sensor", json!(false), "False"),
        ("binary_sensor", json!(null), "unknown"),
        ("binary_sensor", json!("unavailable"), "unavailable"),
        ("binary_sensor", json!(true), "on"),
        ("binary_sensor", json!(false), "off"),
        ("binary_sensor", json!(0), "off"),
        ("binary_sensor", json!(1), "on"),
        ("binary_sensor", json!(""), "off"),
        ("binary_sensor", json!("off"), "on"),
        ("binary_sensor", json!("unknown"), "on"),
    ] {
        let item = json!({"type": kind, "unique_id": kind, "state": value});
        update(&mut phone, item)
            .await
            .is_json(200, &json!({kind: {"success": true}}));
        assert_eq!(
            text(&hub, &format!("{kind}.map_v")).await,
            state,
            "{kind} {value}"
        );
    }
}

#[tokio::test]
async fn a_numeric_sensor_keeps_its_state_when_given_words() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Num").await;
    let data = json!({
        "name": "N", "type": "sensor", "unique_id": "n", "state": 3, "unit_of_measurement": "km",
    });
    register(&mut phone, data).await;
    let item = json!({"type": "sensor", "unique_id": "n", "state": "far"});
    update(&mut phone, item)
        .await
        .is_json(200, &json!({"n": {"success": true}}));
    assert_eq!(text(&hub, "sensor.num_n").await, "3");

    let data = json!({
        "name": "W", "type": "sensor", "unique_id": "w", "state": "far", "unit_of_measurement": "km",
    });
    register(&mut phone, data).await;
    assert_eq!(text(&hub, "sensor.num_w").await, "unknown");
}

#[tokio::test]
async fn a_timestamp_sensor_takes_iso_text() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Time").await;
    let data = json!({
        "name": "T", "type": "sensor", "unique_id": "t", "device_class": "timestamp",
        "state": "2025-04-01T12:00:00+02:00",
    });
    register(&mut phone, data).await;
    assert_eq!(
        text(&hub, "sensor.time_t").await,
        "2025-04-01T10:00:00+00:00"
    );
}
