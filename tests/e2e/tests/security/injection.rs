//! Text from outside that would be a header field, a log line or a path of its own.

use hearth_e2e::{Http, Hub};
use serde_json::json;

/// Sends bytes as they are and gives all that comes back.
async fn raw(hub: &Hub, request: &[u8]) -> String {
    let mut http = Http::new(hub.addr());
    http.write(request).await.unwrap();
    String::from_utf8_lossy(&http.read_to_end().await.unwrap()).into_owned()
}

#[tokio::test]
async fn no_field_of_a_request_becomes_a_field_of_the_reply() {
    let hub = Hub::start();
    for path in [
        "/api/%0d%0aSet-Cookie:%20x=1",
        "/api/states/a.b%0d%0aX-Injected:%201",
        "/%E5%98%8A%E5%98%8DX-Injected:1",
        "/api/?next=%0D%0AX-Injected:1",
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n");
        let reply = raw(&hub, head.as_bytes()).await.to_ascii_lowercase();
        assert!(!reply.contains("x-injected:"), "{path}: {reply}");
        assert!(!reply.contains("set-cookie"), "{path}: {reply}");
    }
    for origin in [
        "https://a\rX-Injected: 1",
        "https://a\nX-Injected: 1",
        "https://a\0",
    ] {
        let head = format!(
            "OPTIONS /auth/token HTTP/1.1\r\nHost: hub\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n"
        );
        let reply = raw(&hub, head.as_bytes()).await.to_ascii_lowercase();
        assert!(!reply.contains("\r\nx-injected:"), "{origin:?}: {reply}");
    }
}

#[tokio::test]
async fn nothing_that_a_stranger_sends_forges_a_line_of_the_log() {
    let hub = Hub::start();
    let forged = "2026-01-01T00:00:00Z  INFO hearth: all is well";
    for path in [
        format!("/api/states/x%0a{}", forged.replace(' ', "%20")),
        format!("/api/states/x%1b%5b2J{}", forged.replace(' ', "%20")),
    ] {
        let _ = Http::new(hub.addr()).get(&path).await;
    }
    for token in [
        format!("x\\n{forged}"),
        "\u{85}next line".to_owned(),
        "\u{2028}next line".to_owned(),
        "x".repeat(4000),
    ] {
        let mut ws = hearth_e2e::Ws::connect(hub.addr()).await;
        ws.json().await;
        ws.send(&json!({"type": "auth", "access_token": token}))
            .await;
        ws.closed().await;
    }
    let mut head =
        b"GET /api/ HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nAuthorization: Bearer ".to_vec();
    head.extend_from_slice(b"\x1b[2J\x80\xff");
    head.extend_from_slice(b"\r\nUser-Agent: \x1b[31mred\r\n\r\n");
    raw(&hub, &head).await;
    let log = hub.stderr();
    assert!(
        log.contains("a sign-in failed"),
        "failures are logged: {log}"
    );
    for line in log.lines() {
        assert!(!line.starts_with("2026-01-01T00:00:00Z"), "{line}");
        assert!(!line.contains("\u{1b}[2J"), "{line}");
        assert!(line.chars().count() < 1000, "{line}");
    }
}

#[tokio::test]
async fn a_flood_of_failures_leaves_a_short_log() {
    let hub = Hub::start();
    let mut http = Http::new(hub.addr()).bearer("guess");
    for _ in 0..500 {
        assert_eq!(http.get("/api/states").await.status, 401);
    }
    let lines = hub.stderr().matches("a sign-in failed").count();
    assert!((1..200).contains(&lines), "{lines} lines");
}

#[tokio::test]
async fn no_path_leads_out_of_what_is_served() {
    let hub = Hub::start();
    let secrets = ["root:", "signing_key", "SQLite format", "[hub]"];
    for path in [
        "/../../../../etc/passwd",
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2fetc%2fpasswd",
        "/static/..%5c..%5cetc%5cpasswd",
        "/static/....//....//etc/passwd",
        "/static//etc/passwd",
        "/static/%00/etc/passwd",
        "/local/../hub.db",
        "/auth/../hub.db",
        "/frontend_latest/%252e%252e%252fetc%252fpasswd",
        "//etc/passwd",
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n");
        let reply = raw(&hub, head.as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 40"), "{path}: {reply}");
        for secret in secrets {
            assert!(!reply.contains(secret), "{path}: {reply}");
        }
    }
}
