//! Notifications to phones that are not reached now.

use hearth_core::command::Access;
use hearth_core::service::ServiceError;
use serde_json::{Value, json};

use super::{Channel, confirm, kept, messages, notify, phone, say};
use crate::home::{Home, eventually};

const ADA: &str = "mobile_app_ada";

#[actix_rt::test]
async fn they_outlive_a_restart_and_come_in_order_when_the_channel_is_back() {
    let mut home = Home::start().await;
    let ada = phone(&home, "Ada", None).await;
    for message in ["one", "two", "three"] {
        say(&home, ADA, message).await;
    }
    assert_eq!(kept(&home), 3);

    home.restart().await;

    say(&home, ADA, "four").await;
    let ada = home.again(&ada);
    let mut channel = Channel::open(&home, &ada, true).await;
    let mut events: Vec<Value> = Vec::new();
    for _ in 0..4 {
        events.push(channel.next().await);
    }
    assert_eq!(messages(&events), ["one", "two", "three", "four"]);
    for event in &events[..3] {
        confirm(&home, &ada, event).await.unwrap();
    }
    eventually("one is kept", || kept(&home) == 1).await;

    // What was not confirmed is brought again, by the same id.
    home.restart().await;
    let mut channel = Channel::open(&home, &home.again(&ada), true).await;
    assert_eq!(channel.next().await["message"], "four");
}

#[actix_rt::test]
async fn without_confirmations_what_was_sent_is_done() {
    let home = Home::start().await;
    let ada = phone(&home, "Ada", None).await;
    say(&home, ADA, "one").await;
    let mut channel = Channel::open(&home, &ada, false).await;
    assert_eq!(channel.next().await, json!({"message": "one"}));
    eventually("nothing is kept", || kept(&home) == 0).await;
    drop(channel);
    // Whether the end was noticed already or not.
    say(&home, ADA, "two").await;
    let mut channel = Channel::open(&home, &ada, false).await;
    assert_eq!(channel.next().await["message"], "two");
}

#[actix_rt::test]
async fn a_later_one_of_the_same_tag_takes_the_place_of_the_earlier() {
    let home = Home::start().await;
    let ada = phone(&home, "Ada", None).await;
    for (message, tag) in [("a1", "a"), ("b", "b"), ("clear_notification", "a")] {
        let data = json!({"message": message, "data": {"tag": tag}});
        notify(&home, ADA, data).await.unwrap();
    }
    let mut channel = Channel::open(&home, &ada, true).await;
    assert_eq!(channel.next_messages(2).await, ["b", "clear_notification"]);
}

#[actix_rt::test]
async fn no_more_are_kept_than_may_be() {
    let home = Home::with(|settings| {
        settings.push.queue = 2;
        settings.push.queue_total = 3;
    })
    .await;
    let ada = phone(&home, "Ada", None).await;
    phone(&home, "Bob", None).await;
    for message in ["one", "two", "three"] {
        say(&home, ADA, message).await;
    }
    say(&home, "mobile_app_bob", "bob").await;
    let data = json!({"message": "too many"});
    let refused = notify(&home, "mobile_app_bob", data).await;
    assert!(
        matches!(refused, Err(ServiceError::Failed(_))),
        "{refused:?}"
    );
    // One that is there gets its own all the same.
    let cleo = phone(&home, "Cleo", None).await;
    let mut channel = Channel::open(&home, &cleo, false).await;
    say(&home, "mobile_app_cleo", "cleo").await;
    assert_eq!(channel.next().await["message"], "cleo");
    let mut channel = Channel::open(&home, &ada, true).await;
    assert_eq!(channel.next_messages(2).await, ["two", "three"]);
    assert_eq!(kept(&home), 3);
}

#[actix_rt::test]
async fn where_none_is_kept_a_phone_that_is_not_connected_is_an_error() {
    let home = Home::with(|settings| settings.push.queue = 0).await;
    phone(&home, "Ada", None).await;
    let refused = notify(&home, ADA, json!({"message": "m"})).await;
    let expected = "Device not connected to local push notifications";
    assert_eq!(refused, Err(ServiceError::Failed(expected.to_owned())));
}

#[actix_rt::test]
async fn what_is_too_old_is_dropped() {
    let home = Home::with(|settings| settings.push.ttl_s = 1).await;
    let ada = phone(&home, "Ada", None).await;
    say(&home, ADA, "old").await;
    let start = home.hub.env.monotonic();
    let is_over = || (home.hub.env.monotonic() - start).as_millis() > 1000;
    eventually("a second is over", is_over).await;
    let mut channel = Channel::open(&home, &ada, false).await;
    say(&home, ADA, "new").await;
    assert_eq!(channel.next().await["message"], "new");
    eventually("nothing is kept", || kept(&home) == 0).await;
}

#[actix_rt::test]
async fn they_go_with_their_registration() {
    let home = Home::start().await;
    let ada = phone(&home, "Ada", None).await;
    say(&home, ADA, "to nobody").await;
    let remove = "mobile_app/registrations/remove";
    let data = json!({"webhook_id": ada.id});
    home.command(remove, data, Access::Local).await.unwrap();
    eventually("nothing is kept", || kept(&home) == 0).await;
    let again = phone(&home, "Ada", None).await;
    let mut channel = Channel::open(&home, &again, false).await;
    say(&home, ADA, "to the new one").await;
    assert_eq!(channel.next().await["message"], "to the new one");
}
