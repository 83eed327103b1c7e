//! Bad input: too much, too slow, too deep.

use crate::client::Client;
use crate::home::{Home, with_home, with_settings};
use hearth_core::settings::Settings;

const MIB: usize = 1024 * 1024;

/// Sends a head that announces `length` bytes and then so many.
async fn oversized(home: &Home, path: &str, length: usize) -> Client {
    let mut client = home.connect().await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\nContent-Length: {length}\r\n\r\n",
        home.admin
    );
    client.send(head.as_bytes()).await;
    client
}

#[test]
fn sixteen_mebibytes_are_taken_and_more_are_refused_unread() {
    with_home(async |home| {
        let body = "x".repeat(16 * MIB);
        let fits = home.plain("POST", "/api/webhook/echo", "", &body).await;
        assert_eq!(fits.json()["length"], 16 * MIB);
        for (path, status, text) in [
            ("/api/webhook/echo", 413, "413: Payload Too Large"),
            ("/api/webhook/unknown", 200, ""),
            ("/api/states/light.a", 413, "413: Payload Too Large"),
            ("/api/services/lab/dim", 413, "413: Payload Too Large"),
            ("/api/lab/things", 413, "413: Payload Too Large"),
        ] {
            let mut client = oversized(&home, path, 100 * MIB).await;
            assert_eq!(
                client.reply(false).await.unwrap().plain(),
                (status, text),
                "{path}"
            );
        }
    });
}

#[test]
fn a_chunked_body_is_cut_off_at_the_limit() {
    with_settings(
        |settings| settings.http.body_limit = 1000,
        async |home| {
            let mut client = home.connect().await;
            client.send(b"POST /api/webhook/echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n").await;
            for _ in 0..20 {
                client
                    .send(&[b"64\r\n", [b'x'; 100].as_slice(), b"\r\n"].concat())
                    .await;
            }
            assert_eq!(client.reply(false).await.unwrap().status, 413);
        },
    );
}

#[test]
fn a_client_that_dawdles_over_its_header_is_cut_off() {
    with_settings(
        |settings| settings.http.header_timeout_s = 1,
        async |home| {
            let mut client = home.connect().await;
            client.send(b"GET /api/ HTTP/1.1\r\nHost: h").await;
            let last = client.rest().await;
            assert!(
                last.is_empty() || last.starts_with(b"HTTP/1.1 408"),
                "{}",
                String::from_utf8_lossy(&last)
            );
        },
    );
}

#[test]
fn a_client_that_dawdles_over_its_body_is_cut_off() {
    with_settings(
        |settings| settings.http.body_timeout_s = 1,
        async |home| {
            for path in [
                "/api/webhook/echo",
                "/api/webhook/unknown",
                "/api/states/light.a",
            ] {
                let mut client = oversized(&home, path, 1000).await;
                client.send(b"{\"state\":").await;
                assert_eq!(client.reply(false).await.unwrap().status, 408, "{path}");
                assert!(client.rest().await.is_empty(), "{path}");
            }
        },
    );
}

#[test]
fn a_body_that_nobody_reads_does_not_keep_its_connection() {
    with_settings(
        |settings| settings.http.body_timeout_s = 1,
        async |home| {
            for coding in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
                let mut client = home.connect().await;
                client
                    .send(
                        format!("POST /nowhere HTTP/1.1\r\nHost: hub\r\n{coding}\r\n\r\n")
                            .as_bytes(),
                    )
                    .await;
                assert_eq!(client.reply(false).await.unwrap().status, 404, "{coding}");
                client.rest().await;
            }
        },
    );
}

#[test]
fn header_fields_over_the_limit_are_refused() {
    let small = |settings: &mut Settings| settings.http.header_limit = 2000;
    with_settings(small, async |home| {
        let field = |length| format!("X-Long: {}\r\n", "x".repeat(length));
        assert_eq!(
            home.plain("GET", "/healthz", &field(1000), "").await.status,
            200
        );
        let reply = home.plain("GET", "/healthz", &field(2000), "").await;
        assert_eq!(reply.plain(), (431, "431: Request Header Fields Too Large"));
    });
}

#[test]
fn json_that_nests_too_deep_is_not_json() {
    with_home(async |home| {
        for depth in [65, 1000, 1_000_000] {
            let body = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
            let reply = home.admin("POST", "/api/events/knock", &body).await;
            assert_eq!(
                reply.message(),
                (400, "Event data should be valid JSON.".to_owned())
            );
        }
        let body = format!("{}1{}", "{\"a\":".repeat(60), "}".repeat(60));
        assert_eq!(
            home.admin("POST", "/api/events/knock", &body).await.status,
            200
        );
    });
}

#[test]
fn attacks_are_refused_before_anybody_is_asked_for_a_token() {
    with_home(async |home| {
        for path in [
            "/api/states/..%2f..%2fsecrets",
            "/api/states?x=%253Cscript%253E",
            "/api/%0d%0a",
        ] {
            assert_eq!(
                home.plain("GET", path, "", "").await.plain(),
                (400, "400: Bad Request"),
                "{path}"
            );
        }
    });
}

#[test]
fn garbage_is_answered_with_400_and_harms_nobody() {
    with_home(async |home| {
        for garbage in [
            &b"\x16\x03\x01\x02\x00\x01\x00"[..],
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /api/webhook/echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST /api/webhook/echo HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        ] {
            let mut client = home.connect().await;
            client.send(garbage).await;
            client.send(b"\r\n\r\n").await;
            let reply = client.reply(false).await;
            assert!(reply.is_none_or(|reply| reply.status == 400), "{garbage:?}");
        }
        assert_eq!(home.admin("GET", "/api/", "").await.status, 200);
    });
}
