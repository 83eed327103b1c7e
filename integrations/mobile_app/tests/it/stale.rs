//! Sensors and trackers that fall silent.

use serde_json::json;

use crate::home::Home;
use crate::neighbours::Heard;

#[actix_rt::test]
async fn a_silent_phone_is_marked_until_it_is_heard_again() {
    let home = Home::with(|settings| {
        settings.mobile_app.stale_factor = 1.0;
        settings.mobile_app.stale_after_s = 0.5;
    })
    .await;
    let phone = home.phone("Lost").await;
    let data = json!({"name": "S", "type": "sensor", "unique_id": "s", "state": 1});
    phone.send("register_sensor", data).await;
    let mut heard = Heard::all(&home.hub).await;
    let mut silent = Vec::new();
    for _ in 0..2 {
        let event = heard.next_of("mobile_app_stale").await;
        assert_eq!(event["data"]["stale"], true);
        assert!(event["data"]["device_id"].is_string() && event["data"]["last_seen"].is_string());
        silent.push(event["data"]["entity_id"].as_str().unwrap().to_owned());
    }
    silent.sort_unstable();
    assert_eq!(silent, ["device_tracker.lost", "sensor.lost_s"]);
    assert_eq!(home.text("sensor.lost_s"), "1");
    for entity in &silent {
        assert_eq!(home.attributes(entity)["stale"], true, "{entity}");
    }

    let item = json!({"type": "sensor", "unique_id": "s", "state": 1});
    phone.send("update_sensor_states", item).await;
    phone.send("update_location", json!({"battery": 1})).await;
    for entity in ["sensor.lost_s", "device_tracker.lost"] {
        let event = heard.next_of("mobile_app_stale").await;
        assert_eq!(event["data"]["stale"], false);
        assert_eq!(event["data"]["entity_id"], entity);
        assert_eq!(home.attributes(entity).get("stale"), None);
    }
}
