//! §0 and §3: what a webhook answers to each shape of envelope.

use hearth_e2e::{Hub, Phone};
use serde_json::json;

#[tokio::test]
async fn each_plain_envelope_gets_its_answer() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Envelopes").await;
    for (body, status, answer) in [
        ("", 400, "{}"),
        ("garbage", 400, "{}"),
        (r#"{"type":"get_zones""#, 400, "{}"),
        ("[]", 200, "{}"),
        (r#"[{"type":"get_zones"}]"#, 200, "{}"),
        ("5", 200, ""),
        ("{}", 200, "{}"),
        (r#"{"data":{}}"#, 200, "{}"),
        (r#"{"type":null}"#, 200, "{}"),
        (r#"{"type":{}}"#, 200, "{}"),
        (r#"{"type":"nope"}"#, 200, "{}"),
        (r#"{"type":"nope","data":{}}"#, 200, "{}"),
        (r#"{"type":"get_zones","data":null}"#, 200, "{}"),
        (r#"{"type":"get_zones","data":"text"}"#, 200, "{}"),
        (r#"{"type":"get_zones","data":5}"#, 200, "{}"),
        (r#"{"type":"get_zones","more":1}"#, 200, "{}"),
        (r#"{"type":"get_zones","data":{},"more":1}"#, 200, "{}"),
        (r#"{"type":"get_zones","encrypted":false}"#, 200, "{}"),
        (
            r#"{"type":"get_zones","encrypted":true,"encrypted_data":"AA==","data":{}}"#,
            200,
            "{}",
        ),
        // Raised inside: no secret here, or nothing to decrypt.
        (r#"{"type":"get_zones","encrypted":true}"#, 200, ""),
        (
            r#"{"type":"get_zones","encrypted":true,"encrypted_data":"AA=="}"#,
            200,
            "",
        ),
    ] {
        let got = phone.post(body).await;
        assert_eq!((got.status, got.body.as_str()), (status, answer), "{body}");
    }
}

#[tokio::test]
async fn every_plain_command_needs_encryption_once_it_is_on() {
    let hub = Hub::start();
    let mut phone = Phone::register_encrypted(&hub, "Sealed").await;
    for kind in [
        "update_location",
        "call_service",
        "fire_event",
        "render_template",
        "update_registration",
        "get_zones",
        "get_config",
        "enable_encryption",
        "stream_camera",
        "conversation_process",
        "register_sensor",
        "update_sensor_states",
        "scan_tag",
        "nope",
    ] {
        let answer = phone.send(kind, json!({})).await;
        answer.is_refused("encryption_required", "Encryption required");
    }
    // The check looks for the key `encrypted` before the envelope is validated.
    phone
        .post(r#"{"nonsense":1}"#)
        .await
        .is_refused("encryption_required", "Encryption required");
    phone.post("garbage").await.is(400, "{}");
    phone
        .post(r#"{"type":"get_zones","encrypted":false}"#)
        .await
        .is(200, "{}");
    phone
        .post(r#"{"type":"get_zones","encrypted":true}"#)
        .await
        .is(200, "");
}

#[tokio::test]
async fn put_works_as_post_and_other_methods_do_not() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "Methods").await;
    let id = phone.webhook_id.clone();
    let body = r#"{"type":"get_zones"}"#;
    let posted = phone.door.send("POST", &id, body).await;
    let put = phone.door.send("PUT", &id, body).await;
    assert_eq!(posted, put);
    phone.door.send("GET", &id, "").await.is(405, "");
    phone.door.send("HEAD", &id, "").await.is(200, "");
}

#[tokio::test]
async fn a_command_without_data_is_as_one_with_an_empty_object() {
    let hub = Hub::start();
    let mut phone = Phone::register(&hub, "No data").await;
    let without = phone.post(r#"{"type":"get_zones"}"#).await;
    let with = phone.post(r#"{"type":"get_zones","data":{}}"#).await;
    let ignored = phone.post(r#"{"type":"get_zones","data":{"a":[1]}}"#).await;
    assert_eq!(without.status, 200);
    assert_eq!(without, with);
    assert_eq!(without, ignored);
}
