//! §4: keys, frames, and what cannot be read.

use hearth_e2e::{Door, Hub, Key, Phone};
use serde_json::json;

#[tokio::test]
async fn frames_that_cannot_be_read_answer_an_empty_object() {
    let hub = Hub::start();
    let mut phone = Phone::register_encrypted(&hub, "Unreadable").await;
    let key = phone.current();
    let good = key.seal("{}");
    let other = Key::current(&"ab".repeat(32));
    let mut flipped: Vec<char> = good.chars().collect();
    flipped[50] = if flipped[50] == 'A' { 'B' } else { 'A' };
    for frame in [
        String::new(),
        "AAAA".to_owned(),
        "*not base64*".to_owned(),
        good[..40].to_owned(),
        flipped.into_iter().collect(),
        format!("{good}AAAA"),
        other.seal("{}"),
        key.seal("not json"),
        key.seal("null"),
        key.seal(""),
    ] {
        phone.send_frame("get_zones", &frame).await.is(200, "{}");
    }
    // None of that broke the registration.
    let answer = phone.send_sealed(&key, "get_zones", &json!({})).await;
    assert!(answer.open(&key).is_array());
}

#[tokio::test]
async fn the_key_switch_survives_kill_9_at_once() {
    let mut hub = Hub::start();
    let mut phone = Phone::register_encrypted(&hub, "Switching").await;
    let (current, legacy) = (phone.current(), phone.legacy());
    let answer = phone.send_sealed(&legacy, "get_zones", &json!({})).await;
    assert!(answer.open(&legacy).is_array());
    let answer = phone.send_sealed(&current, "get_zones", &json!({})).await;
    assert!(answer.open(&current).is_array());
    hub.kill();
    hub.restart();
    phone.door = Door::http(hub.addr());
    phone
        .send_sealed(&legacy, "get_zones", &json!({}))
        .await
        .is(200, "{}");
    let answer = phone.send_sealed(&current, "get_zones", &json!({})).await;
    assert!(answer.open(&current).is_array());
}

#[tokio::test]
async fn a_secret_never_shows_in_states_config_or_log() {
    let hub = Hub::with("[log]\nlevel = \"debug\"\n");
    let mut phone = Phone::register_encrypted(&hub, "Discreet").await;
    let key = phone.current();
    let secret = phone.secret.clone().unwrap();
    let config = phone.send_sealed(&key, "get_config", &json!({})).await;
    let config = config.open(&key).to_string();
    let states = hub.http().get("/api/states").await.text().to_owned();
    let log = hub.stderr();
    for (what, text) in [("config", config), ("states", states), ("log", log)] {
        assert!(!text.contains(&secret), "{what} holds the secret");
        assert!(
            !text.contains(&phone.webhook_id),
            "{what} holds the webhook id"
        );
        assert!(!text.contains(hub.token()), "{what} holds the token");
    }
}
