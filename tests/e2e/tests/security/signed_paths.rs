//! Signed paths: one request, for a while, for as long as its token lives.

use hearth_e2e::{Http, Hub};
use serde_json::json;

async fn sign(hub: &Hub, path: &str) -> String {
    let mut ws = hub.ws().await;
    let signed = ws.result("auth/sign_path", json!({ "path": path })).await;
    signed["path"].as_str().unwrap().to_owned()
}

async fn status(hub: &Hub, method: &str, path: &str) -> u16 {
    let mut http = Http::new(hub.addr());
    http.request(method, path, &[], b"").await.status
}

#[tokio::test]
async fn a_signed_path_is_good_for_get_of_that_path_and_those_parameters() {
    let hub = Hub::start();
    let signed = sign(&hub, "/api/states/zone.home?a=1&b=2").await;
    assert!(
        signed.starts_with("/api/states/zone.home?a=1&b=2&authSig="),
        "{signed}"
    );
    assert_eq!(status(&hub, "GET", &signed).await, 200);
    assert_eq!(
        status(&hub, "GET", &format!("{signed}&width=1&height=2")).await,
        200
    );
    for other in [
        signed.replace("zone.home", "person.paul"),
        signed.replace("a=1&b=2", "b=2&a=1"),
        signed.replace("a=1&", ""),
        signed.replace("b=2", "b=3"),
        signed.replace("&authSig=", "&c=3&authSig="),
        signed[..signed.len() - 2].to_owned(),
        "/api/states/zone.home?a=1&b=2&authSig=".to_owned(),
        format!("/api/states/zone.home?a=1&b=2&authSig={}", hub.token()),
    ] {
        assert_eq!(status(&hub, "GET", &other).await, 401, "{other}");
    }
    for method in ["POST", "DELETE"] {
        assert_eq!(status(&hub, method, &signed).await, 401, "{method}");
    }
    // A signature is no bearer token.
    let signature = signed.split("authSig=").nth(1).unwrap();
    let reply = Http::new(hub.addr()).bearer(signature).get("/api/").await;
    assert_eq!(reply.status, 401);
    assert!(!hub.stderr().contains(signature), "it is not in the log");
}

#[tokio::test]
async fn a_signature_dies_with_its_token_and_with_the_hub() {
    let mut hub = Hub::start();
    let token = hub.create_token("Paul", "other");
    let mut ws = hearth_e2e::Ws::authenticated(hub.addr(), &token).await;
    let wanted = json!({"path": "/api/", "expires": 3600});
    let signed = ws.result("auth/sign_path", wanted).await["path"].clone();
    let signed = signed.as_str().unwrap();
    assert_eq!(status(&hub, "GET", signed).await, 200);
    let all = json!({"token_type": "long_lived_access_token", "delete_current_token": false});
    hub.ws()
        .await
        .result("auth/delete_all_refresh_tokens", all)
        .await;
    assert_eq!(status(&hub, "GET", signed).await, 401);

    let signed = sign(&hub, "/api/").await;
    assert_eq!(status(&hub, "GET", &signed).await, 200);
    hub.terminate();
    hub.restart();
    assert_eq!(status(&hub, "GET", &signed).await, 401);
    // Nor once the new hub has signed something itself.
    let fresh = sign(&hub, "/api/").await;
    assert_eq!(status(&hub, "GET", &fresh).await, 200);
    assert_eq!(status(&hub, "GET", &signed).await, 401);
}
