//! §2: `POST /api/mobile_app/registrations`.

use hearth_e2e::phone::registration;
use hearth_e2e::{Door, Http, Hub, Phone};
use serde_json::{Value, json};

const PATH: &str = "/api/mobile_app/registrations";

fn is_hex(value: &Value, length: usize) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == length
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

/// Registers with `changes` on top of a full body (null removes a key); gives the reply.
async fn register(hub: &Hub, changes: Value) -> hearth_e2e::Reply {
    let mut body = registration("Table phone", false);
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(key);
        } else {
            body[key] = value.clone();
        }
    }
    hub.http().post(PATH, &body).await
}

#[tokio::test]
async fn a_registration_answers_201_with_exactly_four_keys() {
    let hub = Hub::start();
    let reply = hub.http().post(PATH, &registration("Ada", true)).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.content_type(), Some("application/json"));
    let body = reply.json();
    let mut keys: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(
        keys,
        ["cloudhook_url", "remote_ui_url", "secret", "webhook_id"]
    );
    assert!(is_hex(&body["webhook_id"], 64), "{body}");
    assert!(is_hex(&body["secret"], 64), "{body}");
    assert!(body["cloudhook_url"].is_null() && body["remote_ui_url"].is_null());
}

#[tokio::test]
async fn without_encryption_the_secret_is_null() {
    let hub = Hub::start();
    for value in [
        json!(false),
        json!("no"),
        json!("off"),
        json!("0"),
        Value::Null,
    ] {
        let reply = register(&hub, json!({"supports_encryption": value})).await;
        assert_eq!(reply.status, 201, "{value}");
        assert!(reply.json()["secret"].is_null(), "{value}");
    }
    for value in [
        json!(true),
        json!("yes"),
        json!("on"),
        json!("true"),
        json!("1"),
    ] {
        let reply = register(&hub, json!({"supports_encryption": value})).await;
        assert!(is_hex(&reply.json()["secret"], 64), "{value}");
    }
}

#[tokio::test]
async fn each_required_field_is_missed_by_name() {
    let hub = Hub::start();
    for field in [
        "app_id",
        "app_name",
        "app_version",
        "device_name",
        "manufacturer",
        "model",
        "os_name",
    ] {
        let reply = register(&hub, json!({field: null})).await;
        assert_eq!(reply.status, 400, "{field}");
        let message =
            format!("Message format incorrect: required key not provided @ data['{field}']");
        assert_eq!(reply.json(), json!({"message": message}));
    }
}

#[tokio::test]
async fn what_is_not_json_is_refused_in_those_words() {
    let hub = Hub::start();
    for body in ["", "hello", "{\"app_id\":", "\u{1}"] {
        let reply = hub.http().post_text(PATH, body).await;
        assert_eq!(reply.status, 400, "{body:?}");
        assert_eq!(
            reply.json(),
            json!({"message": "Invalid JSON."}),
            "{body:?}"
        );
    }
}

#[tokio::test]
async fn wrong_types_are_refused_with_a_reason() {
    let hub = Hub::start();
    for changes in [
        json!({"app_name": []}),
        json!({"app_name": {}}),
        json!({"supports_encryption": "perhaps"}),
        json!({"app_data": "text"}),
        json!({"app_data": {"push_token": "abc"}}),
        json!({"app_data": {"push_url": "https://push.example.org/"}}),
        json!({"app_data": {"push_token": "abc", "push_url": "not a url"}}),
    ] {
        let reply = register(&hub, changes.clone()).await;
        assert_eq!(reply.status, 400, "{changes}");
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(
            message.starts_with("Message format incorrect: "),
            "{changes}: {message}"
        );
    }
    let mut body = registration("Null", false);
    body["model"] = Value::Null;
    assert_eq!(hub.http().post(PATH, &body).await.status, 400);
    assert_eq!(hub.http().post_text(PATH, "[]").await.status, 400);
}

#[tokio::test]
async fn numbers_booleans_and_unknown_keys_are_taken() {
    let hub = Hub::start();
    for changes in [
        json!({"app_version": 2025}),
        json!({"app_version": 1.5, "model": true}),
        json!({"something_new": {"a": 1}}),
        json!({"app_data": {"push_token": "abc", "push_url": "https://push.example.org/"}}),
        json!({"app_data": {"push_websocket_channel": true, "anything": [1]}}),
    ] {
        let reply = register(&hub, changes.clone()).await;
        assert_eq!(reply.status, 201, "{changes}: {reply:?}");
    }
}

#[tokio::test]
async fn the_content_type_does_not_matter() {
    let hub = Hub::start();
    let body = registration("Plain", false).to_string();
    for content_type in [
        "text/plain",
        "application/octet-stream",
        "text/html; charset=x",
    ] {
        let headers = [("Content-Type", content_type)];
        let reply = hub
            .http()
            .request("POST", PATH, &headers, body.as_bytes())
            .await;
        assert_eq!(reply.status, 201, "{content_type}");
    }
}

