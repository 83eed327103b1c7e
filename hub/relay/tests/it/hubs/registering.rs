//! Registering for webhooks.

use hearth_relay_protocol::Unregister;

use super::*;

#[test]
fn what_is_registered_routes_and_what_is_unregistered_does_not() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (_, webhook, mut hub) = relay.ready().await;
            relay.send_numbers(&webhook, 0..1).await;
            let last = hub.takes(0..1).await;
            hub.ack(last).await;
            hub.registers(&webhook, json!({"$keys": ["b"]})).await;
            relay.send_numbers(&webhook, 1..2).await;
            hub.hears_nothing_more().await;
            let webhook_id = webhook.id.to_string();
            let result = hub
                .ask(|id| FromHub::Unregister(Unregister { id, webhook_id }))
                .await;
            assert!(result.ok);
            let reply = relay.post(webhook.id, json!({"to": "b"})).await;
            assert_eq!(reply.status, 200);
            hub.hears_nothing_more().await;
        },
    );
}

#[test]
fn wrong_ids_and_wrong_secrets_look_the_same() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (_, webhook, mut hub) = relay.ready().await;
            let other = relay.routed().await;
            let mut answers = Vec::new();
            for (id, secret) in [
                (webhook.id.to_string(), other.secret.clone()),
                ("0".repeat(24), webhook.secret.clone()),
                ("no id".to_owned(), webhook.secret.clone()),
                (webhook.id.to_string(), String::new()),
            ] {
                let result = hub
                    .ask(|number| {
                        FromHub::Register(Register {
                            id: number,
                            webhook_id: id,
                            secret,
                            data: None,
                        })
                    })
                    .await;
                assert!(!result.ok);
                answers.push((result.error, result.message));
            }
            answers.dedup();
            assert_eq!(answers.len(), 1, "{answers:?}");
            assert_eq!(answers[0].0.as_deref(), Some("invalid_webhook_credentials"));
        },
    );
}

#[test]
fn bad_data_is_refused_and_keys_that_never_match_are_warned_of() {
    with_open_relay(
        |_| {},
        async |relay| {
            let (_, webhook, mut hub) = relay.ready().await;
            for data in [
                json!([]),
                json!({"$key": null}),
                json!({"$keys": [[1]]}),
                json!({"$key": ""}),
                json!({"more": "x".repeat(17 * 1024)}),
            ] {
                let result = hub.register(&webhook, data).await;
                assert_eq!(result.error.as_deref(), Some("bad_data"), "{result:?}");
            }
            let made = relay
                .admin("webhook/create", json!({"key_path": "query.device"}))
                .await;
            let webhook = Webhook {
                id: made["id"].as_str().unwrap().parse().unwrap(),
                secret: made["secret"].as_str().unwrap().to_owned(),
            };
            let result = hub.register(&webhook, json!({"$key": 5})).await;
            assert!(result.ok);
            assert_eq!(result.warning.as_deref(), Some("key_never_matches"));
        },
    );
}

#[test]
fn a_hub_that_guesses_secrets_may_not_register_for_a_while() {
    let few = |settings: &mut RelaySettings| settings.registration_failures = 3;
    with_open_relay(few, async |relay| {
        let (account, webhook, mut hub) = relay.ready().await;
        let wrong = Webhook {
            id: webhook.id,
            secret: "guess".to_owned(),
        };
        for _ in 0..3 {
            let result = hub.register(&wrong, json!({})).await;
            assert_eq!(result.error.as_deref(), Some("invalid_webhook_credentials"));
        }
        // Also with the right secret, and over a new connection.
        let mut hub = TestHub::connect(relay, &account).await;
        let result = hub.register(&webhook, json!({})).await;
        assert_eq!(result.error.as_deref(), Some("rate_limited"));
        let other = relay.account().await;
        let mut other = TestHub::connect(relay, &other).await;
        other.registers(&webhook, json!({"$key": "a"})).await;
    });
}
