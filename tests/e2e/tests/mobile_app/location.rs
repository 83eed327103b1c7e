//! §5 `update_location`.

use hearth_e2e::hub::HOME;
use hearth_e2e::{Hub, Phone};
use serde_json::{Value, json};

async fn attributes(hub: &Hub, entity_id: &str) -> Value {
    hub.state(entity_id).await.unwrap()["attributes"].clone()
}

#[tokio::test]
async fn a_location_shows_with_all_its_attributes() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Full").await;
    let answer = phone
        .send(
            "update_location",
            json!({
                "gps": [10.5, 20], "gps_accuracy": 12.7, "battery": 55.9, "speed": 3,
                "altitude": -4.5, "course": 180, "vertical_accuracy": 2,
            }),
        )
        .await;
    answer.is(200, "{}");
    let state = hub.state("device_tracker.full").await.unwrap();
    assert_eq!(state["state"], "not_home");
    assert_eq!(
        state["attributes"],
        json!({
            "source_type": "gps", "friendly_name": "Full", "latitude": 10.5, "longitude": 20.0,
            "gps_accuracy": 12, "battery_level": 55, "speed": 3, "altitude": -4.5, "course": 180,
            "vertical_accuracy": 2,
        })
    );
}

#[tokio::test]
async fn the_state_is_the_name_sent_else_the_zone_else_unknown() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Where").await;
    let at_home = json!([HOME.0, HOME.1]);
    for (data, state) in [
        (
            json!({"location_name": "Office", "gps": at_home, "gps_accuracy": 5}),
            "Office",
        ),
        (
            json!({"location_name": "", "gps": at_home, "gps_accuracy": 5}),
            "home",
        ),
        (json!({"gps": at_home, "gps_accuracy": 0}), "home"),
        (json!({"gps": [0, 0], "gps_accuracy": 0}), "not_home"),
        (json!({"location_name": 7}), "7"),
        (json!({}), "unknown"),
        (json!({"battery": 50}), "unknown"),
    ] {
        phone
            .send("update_location", data.clone())
            .await
            .is(200, "{}");
        let got = hub.state("device_tracker.where").await.unwrap();
        assert_eq!(got["state"], state, "{data}");
    }
}

#[tokio::test]
async fn nothing_is_merged_with_the_last_message() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Fresh").await;
    let data = json!({"gps": [1, 2], "gps_accuracy": 3, "battery": 4});
    phone.send("update_location", data).await.is(200, "{}");
    let data = json!({"speed": 1});
    phone.send("update_location", data).await.is(200, "{}");
    assert_eq!(
        attributes(&hub, "device_tracker.fresh").await,
        json!({"source_type": "gps", "friendly_name": "Fresh", "speed": 1})
    );
}

#[tokio::test]
async fn invalid_data_changes_nothing_and_answers_an_empty_object() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Strict").await;
    let data = json!({"gps": [1, 2], "gps_accuracy": 3});
    phone.send("update_location", data).await.is(200, "{}");
    let before = hub.state("device_tracker.strict").await;
    for data in [
        json!({"gps": [1, 2]}),
        json!({"gps": [90.5, 0], "gps_accuracy": 1}),
        json!({"gps": [-90.5, 0], "gps_accuracy": 1}),
        json!({"gps": [0, 180.5], "gps_accuracy": 1}),
        json!({"gps": [0, -180.5], "gps_accuracy": 1}),
        json!({"gps": [0], "gps_accuracy": 1}),
        json!({"gps": [0, 0, 0], "gps_accuracy": 1}),
        json!({"gps": "0,0", "gps_accuracy": 1}),
        json!({"gps": [0, 0], "gps_accuracy": -1}),
        json!({"gps": [0, 0], "gps_accuracy": "near"}),
        json!({"battery": -1}),
        json!({"speed": -1}),
        json!({"course": -1}),
        json!({"vertical_accuracy": -1}),
        json!({"altitude": "high"}),
        json!({"altitude": null}),
        json!({"location_name": null}),
        json!({"location_name": []}),
        json!({"bogus": 1}),
        json!([]),
    ] {
        let answer = phone.send("update_location", data.clone()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "{}"), "{data}");
        let after = hub.state("device_tracker.strict").await;
        assert_eq!(after, before, "{data}");
    }
}

#[tokio::test]
async fn every_report_is_a_change_without_a_user() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Forced").await;
    let mut ws = hub.ws().await;
    let changes = ws.subscribe("state_changed").await;
    let data = json!({"gps": [1, 2], "gps_accuracy": 3});
    let mut last_changed = String::new();
    for _ in 0..3 {
        phone
            .send("update_location", data.clone())
            .await
            .is(200, "{}");
        let event = ws.change_of(changes, "device_tracker.forced").await;
        assert!(event["context"]["user_id"].is_null(), "{event}");
        let state = &event["data"]["new_state"];
        let changed = state["last_changed"].as_str().unwrap();
        assert!(
            changed > last_changed.as_str(),
            "{changed} > {last_changed}"
        );
        last_changed = changed.to_owned();
        assert_eq!(state["state"], "not_home");
    }
}

#[tokio::test]
async fn person_and_zone_follow_the_tracker() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Follow").await;
    let mut ws = hub.ws().await;
    let changes = ws.subscribe("state_changed").await;
    let data = json!({"gps": [HOME.0, HOME.1], "gps_accuracy": 5});
    phone.send("update_location", data).await.is(200, "{}");

    let seen = ws
        .events_until(changes, |event| event["data"]["entity_id"] == "zone.home")
        .await;
    let order: Vec<_> = seen
        .iter()
        .filter_map(|event| event["data"]["entity_id"].as_str())
        .filter(|id| ["device_tracker.follow", "person.paul", "zone.home"].contains(id))
        .collect();
    assert_eq!(order, ["device_tracker.follow", "person.paul", "zone.home"]);
    let zone = &seen.last().unwrap()["data"]["new_state"];
    assert_eq!(zone["state"], "1");
    assert_eq!(zone["attributes"]["persons"], json!(["person.paul"]));
    let person = hub.state("person.paul").await.unwrap();
    assert_eq!(person["state"], "home");
    assert_eq!(person["attributes"]["source"], "device_tracker.follow");
    assert_eq!(person["attributes"]["latitude"], HOME.0);

    let data = json!({"gps": [0, 0], "gps_accuracy": 5});
    phone.send("update_location", data).await.is(200, "{}");
    let event = ws.change_of(changes, "zone.home").await;
    assert_eq!(event["data"]["new_state"]["state"], "0");
    assert_eq!(hub.state("person.paul").await.unwrap()["state"], "not_home");
}
