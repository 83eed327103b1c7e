//! Users who were shut out, and those who may come from the home's network only.

use hearth_e2e::hub::{GUEST, GUEST_TOKEN};
use hearth_e2e::{Http, Hub, Ws};
use serde_json::{Value, json};

use super::{BEHIND_A_PROXY, with_token};

async fn guest_id(ws: &mut Ws) -> Value {
    let users = ws.result("config/auth/list", json!({})).await;
    let users = users.as_array().unwrap();
    let guest = users.iter().find(|user| user["name"] == "Guest").unwrap();
    guest["id"].clone()
}

#[tokio::test]
async fn the_sockets_of_a_deactivated_user_are_closed_and_its_tokens_open_nothing() {
    let hub = Hub::with(GUEST);
    let mut owner = hub.ws().await;
    let id = guest_id(&mut owner).await;
    let mut guest = Ws::authenticated(hub.addr(), GUEST_TOKEN).await;
    let status = async || {
        let mut http = Http::new(hub.addr()).bearer(GUEST_TOKEN);
        http.get("/api/").await.status
    };
    assert_eq!(status().await, 200);
    let active = |is_active: bool| json!({"user_id": id, "is_active": is_active});
    owner.result("config/auth/update", active(false)).await;
    assert_eq!(guest.closed().await, Some(1000));
    assert_eq!(status().await, 401);
    owner.result("config/auth/update", active(true)).await;
    assert_eq!(status().await, 200);

    let mut guest = Ws::authenticated(hub.addr(), GUEST_TOKEN).await;
    owner
        .result("config/auth/delete", json!({"user_id": id}))
        .await;
    assert_eq!(guest.closed().await, Some(1000));
    assert_eq!(status().await, 401);
}

#[tokio::test]
async fn a_local_user_comes_in_from_the_homes_network_only() {
    let hub = Hub::with(&format!("{GUEST}\n{BEHIND_A_PROXY}"));
    let mut owner = hub.ws().await;
    let id = guest_id(&mut owner).await;
    owner
        .result(
            "config/auth/update",
            json!({"user_id": id, "local_only": true}),
        )
        .await;
    for (address, status) in [
        ("192.168.1.20", 200),
        ("fd00::1", 200),
        ("203.0.113.7", 401),
    ] {
        let seen = with_token(&hub, address, "/api/", GUEST_TOKEN).await;
        assert_eq!(seen, status, "{address}");
    }
}

#[tokio::test]
async fn a_reader_reads_and_does_nothing_else() {
    let hub = Hub::with(GUEST);
    let mut owner = hub.ws().await;
    let id = guest_id(&mut owner).await;
    let mut rights = async |groups: Value| {
        let wanted = json!({"user_id": id, "group_ids": groups});
        owner.result("config/auth/update", wanted).await;
    };
    let mut guest = Ws::authenticated(hub.addr(), GUEST_TOKEN).await;
    let call = json!({
        "domain": "light", "service": "turn_on", "target": {"entity_id": "light.living_room"},
    });
    rights(json!(["system-read-only"])).await;
    let states = guest.result("get_states", json!({})).await;
    assert!(!states.as_array().unwrap().is_empty());
    let error = guest.error("call_service", call.clone()).await;
    assert_eq!(error["message"], "Unauthorized", "{error}");

    rights(json!([])).await;
    let states = guest.result("get_states", json!({})).await;
    assert_eq!(states, json!([]));
    let mut http = Http::new(hub.addr()).bearer(GUEST_TOKEN);
    assert_eq!(http.get("/api/states").await.json(), json!([]));
    assert_eq!(http.get("/api/states/zone.home").await.status, 401);
    assert_eq!(
        http.post("/api/template", &json!({"template": "1"}))
            .await
            .status,
        401
    );
    let reply = http
        .post(
            "/api/services/light/turn_on",
            &json!({"entity_id": "light.living_room"}),
        )
        .await;
    assert_eq!(reply.status, 401, "{reply:?}");
}
