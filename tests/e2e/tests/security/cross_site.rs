//! Pages of other origins: a browser adds nothing to their requests that would let them in.

use hearth_e2e::{Http, Hub};
use serde_json::Value;

use super::UPGRADE;

const EVIL: (&str, &str) = ("Origin", "https://evil.example");
const CAST: (&str, &str) = ("Origin", "https://cast.home-assistant.io");

#[tokio::test]
async fn a_foreign_page_may_open_a_socket_and_has_nothing_to_say() {
    let hub = Hub::start();
    let mut fields = UPGRADE.to_vec();
    fields.push(EVIL);
    fields.push(("Cookie", "session=guess; hearth=guess"));
    let mut http = Http::new(hub.addr());
    let head: String = fields
        .iter()
        .map(|(k, v)| format!("{k}: {v}\r\n"))
        .collect();
    let request = format!("GET /api/websocket HTTP/1.1\r\nHost: hub\r\n{head}\r\n");
    http.write(request.as_bytes()).await.unwrap();
    // A frame of text with a command in place of a sign-in, masked with zeros.
    let command = br#"{"id":1,"type":"get_states"}"#;
    let mut frame = vec![
        0x81,
        0x80 | u8::try_from(command.len()).unwrap(),
        0,
        0,
        0,
        0,
    ];
    frame.extend_from_slice(command);
    http.write(&frame).await.unwrap();
    let all = http.read_to_end().await.unwrap();
    let all = String::from_utf8_lossy(&all);
    assert!(
        all.contains("auth_required") && all.contains("auth_invalid"),
        "{all}"
    );
    assert!(!all.contains("entity_id"), "{all}");
}

#[tokio::test]
async fn a_foreign_page_is_not_let_in_and_cannot_read_what_it_is_told() {
    let hub = Hub::start();
    let cookie = ("Cookie", "session=guess");
    let bearer = format!("Bearer {}", hub.token());
    for (method, path) in [
        ("GET", "/api/states"),
        ("POST", "/api/services/light/turn_on"),
    ] {
        let mut http = Http::new(hub.addr());
        let reply = http.request(method, path, &[EVIL, cookie], b"{}").await;
        assert_eq!(reply.status, 401, "{method} {path}");
        // Even with a token, the browser does not give the answer to a page that is not known.
        let signed_in = [EVIL, ("Authorization", bearer.as_str())];
        let reply = http.request("GET", "/api/states", &signed_in, b"").await;
        assert_eq!(reply.header("access-control-allow-origin"), None);
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        let asks = [
            EVIL,
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", "authorization"),
        ];
        let reply = http.request("OPTIONS", path, &asks, b"").await;
        assert_eq!(reply.status, 403, "{method} {path}");
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn known_pages_may_call_and_every_page_may_get_its_tokens() {
    let hub = Hub::start();
    let asks =
        |origin: (&'static str, &'static str)| [origin, ("Access-Control-Request-Method", "POST")];
    for (path, origin) in [
        ("/api/services/light/turn_on", CAST),
        ("/auth/token", EVIL),
        ("/auth/revoke", EVIL),
        ("/api/webhook/x", EVIL),
    ] {
        let mut http = Http::new(hub.addr());
        let reply = http.request("OPTIONS", path, &asks(origin), b"").await;
        assert_eq!(reply.status, 200, "{path}");
        let allowed = reply.header("access-control-allow-origin");
        assert_eq!(allowed, Some(origin.1), "{path}");
    }
}

#[tokio::test]
async fn every_page_of_the_hub_refuses_to_be_framed() {
    let hub = Hub::start();
    for path in ["/", "/api/", "/nowhere"] {
        let reply = Http::new(hub.addr()).get(path).await;
        let frames = reply.header("x-frame-options");
        assert!(
            matches!(frames, Some("SAMEORIGIN" | "DENY")),
            "{path}: {frames:?}"
        );
        assert_eq!(
            reply.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        let referrer = reply.header("referrer-policy");
        assert!(
            matches!(referrer, Some("no-referrer" | "same-origin")),
            "{path}: {referrer:?}"
        );
        // Nothing that a browser would send along on its own.
        assert_eq!(reply.header("set-cookie"), None, "{path}");
    }
    let config = hub.http().get("/api/config").await.json();
    assert!(matches!(config, Value::Object(_)));
}
