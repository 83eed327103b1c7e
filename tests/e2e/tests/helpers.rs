//! Helpers, groups, scenes and notifications, as the frontend's dialogs, automations and people
//! with a configuration file use them.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::Path;
use std::process::{Command, Stdio};

use hearth_e2e::process::binary;
use hearth_e2e::{Hub, Ws};
use serde_json::{Value, json};

async fn serve(ws: &mut Ws, service: &str, data: Value) -> Value {
    let (domain, service) = service.split_once('.').unwrap();
    let call = json!({"domain": domain, "service": service, "service_data": data});
    ws.call("call_service", call).await
}

#[tokio::test]
async fn what_the_dialogs_make_works_and_outlives_a_crash() {
    let mut hub = Hub::start();
    let mut ws = hub.ws().await;
    for (domain, given) in [
        (
            "input_boolean",
            json!({"name": "Guests", "icon": "mdi:account"}),
        ),
        ("input_button", json!({"name": "Guests"})),
        (
            "input_datetime",
            json!({"name": "Guests", "has_date": true, "has_time": false}),
        ),
        (
            "input_number",
            json!({"name": "Guests", "min": 0, "max": 100, "mode": "slider"}),
        ),
        (
            "input_select",
            json!({"name": "Guests", "options": ["none", "some"]}),
        ),
        (
            "input_text",
            json!({"name": "Guests", "min": 0, "max": 100, "mode": "text"}),
        ),
        (
            "counter",
            json!({"name": "Guests", "initial": 0, "step": 1, "restore": true}),
        ),
        (
            "timer",
            json!({"name": "Guests", "duration": "00:10:00", "restore": true}),
        ),
    ] {
        let item = ws.result(&format!("{domain}/create"), given).await;
        assert_eq!(item["id"], "guests", "{domain}");
    }
    for (service, data) in [
        (
            "input_boolean.turn_on",
            json!({"entity_id": "input_boolean.guests"}),
        ),
        (
            "input_number.set_value",
            json!({"entity_id": "input_number.guests", "value": 42.5}),
        ),
        (
            "input_select.select_next",
            json!({"entity_id": "input_select.guests"}),
        ),
        (
            "input_text.set_value",
            json!({"entity_id": "input_text.guests", "value": "Ann"}),
        ),
        (
            "input_datetime.set_datetime",
            json!({"entity_id": "input_datetime.guests", "date": "2026-12-24"}),
        ),
        ("counter.increment", json!({"entity_id": "counter.guests"})),
        ("timer.start", json!({"entity_id": "timer.guests"})),
        ("homeassistant.save_persistent_states", json!({})),
    ] {
        let answer = serve(&mut ws, service, data).await;
        assert_eq!(answer["success"], true, "{service}: {answer}");
    }
    let error = serve(
        &mut ws,
        "input_number.set_value",
        json!({"entity_id": "input_number.guests", "value": 200}),
    )
    .await;
    assert_eq!(error["error"]["code"], "invalid_format");
    let told = "Invalid value for input_number.guests: 200.0 (range 0.0 - 100.0)";
    assert_eq!(error["error"]["message"], told);
    let error = ws.error("timer/delete", json!({"timer_id": "none"})).await;
    assert_eq!(error["code"], "not_found");
    assert_eq!(error["message"], "Unable to find timer_id none");

    hub.kill();
    hub.restart();
    let expected = [
        ("input_boolean", "on"),
        ("input_number", "42.5"),
        ("input_select", "some"),
        ("input_text", "Ann"),
        ("input_datetime", "2026-12-24"),
        ("counter", "1"),
        ("timer", "active"),
    ];
    for (domain, state) in expected {
        let shown = hub.state(&format!("{domain}.guests")).await.unwrap();
        assert_eq!(shown["state"], state, "{domain}");
    }
    let mut ws = hub.ws().await;
    ws.result("input_text/delete", json!({"input_text_id": "guests"}))
        .await;
    assert_eq!(hub.state("input_text.guests").await, None);
}

