//! `/api/webhook/{id}`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::home::{with_home, with_settings};

#[test]
fn an_unknown_id_is_answered_with_nothing() {
    with_home(async |home| {
        for method in ["GET", "POST", "PUT"] {
            let reply = home.plain(method, "/api/webhook/unknown", "", "x").await;
            assert_eq!(reply.plain(), (200, ""), "{method}");
            assert_eq!(reply.field("content-type"), None);
            assert_eq!(reply.field("content-length"), Some("0"));
        }
        assert_eq!(
            home.plain("HEAD", "/api/webhook/unknown", "", "")
                .await
                .status,
            200
        );
        assert_eq!(home.door.hub.webhooks.unknown_hits(), 4);
    });
}

#[test]
fn methods_outside_the_protocol_are_405_known_id_or_not() {
    with_home(async |home| {
        for (method, id) in [
            ("DELETE", "unknown"),
            ("PATCH", "unknown"),
            ("DELETE", "echo"),
            ("PATCH", "echo"),
        ] {
            let reply = home
                .plain(method, &format!("/api/webhook/{id}"), "", "")
                .await;
            assert_eq!(
                reply.plain(),
                (405, "405: Method Not Allowed"),
                "{method} {id}"
            );
        }
    });
}

#[test]
fn a_method_that_the_webhook_does_not_allow_is_405_and_head_is_200() {
    with_home(async |home| {
        assert_eq!(
            home.plain("GET", "/api/webhook/echo", "", "").await.plain(),
            (405, "")
        );
        assert_eq!(
            home.plain("HEAD", "/api/webhook/echo", "", "").await.status,
            200
        );
    });
}

#[test]
fn a_handler_sees_the_request_as_it_was_sent() {
    with_home(async |home| {
        let fields = "X-Test: yes\r\nAuthorization: Bearer nonsense\r\n";
        let reply = home
            .plain("POST", "/api/webhook/echo?x=1&x=2&y=", fields, "hello")
            .await;
        assert_eq!(
            (reply.status, reply.field("content-type")),
            (201, Some("application/json"))
        );
        let seen = json!({"method": "POST", "query": "x=1&x=2&y=", "header": "yes", "length": 5, "body": "hello"});
        assert_eq!(reply.json(), seen);
        let odd = home.plain("GET", "/api/webhook/any%2Fmethod", "", "").await;
        assert_eq!(odd.json()["method"], "GET");
    });
}

#[test]
fn a_handler_that_panics_answers_nothing_and_harms_nobody() {
    with_home(async |home| {
        assert_eq!(
            home.plain("POST", "/api/webhook/failing", "", "")
                .await
                .plain(),
            (200, "")
        );
        assert_eq!(home.admin("GET", "/api/", "").await.status, 200);
    });
}

#[test]
fn pages_of_any_origin_may_call() {
    with_home(async |home| {
        let origin = "Origin: https://example.org\r\n";
        let reply = home.plain("POST", "/api/webhook/echo", origin, "").await;
        assert_eq!(
            reply.field("access-control-allow-origin"),
            Some("https://example.org")
        );
        let asking = format!("{origin}Access-Control-Request-Method: POST\r\n");
        let preflight = home
            .plain("OPTIONS", "/api/webhook/echo", &asking, "")
            .await;
        assert_eq!(preflight.status, 200);
        assert_eq!(
            preflight.field("access-control-allow-origin"),
            Some("https://example.org")
        );
        assert!(
            preflight
                .field("access-control-allow-headers")
                .unwrap()
                .contains("Content-Type")
        );
        assert_eq!(
            home.plain("OPTIONS", "/api/webhook/echo", "", "")
                .await
                .plain(),
            (403, "403: Forbidden")
        );
        let api = home.plain("GET", "/api/", origin, "").await;
        assert_eq!(api.field("access-control-allow-origin"), None);
    });
}

