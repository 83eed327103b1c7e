//! §3: `subscribe_trigger`.

use hearth_e2e::hub::{GUEST, GUEST_TOKEN};
use hearth_e2e::{Hub, Ws};
use serde_json::json;

#[tokio::test]
async fn a_state_trigger_tells_what_has_happened() {
    let hub = Hub::start();
    let mut http = hub.http();
    let path = "/api/states/binary_sensor.front";
    http.post(path, &json!({"state": "off"})).await;
    let mut ws = hub.ws().await;
    let trigger = json!({"platform": "state", "entity_id": "binary_sensor.front", "to": "on"});
    let id = ws.fresh_id();
    ws.send(&json!({"id": id, "type": "subscribe_trigger", "trigger": trigger}))
        .await;
    assert_eq!(ws.answer(id).await["success"], true);
    http.post(path, &json!({"state": "on"})).await;
    let event = ws.event(id).await;
    let fired = &event["variables"]["trigger"];
    assert_eq!(fired["from_state"]["state"], "off");
    assert_eq!(
        fired["to_state"],
        hub.state("binary_sensor.front").await.unwrap()
    );
    assert_eq!(event["context"], fired["to_state"]["context"]);
}

#[tokio::test]
async fn only_administrators_may_wait_and_a_bad_trigger_is_named() {
    let hub = Hub::with(GUEST);
    let mut guest = Ws::authenticated(hub.addr(), GUEST_TOKEN).await;
    let trigger = json!({"trigger": {"trigger": "time", "at": "07:30"}});
    let error = guest.error("subscribe_trigger", trigger).await;
    assert_eq!(error["code"], "unauthorized");
    let bad = json!({"trigger": {"trigger": "state"}});
    let error = hub.ws().await.error("subscribe_trigger", bad).await;
    assert_eq!(error["code"], "invalid_format");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("data['entity_id']"), "{message}");
}
