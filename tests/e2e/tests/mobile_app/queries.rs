//! §5: templates, the registration itself, zones and configuration.

use hearth_e2e::{Hub, Phone};
use serde_json::json;

#[tokio::test]
async fn render_template_gives_native_types_and_errors_by_key() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Rendering").await;
    let answer = phone
        .send(
            "render_template",
            json!({
                "number": {"template": "{{ 1+1 }}"},
                "list": {"template": "{{ [1,2] }}"},
                "text": {"template": "it is {{ 1+1 }}"},
                "variable": {"template": "{{ a }}", "variables": {"a": 5}},
                "state": {"template": "{{ states('zone.home') }}"},
                "division": {"template": "{{ 1/0 }}"},
                "syntax": {"template": "{{ 1"},
            }),
        )
        .await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["number"], 2);
    assert_eq!(body["list"], json!([1, 2]));
    assert_eq!(body["text"], "it is 2");
    assert_eq!(body["variable"], 5);
    assert_eq!(body["state"], 0);
    assert_eq!(
        body["division"],
        json!({"error": "ZeroDivisionError: division by zero"})
    );
    let error = body["syntax"]["error"].as_str().unwrap();
    assert!(error.starts_with("TemplateSyntaxError: "), "{error}");
    assert_eq!(body.as_object().unwrap().len(), 7);
}

#[tokio::test]
async fn one_malformed_template_voids_the_whole_command() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Voiding").await;
    for data in [
        json!({"good": {"template": "1"}, "bad": {}}),
        json!({"good": {"template": "1"}, "bad": {"template": null}}),
        json!({"good": {"template": "1"}, "bad": {"template": "1", "variables": []}}),
        json!({"good": {"template": "1"}, "bad": {"template": "1", "bogus": 1}}),
        json!({"bad": "{{ 1 }}"}),
    ] {
        phone.send("render_template", data).await.is(200, "{}");
    }
}

#[tokio::test]
async fn update_registration_merges_what_is_given_and_answers_safely() {
    let hub = Hub::start();
    let mut phone = Phone::register_encrypted(&hub, "Updating").await;
    let key = phone.current();
    let data =
        json!({"app_data": {"push_websocket_channel": true}, "app_version": 9, "model": "Two"});
    let answer = phone.send_sealed(&key, "update_registration", &data).await;
    let safe = json!({
        "app_data": {"push_websocket_channel": true},
        "app_id": "org.example.phone",
        "app_name": "Example phone",
        "app_version": "9",
        "device_name": "Updating",
        "manufacturer": "Example",
        "model": "Two",
        "os_version": "6.1",
        "supports_encryption": true,
    });
    assert_eq!(answer.open(&key), safe);
    // `app_data` is replaced whole, the rest stays.
    let answer = phone
        .send_sealed(&key, "update_registration", &json!({"app_data": {"a": 1}}))
        .await;
    let mut expected = safe;
    expected["app_data"] = json!({"a": 1});
    assert_eq!(answer.open(&key), expected);
    // Unknown keys void the command; it changes nothing.
    for data in [
        json!({"os_name": "Other"}),
        json!({"device_id": "other", "model": "Three"}),
        json!({"model": null}),
        json!({"app_data": {"push_token": "alone"}}),
    ] {
        let answer = phone.send_sealed(&key, "update_registration", &data).await;
        answer.is(200, "{}");
    }
    let answer = phone
        .send_sealed(&key, "update_registration", &json!({}))
        .await;
    assert_eq!(answer.open(&key), expected);
}

#[tokio::test]
async fn get_zones_gives_full_states_in_order() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Zones").await;
    let zones = phone.send("get_zones", json!({})).await.json();
    let zones = zones.as_array().unwrap();
    let ids: Vec<_> = zones
        .iter()
        .map(|zone| zone["entity_id"].as_str().unwrap())
        .collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    assert_eq!(ids, sorted);
    assert!(ids.iter().all(|id| id.starts_with("zone.")));
    let home = zones
        .iter()
        .find(|zone| zone["entity_id"] == "zone.home")
        .unwrap();
    assert_eq!(home, &hub.state("zone.home").await.unwrap());
    assert_eq!(home["state"], "0");
    assert_eq!(
        home["attributes"],
        json!({
            "latitude": 52.3731, "longitude": 4.8903, "radius": 100, "passive": false,
            "persons": [], "editable": true, "icon": "mdi:home", "friendly_name": "Test home",
        })
    );
    let mut keys: Vec<_> = home.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "attributes",
            "context",
            "entity_id",
            "last_changed",
            "last_reported",
            "last_updated",
            "state"
        ]
    );
}

#[tokio::test]
async fn get_config_tells_the_home_and_the_entities_of_this_phone() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Config").await;
    for (id, disabled) in [("one", false), ("two", true)] {
        let sensor = json!({"name": id, "type": "sensor", "unique_id": id, "disabled": disabled});
        let answer = phone.send("register_sensor", sensor).await;
        assert_eq!(answer.status, 201);
    }
    let config = phone.send("get_config", json!({})).await.json();
    let mut keys: Vec<_> = config.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "components",
            "elevation",
            "entities",
            "hass_device_id",
            "latitude",
            "location_name",
            "longitude",
            "theme_color",
            "time_zone",
            "unit_system",
            "version"
        ]
    );
    assert_eq!(config["latitude"], 52.3731);
    assert_eq!(config["location_name"], "Test home");
    assert_eq!(config["time_zone"], "Europe/Amsterdam");
    assert_eq!(config["theme_color"], "#03A9F4");
    assert!(config["version"].as_str().unwrap().starts_with("2025.4"));
    let components = config["components"].as_array().unwrap();
    assert!(components.contains(&json!("mobile_app")));
    for unit in [
        "length",
        "accumulated_precipitation",
        "area",
        "mass",
        "pressure",
        "temperature",
        "volume",
        "wind_speed",
    ] {
        assert!(config["unit_system"][unit].is_string(), "{unit}");
    }
    assert!(config["hass_device_id"].is_string());
    assert_eq!(
        config["entities"],
        json!({
            "device-Config": {"disabled": false},
            "one": {"disabled": false},
            "two": {"disabled": true},
        })
    );
}
