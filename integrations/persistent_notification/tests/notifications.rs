//! Persistent notifications.
#![allow(clippy::unwrap_used)]

use hearth_core::prelude::*;
use hearth_core::settings::Settings;
use hearth_core::subscription::{Events, subscription};
use hearth_persistent_notification::factory;
use hearth_testing::{Home, Listener, run};

async fn subscribed(home: &Home) -> Events {
    let (subscriber, events) = subscription();
    let caller = Caller::new(Context::new(&home.hub.env), Access::AnyUser);
    let name = "persistent_notification/subscribe";
    let commands = &home.hub.commands;
    commands
        .subscribe(name, Map::new(), caller, subscriber)
        .await
        .unwrap();
    events
}

/// The type of the next event, and the ids in it.
async fn next(events: &mut Events) -> (String, Vec<String>) {
    let event: Value = serde_json::from_slice(&events.next().await.unwrap()).unwrap();
    let ids = event["notifications"].as_object().unwrap().keys();
    (
        event["type"].as_str().unwrap().to_owned(),
        ids.cloned().collect(),
    )
}

fn change(kind: &str, ids: &[&str]) -> (String, Vec<String>) {
    (
        kind.to_owned(),
        ids.iter().map(|id| (*id).to_owned()).collect(),
    )
}

#[test]
fn one_is_created_replaced_and_dismissed_and_subscribers_hear_of_it() {
    run(async {
        let home = Home::of(vec![factory()]).await;
        let mut events = subscribed(&home).await;
        assert_eq!(next(&mut events).await, change("current", &[]));
        let create = "persistent_notification.create";
        let data = json!({"message": "Hello", "title": "Hi", "notification_id": "x"});
        home.serve(create, data).await.unwrap();
        assert_eq!(next(&mut events).await, change("added", &["x"]));
        let data = json!({"message": "Again", "notification_id": "x"});
        home.serve(create, data).await.unwrap();
        assert_eq!(next(&mut events).await, change("updated", &["x"]));
        let all = home
            .command("persistent_notification/get", json!({}))
            .await
            .unwrap();
        let created_at = all[0]["created_at"].clone();
        assert!(created_at.as_str().unwrap().ends_with("+00:00"));
        assert_eq!(
            all,
            json!([{
                "notification_id": "x", "message": "Again", "title": null, "created_at": created_at,
            }])
        );
        let mut late = subscribed(&home).await;
        assert_eq!(next(&mut late).await, change("current", &["x"]));
        let dismiss = "persistent_notification.dismiss";
        for id in ["unknown", "x"] {
            home.serve(dismiss, json!({"notification_id": id}))
                .await
                .unwrap();
        }
        assert_eq!(next(&mut events).await, change("removed", &["x"]));
    });
}

#[test]
fn one_without_an_id_gets_one_and_all_are_dismissed_at_once() {
    run(async {
        let home = Home::of(vec![factory()]).await;
        let filter = Filter::of_types(["persistent_notifications_updated"]);
        let mut updates = Listener::start(&home.hub, filter).await;
        for message in ["a", "b"] {
            let data = json!({"message": message});
            home.serve("persistent_notification.create", data)
                .await
                .unwrap();
            assert_eq!(updates.next().await.data_value(), json!({}));
        }
        let all = home
            .command("persistent_notification/get", json!({}))
            .await
            .unwrap();
        assert_eq!(all[1]["notification_id"].as_str().unwrap().len(), 32);
        home.serve("persistent_notification.dismiss_all", json!({}))
            .await
            .unwrap();
        updates.next().await;
        let all = home.command("persistent_notification/get", json!({})).await;
        assert_eq!(all, Ok(json!([])));
    });
}

#[test]
fn the_oldest_gives_way_and_long_texts_are_cut() {
    run(async {
        let mut settings = Settings::default();
        settings.hub.notifications = 2;
        let home = Home::with(settings, vec![factory()]).await;
        let mut events = subscribed(&home).await;
        next(&mut events).await;
        for id in ["a", "b", "c"] {
            let data = json!({"message": "ü".repeat(20_000), "notification_id": id});
            home.serve("persistent_notification.create", data)
                .await
                .unwrap();
        }
        for expected in [
            ("added", "a"),
            ("added", "b"),
            ("removed", "a"),
            ("added", "c"),
        ] {
            assert_eq!(next(&mut events).await, change(expected.0, &[expected.1]));
        }
        let all = home
            .command("persistent_notification/get", json!({}))
            .await
            .unwrap();
        assert_eq!(all.as_array().unwrap().len(), 2);
        assert_eq!(
            all[0]["message"].as_str().unwrap().chars().count(),
            16 * 1024
        );
    });
}

#[test]
fn a_message_is_required() {
    run(async {
        let home = Home::of(vec![factory()]).await;
        let error = home
            .serve("persistent_notification.create", json!({}))
            .await;
        let message = "required key not provided @ data['message']";
        assert_eq!(error, Err(ServiceError::Invalid(message.to_owned())));
    });
}
