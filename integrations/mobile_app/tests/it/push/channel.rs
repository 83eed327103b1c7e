//! The channel over the phone's own socket.

use std::time::{Duration, Instant};

use hearth_core::ids::UserId;
use serde_json::json;

use super::{Channel, PushService, confirm, kept, near, phone, say};
use crate::home::{Home, eventually};

const ADA: &str = "mobile_app_ada";

#[actix_rt::test]
async fn only_its_owner_opens_a_phones_channel() {
    let home = Home::start().await;
    let ada = phone(&home, "Ada", None).await;
    let refusals = [
        (
            home.user,
            json!({"webhook_id": "none"}),
            "not_found",
            "Webhook ID not found",
        ),
        (
            UserId::generate(&home.hub.env),
            json!({"webhook_id": ada.id}),
            "unauthorized",
            "User not linked to this webhook ID",
        ),
        (
            home.user,
            json!({}),
            "invalid_format",
            "required key not provided @ data['webhook_id']. Got None",
        ),
    ];
    for (user, data, code, message) in refusals {
        let Err(error) = Channel::try_open(&home, user, data).await else {
            panic!("it was opened")
        };
        assert_eq!((error.code.as_str(), &*error.message), (code, message));
    }
    let never_sent = json!({"hass_confirm_id": "0".repeat(32)});
    for _ in 0..2 {
        let error = confirm(&home, &ada, &never_sent).await.unwrap_err();
        assert_eq!(
            (error.code.as_str(), &*error.message),
            ("not_found", "Push notification channel not found")
        );
        Channel::open(&home, &ada, true).await;
    }
}

#[actix_rt::test]
async fn row_8_what_is_not_confirmed_in_time_goes_to_the_push_service() {
    let home = Home::with(|settings| {
        near(settings);
        settings.push.confirm_timeout_s = 0.5;
    })
    .await;
    let service = PushService::start();
    let ada = phone(&home, "Ada", Some(&service.url)).await;

    let mut channel = Channel::open(&home, &ada, true).await;
    say(&home, ADA, "confirmed").await;
    let event = channel.next().await;
    assert_eq!(kept(&home), 1);
    assert_eq!(confirm(&home, &ada, &event).await.unwrap(), json!(null));
    assert!(confirm(&home, &ada, &event).await.is_err());

    let sent = Instant::now();
    say(&home, ADA, "overdue").await;
    say(&home, ADA, "with it").await;
    let overdue = channel.next().await;
    eventually("both are posted", || service.count() == 2).await;
    assert!(sent.elapsed() >= Duration::from_millis(500));
    assert_eq!(service.messages(), ["overdue", "with it"]);
    assert_eq!(
        service.bodies.lock()[0]["hass_confirm_id"],
        overdue["hass_confirm_id"]
    );
    // Its channel is closed.
    assert!(confirm(&home, &ada, &overdue).await.is_err());
    say(&home, ADA, "by post").await;
    assert_eq!(service.messages().last().unwrap(), "by post");
    assert_eq!(service.bodies.lock()[2].get("hass_confirm_id"), None);
    eventually("nothing is kept", || kept(&home) == 0).await;
}

#[actix_rt::test]
async fn closing_the_channel_falls_back_at_once() {
    let home = Home::with(near).await;
    let service = PushService::start();
    let ada = phone(&home, "Ada", Some(&service.url)).await;
    let mut channel = Channel::open(&home, &ada, true).await;
    say(&home, ADA, "pending").await;
    channel.next().await;
    drop(channel);
    eventually("it is posted", || service.count() == 1).await;
}

#[actix_rt::test]
async fn a_second_channel_takes_the_place_of_the_first_and_gets_what_is_pending() {
    let home = Home::start().await;
    let ada = phone(&home, "Ada", None).await;
    let mut first = Channel::open(&home, &ada, true).await;
    say(&home, ADA, "one").await;
    let event = first.next().await;
    let mut second = Channel::open(&home, &ada, true).await;
    assert_eq!(second.next().await, event);
    say(&home, ADA, "two").await;
    let two = second.next().await;
    assert_eq!(two["message"], "two");
    // The first ends after the second began: that changes nothing.
    drop(first);
    confirm(&home, &ada, &event).await.unwrap();
    confirm(&home, &ada, &two).await.unwrap();
    say(&home, ADA, "three").await;
    assert_eq!(second.next().await["message"], "three");
}