/// A configuration as people bring it.
const YAML: &str = r#"
hub:
  name: Test home
input_boolean:
  guests:
    name: Guests
    initial: on
  bare:
input_number:
  heat: {min: 5, max: 30, step: 0.5}
timer:
  eggs:
    duration: "00:05:00"
group:
  downstairs:
    name: Downstairs
    entities:
      - light.bed_light
      - light.ceiling_lights
scene:
  - name: Movie
    entities:
      light.bed_light:
        state: on
        brightness: 80
      group.downstairs: "off"
      input_boolean.guests: off
"#;

#[tokio::test]
async fn a_configuration_file_brings_helpers_groups_and_scenes_and_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home.yaml");
    std::fs::write(&path, YAML).unwrap();
    let hub = Hub::builder().config_file(&path).start();
    let guests = hub.state("input_boolean.guests").await.unwrap();
    assert_eq!(guests["state"], "on");
    assert_eq!(guests["attributes"]["editable"], false);
    assert_eq!(
        hub.state("input_number.heat").await.unwrap()["state"],
        "5.0"
    );
    assert_eq!(
        hub.state("timer.eggs").await.unwrap()["attributes"]["duration"],
        "0:05:00"
    );
    let mut ws = hub.ws().await;
    let scene = json!({"entity_id": "scene.movie"});
    let answer = serve(&mut ws, "scene.turn_on", scene).await;
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(
        hub.state("input_boolean.guests").await.unwrap()["state"],
        "off"
    );

    std::fs::write(&path, YAML.replace("bare:", "new:")).unwrap();
    let answer = serve(&mut ws, "input_boolean.reload", json!({})).await;
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(hub.state("input_boolean.bare").await, None);
    assert!(hub.state("input_boolean.new").await.is_some());

    // A mistake is told, and all stays as it was.
    std::fs::write(&path, YAML.replace("initial: on", "initial: perhaps")).unwrap();
    let error = serve(&mut ws, "input_boolean.reload", json!({})).await;
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("input_boolean.guests.initial"),
        "{message}"
    );
    assert!(hub.state("input_boolean.new").await.is_some());
}

#[test]
fn check_names_the_file_the_key_and_what_is_wrong_in_a_section() {
    for (text, parts) in [
        (
            "[input_number.heat]\nmin = 5\n",
            ["input_number.heat.max", "required"],
        ),
        (
            "[input_boolean.a]\nnaem = \"A\"\n",
            ["input_boolean.a.naem", "no such setting"],
        ),
        (
            "[timer.a]\nduration = \"long\"\n",
            ["timer.a.duration", "HH:MM"],
        ),
        ("scene = 3\n", ["scene", "list"]),
        (
            "[input_bolean.a]\n",
            ["input_bolean", "did you mean `input_boolean`"],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wrong.toml");
        std::fs::write(&path, text).unwrap();
        let said = check(&path, folder.path());
        for part in ["wrong.toml"].iter().chain(&parts) {
            assert!(said.contains(part), "{text}: {said}");
        }
    }
}

/// What `hearth check` says of a file that it refuses.
fn check(path: &Path, folder: &Path) -> String {
    let out = Command::new(binary())
        .args(["check", "--config", path.to_str().unwrap()])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!out.status.success());
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[tokio::test]
async fn notifications_reach_the_page_that_subscribed() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let id = ws.fresh_id();
    let kind = "persistent_notification/subscribe";
    ws.send(&json!({"id": id, "type": kind})).await;
    assert_eq!(ws.answer(id).await["success"], true);
    assert_eq!(
        ws.event(id).await,
        json!({"type": "current", "notifications": {}})
    );
    let data = json!({"message": "Hello", "notification_id": "x"});
    serve(&mut ws, "persistent_notification.create", data).await;
    let event = ws.event(id).await;
    assert_eq!(event["type"], "added");
    assert_eq!(event["notifications"]["x"]["message"], "Hello");
    serve(&mut ws, "persistent_notification.dismiss_all", json!({})).await;
    assert_eq!(ws.event(id).await["type"], "removed");
}
