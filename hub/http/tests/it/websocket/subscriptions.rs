use hearth_core::prelude::*;
use serde_json::json;

use super::{Socket, done, set};
use crate::home::with_home;

#[test]
fn a_subscriber_gets_the_events_of_its_type_as_they_are() {
    with_home(|home| async move {
        let mut socket = Socket::signed_in(&home, &home.user).await;
        let id = socket
            .give("subscribe_events", json!({"event_type": "state_changed"}))
            .await;
        assert_eq!(socket.receive().await, done(id));
        home.door
            .hub
            .fire("lab_event", json!({}), Context::new(&home.door.hub.env))
            .await;
        set(&home, "light.a", "on", Attributes::empty()).await;
        let message = socket.receive().await;
        assert_eq!(
            (&message["id"], &message["type"]),
            (&json!(id), &json!("event"))
        );
        let event = &message["event"];
        assert_eq!(
            (&event["event_type"], &event["origin"]),
            (&json!("state_changed"), &json!("LOCAL"))
        );
        assert_eq!(event["data"]["entity_id"], "light.a");
        assert_eq!(event["data"]["old_state"], Value::Null);
        assert_eq!(
            event["data"]["new_state"],
            home.admin("GET", "/api/states/light.a", "").await.json()
        );
    });
}

#[test]
fn what_a_client_pipelines_takes_effect_in_order() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        for round in 0..20 {
            let event_type = json!({"event_type": format!("lab_{round}")});
            let subscription = socket.give("subscribe_events", event_type.clone()).await;
            let fired = socket.give("fire_event", event_type).await;
            let ended = socket
                .give("unsubscribe_events", json!({"subscription": subscription}))
                .await;
            let mut seen = Vec::new();
            while seen.len() < 3 {
                let message = socket.receive().await;
                if message["type"] == "result" {
                    seen.push(message["id"].as_u64().unwrap());
                }
            }
            assert_eq!(seen, [subscription, fired, ended]);
        }
        socket.ping().await;
    });
}

#[test]
fn all_events_leave_out_those_that_only_say_that_nothing_changed() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        socket.result("subscribe_events", json!({})).await;
        set(&home, "light.a", "on", Attributes::empty()).await;
        set(&home, "light.a", "on", Attributes::empty()).await;
        home.door
            .hub
            .fire("lab_event", json!({}), Context::new(&home.door.hub.env))
            .await;
        assert_eq!(
            socket.receive().await["event"]["event_type"],
            "state_changed"
        );
        assert_eq!(socket.receive().await["event"]["event_type"], "lab_event");
        let error = socket
            .error("subscribe_events", json!({"event_type": "state_reported"}))
            .await;
        assert_eq!(
            error,
            (
                "home_assistant_error".into(),
                "Event filter is required for event state_reported".into()
            )
        );
    });
}

#[test]
fn users_hear_what_is_open_to_all_and_no_more() {
    with_home(|home| async move {
        let mut socket = Socket::signed_in(&home, &home.user).await;
        for open in ["state_changed", "area_registry_updated", "service_removed"] {
            socket
                .result("subscribe_events", json!({"event_type": open}))
                .await;
        }
        for closed in [
            json!({}),
            json!({"event_type": "call_service"}),
            json!({"event_type": "*"}),
        ] {
            assert_eq!(
                socket.error("subscribe_events", closed).await.0,
                "unauthorized"
            );
        }
        assert_eq!(
            socket
                .error("fire_event", json!({"event_type": "x"}))
                .await
                .0,
            "unauthorized"
        );
    });
}

#[test]
fn an_event_that_is_fired_is_answered_with_its_context() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        socket
            .result("subscribe_events", json!({"event_type": "lab"}))
            .await;
        let fired = json!({"event_type": "lab", "event_data": {"x": [1]}});
        let id = socket.give("fire_event", fired).await;
        let (first, second) = (socket.receive().await, socket.receive().await);
        let (reply, event) = if first["id"] == id {
            (first, second)
        } else {
            (second, first)
        };
        assert_eq!(reply["result"]["context"], event["event"]["context"]);
        assert_eq!(event["event"]["context"]["user_id"], json!(home.admin_id));
        assert_eq!(event["event"]["data"], json!({"x": [1]}));
        let long = json!({"event_type": "x".repeat(65)});
        let reply = socket.ask("fire_event", long).await;
        assert_eq!(reply["error"]["code"], "home_assistant_error");
        assert_eq!(reply["error"]["translation_key"], "max_length_exceeded");
    });
}

#[test]
fn after_unsubscribing_nothing_comes() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let mut other = Socket::admin(&home).await;
        let id = socket
            .give("subscribe_events", json!({"event_type": "lab"}))
            .await;
        assert_eq!(socket.receive().await, done(id));
        other
            .result("subscribe_events", json!({"event_type": "lab"}))
            .await;
        assert_eq!(
            socket
                .result("unsubscribe_events", json!({"subscription": id}))
                .await,
            Value::Null
        );
        for unknown in [id, 99] {
            let error = socket
                .error("unsubscribe_events", json!({"subscription": unknown}))
                .await;
            assert_eq!(
                error,
                ("not_found".into(), "Subscription not found.".into())
            );
        }
        home.door
            .hub
            .fire("lab", json!({}), Context::new(&home.door.hub.env))
            .await;
        assert_eq!(other.receive().await["event"]["event_type"], "lab");
        socket.ping().await;
    });
}

#[test]
fn the_bus_is_heard_once_a_worker_and_no_longer_than_needed() {
    with_home(|home| async move {
        let listeners = async || {
            let listeners = home.door.hub.bus.listeners().await;
            listeners.get("lab").copied().unwrap_or(0)
        };
        let mut sockets = Vec::new();
        for _ in 0..8 {
            let mut socket = Socket::admin(&home).await;
            socket
                .result("subscribe_events", json!({"event_type": "lab"}))
                .await;
            sockets.push(socket);
        }
        // The home has two workers.
        assert!((1..=2).contains(&listeners().await));
        drop(sockets);
        let none_left = async {
            while listeners().await > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(crate::client::DEADLINE, none_left)
            .await
            .unwrap();
    });
}
