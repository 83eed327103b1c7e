//! webhook.md §4: `webhook/handle` and `webhook/list`.

use hearth_e2e::hub::{GUEST, GUEST_TOKEN};
use hearth_e2e::{Hub, Phone, Ws};
use serde_json::{Value, json};

async fn handle(ws: &mut Ws, id: &str, method: &str, body: &str) -> Value {
    let fields = json!({"webhook_id": id, "method": method, "body": body});
    ws.result("webhook/handle", fields).await
}

#[tokio::test]
async fn the_examples_of_the_spec_hold() {
    let hub = Hub::start();
    let old = Phone::register(&hub, "Handled").await;
    let phone = Phone::register(&hub, "Handled").await;
    let id = phone.webhook_id.as_str();
    let mut ws = hub.ws().await;
    let none = json!({"Content-Type": "application/octet-stream"});
    let json_type = json!({"Content-Type": "application/json"});

    let body = r#"{"type":"fire_event","data":{"event_type":"x","event_data":{}}}"#;
    assert_eq!(
        handle(&mut ws, id, "POST", body).await,
        json!({"body": "{}", "status": 200, "headers": json_type})
    );
    assert_eq!(
        handle(&mut ws, "unknown", "POST", body).await,
        json!({"body": null, "status": 200, "headers": none})
    );
    assert_eq!(
        handle(&mut ws, id, "GET", "").await,
        json!({"body": null, "status": 405, "headers": none})
    );
    assert_eq!(
        handle(&mut ws, id, "POST", "{bad").await,
        json!({"body": "{}", "status": 400, "headers": json_type})
    );
    assert_eq!(
        handle(&mut ws, &old.webhook_id, "POST", body).await,
        json!({"body": null, "status": 410, "headers": none})
    );
}

#[tokio::test]
async fn fields_of_the_wrong_form_are_named() {
    let hub = Hub::start();
    let mut ws = hub.ws().await;
    let error = ws.error("webhook/handle", json!({"method": "POST"})).await;
    assert_eq!(error["code"], "invalid_format");
    assert_eq!(
        error["message"],
        "required key not provided @ data['webhook_id']. Got None"
    );
    for fields in [
        json!({"webhook_id": "x"}),
        json!({"webhook_id": "x", "method": "DELETE"}),
        json!({"webhook_id": "x", "method": "post"}),
        json!({"webhook_id": 5, "method": "POST"}),
        json!({"webhook_id": "x", "method": "POST", "body": {}}),
        json!({"webhook_id": "x", "method": "POST", "headers": {"a": 1}}),
        json!({"webhook_id": "x", "method": "POST", "query": {}}),
        json!({"webhook_id": "x", "method": "POST", "bogus": 1}),
    ] {
        let error = ws.error("webhook/handle", fields.clone()).await;
        assert_eq!(error["code"], "invalid_format", "{fields}");
    }
}

#[tokio::test]
async fn everything_but_id_and_method_may_be_left_out() {
    let hub = Hub::start();
    let phone = Phone::register(&hub, "Short").await;
    let mut ws = hub.ws().await;
    let fields = json!({"webhook_id": phone.webhook_id, "method": "POST"});
    let result = ws.result("webhook/handle", fields).await;
    assert_eq!(
        (&result["status"], &result["body"]),
        (&json!(400), &json!("{}"))
    );
}

#[tokio::test]
async fn any_user_may_handle_but_only_admins_may_list() {
    let hub = Hub::with(GUEST);
    let phone = Phone::register(&hub, "Listed").await;
    let mut guest = Ws::authenticated(hub.addr(), GUEST_TOKEN).await;
    let body = r#"{"type":"get_zones"}"#;
    let result = handle(&mut guest, &phone.webhook_id, "POST", body).await;
    assert_eq!(result["status"], 200);
    let answer = guest.call("webhook/list", json!({})).await;
    assert_eq!(answer["success"], false);
    assert!(!answer.to_string().contains(&phone.webhook_id));

    let answer = hub.ws().await.call("webhook/list", json!({})).await;
    assert_eq!(answer["success"], true, "{answer}");
    assert!(
        answer["result"].as_array().unwrap().contains(&json!({
            "webhook_id": phone.webhook_id,
            "domain": "mobile_app",
            "name": "Mobile App: Listed",
            "local_only": false,
            "allowed_methods": ["POST", "PUT"],
        })),
        "{answer}"
    );
}
