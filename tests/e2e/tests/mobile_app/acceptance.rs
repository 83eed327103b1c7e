//! §9: the acceptance table, each row over both doors (row 10 of the table; row 8 is push).

use hearth_e2e::hub::HOME;
use hearth_e2e::{Door, Hub, Phone, phone::registration};
use serde_json::{Value, json};

/// The door that a row is run through.
#[derive(Clone, Copy)]
enum Way {
    Http,
    WebSocket,
}

impl Way {
    async fn door(self, hub: &Hub) -> Door {
        match self {
            Self::Http => Door::http(hub.addr()),
            Self::WebSocket => Door::ws(hub).await,
        }
    }

    async fn phone(self, hub: &Hub, name: &str, encrypted: bool) -> Phone {
        Phone::register_with(hub, self.door(hub).await, &registration(name, encrypted)).await
    }
}

macro_rules! over_both_doors {
    ($($row:ident),* $(,)?) => { $(
        mod $row {
            #[tokio::test]
            async fn over_http() {
                super::rows::$row(super::Way::Http).await;
            }
            #[tokio::test]
            async fn over_websocket() {
                super::rows::$row(super::Way::WebSocket).await;
            }
        }
    )* };
}

over_both_doors!(
    row_1_keys_switch_from_legacy_to_current_for_good,
    row_2_known_answers_open_with_and_without_padding,
    row_3_enable_encryption_in_each_state,
    row_4_the_same_location_twice_is_two_changes,
    row_5_a_location_without_gps_forgets_the_old_one,
    row_6_failures_are_answered_mildly,
    row_7_sensors_are_idempotent_and_answered_one_by_one,
    row_9_a_removed_registration_is_gone_for_good,
);

mod rows {
    use super::{HOME, Hub, Value, Way, json};

    pub(super) async fn row_1_keys_switch_from_legacy_to_current_for_good(way: Way) {
        let mut hub = Hub::start();
        let mut phone = way.phone(&hub, "Row 1", true).await;
        let (current, legacy) = (phone.current(), phone.legacy());
        let none = json!({});
        for restarted in [false, true] {
            if restarted {
                hub.kill();
                hub.restart();
                phone.door = way.door(&hub).await;
            }
            phone
                .send("get_zones", none.clone())
                .await
                .is_refused("encryption_required", "Encryption required");
            let answer = phone.send_sealed(&legacy, "get_zones", &none).await;
            if restarted {
                answer.is(200, "{}");
            } else {
                assert!(answer.open(&legacy).is_array());
            }
            let answer = phone.send_sealed(&current, "get_zones", &none).await;
            assert!(answer.open(&current).is_array());
            phone
                .send_sealed(&legacy, "get_zones", &none)
                .await
                .is(200, "{}");
        }
    }

    pub(super) async fn row_2_known_answers_open_with_and_without_padding(way: Way) {
        const CURRENT: &str =
            "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXf48P6Jqmyyy9tODqQKVYVjE1IRhdDtJO5GNTAArqeIw=";
        const LEGACY: &str =
            "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX1QBoZtGh+wOJQb/eeITyKYpKcG4ZbmN/uaOV3w35vc4=";
        let ids: Vec<String> = ["a1", "b2", "c3"].iter().map(|id| id.repeat(32)).collect();
        let mut config = String::new();
        for (n, id) in ids.iter().enumerate() {
            config.push_str(&format!(
                r#"
[[provision.registrations]]
user = "Paul"
device_name = "Known {n}"
app_id = "org.example.phone"
app_name = "Example phone"
app_version = "1"
manufacturer = "Example"
model = "One"
os_name = "Linux"
os_version = "1"
device_id = "known-{n}"
webhook_id = "{id}"
secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
supports_encryption = true
"#
            ));
        }
        let hub = Hub::with(&config);
        let mut ws = hub.ws().await;
        let scans = ws.subscribe("tag_scanned").await;
        let mut door = way.door(&hub).await;
        let mut scan = async |id: &str, frame: &str| {
            let body = json!({"type": "scan_tag", "encrypted": true, "encrypted_data": frame});
            door.post(id, &body.to_string()).await.is(200, "{}");
        };
        // A refused frame fires nothing: the next event is that of the frame after it.
        let url_safe = LEGACY.replace('+', "-").replace('/', "_");
        scan(&ids[0], &url_safe).await;
        for (id, frame) in [
            (&ids[0], LEGACY),
            (&ids[1], LEGACY.trim_end_matches('=')),
            (&ids[2], CURRENT.trim_end_matches('=')),
            (&ids[0], CURRENT),
        ] {
            scan(id, frame).await;
            let event = ws.event(scans).await;
            assert_eq!(event["data"]["tag_id"], "abc", "{frame}");
        }
        scan(&ids[0], LEGACY).await;
        scan(&ids[0], CURRENT).await;
        let device = ws.event(scans).await["data"]["device_id"].clone();
        scan(&ids[2], CURRENT).await;
        assert_ne!(
            ws.event(scans).await["data"]["device_id"],
            device,
            "the legacy frame after the current one fired nothing"
        );
    }

