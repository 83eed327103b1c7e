//! What keeps strangers out: bans, signed paths, and pages of other origins.

use std::time::Duration;

use hearth_core::settings::Settings;
use serde_json::json;

use crate::home::{Home, with_home, with_settings};
use crate::websocket::Socket;

const SIGNED: Duration = Duration::from_secs(60);

/// Bans after three failures; believes what a proxy on this machine says of its clients.
fn strict(settings: &mut Settings) {
    settings.auth.ban_threshold = 3;
    settings.http.use_x_forwarded_for = true;
    settings.http.trusted_proxies = vec!["127.0.0.1".to_owned()];
}

async fn status_from(home: &Home, address: &str, path: &str, token: &str) -> u16 {
    let fields = format!("X-Forwarded-For: {address}\r\nAuthorization: Bearer {token}\r\n");
    home.plain("GET", path, &fields, "").await.status
}

#[test]
fn a_banned_address_is_shut_out_everywhere_and_no_other_is() {
    with_settings(strict, |home| async move {
        let attacker = "203.0.113.7";
        for _ in 0..3 {
            assert_eq!(status_from(&home, attacker, "/api/", "guess").await, 401);
        }
        for path in [
            "/api/",
            "/healthz",
            "/api/webhook/x",
            "/api/websocket",
            "/nowhere",
        ] {
            let fields = format!("X-Forwarded-For: {attacker}\r\n");
            let reply = home.plain("GET", path, &fields, "").await;
            assert_eq!(reply.plain(), (403, "403: Forbidden"), "{path}");
        }
        // Not even with a good token, and nobody else.
        assert_eq!(
            status_from(&home, attacker, "/api/", &home.admin).await,
            403
        );
        assert_eq!(
            status_from(&home, "203.0.113.8", "/api/", &home.admin).await,
            200
        );
        assert_eq!(home.admin("GET", "/api/", "").await.status, 200);

        let mut socket = Socket::signed_in(&home, &home.admin).await;
        let bans = socket.result("auth/bans/list", json!({})).await;
        assert_eq!(
            (&bans[0]["address"], &bans[0]["failures"]),
            (&json!(attacker), &json!(3))
        );
        let lifted = socket
            .result("auth/bans/remove", json!({"address": attacker}))
            .await;
        assert!(lifted.is_null());
        assert_eq!(
            status_from(&home, attacker, "/api/", &home.admin).await,
            200
        );
        let error = socket
            .error("auth/bans/remove", json!({"address": attacker}))
            .await;
        assert_eq!(
            error,
            ("not_found".into(), "The address is not banned.".into())
        );
        let error = socket
            .error("auth/bans/remove", json!({"address": "me"}))
            .await;
        assert_eq!(error.0, "invalid_format");
    });
}

#[test]
fn bans_are_for_administrators() {
    with_home(|home| async move {
        let mut socket = Socket::signed_in(&home, &home.user).await;
        for (command, fields) in [
            ("auth/bans/list", json!({})),
            ("auth/bans/remove", json!({"address": "203.0.113.7"})),
        ] {
            assert_eq!(socket.error(command, fields).await.0, "unauthorized");
        }
    });
}

#[test]
fn a_socket_that_fails_to_sign_in_counts_and_one_that_does_makes_it_forgotten() {
    with_settings(strict, |home| async move {
        let attacker = "203.0.113.7";
        let from = format!("X-Forwarded-For: {attacker}\r\n");
        for _ in 0..2 {
            Socket::refused(&home, &from, "guess").await;
        }
        Socket::welcomed(&home, &from, &home.admin).await;
        for _ in 0..2 {
            Socket::refused(&home, &from, "guess").await;
        }
        assert_eq!(
            status_from(&home, attacker, "/api/", &home.admin).await,
            200
        );
        Socket::refused(&home, &from, "guess").await;
        assert_eq!(
            status_from(&home, attacker, "/api/", &home.admin).await,
            403
        );
    });
}

#[test]
fn a_signed_path_opens_what_it_was_signed_for_and_nothing_else() {
    with_home(|home| async move {
        let mut socket = Socket::signed_in(&home, &home.user).await;
        let wanted = json!({"path": "/api/states/light.lab?x=1", "expires": 60});
        let signed = socket.result("auth/sign_path", wanted).await["path"].clone();
        let signed = signed.as_str().unwrap().to_owned();
        assert!(signed.starts_with("/api/states/light.lab?x=1&authSig="));
        let get = async |path: &str| home.plain("GET", path, "", "").await.status;
        // The entity does not exist, which only who is let in is told.
        assert_eq!(get(&signed).await, 404);
        assert_eq!(get(&format!("{signed}&width=640&height=480")).await, 404);
        for other in [
            signed.replace("light.lab", "light.other"),
            signed.replace("x=1", "x=2"),
            format!("{signed}&y=1"),
            format!("{signed}x"),
            signed.replace("x=1&", ""),
        ] {
            assert_eq!(get(&other).await, 401, "{other}");
        }
        for method in ["POST", "DELETE"] {
            let reply = home.plain(method, &signed, "", "{}").await;
            assert_eq!(reply.status, 401, "{method}");
        }
    });
}

