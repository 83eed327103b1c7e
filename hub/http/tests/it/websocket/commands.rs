use hearth_core::prelude::*;
use serde_json::json;

use super::{Socket, set};
use crate::home::with_home;

#[test]
fn states_are_those_of_rest() {
    with_home(|home| async move {
        for index in 0..3 {
            set(
                &home,
                &format!("light.lamp_{index}"),
                "on",
                Attributes::empty(),
            )
            .await;
        }
        let mut socket = Socket::signed_in(&home, &home.user).await;
        let sorted = |mut states: Value| {
            let list = states.as_array_mut().unwrap();
            list.sort_by_key(|state| state["entity_id"].to_string());
            states
        };
        let seen = sorted(socket.result("get_states", json!({})).await);
        assert_eq!(seen.as_array().unwrap().len(), 3);
        assert_eq!(
            seen,
            sorted(home.admin("GET", "/api/states", "").await.json())
        );
    });
}

#[test]
fn thousands_of_states_come_as_well() {
    with_home(|home| async move {
        for index in 0..2500 {
            set(
                &home,
                &format!("light.lamp_{index}"),
                "on",
                Attributes::empty(),
            )
            .await;
        }
        let mut socket = Socket::admin(&home).await;
        let states = socket.result("get_states", json!({})).await;
        assert_eq!(states.as_array().unwrap().len(), 2500);
    });
}

#[test]
fn configuration_and_services_are_those_of_rest() {
    with_home(|home| async move {
        let mut socket = Socket::signed_in(&home, &home.user).await;
        let config = socket.result("get_config", json!({})).await;
        assert_eq!(config, home.admin("GET", "/api/config", "").await.json());
        let services = socket.result("get_services", json!({})).await;
        assert_eq!(
            services["lab"]["maybe"]["response"],
            json!({"optional": true})
        );
    });
}

#[test]
fn a_command_of_an_integration_answers_under_its_own_name() {
    with_home(|home| async move {
        let mut admin = Socket::admin(&home).await;
        let rendered = admin
            .result("template/render", json!({"template": "{{ 1 }}"}))
            .await;
        assert_eq!(rendered, "rendered");
        let error = admin
            .error("template/render", json!({"template": "{{ 1 / 0 }}"}))
            .await;
        assert_eq!(
            error,
            (
                "template_error".into(),
                "ZeroDivisionError: division by zero".into()
            )
        );
        let mut user = Socket::signed_in(&home, &home.user).await;
        let error = user.error("template/render", json!({})).await;
        assert_eq!(error, ("unauthorized".into(), "Unauthorized".into()));
    });
}

#[test]
fn commands_that_no_client_may_give_are_not_there_for_one() {
    with_home(|home| async move {
        let mut admin = Socket::admin(&home).await;
        for command in ["lab/local", "lab/inside", "lab/nowhere"] {
            let error = admin.error(command, json!({})).await;
            let expected = ("unknown_command".into(), "Unknown command.".into());
            assert_eq!(error, expected, "{command}");
        }
    });
}

#[test]
fn several_pending_messages_go_as_one_array_to_a_client_that_says_so() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let features = json!({"features": {"coalesce_messages": 1, "other": 3}});
        assert_eq!(
            socket.result("supported_features", features).await,
            Value::Null
        );
        socket.ping().await;
        let batch: Vec<Value> = (10..20)
            .map(|id| json!({"id": id, "type": "ping"}))
            .collect();
        socket.send(batch.into()).await;
        let pongs: Vec<Value> = (10..20)
            .map(|id| json!({"id": id, "type": "pong"}))
            .collect();
        assert_eq!(socket.receive().await, json!(pongs));
    });
}
