use serde_json::{Value, json};

use super::Socket;
use crate::home::with_home;

#[test]
fn a_webhook_sees_what_http_would_bring_it() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let request = json!({
            "webhook_id": "echo", "method": "POST", "body": "{\"x\":1}", "query": "a=1&a=2&b=",
            "headers": {"X-TEST": "yes"},
        });
        let over_socket = socket.result("webhook/handle", request).await;
        let over_http = home
            .plain(
                "POST",
                "/api/webhook/echo?a=1&a=2&b=",
                "X-Test: yes\r\n",
                "{\"x\":1}",
            )
            .await;
        assert_eq!(over_socket["body"], over_http.text());
        assert_eq!(over_socket["status"], over_http.status);
        assert_eq!(
            over_socket["headers"],
            json!({"Content-Type": "application/json"})
        );
    });
}

#[test]
fn whatever_the_webhook_says_the_command_succeeds() {
    with_home(|home| async move {
        let mut socket = Socket::signed_in(&home, &home.user).await;
        let local = json!({"webhook_id": "local", "method": "PUT"});
        assert_eq!(socket.result("webhook/handle", local).await["status"], 201);
        let nothing = |status: u16| {
            json!({
                "body": null, "status": status,
                "headers": {"Content-Type": "application/octet-stream"},
            })
        };
        for (id, method, expected) in [
            ("nobody has this", "POST", nothing(200)),
            ("echo", "GET", nothing(405)),
            ("failing", "POST", nothing(200)),
        ] {
            let request = json!({"webhook_id": id, "method": method});
            assert_eq!(
                socket.result("webhook/handle", request).await,
                expected,
                "{id}"
            );
        }
        let error = socket
            .error("webhook/handle", json!({"method": "POST"}))
            .await;
        assert_eq!(
            error.1,
            "required key not provided @ data['webhook_id']. Got None"
        );
    });
}

#[test]
fn only_an_administrator_sees_all_webhooks() {
    with_home(|home| async move {
        let mut user = Socket::signed_in(&home, &home.user).await;
        assert_eq!(
            user.error("webhook/list", json!({})).await.0,
            "unauthorized"
        );
        let mut admin = Socket::admin(&home).await;
        let hooks = admin.result("webhook/list", json!({})).await;
        let local = hooks
            .as_array()
            .unwrap()
            .iter()
            .find(|hook| hook["webhook_id"] == "local");
        assert_eq!(
            local.unwrap_or(&Value::Null),
            &json!({
                "webhook_id": "local", "domain": "lab", "name": "local", "local_only": true,
                "allowed_methods": ["POST", "PUT"],
            })
        );
    });
}
