//! `POST /api/mobile_app/registrations` and what follows from it.

use hearth_core::registry::EntityCategory;
use serde_json::{Value, json};

use crate::home::{HOME, Home};
use crate::neighbours::Heard;

#[actix_rt::test]
async fn an_answer_has_exactly_four_keys() {
    let home = Home::start().await;
    for encrypted in [true, false] {
        let body = Home::body("Keys", encrypted);
        let (status, answer) = home.post(&body.to_string()).await;
        assert_eq!(status, 201);
        let keys: Vec<_> = answer.as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            keys,
            ["cloudhook_url", "remote_ui_url", "secret", "webhook_id"]
        );
        assert_eq!(answer["webhook_id"].as_str().unwrap().len(), 64);
        assert_eq!(answer["secret"].is_string(), encrypted);
    }
}

#[actix_rt::test]
async fn problems_are_told_in_the_protocols_words() {
    let home = Home::start().await;
    let refused = async |body: &str| {
        let (status, answer) = home.post(body).await;
        assert_eq!(status, 400, "{body}");
        answer["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused("{").await, "Invalid JSON.");
    assert_eq!(refused("").await, "Invalid JSON.");
    assert_eq!(
        refused("{}").await,
        "Message format incorrect: required key not provided @ data['device_name']"
    );
    let mut body = Home::body("No version", false);
    body.as_object_mut().unwrap().remove("app_version");
    assert_eq!(
        refused(&body.to_string()).await,
        "Message format incorrect: required key not provided @ data['app_version']"
    );
    assert!(home.hub.registries.entities.is_empty());
}

#[actix_rt::test]
async fn everything_that_belongs_to_a_registration_is_made_in_order() {
    let home = Home::start().await;
    let mut heard = Heard::all(&home.hub).await;
    let phone = home.phone("Paul's Phone").await;

    let mut types = Vec::new();
    while types.last().map(String::as_str) != Some("state_changed") {
        let event = heard.next(|_| true).await;
        types.push(event["event_type"].as_str().unwrap().to_owned());
    }
    types.retain(|kind| kind != "component_loaded");
    assert_eq!(
        types,
        [
            "entity_registry_updated",
            "config_entry_registry_updated",
            "device_registry_updated",
            "entity_registry_updated",
            "neighbour_asked",
            "state_changed",
        ]
    );
    let registries = &home.hub.registries;
    let tracker = registries.entities.get("device_tracker.paul_s_phone");
    let tracker = tracker.unwrap();
    let entry = registries.config_entries.list().remove(0);
    let device = registries
        .devices
        .find("mobile_app", "device-Paul's Phone")
        .unwrap();
    assert_eq!(&*tracker.unique_id, "device-Paul's Phone");
    assert_eq!(tracker.entity_category, Some(EntityCategory::Diagnostic));
    assert_eq!(tracker.config_entry_id, Some(entry.entry_id));
    assert_eq!(tracker.device_id, Some(device.id));
    assert_eq!(&*entry.title, "Paul's Phone");
    assert_eq!(&*entry.source, "registration");
    assert_eq!(
        entry.unique_id.as_deref(),
        Some("org.example.phone-device-Paul's Phone")
    );
    assert_eq!(device.description.sw_version.as_deref(), Some("6"));
    assert_eq!(
        home.attributes("device_tracker.paul_s_phone"),
        json!({"source_type": "gps", "friendly_name": "Paul's Phone"})
    );
    assert_eq!(home.text("device_tracker.paul_s_phone"), "unknown");
    for component in [
        "mobile_app",
        "mobile_app.sensor",
        "device_tracker",
        "sensor",
    ] {
        let components = home.hub.integrations.components();
        assert!(
            components.iter().any(|name| name == component),
            "{component}"
        );
    }
    let hooks = home.hub.webhooks.list();
    let hook = hooks
        .iter()
        .find(|(id, _)| id.as_str() == phone.id)
        .unwrap();
    assert_eq!(&*hook.1.name, "Mobile App: Paul's Phone");
    assert_eq!(hook.1.methods.names(), ["POST", "PUT"]);
}

#[actix_rt::test]
async fn registering_again_replaces_and_keeps_the_tracker() {
    let home = Home::start().await;
    let old = home.phone("Twice").await;
    let data = json!({"gps": [HOME.0, HOME.1], "gps_accuracy": 5});
    old.send("update_location", data).await.is(200, "{}");
    let sensor = json!({"name": "S", "type": "sensor", "unique_id": "s", "state": 1});
    assert_eq!(old.send("register_sensor", sensor).await.0.status, 201);

    let new = home.phone("Twice").await;

    old.post("{}").await.is(410, "");
    assert!(home.state("sensor.twice_s").is_none());
    assert!(home.state("device_tracker.twice_2").is_none());
    assert_eq!(home.text("device_tracker.twice"), "home");
    assert_eq!(home.hub.registries.config_entries.list().len(), 1);
    let device = home.hub.registries.devices.list().remove(0);
    assert_eq!(device.config_entries.len(), 1);
    let config = new.send("get_config", json!({})).await.json();
    assert_eq!(
        config["entities"],
        json!({"device-Twice": {"disabled": false}})
    );
}

#[actix_rt::test]
async fn one_device_with_two_apps_keeps_its_device_until_both_are_gone() {
    let home = Home::start().await;
    let mut body = Home::body("Shared", false);
    home.register(&body).await;
    body["app_id"] = "org.example.other".into();
    home.register(&body).await;
    for left in [1, 0] {
        let entry = home.hub.registries.config_entries.list().remove(0);
        let data = json!({"entry_id": entry.entry_id});
        let admin = hearth_core::command::Access::Admin;
        let done = home.command("mobile_app/config_entry/remove", data, admin);
        assert!(done.await.is_ok());
        assert_eq!(home.hub.registries.devices.list().len(), left);
    }
    assert!(home.state("device_tracker.shared").is_none());
}

#[actix_rt::test]
async fn without_device_id_and_os_version_a_phone_works() {
    let home = Home::start().await;
    let mut body = Home::body("Bare", false);
    body.as_object_mut().unwrap().remove("device_id");
    body.as_object_mut().unwrap().remove("os_version");
    let phone = home.register(&body).await;
    let config = phone.send("get_config", json!({})).await.json();
    let ids: Vec<&String> = config["entities"].as_object().unwrap().keys().collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(ids[0].len(), 32);
    let safe = phone.send("update_registration", json!({})).await.json();
    assert_eq!(safe["os_version"], Value::Null);
    let entry = home.hub.registries.config_entries.list().remove(0);
    assert_eq!(entry.unique_id, None);
}

#[actix_rt::test]
async fn no_more_devices_are_registered_than_may_be() {
    let home = Home::with(|settings| settings.mobile_app.registrations = 1).await;
    home.phone("First").await;
    let body = Home::body("Second", false).to_string();
    assert_eq!(home.post(&body).await.0, 503);
    // The one that is there may still register again.
    home.phone("First").await;
}
