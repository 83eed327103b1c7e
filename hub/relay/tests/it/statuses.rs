//! Every row of the table in spec relay §5.

use serde_json::{Value, json};

use crate::relay::{with_default_relay, with_relay};

const NOBODYS: &str = "/webhook/0123456789abcdef01234567";

#[test]
fn a_request_is_accepted_whether_anybody_gets_it_or_not() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({"key_path": "body.id"})).await;
        relay.hub(webhook, json!({"$key": "a"})).await;
        for body in [json!({"id": "a"}), json!({"id": "b"}), json!([])] {
            let reply = relay.post(webhook, body).await;
            assert_eq!(reply.status, 200);
            let answer = reply.json();
            let members: Vec<_> = answer.as_object().unwrap().keys().collect();
            assert_eq!(members, ["id"], "the number of hubs is nobody's business");
        }
    });
}

#[test]
fn each_method_of_the_table_is_taken_with_and_without_a_slash() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({})).await;
        for (method, status) in [
            ("GET", 200),
            ("POST", 200),
            ("PUT", 200),
            ("PATCH", 200),
            ("DELETE", 200),
            ("HEAD", 200),
            ("OPTIONS", 204),
            ("TRACE", 405),
            ("PROPFIND", 405),
        ] {
            for slash in ["", "/"] {
                let target = format!("/webhook/{webhook}{slash}");
                let mut client = relay.connect().await;
                client.request(method, &target, &[], b"").await;
                let reply = if method == "HEAD" {
                    // It tells the length of a body that does not come.
                    let mut start = [0; 12];
                    use tokio::io::AsyncReadExt;
                    client.0.read_exact(&mut start).await.unwrap();
                    assert_eq!(&start, b"HTTP/1.1 200");
                    continue;
                } else {
                    client.reply().await
                };
                assert_eq!(reply.status, status, "{method} {target}");
            }
        }
    });
}

#[test]
fn any_page_may_call() {
    with_default_relay(async |relay| {
        let reply = relay.send("OPTIONS", NOBODYS, &[], b"").await;
        assert_eq!(reply.field("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.field("access-control-allow-headers"), Some("*"));
        let methods = reply.field("access-control-allow-methods").unwrap();
        assert!(methods.contains("PATCH"));
        let reply = relay.send("GET", NOBODYS, &[], b"").await;
        assert_eq!(reply.field("access-control-allow-origin"), Some("*"));
    });
}

#[test]
fn a_webhook_that_is_not_there_cannot_be_told_from_one_that_is_disabled() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({})).await;
        let disable = json!({"id": webhook, "disabled": true});
        relay.admin("webhook/disable", disable).await;
        let disabled = format!("/webhook/{webhook}");
        for target in [NOBODYS, "/webhook/x", &disabled] {
            let reply = relay.send("POST", target, &[], b"{}").await;
            assert_eq!(reply.status, 404, "{target}");
            assert_eq!(reply.json(), json!({"error": "unknown_webhook"}));
        }
        let enable = json!({"id": webhook, "disabled": false});
        relay.admin("webhook/disable", enable).await;
        assert_eq!(relay.send("POST", &disabled, &[], b"{}").await.status, 200);
        relay.admin("webhook/revoke", json!({"id": webhook})).await;
        assert_eq!(relay.send("POST", &disabled, &[], b"{}").await.status, 404);
    });
}

#[test]
fn a_wrong_signature_is_401() {
    with_default_relay(async |relay| {
        let signature = json!({"scheme": "token_header", "header": "x-token", "secrets": ["s1"]});
        let webhook = relay.webhook(json!({"signature": signature})).await;
        let target = format!("/webhook/{webhook}");
        for (token, status) in [("s1", 200), ("s2", 401)] {
            let reply = relay
                .send("POST", &target, &[("x-token", token)], b"a")
                .await;
            assert_eq!(reply.status, status);
        }
        let reply = relay.send("POST", &target, &[], b"a").await;
        assert_eq!(reply.json(), json!({"error": "bad_signature"}));
    });
}

