//! Manufacturers' webhooks reach the homes that they are meant for.

use serde_json::json;

use crate::server::{Relay, is_connected, linked_hub, listen, post};

#[tokio::test]
async fn a_webhook_reaches_the_home_it_is_meant_for_and_no_other() {
    let relay = Relay::start();
    let webhook = relay.webhook();
    let (one, other) = (linked_hub(&relay).await, linked_hub(&relay).await);
    let (mut one, mut other) = (one.ws().await, other.ws().await);
    let ones = listen(&mut one, &webhook, "one").await;
    let others = listen(&mut other, &webhook, "other").await;

    let mut http = relay.http();
    for (number, device) in ["one", "nobody", "other", "one"].into_iter().enumerate() {
        post(
            &mut http,
            &webhook,
            json!({"device": device, "number": number}),
        )
        .await;
    }
    let mut heard = Vec::new();
    for _ in 0..2 {
        let event = one.event(ones).await;
        assert_eq!(event["headers"]["content-type"], "application/json");
        assert_eq!(
            (&event["method"], &event["attempt"]),
            (&json!("POST"), &json!(1))
        );
        heard.push(event["body"]["number"].clone());
    }
    assert_eq!(heard, [0, 3]);
    assert_eq!(other.event(others).await["body"]["number"], 2);
}

#[tokio::test]
async fn nothing_is_lost_while_the_hub_or_the_relay_is_down() {
    let mut relay = Relay::start();
    let webhook = relay.webhook();
    let mut hub = linked_hub(&relay).await;
    let mut http = relay.http();
    let numbered = |number: u64| json!({"device": "one", "number": number});
    {
        let mut ws = hub.ws().await;
        let subscription = listen(&mut ws, &webhook, "one").await;
        post(&mut http, &webhook, numbered(0)).await;
        assert_eq!(ws.event(subscription).await["body"]["number"], 0);
    }
    hub.kill();
    for number in 1..=20 {
        post(&mut http, &webhook, numbered(number)).await;
    }
    relay.kill();
    relay.restart();
    hub.restart();
    is_connected(&hub).await;
    let mut ws = hub.ws().await;
    let subscription = listen(&mut ws, &webhook, "one").await;
    let mut heard = Vec::new();
    while heard.last() != Some(&20) {
        heard.push(
            ws.event(subscription).await["body"]["number"]
                .as_u64()
                .unwrap(),
        );
    }
    // The hub was killed at the moment when it had handed over the first: that may come again.
    heard.retain(|number| *number != 0);
    assert_eq!(heard, (1..=20).collect::<Vec<u64>>());

    relay.kill();
    relay.restart();
    is_connected(&hub).await;
    let mut http = relay.http();
    post(&mut http, &webhook, numbered(21)).await;
    assert_eq!(ws.event(subscription).await["body"]["number"], 21);
}

#[tokio::test]
async fn wrong_credentials_of_a_webhook_are_refused() {
    let relay = Relay::start();
    let webhook = relay.webhook();
    let hub = linked_hub(&relay).await;
    let mut ws = hub.ws().await;
    for (id, secret) in [
        (&*webhook.id, "wrong"),
        ("0123456789abcdef01234567", &*webhook.secret),
    ] {
        let wanted = json!({"webhook_id": id, "secret": secret});
        let error = ws.error("relay/webhook/register", wanted).await;
        assert_eq!(error["code"], "invalid_webhook_credentials");
    }
}
