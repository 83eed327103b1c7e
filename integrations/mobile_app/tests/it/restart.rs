//! What comes back after a restart.

use hearth_core::command::Access;
use serde_json::{Value, json};

use crate::home::{HOME, Home};

#[actix_rt::test]
async fn sensors_and_tracker_come_back_as_they_were() {
    let mut home = Home::start().await;
    let phone = home.phone("Back").await;
    for (kind, id, state) in [
        ("sensor", "level", json!(5)),
        ("sensor", "lost", json!("unavailable")),
        ("binary_sensor", "door", json!(true)),
        ("binary_sensor", "gone", json!("unavailable")),
    ] {
        let data = json!({
            "name": id, "type": kind, "unique_id": id, "state": state, "attributes": {"a": 1},
            "icon": "mdi:star",
        });
        assert_eq!(phone.send("register_sensor", data).await.0.status, 201);
    }
    let off = json!({"name": "off", "type": "sensor", "unique_id": "off", "disabled": true});
    phone.send("register_sensor", off).await;
    let data = json!({
        "gps": [HOME.0, HOME.1], "gps_accuracy": 9, "battery": 33, "location_name": "Elsewhere",
    });
    phone.send("update_location", data).await.is(200, "{}");
    let stopped_at = home.hub.env.now();

    home.restart().await;

    assert_eq!(home.text("sensor.back_level"), "5");
    assert_eq!(
        home.attributes("sensor.back_level"),
        json!({"a": 1, "icon": "mdi:star", "friendly_name": "Back level"})
    );
    assert_eq!(home.text("sensor.back_lost"), "unavailable");
    assert_eq!(home.text("binary_sensor.back_door"), "on");
    assert_eq!(home.text("binary_sensor.back_gone"), "off");
    assert!(home.state("sensor.back_off").is_none());
    assert_eq!(home.text("device_tracker.back"), "home");
    assert_eq!(
        home.attributes("device_tracker.back"),
        json!({
            "source_type": "gps", "battery_level": 33, "latitude": HOME.0, "longitude": HOME.1,
            "gps_accuracy": 9, "friendly_name": "Back",
        })
    );
    let tracker = home.hub.states.get("device_tracker.back").unwrap();
    assert!(tracker.last_changed > stopped_at);
    let config = home
        .again(&phone)
        .send("get_config", json!({}))
        .await
        .json();
    assert_eq!(config["entities"]["off"], json!({"disabled": true}));
    assert_eq!(config["entities"].as_object().unwrap().len(), 6);
}

#[actix_rt::test]
async fn an_updated_sensor_goes_on_under_its_entity() {
    let mut home = Home::start().await;
    let phone = home.phone("On").await;
    let data = json!({"name": "S", "type": "sensor", "unique_id": "s", "state": 1});
    phone.send("register_sensor", data).await;
    home.restart().await;
    let item = json!({"type": "sensor", "unique_id": "s", "state": 2});
    let answer = home.again(&phone).send("update_sensor_states", item).await;
    answer.is(200, r#"{"s":{"success":true}}"#);
    assert_eq!(home.text("sensor.on_s"), "2");
}

#[actix_rt::test]
async fn a_damaged_row_costs_only_itself_and_stays_as_it_is() {
    let mut home = Home::start().await;
    let (good, bad) = (home.phone("Good").await, home.phone("Bad").await);
    let gone = home.phone("Gone").await;
    let list = "mobile_app/registrations/list";
    let remove = "mobile_app/registrations/remove";
    let local = Access::Local;
    home.command(remove, json!({"webhook_id": gone.id}), local)
        .await
        .unwrap();
    let all = home.command(list, json!({}), local).await.unwrap();
    let entry_id = all[1]["entry_id"].as_str().unwrap().to_owned();
    let store = home.hub.store.clone();
    let damaged = json!({"webhook_id": bad.id, "secret": "precious"});
    for (collection, id) in [
        ("mobile_app.registrations", &entry_id),
        ("mobile_app.deleted", &gone.id),
    ] {
        let documents = store.collection::<Value>(collection);
        documents.put(id, &damaged).await.unwrap();
    }

    home.restart().await;

    let zones = home.again(&good).send("get_zones", json!({})).await;
    zones.is(200, "[]");
    assert_eq!(home.text("device_tracker.good"), "unknown");
    home.again(&bad).post("{}").await.is(200, "");
    home.again(&gone).post("{}").await.is(410, "");
    let store = home.hub.store.collection("mobile_app.registrations");
    assert_eq!(store.get(&entry_id).unwrap(), Some(damaged));
    home.phone("New").await;
}
