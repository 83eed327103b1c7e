//! §8: what was set up, removing it, and setting up by hand; §6 and §7: what is not loaded.

use hearth_e2e::Hub;
use hearth_e2e::phone::Phone;
use serde_json::json;

use crate::message;

const BASE: &str = "/api/config/config_entries";

#[tokio::test]
async fn a_phone_whose_entry_is_deleted_is_gone_with_all_it_had() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Paul's phone").await;
    let listed = hub
        .http()
        .get(&format!("{BASE}/entry?domain=mobile_app"))
        .await;
    let entries = listed.json();
    assert_eq!(entries.as_array().unwrap().len(), 1);
    assert_eq!(entries[0]["title"], "Paul's phone");
    let id = entries[0]["entry_id"].as_str().unwrap();
    let tracker = "device_tracker.paul_s_phone";
    assert!(hub.state(tracker).await.is_some());

    let deleted = hub.http().delete(&format!("{BASE}/entry/{id}")).await;
    assert_eq!(
        (deleted.status, deleted.json()),
        (200, json!({"require_restart": false}))
    );
    assert_eq!(phone.send("get_config", json!({})).await.status, 410);
    assert!(hub.state(tracker).await.is_none());
    let entries = hub
        .http()
        .get(&format!("{BASE}/entry?domain=mobile_app"))
        .await;
    assert_eq!(entries.json(), json!([]));
    let again = hub.http().delete(&format!("{BASE}/entry/{id}")).await;
    assert_eq!(
        (again.status, message(&again)),
        (404, "Invalid entry specified".to_owned())
    );
}

#[tokio::test]
async fn a_phone_is_not_set_up_by_hand_but_by_its_app() {
    let hub = Hub::start();
    let step = hub
        .http()
        .post(&format!("{BASE}/flow"), &json!({"handler": "mobile_app"}))
        .await;
    assert_eq!(step.status, 200);
    let step = step.json();
    assert_eq!(
        (&step["type"], &step["reason"]),
        (&json!("abort"), &json!("install_app"))
    );
    assert!(step["description_placeholders"]["apps_url"].is_string());
    let unknown = hub
        .http()
        .post(&format!("{BASE}/flow"), &json!({"handler": "nobody"}))
        .await;
    assert_eq!(
        (unknown.status, message(&unknown)),
        (404, "Invalid handler specified".to_owned())
    );
    let handlers = hub
        .http()
        .get(&format!("{BASE}/flow_handlers?type=integration"))
        .await;
    assert!(
        handlers
            .json()
            .as_array()
            .unwrap()
            .contains(&json!("mobile_app"))
    );
}

#[tokio::test]
async fn the_settings_on_the_disk_are_checked_as_they_are_now() {
    let hub = Hub::start();
    let path = "/api/config/core/check_config";
    let good = hub.http().post(path, &json!({})).await;
    assert_eq!(
        good.json(),
        json!({"result": "valid", "errors": null, "warnings": null})
    );
    let file = hub.data_dir().parent().unwrap().join("test.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{settings}\n[htpt]\nlisten = 1\n")).unwrap();
    let bad = hub.http().post(path, &json!({})).await.json();
    assert_eq!(bad["result"], "invalid");
    assert!(bad["errors"].as_str().unwrap().contains("htpt"), "{bad}");
}

#[tokio::test]
async fn warnings_are_in_the_error_log() {
    let hub = Hub::start();
    let reply = hub.http().get("/api/error_log").await;
    assert_eq!(
        (reply.status, reply.content_type()),
        (200, Some("text/plain"))
    );
    let wrong = hearth_e2e::Http::new(hub.addr())
        .bearer("nonsense")
        .get("/api/")
        .await;
    assert_eq!(wrong.status, 401);
    let reply = hub.http().get("/api/error_log").await;
    assert!(reply.text().contains(" WARNING ["), "{}", reply.text());
}
