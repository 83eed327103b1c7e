//! §7: what comes back after a restart.

use hearth_e2e::hub::HOME;
use hearth_e2e::{Door, Hub, Phone};
use serde_json::json;

#[tokio::test]
async fn a_registration_survives_kill_9_right_after_its_answer() {
    let mut hub = Hub::start();
    let mut phone = Phone::register_encrypted(&hub, "Durable").await;
    hub.kill();
    hub.restart();
    phone.door = Door::http(hub.addr());
    let key = phone.current();
    let config = phone.send_sealed(&key, "get_config", &json!({})).await;
    let entities = config.open(&key)["entities"].clone();
    assert_eq!(entities, json!({"device-Durable": {"disabled": false}}));
}

#[tokio::test]
async fn sensors_and_tracker_come_back_with_their_last_values() {
    let mut hub = Hub::start();
    let mut phone = Phone::register(&hub, "Back").await;
    for (kind, id, value) in [
        ("sensor", "level", json!(5)),
        ("binary_sensor", "door", json!(true)),
    ] {
        let data = json!({"name": id, "type": kind, "unique_id": id, "state": value,
            "attributes": {"a": 1}, "icon": "mdi:star"});
        assert_eq!(phone.send("register_sensor", data).await.status, 201);
    }
    let data = json!({"gps": [HOME.0, HOME.1], "gps_accuracy": 9, "battery": 33});
    phone.send("update_location", data).await.is(200, "{}");
    let (status, _) = hub.terminate();
    assert!(status.success(), "{status}");
    hub.restart();

    let level = hub.state("sensor.back_level").await.unwrap();
    assert_eq!(level["state"], "5");
    assert_eq!(level["attributes"]["a"], 1);
    assert_eq!(level["attributes"]["icon"], "mdi:star");
    let door = hub.state("binary_sensor.back_door").await.unwrap();
    assert_eq!(door["state"], "on");
    let tracker = hub.state("device_tracker.back").await.unwrap();
    assert_eq!(tracker["state"], "home");
    assert_eq!(tracker["attributes"]["battery_level"], 33);
    assert_eq!(tracker["attributes"]["gps_accuracy"], 9);
}

#[tokio::test]
async fn a_name_given_by_update_registration_shows_after_a_restart() {
    let mut hub = Hub::start();
    let mut phone = Phone::register(&hub, "Before").await;
    let data = json!({"device_name": "After", "model": "Two"});
    assert_eq!(phone.send("update_registration", data).await.status, 200);
    hub.kill();
    hub.restart();
    phone.door = Door::http(hub.addr());
    let safe = phone.send("update_registration", json!({})).await.json();
    assert_eq!(safe["device_name"], "After");
    assert_eq!(safe["model"], "Two");
    let tracker = hub.state("device_tracker.before").await.unwrap();
    assert_eq!(tracker["attributes"]["friendly_name"], "After");
}

#[tokio::test]
async fn a_replaced_registration_answers_410_after_kill_9() {
    let mut hub = Hub::start();
    let mut old = Phone::register(&hub, "Replaced").await;
    let mut new = Phone::register(&hub, "Replaced").await;
    hub.kill();
    hub.restart();
    old.door = Door::http(hub.addr());
    new.door = Door::http(hub.addr());
    old.post("garbage").await.is(410, "");
    assert_eq!(new.send("get_zones", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_disabled_sensor_stays_disabled() {
    let mut hub = Hub::start();
    let mut phone = Phone::register(&hub, "Quiet").await;
    let data = json!({"name": "S", "type": "sensor", "unique_id": "s", "disabled": true});
    assert_eq!(phone.send("register_sensor", data).await.status, 201);
    hub.kill();
    hub.restart();
    phone.door = Door::http(hub.addr());
    let config = phone.send("get_config", json!({})).await.json();
    assert_eq!(config["entities"]["s"], json!({"disabled": true}));
    assert!(hub.state("sensor.quiet_s").await.is_none());
}

#[tokio::test]
async fn empty_names_from_a_phone_do_not_keep_the_hub_from_starting() {
    let mut hub = Hub::start();
    let mut phone = Phone::register(&hub, "Empty").await;
    for (kind, data) in [
        ("scan_tag", json!({"tag_id": ""})),
        ("scan_tag", json!({"tag_id": "!!!"})),
        (
            "register_sensor",
            json!({"name": "", "type": "sensor", "unique_id": "", "state": ""}),
        ),
        ("update_registration", json!({"device_name": ""})),
    ] {
        phone.send(kind, data).await;
    }
    let mut body = hearth_e2e::phone::registration("", false);
    body["device_id"] = json!("");
    Phone::register_with(&hub, Door::http(hub.addr()), &body).await;
    let (status, _) = hub.terminate();
    assert!(status.success(), "{status}");
    hub.restart();
    phone.door = Door::http(hub.addr());
    assert_eq!(phone.send("get_config", json!({})).await.status, 200);
}
