//! §0: tokens, permissions, paths, methods, limits.

use hearth_e2e::{Http, Hub};
use serde_json::json;

#[tokio::test]
async fn the_api_is_running_at_its_exact_path() {
    let hub = Hub::start();
    let reply = hub.http().get("/api/").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!({"message": "API running."}));
    let reply = hub.http().get("/api").await;
    assert_eq!((reply.status, reply.text()), (404, "404: Not Found"));
    assert_eq!(reply.content_type(), Some("text/plain"));
}

#[tokio::test]
async fn every_route_is_401_without_a_token() {
    let hub = Hub::start();
    for (method, path) in [
        ("GET", "/api/"),
        ("GET", "/api/config"),
        ("GET", "/api/events"),
        ("POST", "/api/events/x"),
        ("GET", "/api/services"),
        ("POST", "/api/services/light/turn_on"),
        ("GET", "/api/states"),
        ("GET", "/api/states/zone.home"),
        ("POST", "/api/states/sensor.x"),
        ("DELETE", "/api/states/sensor.x"),
        ("POST", "/api/template"),
        ("POST", "/api/mobile_app/registrations"),
    ] {
        for header in ["", "Bearer nonsense", "bearer abc", "Basic abc"] {
            let headers = [("Authorization", header)];
            let headers = if header.is_empty() { &[][..] } else { &headers };
            let reply = Http::new(hub.addr())
                .request(method, path, headers, b"{}")
                .await;
            assert_eq!(
                (reply.status, reply.text()),
                (401, "401: Unauthorized"),
                "{method} {path} {header:?}"
            );
            assert_eq!(reply.content_type(), Some("text/plain"));
        }
    }
}

#[tokio::test]
async fn the_scheme_is_exactly_bearer_and_forged_tokens_are_refused() {
    let hub = Hub::start();
    let token = hub.token();
    let mut parts = token.split('.').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(parts.len(), 3, "a JWT");
    parts[2] = "A".repeat(parts[2].len());
    let forged = parts.join(".");
    // {"alg":"none","typ":"JWT"}
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]);
    for header in [
        format!("bearer {token}"),
        format!("Bearer  {token}x"),
        format!("Token {token}"),
        token.to_owned(),
        format!("Bearer {forged}"),
        format!("Bearer {none}"),
        "Bearer ".to_owned(),
    ] {
        let reply = Http::new(hub.addr())
            .request("GET", "/api/", &[("Authorization", &header)], b"")
            .await;
        assert_eq!(reply.status, 401, "{header}");
    }
    let reply = Http::new(hub.addr())
        .get(&format!("/api/?access_token={token}"))
        .await;
    assert_eq!(reply.status, 401, "a token in the query is not accepted");
}

#[tokio::test]
async fn admin_routes_are_401_for_a_plain_user() {
    let hub = Hub::with(hearth_e2e::hub::GUEST);
    let mut guest = Http::new(hub.addr()).bearer(hearth_e2e::hub::GUEST_TOKEN);
    for (method, path, body) in [
        ("POST", "/api/events/x", "{}"),
        ("POST", "/api/states/sensor.x", r#"{"state":1}"#),
        ("DELETE", "/api/states/sensor.x", ""),
        ("POST", "/api/template", r#"{"template":"1"}"#),
    ] {
        let reply = guest.request(method, path, &[], body.as_bytes()).await;
        assert_eq!(
            (reply.status, reply.text()),
            (401, "401: Unauthorized"),
            "{method} {path}"
        );
    }
    for path in [
        "/api/",
        "/api/config",
        "/api/states",
        "/api/services",
        "/api/events",
    ] {
        assert_eq!(guest.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_are_404_and_wrong_methods_405_in_text() {
    let hub = Hub::start();
    for path in ["/nowhere", "/api/nowhere", "/api/states/", "/api/config/"] {
        let reply = hub.http().get(path).await;
        assert_eq!(
            (reply.status, reply.text()),
            (404, "404: Not Found"),
            "{path}"
        );
    }
    for (method, path) in [
        ("POST", "/api/"),
        ("POST", "/api/config"),
        ("DELETE", "/api/states"),
        ("GET", "/api/template"),
        ("GET", "/api/services/light/turn_on"),
        ("PUT", "/api/states/sensor.x"),
    ] {
        let reply = hub.http().request(method, path, &[], b"").await;
        assert_eq!(
            (reply.status, reply.text()),
            (405, "405: Method Not Allowed"),
            "{method} {path}"
        );
    }
    let reply = hub.http().request("HEAD", "/api/config", &[], b"").await;
    assert_eq!(reply.status, 405);
}

#[tokio::test]
async fn attack_patterns_in_the_url_are_400_before_auth() {
    let hub = Hub::start();
    for path in [
        "/api/../etc/passwd",
        "/api/states/%2e%2e%2fetc",
        "/api/?x=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/api/?x=%253Cscript%253E1%253C/script%253E",
        "/api/?q=union%20select%20(1)",
        "/api/states/a%0d%0ab",
        "/api/states/a%09b",
    ] {
        let reply = Http::new(hub.addr()).get(path).await;
        assert_eq!(reply.status, 400, "{path}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_in_text() {
    let hub = Hub::start();
    let mut http = Http::new(hub.addr());
    let head = format!(
        "POST /api/states/sensor.x HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\n\
         Content-Length: 17825792\r\n\r\n",
        hub.token()
    );
    http.write(head.as_bytes()).await.unwrap();
    let reply = hearth_e2e::wait::soon("an early answer", http.read_reply(false))
        .await
        .unwrap();
    assert_eq!(reply.status, 413);
    assert_eq!(reply.content_type(), Some("text/plain"));
}

#[tokio::test]
async fn the_websocket_path_without_an_upgrade_is_400() {
    let hub = Hub::start();
    let reply = Http::new(hub.addr()).get("/api/websocket").await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.content_type(), Some("text/plain"));
}

#[tokio::test]
async fn requests_may_follow_each_other_without_waiting() {
    let hub = Hub::start();
    let mut http = Http::new(hub.addr());
    let one = format!(
        "GET /api/ HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\n\r\n",
        hub.token()
    );
    http.write(one.repeat(50).as_bytes()).await.unwrap();
    for _ in 0..50 {
        let reply = hearth_e2e::wait::soon("an answer", http.read_reply(false))
            .await
            .unwrap();
        assert_eq!(reply.status, 200);
    }
}
