//! §6: notifications over the phone's own socket and its push service.

use std::time::{Duration, Instant};

use hearth_e2e::phone::registration;
use hearth_e2e::{Door, Hub, Phone, Ws};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

async fn phone(hub: &Hub, name: &str, app_data: Value) -> Phone {
    let mut body = registration(name, false);
    body["app_data"] = app_data;
    Phone::register_with(hub, Door::http(hub.addr()), &body).await
}

/// Opens a phone's channel; gives the subscription's id.
async fn open(ws: &mut Ws, phone: &Phone) -> u64 {
    let fields = json!({"webhook_id": phone.webhook_id, "support_confirm": true});
    let kind = "mobile_app/push_notification_channel";
    assert!(ws.result(kind, fields).await.is_null());
    ws.fresh_id() - 1
}

async fn say(hub: &Hub, service: &str, message: &str) {
    let data = json!({"message": message});
    let path = format!("/api/services/notify/{service}");
    assert_eq!(hub.http().post(&path, &data).await.status, 200, "{message}");
}

async fn confirm(ws: &mut Ws, phone: &Phone, event: &Value) -> Value {
    let kind = "mobile_app/push_notification_confirm";
    let fields = json!({
        "webhook_id": phone.webhook_id, "confirm_id": event["hass_confirm_id"],
    });
    ws.call(kind, fields).await
}

#[tokio::test]
async fn a_push_to_a_phone_that_is_away_survives_kill_9_and_comes_with_its_channel() {
    let mut hub = Hub::start();
    let phone = phone(&hub, "Away", json!({"push_websocket_channel": true})).await;
    let mut ws = hub.ws().await;
    let channel = open(&mut ws, &phone).await;
    say(&hub, "mobile_app_away", "here").await;
    let here = ws.event(channel).await;
    assert_eq!(here["message"], "here");
    assert_eq!(confirm(&mut ws, &phone, &here).await["success"], true);
    let again = confirm(&mut ws, &phone, &here).await;
    assert_eq!(again["error"]["code"], "not_found");

    ws.result("unsubscribe_events", json!({"subscription": channel}))
        .await;
    for message in ["one", "two"] {
        say(&hub, "mobile_app_away", message).await;
    }
    hub.kill();
    hub.restart();

    let mut ws = hub.ws().await;
    let channel = open(&mut ws, &phone).await;
    for message in ["one", "two"] {
        let event = ws.event(channel).await;
        assert_eq!(event["message"], message);
        assert_eq!(confirm(&mut ws, &phone, &event).await["success"], true);
    }
}

/// One request of a push service: its JSON, answered with 201.
async fn one_post(listener: &TcpListener) -> Value {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "the request ends early");
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        if let Ok(json) = serde_json::from_str(body) {
            let answer = "HTTP/1.1 201 Created\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).await.unwrap();
            return json;
        }
    }
}

#[tokio::test]
async fn row_8_what_is_not_confirmed_is_posted_between_10_and_11_seconds_later() {
    let hub = Hub::with("[push]\nallow_private_addresses = true\n");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/push", listener.local_addr().unwrap());
    let app_data = json!({
        "push_websocket_channel": true, "push_token": "token", "push_url": url,
    });
    let phone = phone(&hub, "Slow", app_data).await;
    let mut ws = hub.ws().await;
    let channel = open(&mut ws, &phone).await;
    say(&hub, "mobile_app_slow", "confirmed").await;
    let event = ws.event(channel).await;
    assert_eq!(confirm(&mut ws, &phone, &event).await["success"], true);

    let sent = Instant::now();
    say(&hub, "mobile_app_slow", "overdue").await;
    let event = ws.event(channel).await;
    let posted = tokio::time::timeout(Duration::from_secs(20), one_post(&listener));
    let posted = posted.await.unwrap();
    let waited = sent.elapsed().as_secs_f64();
    assert!((10.0..11.0).contains(&waited), "{waited}");
    assert_eq!(posted["message"], "overdue");
    assert_eq!(posted["hass_confirm_id"], event["hass_confirm_id"]);
    assert_eq!(posted["push_token"], "token");
    assert_eq!(posted["registration_info"]["webhook_id"], phone.webhook_id);
}