    pub(super) async fn row_3_enable_encryption_in_each_state(way: Way) {
        let hub = Hub::start();
        let mut phone = way.phone(&hub, "Row 3", false).await;
        let answer = phone.send("enable_encryption", json!({})).await;
        assert_eq!(answer.status, 200);
        let secret = answer.json()["secret"].as_str().unwrap().to_owned();
        answer.is_json(200, &json!({"secret": secret}));
        phone.secret = Some(secret);
        let key = phone.current();
        phone
            .send("enable_encryption", json!({}))
            .await
            .is_refused("encryption_required", "Encryption required");
        phone
            .send_sealed(&key, "enable_encryption", &json!({}))
            .await
            .is_refused("encryption_already_enabled", "Encryption already enabled");
    }

    pub(super) async fn row_4_the_same_location_twice_is_two_changes(way: Way) {
        let hub = Hub::start();
        let mut phone = way.phone(&hub, "Row 4", false).await;
        let mut ws = hub.ws().await;
        let changes = ws.subscribe("state_changed").await;
        let home = json!({"gps": [HOME.0, HOME.1], "gps_accuracy": 5});
        let away = json!({"gps": [0, 0], "gps_accuracy": 5});
        for data in [&home, &home, &away] {
            phone
                .send("update_location", data.clone())
                .await
                .is(200, "{}");
        }
        // The zone is the last to follow the phone away, so all else has happened by then.
        let events = ws
            .events_until(changes, |event| {
                event["data"]["entity_id"] == "zone.home"
                    && event["data"]["new_state"]["state"] == "0"
            })
            .await;
        let states_of = |id: &str| -> Vec<Value> {
            events
                .iter()
                .filter(|event| event["data"]["entity_id"] == id)
                .map(|event| event["data"]["new_state"].clone())
                .collect()
        };
        let text = |states: &[Value]| -> Vec<String> {
            states
                .iter()
                .map(|state| state["state"].as_str().unwrap().to_owned())
                .collect()
        };
        let tracker = states_of("device_tracker.row_4");
        assert_eq!(text(&tracker), ["home", "home", "not_home"]);
        let changed = |state: &Value| state["last_changed"].as_str().unwrap().to_owned();
        assert!(changed(&tracker[1]) > changed(&tracker[0]));
        assert_eq!(text(&states_of("person.paul")), ["home", "not_home"]);
        assert_eq!(text(&states_of("zone.home")), ["1", "0"]);
    }

    pub(super) async fn row_5_a_location_without_gps_forgets_the_old_one(way: Way) {
        let hub = Hub::start();
        let mut phone = way.phone(&hub, "Row 5", false).await;
        let data = json!({"gps": [1, 2], "gps_accuracy": 3});
        phone.send("update_location", data).await.is(200, "{}");
        let data = json!({"battery": 4});
        phone.send("update_location", data).await.is(200, "{}");
        let state = hub.state("device_tracker.row_5").await.unwrap();
        let attributes = state["attributes"].as_object().unwrap();
        for key in ["latitude", "longitude", "gps_accuracy"] {
            assert!(!attributes.contains_key(key), "{state}");
        }
    }

    pub(super) async fn row_6_failures_are_answered_mildly(way: Way) {
        let hub = Hub::start();
        let mut phone = way.phone(&hub, "Row 6", false).await;
        let call = json!({"domain": "nope", "service": "nope"});
        assert_eq!(phone.send("call_service", call).await.status, 200);
        phone.send("nope", json!({})).await.is(200, "{}");
        phone.post("{bad json").await.is(400, "{}");
    }

    pub(super) async fn row_7_sensors_are_idempotent_and_answered_one_by_one(way: Way) {
        let hub = Hub::start();
        let mut phone = way.phone(&hub, "Row 7", false).await;
        for (id, disabled) in [
            ("good", false),
            ("good", false),
            ("bad", false),
            ("off", true),
        ] {
            let data = json!({"name": id, "type": "sensor", "unique_id": id, "disabled": disabled});
            let answer = phone.send("register_sensor", data).await;
            answer.is_json(201, &json!({"success": true}));
        }
        assert!(hub.state("sensor.row_7_good").await.is_some());
        assert!(hub.state("sensor.row_7_good_2").await.is_none());
        let items = json!([
            {"type": "sensor", "unique_id": "good", "state": 1},
            {"type": "sensor", "unique_id": "none", "state": 1},
            {"type": "sensor", "unique_id": "bad"},
            {"type": "sensor", "unique_id": "off", "state": 1},
        ]);
        let answer = phone.send("update_sensor_states", items).await;
        assert_eq!(answer.status, 200);
        let body = answer.json();
        assert_eq!(body.as_object().unwrap().len(), 4);
        assert_eq!(body["good"], json!({"success": true}));
        assert_eq!(body["none"]["error"]["code"], "not_registered");
        assert_eq!(body["bad"]["error"]["code"], "invalid_format");
        assert_eq!(body["off"], json!({"success": true, "is_disabled": true}));
    }

    pub(super) async fn row_9_a_removed_registration_is_gone_for_good(way: Way) {
        let mut hub = Hub::start();
        let mut removed = way.phone(&hub, "Row 9", false).await;
        let mut again = way.phone(&hub, "Row 9", false).await;
        removed.post("{}").await.is(410, "");
        assert_eq!(again.send("get_zones", json!({})).await.status, 200);
        hub.kill();
        hub.restart();
        removed.door = way.door(&hub).await;
        again.door = way.door(&hub).await;
        removed.post("{}").await.is(410, "");
        assert_eq!(again.send("get_zones", json!({})).await.status, 200);
    }
}