#[test]
fn what_is_signed_by_default_lasts_half_a_minute_and_other_paths_are_refused() {
    with_home(|home| async move {
        let mut socket = Socket::signed_in(&home, &home.user).await;
        let signed = socket
            .result("auth/sign_path", json!({"path": "/api/"}))
            .await;
        let (path, query) = signed["path"].as_str().unwrap().split_once('?').unwrap();
        assert_eq!(path, "/api/");
        assert!(
            home.door
                .auth
                .authenticate_path(path, query)
                .unwrap()
                .is_ok()
        );
        for bad in ["https://evil.example/", "//evil.example/", "api"] {
            let error = socket.error("auth/sign_path", json!({ "path": bad })).await;
            assert_eq!(error.0, "invalid_format", "{bad}");
        }
        let error = socket
            .error("auth/sign_path", json!({"path": "/api/", "expires": -1}))
            .await;
        assert_eq!(error.0, "invalid_format");
    });
}

#[test]
fn a_view_does_not_see_the_signature_that_opened_it() {
    with_home(|home| async move {
        let token = home.door.auth.tokens_of(home.admin_id).remove(0).id;
        let sign = |path: &str| home.door.auth.sign_path(token, path, SIGNED).unwrap();
        let reply = home
            .plain("GET", &sign("/api/lab/secrets?a=1&b=2"), "", "")
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["query"], "a=1&b=2");
        assert_eq!(reply.json()["user"], json!(home.admin_id));
    });
}

#[test]
fn a_local_users_signed_path_opens_nothing_from_outside() {
    with_settings(strict, |home| async move {
        let user = home.door.auth.find_user_by_name("Cy").unwrap();
        let token = home.door.auth.tokens_of(user.id).remove(0).id;
        let signed = home.door.auth.sign_path(token, "/api/", SIGNED).unwrap();
        for (address, status) in [("192.168.1.2", 200), ("203.0.113.7", 401)] {
            let fields = format!("X-Forwarded-For: {address}\r\n");
            assert_eq!(home.plain("GET", &signed, &fields, "").await.status, status);
        }
    });
}

#[test]
fn only_pages_of_known_origins_may_read_what_the_api_answers() {
    with_home(|home| async move {
        let cast = "https://cast.home-assistant.io";
        for (path, origin, allowed) in [
            ("/api/", cast, true),
            ("/api/", "https://evil.example", false),
            ("/api/nowhere", cast, true),
            ("/auth/token", "https://evil.example", true),
            ("/auth/revoke", "https://evil.example", true),
            ("/api/webhook/x", "https://evil.example", true),
        ] {
            let fields = format!("Origin: {origin}\r\n");
            let reply = home.plain("GET", path, &fields, "").await;
            let echoed = allowed.then_some(origin);
            assert_eq!(
                reply.field("Access-Control-Allow-Origin"),
                echoed,
                "{path} {origin}"
            );
            assert_eq!(reply.field("Access-Control-Allow-Credentials"), None);

            let asks = format!("{fields}Access-Control-Request-Method: POST\r\n");
            let reply = home.plain("OPTIONS", path, &asks, "").await;
            assert_eq!(
                reply.status,
                if allowed { 200 } else { 403 },
                "{path} {origin}"
            );
            assert_eq!(
                reply.field("Access-Control-Allow-Origin"),
                echoed,
                "{path} {origin}"
            );
        }
        let reply = home.plain("OPTIONS", "/api/", "", "").await;
        assert_eq!(reply.status, 405);
    });
}

#[test]
fn a_page_of_another_site_can_neither_guess_nor_get_a_browser_banned() {
    with_settings(strict, |home| async move {
        let browser = "X-Forwarded-For: 192.168.1.20\r\nOrigin: http://evil.example\r\n";
        let form = format!("{browser}Content-Type: application/x-www-form-urlencoded\r\n");
        let flow = r#"{"client_id": "http://hub/", "handler": ["homeassistant", null],
            "redirect_uri": "http://hub/"}"#;
        for _ in 0..10 {
            let reply = home.plain("POST", "/auth/login_flow", browser, flow).await;
            let text = "A page of another site may not sign anybody in";
            assert_eq!(reply.message(), (403, text.to_owned()));
            let reply = home
                .plain("POST", "/auth/login_flow/0", browser, flow)
                .await;
            assert_eq!(reply.status, 403);
            let token = "grant_type=refresh_token&client_id=http://hub/&refresh_token=x";
            let reply = home.plain("POST", "/auth/token", &form, token).await;
            assert_eq!(reply.json()["error"], "invalid_grant");
            let reply = home
                .plain("GET", "/api/states?authSig=x", browser, "")
                .await;
            assert_eq!(reply.status, 401);
        }
        assert!(home.door.auth.bans().is_empty());
        // One that may ask, because it is known or behind a proxy that hides the hub's name, asks
        // as JSON.
        let json = format!("{browser}Content-Type: application/json\r\n");
        let reply = home.plain("POST", "/auth/login_flow", &json, flow).await;
        assert_eq!(reply.status, 200);
    });
}

#[test]
fn frames_of_other_pages_are_refused_unless_a_setting_says_otherwise() {
    with_home(|home| async move {
        let reply = home.admin("GET", "/api/", "").await;
        assert_eq!(reply.field("X-Frame-Options"), Some("SAMEORIGIN"));
    });
    with_settings(
        |settings| settings.http.use_x_frame_options = false,
        |home| async move {
            let reply = home.admin("GET", "/api/", "").await;
            assert_eq!(reply.field("X-Frame-Options"), None);
        },
    );
}
