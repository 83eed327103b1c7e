//! Waking, sleeping, removing: what happens to messages meanwhile.

use futures_util::future::{join, join_all};
use futures_util::{StreamExt, stream};
use hearth_core::command::Access;
use hearth_core::event::Context;
use serde_json::{Value, json};

use crate::home::{Home, Phone, eventually};

fn is_awake(home: &Home, phone: &Phone) -> bool {
    let hooks = home.hub.webhooks.list();
    hooks
        .iter()
        .any(|(id, hook)| id.as_str() == phone.id && hook.live.is_some())
}

#[actix_rt::test]
async fn an_actor_wakes_with_the_first_message_and_sleeps_when_idle() {
    let home = Home::with(|settings| settings.mobile_app.idle_s = 1).await;
    let phone = home.phone("Sleepy").await;
    for _ in 0..2 {
        assert!(!is_awake(&home, &phone));
        phone.send("get_zones", json!({})).await.is(200, "[]");
        eventually("the phone is awake", || is_awake(&home, &phone)).await;
        phone.send("get_zones", json!({})).await.is(200, "[]");
        eventually("the phone sleeps", || !is_awake(&home, &phone)).await;
    }
    let data = json!({"battery": 1});
    phone.send("update_location", data).await.is(200, "{}");
}

#[actix_rt::test]
async fn a_burst_to_a_sleeping_phone_is_answered_whole() {
    let home = Home::start().await;
    let phone = home.phone("Burst").await;
    let sensors: Vec<Value> = (0..50)
        .map(|n| json!({"name": n, "type": "sensor", "unique_id": n, "state": n}))
        .collect();
    let sent = sensors
        .into_iter()
        .map(|sensor| phone.send("register_sensor", sensor));
    for answer in join_all(sent).await {
        answer.is(201, r#"{"success":true}"#);
    }
    let config = phone.send("get_config", json!({})).await.json();
    assert_eq!(config["entities"].as_object().unwrap().len(), 51);
}

#[actix_rt::test]
async fn as_much_as_a_socket_may_send_at_a_time_finds_room() {
    let home = Home::start().await;
    let phone = home.phone("Flood").await;
    let at_a_time = hearth_core::settings::Settings::default()
        .websocket
        .commands;
    let data = json!({"domain": "neighbours", "service": "work"});
    let answers = stream::iter(0..3000)
        .map(|n| match n % 2 {
            0 => phone.send("call_service", data.clone()),
            _ => phone.send("update_location", json!({"battery": n})),
        })
        .buffer_unordered(at_a_time);
    answers.for_each(async |answer| answer.is(200, "{}")).await;
}

#[actix_rt::test]
async fn while_a_registration_is_replaced_its_old_id_is_there_or_gone() {
    let home = Home::start().await;
    let mut phone = home.phone("Twice").await;
    for _ in 0..20 {
        let is_replaced = std::cell::Cell::new(false);
        let replace = async {
            let new = home.phone("Twice").await;
            is_replaced.set(true);
            new
        };
        let send = async {
            loop {
                let was_replaced = is_replaced.get();
                let answer = phone.send("update_location", json!({})).await;
                if answer.0.status == 410 {
                    return;
                }
                answer.is(200, "{}");
                assert!(!was_replaced);
            }
        };
        let (new, ()) = join(replace, send).await;
        phone = new;
    }
}

#[actix_rt::test]
async fn the_users_end_is_the_end_of_their_registrations() {
    let home = Home::start().await;
    let phone = home.phone("Orphan").await;
    phone.send("get_zones", json!({})).await.is(200, "[]");
    let context = Context::new(&home.hub.env);
    let data = json!({"user_id": home.user});
    home.hub.fire("user_removed", data, context).await;
    eventually("the tracker is gone", || {
        home.state("device_tracker.orphan").is_none()
    })
    .await;
    phone.post("{}").await.is(410, "");
    assert!(home.hub.registries.config_entries.list().is_empty());
}

#[actix_rt::test]
async fn the_console_lists_and_removes_what_is_meant_and_nothing_else() {
    let home = Home::start().await;
    let (one, two) = (home.phone("One").await, home.sealed_phone("Two").await);
    let list = "mobile_app/registrations/list";
    let remove = "mobile_app/registrations/remove";
    let refused = home.command(list, json!({}), Access::Admin).await;
    assert_eq!(refused.unwrap_err().code.as_str(), "unauthorized");
    let all = home.command(list, json!({}), Access::Local).await.unwrap();
    assert_eq!(all[0]["device_name"], "One");
    assert_eq!(all[1]["webhook_id"], two.id);
    assert!(!all.to_string().contains(two.secret.as_ref().unwrap()));

    for (data, code) in [
        (json!({"webhook_id": "no-such-id"}), "not_found"),
        (json!({"webhook_id": ""}), "invalid_format"),
        (json!({}), "invalid_format"),
        (json!({"device_name": "Three"}), "not_found"),
    ] {
        let error = home.command(remove, data, Access::Local).await.unwrap_err();
        assert_eq!(error.code.as_str(), code);
    }
    let data = json!({"webhook_id": one.id[..16]});
    assert!(home.command(remove, data, Access::Local).await.is_ok());
    one.post("{}").await.is(410, "");
    let data = json!({"device_name": "Two"});
    assert!(home.command(remove, data, Access::Local).await.is_ok());
    two.post("{}").await.is(410, "");
    assert_eq!(
        home.command(list, json!({}), Access::Local).await,
        Ok(json!([]))
    );
}

#[actix_rt::test]
async fn registering_one_device_from_many_sides_leaves_one() {
    let home = Home::start().await;
    let body = Home::body("Same", false).to_string();
    let answers = join_all((0..20).map(|_| home.post(&body))).await;
    assert!(answers.iter().all(|(status, _)| *status == 201));
    assert_eq!(home.hub.registries.config_entries.list().len(), 1);
    assert_eq!(home.hub.registries.devices.list().len(), 1);
    assert_eq!(home.hub.registries.entities.len(), 1);
    let hooks = home.hub.webhooks.list();
    let live = hooks
        .iter()
        .filter(|(_, hook)| &*hook.name == "Mobile App: Same");
    assert_eq!((hooks.len(), live.count()), (20, 1));
}

#[actix_rt::test]
async fn messages_during_a_removal_are_answered_and_never_lost() {
    let home = Home::start().await;
    let phone = home.phone("Going").await;
    let messages = join_all((0..100).map(|n| {
        let data = json!({"name": n, "type": "sensor", "unique_id": n % 5, "state": n});
        phone.send("register_sensor", data)
    }));
    let entry = home.hub.registries.config_entries.list().remove(0);
    let data = json!({"entry_id": entry.entry_id});
    let removal = home.command("mobile_app/config_entry/remove", data, Access::Admin);
    let (answers, removed) = futures_util::future::join(messages, removal).await;
    assert!(removed.is_ok());
    for answer in answers {
        assert!([201, 410, 503].contains(&answer.0.status), "{answer:?}");
    }
    phone.post("{}").await.is(410, "");
    assert!(home.hub.registries.entities.is_empty());
    assert!(home.hub.states.is_empty());
}
