//! What clients have checked before they keep it.
#![allow(clippy::unwrap_used)]

use hearth_core::prelude::*;
use hearth_testing::run;

async fn validate(hub: &Hub, data: Value) -> Result<Value, CommandError> {
    let caller = Caller::new(Context::new(&hub.env), Access::AnyUser);
    let data = data.as_object().unwrap().clone();
    hub.commands.call("validate_config", data, caller).await
}

fn with_automation<F: Future<Output = ()>>(test: impl FnOnce(Hub) -> F) {
    run(async {
        let hub = Hub::in_memory().unwrap();
        hub.start_integrations(vec![hearth_automation::factory()])
            .await;
        test(hub).await;
    });
}

#[test]
fn each_part_that_is_given_is_told_to_be_valid_or_what_is_wrong() {
    with_automation(|hub| async move {
        let data = json!({
            "triggers": {"trigger": "state", "entity_id": "light.a"},
            "conditions": [{"condition": "sun", "after": "sunset"}],
        });
        let error = "Conditions of the kind 'sun' are not supported yet @ data['condition']";
        let expected = json!({
            "triggers": {"valid": true, "error": null},
            "conditions": {"valid": false, "error": error},
        });
        assert_eq!(validate(&hub, data).await.unwrap(), expected);
        assert_eq!(validate(&hub, json!({})).await.unwrap(), json!({}));
        let older = validate(&hub, json!({"trigger": []})).await.unwrap_err();
        assert_eq!(older.code.as_str(), "invalid_format");
        assert!(older.message.starts_with("extra keys not allowed"));
    });
}

#[test]
fn actions_of_every_kind_are_known_by_their_form() {
    with_automation(|hub| async move {
        let turn_on = json!({"action": "light.turn_on", "target": {"entity_id": "light.a"}});
        for (action, wrong) in [
            (turn_on.clone(), None),
            (
                json!({"service": "{{ which }}", "data": "{{ data }}", "enabled": false}),
                None,
            ),
            (json!({"action": "nope"}), Some("data['action']")),
            (
                json!({"action": "light.turn_on", "bogus": 1}),
                Some("data['bogus']"),
            ),
            (json!({"event": "bell", "event_data": {"n": 1}}), None),
            (json!({"delay": "00:05"}), None),
            (json!({"delay": {"minutes": "{{ 5 }}"}}), None),
            (json!({"delay": "soon"}), Some("data['delay']")),
            (json!({"wait_template": "{{ true }}", "timeout": 5}), None),
            (
                json!({"wait_for_trigger": {"trigger": "event", "event_type": "bell"}}),
                None,
            ),
            (
                json!({"wait_for_trigger": {"trigger": "sun"}}),
                Some("'sun' are not supported yet"),
            ),
            (
                json!({"condition": "state", "entity_id": "light.a", "state": "on"}),
                None,
            ),
            (json!({"or": ["{{ true }}"]}), None),
            (json!("{{ true }}"), None),
            (json!("turn on the light"), Some("data['actions']")),
            (
                json!({"choose": {"conditions": "{{ true }}", "sequence": turn_on}, "default": []}),
                None,
            ),
            (
                json!({"choose": [{"sequence": []}]}),
                Some("data['conditions']"),
            ),
            (
                json!({"if": "{{ true }}", "then": turn_on, "else": [turn_on]}),
                None,
            ),
            (json!({"if": "{{ true }}"}), Some("data['then']")),
            (json!({"repeat": {"count": 3, "sequence": [turn_on]}}), None),
            (json!({"repeat": {"sequence": []}}), Some("data['repeat']")),
            (
                json!({"repeat": {"count": -1, "sequence": []}}),
                Some("data['count']"),
            ),
            (json!({"parallel": [turn_on, [turn_on]]}), None),
            (
                json!({"sequence": [{"delay": 1}, {"x": 1}]}),
                Some("Unable to determine action"),
            ),
            (json!({"variables": {"a": 1}}), None),
            (json!({"stop": "enough", "error": true}), None),
            (json!({"scene": "scene.evening"}), None),
            (json!({"scene": "light.a"}), Some("data['scene']")),
            (
                json!({"device_id": "x", "domain": "light", "type": "turn_on"}),
                None,
            ),
            (json!({"set_conversation_response": "yes"}), None),
            (json!({}), Some("Unable to determine action")),
        ] {
            let answer = validate(&hub, json!({"actions": action})).await.unwrap();
            let told = &answer["actions"];
            assert_eq!(told["valid"], wrong.is_none(), "{action}: {told}");
            let error = told["error"].as_str().unwrap_or_default();
            assert!(
                error.contains(wrong.unwrap_or_default()),
                "{action}: {error}"
            );
        }
    });
}

#[test]
fn actions_have_a_bound() {
    with_automation(|hub| async move {
        let actions: Vec<Value> = (0..10_001).map(|_| json!({"delay": 1})).collect();
        let answer = validate(&hub, json!({"actions": actions})).await.unwrap();
        let error = answer["actions"]["error"].as_str().unwrap();
        assert!(
            error.starts_with("expected at most 10000 actions"),
            "{error}"
        );
    });
}
