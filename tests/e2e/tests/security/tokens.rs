//! Tokens that look right and are not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_e2e::wait::until;
use hearth_e2e::ws::Next;
use hearth_e2e::{Http, Hub, Ws};
use serde_json::{Value, json};
use sodiumoxide::crypto::auth::hmacsha256;

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

/// A JWT as the hub makes it, signed with `key`.
fn signed(header: &Value, claims: &Value, key: &[u8]) -> String {
    let text = format!("{}.{}", part(header), part(claims));
    let mut mac = hmacsha256::State::init(key);
    mac.update(text.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().as_ref());
    format!("{text}.{signature}")
}

/// The signing key of a token, as a thief of the disk would find it.
fn key_on_disk(hub: &Hub, record: &str) -> Option<Vec<u8>> {
    let folder = std::fs::read_dir(hub.data_dir()).unwrap();
    let files = folder.filter_map(|entry| std::fs::read(entry.unwrap().path()).ok());
    for bytes in files {
        let text = String::from_utf8_lossy(&bytes);
        for (at, _) in text.match_indices("\"signing_key\":\"") {
            let key = text.get(at + 15..at + 15 + 128).unwrap_or_default();
            let before: String = text[..at].chars().rev().take(600).collect();
            let before: String = before.chars().rev().collect();
            let id = before
                .rsplit("\"id\":\"")
                .next()
                .and_then(|id| id.get(..32));
            if id == Some(record) && key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Some(key.as_bytes().to_vec());
            }
        }
    }
    None
}

async fn opens(hub: &Hub, token: &str) -> bool {
    let rest = Http::new(hub.addr())
        .bearer(token)
        .get("/api/")
        .await
        .status;
    let mut ws = Ws::connect(hub.addr()).await;
    assert_eq!(ws.json().await["type"], "auth_required");
    ws.send(&json!({"type": "auth", "access_token": token}))
        .await;
    let socket = ws.json().await["type"].clone();
    match (rest, socket.as_str().unwrap()) {
        (200, "auth_ok") => true,
        (401, "auth_invalid") => {
            assert!(matches!(ws.next().await, Next::Closed(_)));
            false
        }
        other => panic!("the doors do not agree: {other:?}"),
    }
}

#[tokio::test]
async fn tokens_that_the_hub_did_not_sign_open_nothing() {
    let hub = Hub::start();
    let (token, other_hub) = (hub.token(), Hub::start());
    let good = claims(token);
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let parts: Vec<&str> = token.split('.').collect();
    let none = |alg: &str| part(&json!({"alg": alg, "typ": "JWT"}));
    for (what, forged) in [
        ("of another hub", other_hub.token().to_owned()),
        (
            "signed with another key",
            signed(&header, &good, b"another key"),
        ),
        ("signed with no key", signed(&header, &good, b"")),
        (
            "signed with its issuer",
            signed(&header, &good, good["iss"].as_str().unwrap().as_bytes()),
        ),
        ("without a signature", format!("{}.{}.", parts[0], parts[1])),
        ("alg none", format!("{}.{}.", none("none"), parts[1])),
        ("alg None", format!("{}.{}.", none("None"), parts[1])),
        (
            "alg none, signed",
            format!("{}.{}.{}", none("none"), parts[1], parts[2]),
        ),
        (
            "alg HS512",
            format!("{}.{}.{}", none("HS512"), parts[1], parts[2]),
        ),
        (
            "alg RS256",
            format!("{}.{}.{}", none("RS256"), parts[1], parts[2]),
        ),
        (
            "one bit off",
            format!("{}.{}.A{}", parts[0], parts[1], &parts[2][1..]),
        ),
        ("cut", token[..token.len() - 1].to_owned()),
        ("empty", String::new()),
        ("two dots", "..".to_owned()),
    ] {
        // A signature may begin with an A already.
        if forged != token {
            assert!(!opens(&hub, &forged).await, "{what}");
        }
    }
    assert!(opens(&hub, token).await);
}

#[tokio::test]
async fn even_who_has_the_key_cannot_go_beyond_the_tokens_time_or_form() {
    let hub = Hub::start();
    let good = claims(hub.token());
    let record = good["iss"].as_str().unwrap().to_owned();
    let key = until("the key on the disk", async || key_on_disk(&hub, &record)).await;
    let header = json!({"alg": "HS256", "typ": "JWT"});
    assert!(
        opens(&hub, &signed(&header, &good, &key)).await,
        "the key is the right one"
    );
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let with = |changes: Value| {
        let mut claims = good.clone();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        signed(&header, &claims, &key)
    };
    let mut endless = good.clone();
    endless.as_object_mut().unwrap().remove("exp");
    for (what, token) in [
        ("expired", with(json!({"iat": now - 100, "exp": now - 11}))),
        ("without an end", signed(&header, &endless, &key)),
        ("with an end that is a text", with(json!({"exp": "never"}))),
        ("with more claims", with(json!({"admin": true}))),
        ("of no record", with(json!({"iss": "0".repeat(32)}))),
        (
            "alg none",
            signed(&json!({"alg": "none", "typ": "JWT"}), &good, &key),
        ),
        (
            "alg HS512",
            signed(&json!({"alg": "HS512", "typ": "JWT"}), &good, &key),
        ),
    ] {
        assert!(!opens(&hub, &token).await, "{what}");
    }
    assert!(opens(&hub, &with(json!({"exp": now + 60}))).await);
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_not_even_after_a_restart() {
    let mut hub = Hub::start();
    let token = hub.create_token("Paul", "other");
    assert!(opens(&hub, &token).await);
    let mut ws = hub.ws().await;
    let id = claims(&token)["iss"].clone();
    ws.result("auth/delete_refresh_token", json!({"refresh_token_id": id}))
        .await;
    assert!(!opens(&hub, &token).await);
    hub.kill();
    hub.restart();
    assert!(!opens(&hub, &token).await);
    assert!(opens(&hub, hub.token()).await);
}
