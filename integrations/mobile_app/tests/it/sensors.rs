//! `register_sensor` and `update_sensor_states`.

use serde_json::{Value, json};

use crate::home::Home;
use crate::neighbours::Heard;

#[actix_rt::test]
async fn a_sensor_shows_what_it_was_registered_with_in_order() {
    let home = Home::start().await;
    let phone = home.phone("Ada").await;
    let data = json!({
        "name": "Battery Level", "type": "sensor", "unique_id": "battery", "state": 87,
        "attributes": {"z": true, "a": {"b": 1.5}, "icon": "ignored"}, "icon": "mdi:battery",
        "device_class": "Battery", "unit_of_measurement": "%", "state_class": "measurement",
        "entity_category": "diagnostic",
    });
    let mut heard = Heard::all(&home.hub).await;
    let answer = phone.send("register_sensor", data).await;
    answer.is(201, r#"{"success":true}"#);
    let state = home.hub.states.get("sensor.ada_battery_level").unwrap();
    assert_eq!(
        state.attributes.to_map(),
        *json!({
            "state_class": "measurement", "z": true, "a": {"b": 1.5}, "unit_of_measurement": "%",
            "device_class": "battery", "icon": "mdi:battery", "friendly_name": "Ada Battery Level",
        })
        .as_object()
        .unwrap()
    );
    assert!(
        state
            .attributes
            .as_json()
            .starts_with(r#"{"state_class":"measurement","#)
    );
    let event = heard.next_of("state_changed").await;
    assert_eq!(event["context"]["user_id"], json!(home.user));
    let entry = home.hub.registries.entities.get("sensor.ada_battery_level");
    let entry = entry.unwrap();
    assert_eq!(*entry.unique_id, format!("{}_battery", phone.id));
    assert_eq!(entry.original_icon.as_deref(), Some("mdi:battery"));
    assert!(entry.device_id.is_some() && entry.config_entry_id.is_some());
}

#[actix_rt::test]
async fn registering_again_updates_what_is_given_and_may_disable() {
    let home = Home::start().await;
    let phone = home.phone("Again").await;
    let register = async |more: Value| {
        let mut data = json!({"name": "S", "type": "sensor", "unique_id": "s", "state": 1});
        data.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let answer = phone.send("register_sensor", data).await;
        answer.is(201, r#"{"success":true}"#);
    };
    register(json!({"unit_of_measurement": "km", "device_class": "distance"})).await;
    register(json!({"state": 2, "unit_of_measurement": null, "attributes": {"a": 1}})).await;
    assert_eq!(home.text("sensor.again_s"), "2");
    assert_eq!(
        home.attributes("sensor.again_s"),
        json!({"a": 1, "device_class": "distance", "icon": "mdi:cellphone", "friendly_name": "Again S"})
    );
    register(json!({"disabled": true})).await;
    assert!(home.state("sensor.again_s").is_none());
    register(json!({"disabled": false, "state": 3})).await;
    assert_eq!(home.text("sensor.again_s"), "3");
    assert_eq!(home.hub.registries.entities.len(), 2);
}

#[actix_rt::test]
async fn what_is_not_valid_registers_nothing() {
    let home = Home::start().await;
    let phone = home.phone("Wrong").await;
    let good = json!({"name": "S", "type": "sensor", "unique_id": "s"});
    let with = |key: &str, value: Value| {
        let mut data = good.clone();
        data[key] = value;
        data
    };
    let mut binary = with("state_class", json!("measurement"));
    binary["type"] = "binary_sensor".into();
    for data in [
        with("type", json!("switch")),
        with("unique_id", json!(null)),
        with("device_class", json!("nonsense")),
        with("state_class", json!("nonsense")),
        with("entity_category", json!("nonsense")),
        with("icon", json!("no-prefix")),
        with("attributes", json!([])),
        with("attributes", json!(null)),
        with("state", json!([])),
        with("disabled", json!("perhaps")),
        with("bogus", json!(1)),
        binary,
        json!([good]),
    ] {
        phone.send("register_sensor", data).await.is(200, "{}");
    }
    assert_eq!(home.hub.registries.entities.len(), 1);
}

#[actix_rt::test]
async fn words_for_a_numeric_sensor_are_taken_and_not_shown() {
    let home = Home::start().await;
    let phone = home.phone("Num").await;
    let data = json!({
        "name": "N", "type": "sensor", "unique_id": "n", "state": "far", "unit_of_measurement": "km",
    });
    phone.send("register_sensor", data).await;
    assert_eq!(home.text("sensor.num_n"), "unknown");
    for (state, shown) in [
        (json!(3), "3"),
        (json!("far"), "3"),
        (json!(null), "unknown"),
    ] {
        let item = json!({"type": "sensor", "unique_id": "n", "state": state});
        let answer = phone.send("update_sensor_states", item).await;
        answer.is(200, r#"{"n":{"success":true}}"#);
        assert_eq!(home.text("sensor.num_n"), shown);
    }
}

#[actix_rt::test]
async fn omitted_attributes_and_icon_fall_back() {
    let home = Home::start().await;
    let phone = home.phone("Reset").await;
    let data = json!({
        "name": "S", "type": "binary_sensor", "unique_id": "s", "state": true,
        "attributes": {"a": 1}, "icon": "mdi:star",
    });
    phone.send("register_sensor", data).await;
    assert_eq!(home.text("binary_sensor.reset_s"), "on");
    let item = json!([{"type": "binary_sensor", "unique_id": "s", "state": 0}]);
    phone.send("update_sensor_states", item).await;
    assert_eq!(home.text("binary_sensor.reset_s"), "off");
    assert_eq!(
        home.attributes("binary_sensor.reset_s"),
        json!({"icon": "mdi:cellphone", "friendly_name": "Reset S"})
    );
}

#[actix_rt::test]
async fn an_item_without_type_or_id_voids_the_whole_update() {
    let home = Home::start().await;
    let phone = home.phone("Void").await;
    let data = json!({"name": "S", "type": "sensor", "unique_id": "s", "state": 1});
    phone.send("register_sensor", data).await;
    for bad in [
        json!({"unique_id": "s", "state": 3}),
        json!({"type": "switch", "unique_id": "s", "state": 3}),
        json!({"type": "sensor", "unique_id": null, "state": 3}),
        json!("text"),
    ] {
        let items = json!([{"type": "sensor", "unique_id": "s", "state": 2}, bad]);
        phone
            .send("update_sensor_states", items)
            .await
            .is(200, "{}");
    }
    assert_eq!(home.text("sensor.void_s"), "1");
    phone
        .send("update_sensor_states", json!([]))
        .await
        .is(200, "{}");
}

#[actix_rt::test]
async fn a_phone_has_no_more_sensors_than_it_may() {
    let home = Home::with(|settings| settings.mobile_app.sensors_per_device = 2).await;
    let phone = home.phone("Many").await;
    for (n, answer) in [(1, 201), (2, 201), (3, 200), (2, 201)] {
        let data = json!({"name": "S", "type": "sensor", "unique_id": n, "state": n});
        assert_eq!(
            phone.send("register_sensor", data).await.0.status,
            answer,
            "{n}"
        );
    }
    let item = json!({"type": "sensor", "unique_id": "1", "state": 1});
    let items = json!([item, item, item]);
    phone
        .send("update_sensor_states", items)
        .await
        .is(200, "{}");
}

#[actix_rt::test]
async fn attributes_are_no_bigger_than_they_may_be() {
    let home = Home::with(|settings| settings.mobile_app.attributes_limit = 20).await;
    let phone = home.phone("Big").await;
    let sensor = |attributes: Value| {
        json!({
            "name": "S", "type": "sensor", "unique_id": "s", "state": 1, "attributes": attributes,
        })
    };
    let (fits, too_big) = (json!({"a": "x".repeat(12)}), json!({"a": "x".repeat(13)}));
    let refused = phone.send("register_sensor", sensor(too_big.clone())).await;
    refused.is(200, "{}");
    let taken = phone.send("register_sensor", sensor(fits.clone())).await;
    taken.is(201, r#"{"success":true}"#);

    let item = |attributes: &Value, state: i32| json!({"type": "sensor", "unique_id": "s", "state": state, "attributes": attributes});
    let answer = phone.send("update_sensor_states", item(&too_big, 2)).await;
    let error = &answer.json()["s"]["error"];
    assert_eq!(error["code"], "invalid_format");
    assert_eq!(
        error["message"],
        "expected at most 20 bytes of JSON (setting mobile_app.attributes_limit) \
         @ data['attributes']. Got 21 bytes"
    );
    assert_eq!(home.text("sensor.big_s"), "1");
    let answer = phone.send("update_sensor_states", item(&fits, 3)).await;
    answer.is(200, r#"{"s":{"success":true}}"#);
    assert_eq!(home.text("sensor.big_s"), "3");
}

#[actix_rt::test]
async fn texts_of_a_sensor_are_no_longer_than_they_may_be() {
    let home = Home::with(|settings| settings.mobile_app.text_limit = 20).await;
    let phone = home.phone("Terse").await;
    let long = format!("a:{}", "x".repeat(19));
    for key in ["name", "unique_id", "unit_of_measurement", "icon"] {
        let mut data = json!({"name": "S", "type": "sensor", "unique_id": "s", "state": 1});
        data[key] = json!(long);
        phone.send("register_sensor", data).await.is(200, "{}");
    }
    assert_eq!(home.state("sensor.terse_s"), None);
    let data = json!({"name": "S", "type": "sensor", "unique_id": "s", "state": 1});
    phone
        .send("register_sensor", data)
        .await
        .is(201, r#"{"success":true}"#);
    let data = json!([
        {"type": "sensor", "unique_id": "s", "state": 2, "icon": long},
        {"type": "sensor", "unique_id": "nobody", "state": 2},
    ]);
    let answers = phone.send("update_sensor_states", data).await.json();
    assert_eq!(answers["s"]["error"]["code"], "invalid_format");
    assert_eq!(home.text("sensor.terse_s"), "1");
}
