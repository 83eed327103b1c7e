//! Spec mobile-app §9, rows 1 to 7 and 9.

use hearth_core::command::Access;
use serde_json::json;

use crate::home::{HOME, Home};
use crate::neighbours::Heard;

#[actix_rt::test]
async fn row_1_the_first_message_with_the_current_key_switches_for_good() {
    let mut home = Home::start().await;
    let mut phone = home.sealed_phone("One").await;
    let (current, legacy) = (phone.current(), phone.legacy());
    for restarted in [false, true] {
        if restarted {
            home.restart().await;
            phone = home.again(&phone);
        }
        phone
            .send("get_zones", json!({}))
            .await
            .is_refused("encryption_required");
        let answer = phone.sealed(&legacy, "get_zones", json!({})).await;
        if restarted {
            answer.is(200, "{}");
        } else {
            assert!(answer.open(&legacy).is_some() && answer.open(&current).is_none());
        }
        let answer = phone.sealed(&current, "get_zones", json!({})).await;
        assert!(answer.open(&current).is_some() && answer.open(&legacy).is_none());
        phone
            .sealed(&legacy, "get_zones", json!({}))
            .await
            .is(200, "{}");
    }
}

#[actix_rt::test]
async fn row_2_the_known_answers_open_with_and_without_padding() {
    const CURRENT: &str =
        "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXf48P6Jqmyyy9tODqQKVYVjE1IRhdDtJO5GNTAArqeIw=";
    const LEGACY: &str =
        "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX1QBoZtGh+wOJQb/eeITyKYpKcG4ZbmN/uaOV3w35vc4=";
    let home = Home::start().await;
    let id = "a1".repeat(32);
    let registration = json!({
        "user_id": home.user, "device_name": "Known", "app_id": "a", "app_name": "a",
        "app_version": "1", "manufacturer": "m", "model": "m", "os_name": "o", "device_id": "known",
        "webhook_id": id,
        "secret": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    });
    let data = json!({"registrations": [registration]});
    let done = home.command("mobile_app/provision", data.clone(), Access::Inside);
    assert_eq!(done.await, Ok(json!({"registered": 1})));
    let again = home.command("mobile_app/provision", data, Access::Inside);
    assert_eq!(again.await, Ok(json!({"registered": 0})));

    let mut phone = home.phone("Other").await;
    phone.id = id;
    let mut heard = Heard::all(&home.hub).await;
    let url_safe = LEGACY.replace('+', "-").replace('/', "_");
    phone.frame("scan_tag", &url_safe).await.is(200, "{}");
    for frame in [
        LEGACY,
        LEGACY.trim_end_matches('='),
        CURRENT.trim_end_matches('='),
        CURRENT,
    ] {
        phone.frame("scan_tag", frame).await.is(200, "{}");
        let asked = heard.next_of("neighbour_asked").await;
        assert_eq!(asked["data"]["data"]["tag_id"], "abc", "{frame}");
    }
    phone.frame("scan_tag", LEGACY).await.is(200, "{}");
    phone
        .frame("fire_event", &phone_key().seal(r#"{"event_type":"end"}"#))
        .await
        .is(200, "{}");
    let next = heard
        .next(|event| ["neighbour_asked", "end"].contains(&event["event_type"].as_str().unwrap()))
        .await;
    assert_eq!(next["event_type"], "end", "the legacy frame was not obeyed");
}

fn phone_key() -> crate::seal::Key {
    crate::seal::Key::current("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
}

#[actix_rt::test]
async fn row_3_enable_encryption_in_each_state() {
    let mut home = Home::start().await;
    let mut phone = home.phone("Three").await;
    let answer = phone.send("enable_encryption", json!({})).await;
    assert_eq!(answer.0.status, 200);
    let answer = answer.json();
    assert_eq!(answer.as_object().unwrap().len(), 1);
    phone.secret = answer["secret"].as_str().map(str::to_owned);
    assert_eq!(phone.secret.as_ref().unwrap().len(), 64);
    for _ in 0..2 {
        phone
            .send("enable_encryption", json!({}))
            .await
            .is_refused("encryption_required");
        let key = phone.current();
        phone
            .sealed(&key, "enable_encryption", json!({}))
            .await
            .is_refused("encryption_already_enabled");
        home.restart().await;
        phone = home.again(&phone);
    }
}

#[actix_rt::test]
async fn row_4_the_same_location_twice_is_two_changes_without_a_user() {
    let home = Home::start().await;
    let phone = home.phone("Four").await;
    let mut heard = Heard::all(&home.hub).await;
    let mut last_changed = String::new();
    for _ in 0..2 {
        let data = json!({"gps": [HOME.0, HOME.1], "gps_accuracy": 5});
        phone.send("update_location", data).await.is(200, "{}");
        let event = heard.next_of("state_changed").await;
        assert_eq!(event["data"]["entity_id"], "device_tracker.four");
        assert!(event["context"]["user_id"].is_null());
        let state = &event["data"]["new_state"];
        assert_eq!(state["state"], "home");
        let changed = state["last_changed"].as_str().unwrap();
        assert!(changed > last_changed.as_str());
        last_changed = changed.to_owned();
    }
}

#[actix_rt::test]
async fn row_5_a_location_without_gps_forgets_the_old_one() {
    let home = Home::start().await;
    let phone = home.phone("Five").await;
    let data = json!({
        "gps": [1, 2], "gps_accuracy": 3.9, "battery": 4, "speed": 5, "altitude": -6.5,
        "course": 7, "vertical_accuracy": 8,
    });
    phone.send("update_location", data).await.is(200, "{}");
    let tracker = home.hub.states.get("device_tracker.five").unwrap();
    assert_eq!(
        tracker.attributes.as_json(),
        r#"{"source_type":"gps","battery_level":4,"latitude":1.0,"longitude":2.0,"gps_accuracy":3,"altitude":-6.5,"course":7,"speed":5,"vertical_accuracy":8,"friendly_name":"Five"}"#
    );
    assert_eq!(&*tracker.state, "not_home");
    for bad in [
        json!({"gps": [1, 2]}),
        json!({"bogus": 1}),
        json!({"battery": -1}),
        json!([]),
    ] {
        phone.send("update_location", bad).await.is(200, "{}");
        assert_eq!(home.text("device_tracker.five"), "not_home");
    }
    let data = json!({"battery": 9, "location_name": "Office"});
    phone.send("update_location", data).await.is(200, "{}");
    assert_eq!(home.text("device_tracker.five"), "Office");
    assert_eq!(
        home.attributes("device_tracker.five"),
        json!({"source_type": "gps", "battery_level": 9, "friendly_name": "Five"})
    );
}

#[actix_rt::test]
async fn row_6_failures_are_answered_mildly() {
    let home = Home::start().await;
    let phone = home.phone("Six").await;
    let call = json!({"domain": "neighbours", "service": "fail"});
    phone.send("call_service", call).await.is(200, "{}");
    phone.send("nope", json!({})).await.is(200, "{}");
    for (body, status, answer) in [
        ("{bad json", 400, "{}"),
        ("", 400, "{}"),
        ("5", 200, ""),
        ("[]", 200, "{}"),
        (r#"{"type":"get_zones","data":null}"#, 200, "{}"),
        (r#"{"type":"get_zones","more":1}"#, 200, "{}"),
        (r#"{"type":"get_zones","encrypted":false}"#, 200, "{}"),
        (r#"{"type":"get_zones","encrypted":true}"#, 200, ""),
        (
            r#"{"type":"get_zones","encrypted":true,"encrypted_data":"AA=="}"#,
            200,
            "",
        ),
    ] {
        phone.post(body).await.is(status, answer);
    }
}

#[actix_rt::test]
async fn row_7_good_unknown_malformed_and_disabled_sensors_are_answered_in_one_reply() {
    let home = Home::start().await;
    let phone = home.phone("Seven").await;
    for (id, disabled) in [
        ("good", false),
        ("good", false),
        ("bad", false),
        ("off", true),
    ] {
        let data = json!({"name": id, "type": "sensor", "unique_id": id, "disabled": disabled});
        let answer = phone.send("register_sensor", data).await;
        answer.is(201, r#"{"success":true}"#);
    }
    assert!(home.state("sensor.seven_good").is_some());
    assert!(home.state("sensor.seven_good_2").is_none());
    let items = json!([
        {"type": "sensor", "unique_id": "good", "state": 5},
        {"type": "sensor", "unique_id": "none", "state": 5},
        {"type": "binary_sensor", "unique_id": "good2", "state": 5},
        {"type": "sensor", "unique_id": "bad", "state": 5, "bogus": 1},
        {"type": "sensor", "unique_id": "off", "state": 5},
    ]);
    let not_registered = |text: &str| json!({"success": false, "error": {"code": "not_registered", "message": text}});
    let expected = json!({
        "good": {"success": true},
        "none": not_registered("sensor none is not registered"),
        "good2": not_registered("binary_sensor good2 is not registered"),
        "bad": {"success": false, "error": {
            "code": "invalid_format", "message": "extra keys not allowed @ data['bogus']. Got 1",
        }},
        "off": {"success": true, "is_disabled": true},
    });
    let answer = phone.send("update_sensor_states", items).await;
    answer.is_json(200, &expected);
    assert_eq!(home.text("sensor.seven_good"), "5");
    assert_eq!(home.text("sensor.seven_bad"), "unknown");
    assert!(home.state("sensor.seven_off").is_none());
}

#[actix_rt::test]
async fn row_9_a_removed_registration_is_gone_for_good_and_a_replaced_id_too() {
    let mut home = Home::start().await;
    let removed = home.phone("Nine").await;
    let entries = home.hub.registries.config_entries.list();
    let data = json!({"entry_id": entries[0].entry_id});
    let done = home.command("mobile_app/config_entry/remove", data, Access::Admin);
    assert_eq!(done.await, Ok(json!({"require_restart": false})));
    removed.post("{}").await.is(410, "");
    assert!(home.state("device_tracker.nine").is_none());
    assert!(home.hub.registries.entities.is_empty());
    assert!(home.hub.registries.devices.list().is_empty());
    assert!(home.hub.registries.config_entries.list().is_empty());

    let replaced = home.phone("Nine").await;
    let new = home.phone("Nine").await;
    for restarted in [false, true] {
        if restarted {
            home.restart().await;
        }
        for gone in [&removed, &replaced] {
            home.again(gone).post("garbage").await.is(410, "");
        }
        let zones = home.again(&new).send("get_zones", json!({})).await;
        zones.is(200, "[]");
    }
    let hooks = home.hub.webhooks.list();
    let named = |name: &str| hooks.iter().filter(|(_, hook)| &*hook.name == name).count();
    assert_eq!(
        (named("Deleted Webhook"), named("Mobile App: Nine")),
        (2, 1)
    );
}
