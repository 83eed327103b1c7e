//! Senders that do what they should not (spec relay §8).

use std::time::Duration;

use serde_json::json;

use crate::relay::{with_default_relay, with_relay};

#[test]
fn a_slow_body_is_408_and_the_connection_ends() {
    with_relay(
        |settings| settings.body_timeout_s = 1,
        async |relay| {
            let webhook = relay.webhook(json!({})).await;
            let mut client = relay.connect().await;
            let header = format!(
                "POST /webhook/{webhook} HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc"
            );
            client.write(header.as_bytes()).await;
            assert_eq!(client.reply().await.status, 408);
            assert!(client.is_ended().await);
        },
    );
}

#[test]
fn a_refused_request_ends_its_connection_whatever_of_its_body_is_missing() {
    with_default_relay(async |relay| {
        for coding in ["content-length: 1000", "transfer-encoding: chunked"] {
            let mut client = relay.connect().await;
            let header = format!(
                "POST /webhook/0123456789abcdef01234567 HTTP/1.1\r\nhost: a\r\n{coding}\r\n\r\n"
            );
            client.write(header.as_bytes()).await;
            assert_eq!(client.reply().await.status, 404, "{coding}");
            assert!(client.is_ended().await, "{coding}");
        }
    });
}

#[test]
fn a_chunked_body_is_held_to_the_limit_as_it_comes() {
    with_relay(
        |settings| settings.body_limit = 1000,
        async |relay| {
            let webhook = relay.webhook(json!({})).await;
            let mut client = relay.connect().await;
            let header = format!(
                "POST /webhook/{webhook} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
            );
            client.write(header.as_bytes()).await;
            let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
            for _ in 0..3 {
                client.write(chunk.as_bytes()).await;
            }
            assert_eq!(client.reply().await.status, 413);
        },
    );
}

#[test]
fn what_two_servers_could_read_differently_is_refused() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({})).await;
        let start = format!("POST /webhook/{webhook}");
        for (request, statuses) in [
            (
                format!(
                    "{start} HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                ),
                [400, 400],
            ),
            (
                format!(
                    "{start} HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"
                ),
                [400, 400],
            ),
            (
                format!("{start} HTTP/1.0\r\nhost: a\r\ncontent-length: 1\r\n\r\na"),
                [505, 400],
            ),
            (format!("{start} HTTP/1.1\r\n\r\n"), [400, 200]),
        ] {
            let mut client = relay.connect().await;
            client.write(request.as_bytes()).await;
            let status = client.reply().await.status;
            assert!(statuses.contains(&status), "{status}: {request}");
        }
    });
}

#[test]
fn one_address_has_so_many_connections() {
    with_relay(
        |settings| settings.connections_per_address = 3,
        async |relay| {
            let mut held = Vec::new();
            for _ in 0..3 {
                let mut client = relay.connect().await;
                client.request("HEAD", "/webhook/x", &[], b"").await;
                held.push(client);
            }
            // The server has counted them when it has answered.
            for client in &mut held {
                let mut byte = [0];
                use tokio::io::AsyncReadExt;
                client.0.read_exact(&mut byte).await.unwrap();
            }
            let mut fourth = relay.connect().await;
            assert!(fourth.is_ended().await);
            held.pop();
            let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
            loop {
                let mut client = relay.connect().await;
                let writing = tokio::io::AsyncWriteExt::write_all(
                    &mut client.0,
                    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
                );
                let mut byte = [0];
                use tokio::io::AsyncReadExt;
                if writing.await.is_ok() && matches!(client.0.read(&mut byte).await, Ok(1)) {
                    break;
                }
                assert!(
                    tokio::time::Instant::now() < deadline,
                    "room never came back"
                );
            }
        },
    );
}

#[test]
fn a_sender_that_goes_away_leaves_nothing_half_done() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"key_path": "query.to"})).await;
        let hub = relay.hub(webhook, json!({"$key": "a"})).await;
        for _ in 0..50 {
            let mut client = relay.connect().await;
            client
                .request("POST", &format!("/webhook/{webhook}?to=a"), &[], b"a")
                .await;
            drop(client);
        }
        let mut last = relay.connect().await;
        last.request("POST", &format!("/webhook/{webhook}?to=a"), &[], b"last")
            .await;
        assert_eq!(last.reply().await.status, 200);
        // Those whose sender has gone may be on their way still.
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let counted = relay.relay.store.usage().messages;
            let stored = relay.messages(hub).await.len();
            if stored > 0 && counted == stored as u64 {
                break;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{stored} of {counted}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn no_request_harms_those_that_come_after() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"key_path": "body.a[0]"})).await;
        let path = format!("/webhook/{webhook}");
        let long = "a".repeat(200_000);
        for request in [
            "\r\n\r\n".to_owned(),
            "\0\0\0\0\r\n\r\n".to_owned(),
            "GET".to_owned(),
            format!("GET {path}?{long} HTTP/1.1\r\nhost: a\r\n\r\n"),
            format!("GET {path} HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"),
            format!("GET {path}?%00%ff%fe[[[[&&&&==== HTTP/1.1\r\nhost: a\r\n\r\n"),
            format!(
                "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n"
            ),
            format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n"),
            format!(
                "POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n"
            ),
            format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
            format!(
                "GET {path} HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
            ),
            "GET //webhook/../../x HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
            "GET http://evil.example/ HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
            "CONNECT evil.example:443 HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        ] {
            use tokio::io::AsyncWriteExt;
            let mut client = relay.connect().await;
            // A server that has seen enough may end the connection before all is written.
            let _ = client.0.write_all(request.as_bytes()).await;
            let _ = client.0.shutdown().await;
            assert!(
                client.is_ended().await,
                "{}",
                &request[..request.len().min(60)]
            );
        }
        for body in [
            "[".repeat(100_000),
            format!("{{\"a\":[{}]}}", "[".repeat(50_000)),
            "\"\\ud800\"".to_owned(),
        ] {
            let fields = [("content-type", "application/json")];
            let reply = relay.send("POST", &path, &fields, body.as_bytes()).await;
            assert_eq!(reply.status, 200);
        }
        assert_eq!(relay.post(webhook, json!({"a": [1]})).await.status, 200);
    });
}