#[tokio::test]
async fn a_missing_or_wrong_token_is_401_in_plain_text() {
    let hub = Hub::start();
    let body = registration("Eve", false);
    for mut http in [
        Http::new(hub.addr()),
        Http::new(hub.addr()).bearer("nonsense"),
        Http::new(hub.addr()).bearer("eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0."),
    ] {
        let reply = http.post(PATH, &body).await;
        assert_eq!((reply.status, reply.text()), (401, "401: Unauthorized"));
        assert_eq!(reply.content_type(), Some("text/plain"));
    }
}

#[tokio::test]
async fn other_methods_are_405() {
    let hub = Hub::start();
    for method in ["GET", "PUT", "DELETE"] {
        let reply = hub.http().request(method, PATH, &[], b"").await;
        assert_eq!(
            (reply.status, reply.text()),
            (405, "405: Method Not Allowed"),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_plain_user_may_register() {
    let hub = Hub::with(hearth_e2e::hub::GUEST);
    let mut http = Http::new(hub.addr()).bearer(hearth_e2e::hub::GUEST_TOKEN);
    let reply = http.post(PATH, &registration("Guest phone", true)).await;
    assert_eq!(reply.status, 201);
}

#[tokio::test]
async fn the_tracker_appears_as_unknown_at_once() {
    let hub = Hub::start();
    Phone::register(&hub, "Paul's Phone").await;
    let state = hub.state("device_tracker.paul_s_phone").await.unwrap();
    assert_eq!(state["state"], "unknown");
    assert_eq!(
        state["attributes"],
        json!({"source_type": "gps", "friendly_name": "Paul's Phone"})
    );
}

#[tokio::test]
async fn an_empty_name_becomes_the_device_id_and_symbols_the_slug_unknown() {
    let hub = Hub::start();
    let reply = register(&hub, json!({"device_name": "", "device_id": "id-4"})).await;
    assert_eq!(reply.status, 201);
    let state = hub.state("device_tracker.id_4").await.unwrap();
    assert_eq!(state["attributes"]["friendly_name"], "id-4");

    let reply = register(&hub, json!({"device_name": "!!!", "device_id": "id-5"})).await;
    assert_eq!(reply.status, 201);
    let state = hub.state("device_tracker.unknown").await.unwrap();
    assert_eq!(state["attributes"]["friendly_name"], "!!!");
}

#[tokio::test]
async fn without_a_device_id_one_is_made_and_without_os_version_the_phone_works() {
    let hub = Hub::start();
    let mut body = registration("No ids", false);
    body.as_object_mut().unwrap().remove("device_id");
    body.as_object_mut().unwrap().remove("os_version");
    let mut phone = Phone::register_with(&hub, Door::http(hub.addr()), &body).await;
    let config = phone.send("get_config", json!({})).await.json();
    let entities = config["entities"].as_object().unwrap();
    assert_eq!(entities.len(), 1);
    let device_id = json!(entities.keys().next().unwrap());
    assert!(is_hex(&device_id, 32), "{device_id}");
}

#[tokio::test]
async fn registering_again_replaces_the_registration() {
    let hub = Hub::start();
    let mut old = Phone::register_encrypted(&hub, "Twice").await;
    let key = old.current();
    let sensor = json!({"name": "Battery", "type": "sensor", "unique_id": "battery", "state": 50});
    old.send_sealed(&key, "register_sensor", &sensor).await;
    assert!(hub.state("sensor.twice_battery").await.is_some());

    let mut new = Phone::register_encrypted(&hub, "Twice").await;

    assert_ne!(new.webhook_id, old.webhook_id);
    assert_ne!(new.secret, old.secret);
    old.post("{}").await.is(410, "");
    let key = new.current();
    let config = new.send_sealed(&key, "get_config", &json!({})).await;
    let entities = config.open(&key)["entities"].clone();
    assert_eq!(entities, json!({"device-Twice": {"disabled": false}}));
    assert!(hub.state("sensor.twice_battery").await.is_none());
    assert!(hub.state("device_tracker.twice").await.is_some());
    assert!(hub.state("device_tracker.twice_2").await.is_none());
}

#[tokio::test]
async fn two_devices_of_one_name_get_two_trackers() {
    let hub = Hub::start();
    for device_id in ["one", "two"] {
        let mut body = registration("Same", false);
        body["device_id"] = device_id.into();
        Phone::register_with(&hub, Door::http(hub.addr()), &body).await;
    }
    assert!(hub.state("device_tracker.same").await.is_some());
    assert!(hub.state("device_tracker.same_2").await.is_some());
}

#[tokio::test]
async fn the_persons_trackers_gain_the_new_one() {
    let hub = Hub::start();
    Phone::register(&hub, "Linked").await;
    hub.state_when("person.paul", "the tracker is linked", |state| {
        let trackers = state["attributes"]["device_trackers"].as_array();
        trackers.is_some_and(|list| list.contains(&json!("device_tracker.linked")))
    })
    .await;
}
