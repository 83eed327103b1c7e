//! A hub's own webhooks, through public addresses.

use std::process::{Child, Command, Stdio};

use hearth_e2e::process::binary;
use hearth_e2e::wait::until;
use serde_json::{Value, json};

use crate::server::{Relay, linked_hub};

fn registration() -> Value {
    json!({
        "device_id": "phone-1", "app_id": "org.example", "app_name": "Example",
        "app_version": "1", "device_name": "Phone", "manufacturer": "Example", "model": "One",
        "os_name": "Linux", "os_version": "6", "supports_encryption": false,
    })
}

/// The path of an address of the relay.
fn path(url: &Value) -> String {
    let url = url.as_str().unwrap().strip_prefix("http://").unwrap();
    url[url.find('/').unwrap()..].to_owned()
}

#[tokio::test]
async fn a_phone_works_through_its_cloudhook_until_it_is_removed() {
    let mut relay = Relay::start();
    let hub = linked_hub(&relay).await;
    let mut http = hub.http();
    let registered = http
        .post("/api/mobile_app/registrations", &registration())
        .await
        .json();
    let cloudhook = path(&registered["cloudhook_url"]);
    let webhook_id = registered["webhook_id"].as_str().unwrap().to_owned();

    let mut phone = relay.http();
    let location = json!({
        "type": "update_location",
        "data": {"gps": [52.3731, 4.8903], "gps_accuracy": 10},
    });
    let reply = phone.post(&cloudhook, &location).await;
    assert_eq!((reply.status, reply.text()), (200, "{}"));
    assert_eq!(reply.content_type(), Some("application/json"));
    hub.state_when("device_tracker.phone", "at home", |state| {
        state["state"] == "home"
    })
    .await;

    let get_config = json!({"type": "get_config", "data": {}});
    let config = phone.post(&cloudhook, &get_config).await.json();
    assert_eq!(config["cloudhook_url"], registered["cloudhook_url"]);

    // Sent again because its answer was lost, over the cloudhook and then straight to the hub.
    let fire = json!({"type": "fire_event", "data": {"event_type": "rang", "event_data": {}}});
    let mut ws = hub.ws().await;
    let rang = ws.subscribe("rang").await;
    let headers = [
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "k-1"),
    ];
    let body = fire.to_string();
    let direct = format!("/api/webhook/{webhook_id}");
    for reply in [
        phone
            .request("POST", &cloudhook, &headers, body.as_bytes())
            .await,
        http.request("POST", &direct, &headers, body.as_bytes())
            .await,
    ] {
        assert_eq!((reply.status, reply.text()), (200, "{}"));
    }
    phone.post(&cloudhook, &fire).await;
    ws.event(rang).await;
    ws.event(rang).await;
    let ping = ws.call("ping", json!({})).await;
    assert_eq!(ping["type"], "pong", "it rang twice, not three times");

    // Away, the relay says so itself; back, all is as before.
    relay.kill();
    relay.restart();
    let mut phone = relay.http();
    until("the hub is back", async || {
        let reply = phone.post(&cloudhook, &location).await;
        if reply.status == 503 {
            assert_eq!(reply.header("x-hearth-relay-error"), Some("hub_offline"));
        }
        (reply.status == 200).then_some(())
    })
    .await;

    let removed = hub.cli(&["registrations", "remove"], &[&webhook_id]);
    assert!(removed.status.success(), "{removed:?}");
    until("the cloudhook is gone", async || {
        let reply = phone.post(&cloudhook, &location).await;
        (reply.status == 410).then_some(())
    })
    .await;
}

#[tokio::test]
async fn simulated_phones_send_through_the_relay_and_past_it_when_it_is_gone() {
    let mut relay = Relay::start();
    let hub = linked_hub(&relay).await;
    let simulate = |duration: &str| {
        let mut command = Command::new(binary());
        command
            .args(["simulate", "--json", "--encrypted", "--via-relay"])
            .args(["--devices", "5", "--rate", "40", "--mix", "location"])
            .args(["--duration", duration, "--token", hub.token(), "--url"])
            .arg(format!("http://{}", hub.addr()))
            .stdout(Stdio::piped());
        command.spawn().unwrap()
    };
    let sending = |run: Child| {
        let out = run.wait_with_output().unwrap();
        assert!(out.status.success(), "{out:?}");
        let report: Value = serde_json::from_slice(&out.stdout).unwrap();
        let phases = report["phases"].as_array().unwrap();
        phases.last().unwrap().clone()
    };
    let phase = sending(simulate("1s"));
    assert_eq!(phase["routes"]["cloudhook"], phase["requests"], "{phase}");

    let mut ws = hub.ws().await;
    let changes = ws.subscribe("state_changed").await;
    let run = simulate("2s");
    // More than the five registrations bring.
    for _ in 0..30 {
        ws.event(changes).await;
    }
    relay.kill();
    let phase = sending(run);
    let through = |route: &str| phase["routes"][route].as_u64().unwrap();
    assert!(
        through("cloudhook") > 0 && through("instance") > 0,
        "{phase}"
    );
    let all = through("cloudhook") + through("instance");
    assert_eq!(phase["requests"], all, "{phase}");
}

#[tokio::test]
async fn what_the_hub_answers_is_told_from_what_the_relay_answers() {
    let relay = Relay::start();
    let hub = linked_hub(&relay).await;
    let mut ws = hub.ws().await;
    // A webhook that nobody has is answered as the hub answers it.
    let made = ws
        .result("cloud/cloudhook/create", json!({"webhook_id": "nobody"}))
        .await;
    let mut http = relay.http();
    let reply = http.post(&path(&made["cloudhook_url"]), &json!({})).await;
    assert_eq!((reply.status, reply.text()), (200, ""));
    assert_eq!(reply.header("x-hearth-relay-error"), None);
    let unknown = "/c/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let reply = http.post(unknown, &json!({})).await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.header("x-hearth-relay-error"),
        Some("unknown_cloudhook")
    );
}
