use serde_json::{Value, json};

use super::Socket;
use crate::home::with_home;

fn call(service: &str, more: Value) -> Value {
    let mut call = json!({"domain": "lab", "service": service});
    call.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    call
}

#[test]
fn a_call_is_answered_with_its_context_and_response() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        let result = socket
            .result(
                "call_service",
                call("dim", json!({"service_data": {"level": 7}})),
            )
            .await;
        assert_eq!(result["context"]["user_id"], json!(home.admin_id));
        assert_eq!(result.get("response"), None);
        let light = home.door.hub.states.get("light.lab").unwrap();
        assert_eq!(json!(light.context), result["context"]);
        let result = socket
            .result(
                "call_service",
                call("maybe", json!({"return_response": true})),
            )
            .await;
        assert_eq!(result["response"], json!({"answer": 42}));
    });
}

#[test]
fn the_event_of_a_call_shows_targets_as_lists() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        socket
            .result("subscribe_events", json!({"event_type": "call_service"}))
            .await;
        let target = json!({"target": {"entity_id": "light.a"}, "service_data": {"x": 1}});
        socket.give("call_service", call("maybe", target)).await;
        let event = loop {
            let message = socket.receive().await;
            if message["type"] == "event" {
                break message;
            }
        };
        assert_eq!(
            event["event"]["data"]["service_data"],
            json!({"x": 1, "entity_id": ["light.a"]})
        );
        assert_eq!(event["event"]["origin"], "LOCAL");
    });
}

#[test]
fn each_way_to_fail_has_its_code() {
    with_home(|home| async move {
        let mut socket = Socket::admin(&home).await;
        for (message, code, text) in [
            (
                json!({"domain": "nope", "service": "turn_on"}),
                "not_found",
                "Service nope.turn_on not found.",
            ),
            (
                call("dim", json!({"service_data": {"level": 7, "bogus": 1}})),
                "invalid_format",
                "extra keys not allowed @ data['bogus']",
            ),
            (
                call("dim", json!({"target": {"entity_id": "{{ x }}"}})),
                "invalid_format",
                "templates are not allowed @ data['target']['entity_id']. Got ['{{ x }}']",
            ),
            (
                call("only", json!({})),
                "service_validation_error",
                "Validation error: The action requires responses and must be called with return_response=True",
            ),
            (
                call(
                    "dim",
                    json!({"service_data": {"level": 1}, "return_response": true}),
                ),
                "service_validation_error",
                "Validation error: An action which does not return responses can't be called with return_response=True",
            ),
            (
                call("fail", json!({})),
                "home_assistant_error",
                "the lamp is broken",
            ),
            (
                json!({"service": "turn_on"}),
                "invalid_format",
                "required key not provided @ data['domain']. Got None",
            ),
        ] {
            let error = socket.error("call_service", message).await;
            assert_eq!(error, (code.to_owned(), text.to_owned()));
        }
    });
}

#[test]
fn a_service_that_refuses_the_user_says_so_as_an_error_of_its_own() {
    with_home(|home| async move {
        let mut socket = Socket::signed_in(&home, &home.user).await;
        let error = socket
            .error("call_service", call("secret", json!({})))
            .await;
        assert_eq!(
            error,
            ("home_assistant_error".into(), "Unauthorized".into())
        );
    });
}