#[test]
fn a_local_webhook_does_not_run_for_a_forwarded_stranger() {
    let trusting = |settings: &mut hearth_core::settings::Settings| {
        settings.http.use_x_forwarded_for = true;
        settings.http.trusted_proxies = vec!["127.0.0.0/8".into()];
    };
    with_settings(trusting, async |home| {
        let call = async |fields: &str| home.plain("POST", "/api/webhook/local", fields, "").await;
        assert_eq!(call("").await.status, 201);
        assert_eq!(call("X-Forwarded-For: 192.168.1.9\r\n").await.status, 201);
        assert_eq!(
            call("X-Forwarded-For: 8.8.8.8\r\n").await.plain(),
            (200, "")
        );
        assert_eq!(
            call("X-Forwarded-For: nobody\r\n").await.plain(),
            (400, "400: Bad Request")
        );
    });
}

#[test]
fn a_forwarded_address_is_refused_where_no_proxy_is_trusted() {
    with_home(async |home| {
        let reply = home
            .plain(
                "POST",
                "/api/webhook/echo",
                "X-Forwarded-For: 192.168.1.9\r\n",
                "",
            )
            .await;
        assert_eq!(reply.status, 400);
    });
}

#[test]
fn a_user_of_the_home_network_may_not_come_from_outside() {
    let trusting = |settings: &mut hearth_core::settings::Settings| {
        settings.http.use_x_forwarded_for = true;
        settings.http.trusted_proxies = vec!["127.0.0.1".into()];
    };
    with_settings(trusting, async |home| {
        for (token, from, status) in [
            (&home.local_user, "192.168.1.9", 200),
            (&home.local_user, "8.8.8.8", 401),
            (&home.user, "8.8.8.8", 200),
        ] {
            let fields = format!("Authorization: Bearer {token}\r\nX-Forwarded-For: {from}\r\n");
            assert_eq!(
                home.plain("GET", "/api/", &fields, "").await.status,
                status,
                "{from}"
            );
        }
    });
}

#[test]
fn an_unknown_id_takes_as_long_as_a_known_one() {
    with_home(async |home| {
        let mut client = home.connect().await;
        let body = "x".repeat(10_000);
        let mut median = async |path: &str| {
            let mut times = Vec::new();
            for _ in 0..201 {
                let start = Instant::now();
                client.request("POST", path, "", body.as_bytes()).await;
                times.push(start.elapsed());
            }
            times.sort();
            times[100]
        };
        let known = median("/api/webhook/echo").await;
        let unknown = median("/api/webhook/nobody").await;
        // A machine that does other things beside is no stopwatch: this finds a detour, such as
        // a pause or a lookup on the disk, not a hop.
        let detour = Duration::from_millis(5);
        assert!(unknown < known * 5 + detour, "{unknown:?} for {known:?}");
        assert!(known < unknown * 5 + detour, "{known:?} for {unknown:?}");
    });
}

#[test]
fn who_tries_ids_is_counted_by_where_it_came_from() {
    with_home(async |home| {
        for _ in 0..3 {
            home.plain("POST", "/api/webhook/guess", "", "x").await;
        }
        let metrics = home.plain("GET", "/metrics", "", "").await;
        let line = "hearth_webhook_unknown_ids_by_source_total{source=\"127.0.0.1\"} 3";
        assert!(metrics.text().contains(line), "{}", metrics.text());
    });
}

#[test]
fn a_reply_has_a_length_and_the_header_fields_of_the_api() {
    with_home(async |home| {
        for id in ["echo", "failing", "nobody"] {
            let reply = home
                .plain("POST", &format!("/api/webhook/{id}"), "", "x")
                .await;
            let length = reply.body.len().to_string();
            assert_eq!(reply.field("content-length"), Some(&*length), "{id}");
            assert_eq!(reply.field("referrer-policy"), Some("no-referrer"));
            assert_eq!(reply.field("x-content-type-options"), Some("nosniff"));
            assert_eq!(reply.field("content-type").is_some(), id == "echo");
        }
    });
}

#[test]
fn an_id_is_one_part_of_a_path() {
    with_home(async |home| {
        for path in ["/api/webhook/echo/more", "/api/webhook/", "/api/webhook"] {
            let reply = home.plain("POST", path, "", "x").await;
            assert_eq!(reply.plain(), (404, "404: Not Found"), "{path}");
        }
    });
}