#[test]
fn what_is_too_large_is_refused_by_its_kind() {
    with_relay(
        |settings| {
            settings.body_limit = 1000;
            settings.query_limit = 100;
        },
        async |relay| {
            let webhook = relay.webhook(json!({})).await;
            let larger = relay.webhook(json!({"limits": {"body": 2000}})).await;
            let target = format!("/webhook/{webhook}");
            let body = vec![b'x'; 1001];
            let reply = relay.send("POST", &target, &[], &body).await;
            assert_eq!(reply.status, 413);
            assert_eq!(reply.json(), json!({"error": "too_large"}));
            let to_larger = format!("/webhook/{larger}");
            assert_eq!(relay.send("POST", &to_larger, &[], &body).await.status, 200);

            let long = "x".repeat(9 * 1024);
            let fields = [("x-long", long.as_str())];
            assert_eq!(relay.send("POST", &target, &fields, b"").await.status, 431);
            let many: Vec<String> = (0..101).map(|n| format!("x-{n}")).collect();
            let many: Vec<_> = many.iter().map(|name| (name.as_str(), "1")).collect();
            // The server itself reads no more than 96 fields.
            let reply = relay.send("POST", &target, &many[..95], b"").await;
            assert_eq!(reply.status, 200);
            let reply = relay.send("POST", &target, &many, b"").await;
            assert!([400, 431].contains(&reply.status), "{}", reply.status);

            let query = format!("{target}?{}", "q".repeat(101));
            assert_eq!(relay.send("POST", &query, &[], b"").await.status, 414);
            let names: Vec<_> = (0..11).map(|n| format!("homey={n}")).collect();
            let query = format!("{target}?{}", names.join("&"));
            assert_eq!(relay.send("POST", &query, &[], b"").await.status, 400);
        },
    );
}

#[test]
fn a_webhook_that_is_called_too_often_says_when_to_come_back() {
    with_default_relay(async |relay| {
        let limits = json!({"limits": {"rate": 0.5, "burst": 2.0}});
        let webhook = relay.webhook(limits).await;
        let other = relay.webhook(json!({})).await;
        assert_eq!(relay.post(webhook, json!(1)).await.status, 200);
        assert_eq!(relay.post(webhook, json!(1)).await.status, 200);
        let reply = relay.post(webhook, json!(1)).await;
        assert_eq!(reply.status, 429);
        assert_eq!(reply.field("retry-after"), Some("2"));
        assert_eq!(relay.post(other, json!(1)).await.status, 200);
    });
}

#[test]
fn requests_for_nothing_cost_their_address_five_times_as_much() {
    let few = |settings: &mut hearth_core::settings::RelaySettings| {
        settings.address_rate = 0.01;
        settings.address_burst = 12.0;
    };
    with_relay(few, async |relay| {
        for status in [404, 404, 404, 429] {
            assert_eq!(relay.send("GET", NOBODYS, &[], b"").await.status, status);
        }
    });
    with_relay(few, async |relay| {
        let webhook = relay.webhook(json!({})).await;
        for _ in 0..12 {
            assert_eq!(relay.post(webhook, json!(1)).await.status, 200);
        }
        assert_eq!(relay.post(webhook, json!(1)).await.status, 429);
    });
}

#[test]
fn what_is_not_stored_is_not_acknowledged() {
    with_default_relay(async |relay| {
        let webhook = relay.webhook(json!({})).await;
        let hub = relay.hub(webhook, json!({})).await;
        relay.relay.store.close().await.unwrap();
        let target = format!("/webhook/{webhook}?homey={hub}");
        let reply = relay.send("POST", &target, &[], b"a").await;
        assert_eq!(reply.status, 503);
        assert!(reply.field("retry-after").is_some());
    });
}

#[test]
fn a_challenge_is_sent_back_and_goes_no_further() {
    with_default_relay(async |relay| {
        let in_query = json!({"challenge": {
            "in": "query", "name": "hub.challenge", "when": {"name": "hub.mode", "value": "subscribe"},
        }});
        let webhook = relay.webhook(in_query).await;
        let hub = relay.hub(webhook, json!({})).await;
        let target =
            format!("/webhook/{webhook}?homey={hub}&hub.mode=subscribe&hub.challenge=x%3C");
        let reply = relay.send("GET", &target, &[], b"").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "x<"));
        assert_eq!(
            reply.field("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(reply.field("x-content-type-options"), Some("nosniff"));
        assert!(relay.messages(hub).await.is_empty());

        let in_body = json!({"challenge": {"in": "body", "name": "challenge", "reply": "json"}});
        let webhook = relay.webhook(in_body).await;
        let reply = relay.post(webhook, json!({"challenge": "abc"})).await;
        assert_eq!(reply.json(), json!({"challenge": "abc"}));
        assert_eq!(
            reply.field("content-type"),
            Some("text/plain; charset=utf-8")
        );
        let reply = relay.post(webhook, json!({"other": "abc"})).await;
        assert_ne!(reply.json()["id"], Value::Null);
    });
}

#[test]
fn other_paths_lead_nowhere() {
    with_default_relay(async |relay| {
        for target in [
            "/",
            "/webhook",
            "/webhook/a/b",
            "/metrics",
            "/../etc/passwd",
        ] {
            let reply = relay.send("GET", target, &[], b"").await;
            assert_eq!(reply.status, 404, "{target}");
        }
    });
}
