//! Which services there are, and what they take.

use hearth_core::command::Access;
use hearth_core::event::Context;
use hearth_core::service::ServiceError;
use serde_json::json;

use super::{Channel, notify, phone, say};
use crate::home::{Home, eventually};

fn has(home: &Home, service: &str) -> bool {
    home.hub.services.contains("notify", service)
}

#[actix_rt::test]
async fn a_service_comes_and_goes_with_its_phone() {
    let mut home = Home::start().await;
    assert!(has(&home, "notify"));
    let quiet = home.phone("Quiet").await;
    let loud = phone(&home, "Loud One", None).await;
    assert!(has(&home, "mobile_app_loud_one") && !has(&home, "mobile_app_quiet"));

    let data = json!({"device_name": "Very Loud"});
    loud.send("update_registration", data).await;
    assert!(has(&home, "mobile_app_very_loud") && !has(&home, "mobile_app_loud_one"));
    let data = json!({"app_data": {"push_websocket_channel": false}});
    quiet.send("update_registration", data).await;
    assert!(has(&home, "mobile_app_quiet"));

    home.restart().await;
    assert!(has(&home, "mobile_app_very_loud") && has(&home, "mobile_app_quiet"));

    let data = json!({"app_data": {}});
    let quiet = home.again(&quiet);
    quiet.send("update_registration", data).await;
    assert!(!has(&home, "mobile_app_quiet"));
    let remove = "mobile_app/registrations/remove";
    let data = json!({"device_name": "Very Loud"});
    home.command(remove, data, Access::Local).await.unwrap();
    assert!(!has(&home, "mobile_app_very_loud"));

    phone(&home, "Orphan", None).await;
    assert!(has(&home, "mobile_app_orphan"));
    let context = Context::new(&home.hub.env);
    let data = json!({"user_id": home.user});
    home.hub.fire("user_removed", data, context).await;
    eventually("the service is gone", || !has(&home, "mobile_app_orphan")).await;
}

#[actix_rt::test]
async fn of_two_phones_with_one_name_the_later_has_the_service() {
    let home = Home::start().await;
    let first = phone(&home, "Same", None).await;
    let mut body = Home::body("Same", false);
    body["device_id"] = "another".into();
    body["app_data"] = json!({"push_websocket_channel": true});
    let second = home.register(&body).await;
    let mut of_first = Channel::open(&home, &first, false).await;
    let mut of_second = Channel::open(&home, &second, false).await;
    say(&home, "mobile_app_same", "to the second").await;
    assert_eq!(of_second.next().await["message"], "to the second");
    let remove = "mobile_app/registrations/remove";
    let data = json!({"webhook_id": second.id});
    home.command(remove, data, Access::Local).await.unwrap();
    say(&home, "mobile_app_same", "to the first").await;
    assert_eq!(of_first.next().await["message"], "to the first");
}

#[actix_rt::test]
async fn a_notification_is_what_was_given_and_no_more() {
    let home = Home::start().await;
    let ada = phone(&home, "Ada", None).await;
    let mut channel = Channel::open(&home, &ada, false).await;
    for (given, sent) in [
        (json!({"message": "m"}), json!({"message": "m"})),
        (json!({"message": 5}), json!({"message": "5"})),
        (
            json!({"message": "command_dnd", "title": "Home Assistant", "target": "whoever"}),
            json!({"message": "command_dnd"}),
        ),
        (
            json!({"message": "m", "title": "t", "data": {"a": [1]}}),
            json!({"message": "m", "title": "t", "data": {"a": [1]}}),
        ),
    ] {
        notify(&home, "mobile_app_ada", given).await.unwrap();
        assert_eq!(channel.next().await, sent);
    }
    for bad in [
        json!({}),
        json!({"message": null}),
        json!({"message": "m", "data": "text"}),
        json!({"message": "m", "bogus": 1}),
        json!({"message": "x".repeat(70_000)}),
    ] {
        let refused = notify(&home, "mobile_app_ada", bad).await;
        assert!(
            matches!(refused, Err(ServiceError::Invalid(_))),
            "{refused:?}"
        );
    }
}

#[actix_rt::test]
async fn the_service_to_all_reaches_all_or_those_that_are_named() {
    let home = Home::start().await;
    say(&home, "notify", "nobody").await;
    let (one, two) = (
        phone(&home, "One", None).await,
        phone(&home, "Two", None).await,
    );
    home.phone("Quiet").await;
    let mut of_one = Channel::open(&home, &one, false).await;
    let mut of_two = Channel::open(&home, &two, false).await;
    say(&home, "notify", "all").await;
    let named = json!({"message": "named", "target": two.id});
    notify(&home, "notify", named).await.unwrap();
    let unknown = json!({"message": "both", "target": [one.id, "who"]});
    assert!(notify(&home, "notify", unknown).await.is_err());
    assert_eq!(of_one.next_messages(2).await, ["all", "both"]);
    assert_eq!(of_two.next_messages(2).await, ["all", "named"]);
    let twice = json!({"message": "once", "target": [two.id, two.id]});
    notify(&home, "notify", twice).await.unwrap();
    say(&home, "notify", "last").await;
    assert_eq!(of_two.next_messages(2).await, ["once", "last"]);
}
