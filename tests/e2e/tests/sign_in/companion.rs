//! What the apps and the stock page do, call by call.

use hearth_e2e::{Http, Ws};
use serde_json::json;

use super::{ANDROID, APP, IOS, code_for, hub, open, post_form, step, tokens};

#[tokio::test]
async fn an_app_goes_from_the_page_to_tokens_and_signs_out() {
    for client in [IOS, ANDROID] {
        let hub = hub().await;
        let mut http = Http::new(hub.addr());
        let page = http
            .get(&format!(
                "/auth/authorize?response_type=code&client_id={client}&redirect_uri={APP}"
            ))
            .await;
        assert_eq!((page.status, page.content_type()), (200, Some("text/html")));

        let providers = http.get("/auth/providers").await;
        assert_eq!(
            providers.json(),
            json!({
                "providers": [{"name": "Home Assistant Local", "id": null, "type": "homeassistant"}],
                "preselect_remember_me": true,
            })
        );

        let flow = open(&mut http, client, APP).await;
        let done = step(&mut http, &flow, client, super::PASSWORD).await.json();
        assert_eq!(done["type"], "create_entry");
        assert_eq!(done["flow_id"], flow);
        assert_eq!(done["handler"], json!(["homeassistant", null]));
        let keys = done.as_object().unwrap().len();
        assert_eq!(keys, 6, "no title, version or data: {done}");

        let code = done["result"].as_str().unwrap();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", client),
        ];
        let reply = post_form(&mut http, "/auth/token", &fields).await;
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("pragma"), Some("no-cache"));
        let tokens = reply.json();
        assert_eq!(tokens["token_type"], "Bearer");
        assert_eq!(tokens["expires_in"], 1800);
        assert_eq!(tokens["ha_auth_provider"], "homeassistant");
        let refresh = tokens["refresh_token"].as_str().unwrap();
        assert_eq!(refresh.len(), 128);
        let access = tokens["access_token"].as_str().unwrap();

        let mut app = Http::new(hub.addr()).bearer(access);
        assert_eq!(app.get("/api/").await.status, 200);
        let mut socket = Ws::authenticated(hub.addr(), access).await;

        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
            ("client_id", client),
        ];
        let refreshed = post_form(&mut http, "/auth/token", &fields).await.json();
        assert!(refreshed["access_token"].is_string());
        assert!(refreshed.get("refresh_token").is_none());
        assert!(refreshed.get("ha_auth_provider").is_none());

        // iOS signs out in the old form, Android in the new one.
        let fields = [("token", refresh), ("action", "revoke")];
        let (path, fields) = match client {
            IOS => ("/auth/token", &fields[..]),
            _ => ("/auth/revoke", &fields[..1]),
        };
        let revoked = post_form(&mut http, path, fields).await;
        assert_eq!((revoked.status, revoked.text()), (200, ""));
        assert_eq!(app.get("/api/").await.status, 401);
        socket.closed().await;
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
            ("client_id", client),
        ];
        let gone = post_form(&mut http, "/auth/token", &fields).await;
        assert_eq!(
            (gone.status, gone.json()),
            (400, json!({"error": "invalid_grant"}))
        );
    }
}

#[tokio::test]
async fn the_stock_page_exchanges_its_code_as_a_multipart_form() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let base = format!("http://{}/", hub.addr());
    let code = code_for(&mut http, &base, &format!("{base}?auth_callback=1")).await;
    let part = |name: &str, value: &str| {
        format!("--x7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = [
        part("client_id", &base),
        part("code", &code),
        part("grant_type", "authorization_code"),
        "--x7--\r\n".to_owned(),
    ]
    .concat();
    let kind = [
        ("Content-Type", "multipart/form-data; boundary=x7"),
        ("Origin", "https://page.example"),
    ];
    let reply = http
        .request("POST", "/auth/token", &kind, body.as_bytes())
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some("https://page.example")
    );
    assert!(reply.json()["access_token"].is_string());
}

#[tokio::test]
async fn a_sign_in_survives_a_restart() {
    let mut hub = hub().await;
    let tokens = tokens(&mut Http::new(hub.addr())).await;
    hub.kill();
    hub.restart();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("client_id", IOS),
    ];
    let reply = post_form(&mut Http::new(hub.addr()), "/auth/token", &fields).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let log = hub.stderr();
    assert!(!log.contains(refresh), "a refresh token is in the log");
}

#[tokio::test]
async fn a_program_finds_the_endpoints() {
    let hub = hub().await;
    let mut http = Http::new(hub.addr());
    let described = http
        .get("/.well-known/oauth-authorization-server")
        .await
        .json();
    let base = format!("http://{}", hub.addr());
    assert_eq!(described["issuer"], base);
    assert_eq!(described["token_endpoint"], format!("{base}/auth/token"));
    let manifest = http.get("/manifest.json").await;
    assert_eq!(manifest.content_type(), Some("application/manifest+json"));
    assert!(manifest.json()["icons"].is_array());
}
