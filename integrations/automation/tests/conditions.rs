//! Conditions that clients have checked.
#![allow(clippy::unwrap_used)]

use hearth_core::prelude::*;
use hearth_core::state::StateWrite;
use hearth_testing::run;

async fn test(hub: &Hub, data: Value) -> Result<bool, CommandError> {
    let caller = Caller::new(Context::new(&hub.env), Access::Admin);
    let data = data.as_object().unwrap().clone();
    let answer = hub.commands.call("test_condition", data, caller).await?;
    Ok(answer["result"].as_bool().unwrap())
}

async fn set(hub: &Hub, id: &str, state: &str, attributes: &str) {
    let write = StateWrite {
        state: state.into(),
        attributes: Attributes::from_json_object(attributes).unwrap(),
        force: false,
        context: Context::new(&hub.env),
    };
    hub.states.set(&id.parse().unwrap(), write).await.unwrap();
}

#[test]
fn a_condition_holds_as_it_says() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let integrations = vec![hearth_template::factory(), hearth_automation::factory()];
        hub.start_integrations(integrations).await;
        set(&hub, "light.a", "on", r#"{"level":5}"#).await;
        set(&hub, "light.b", "off", "{}").await;
        set(&hub, "sensor.t", "20", "{}").await;
        let home = hub.home.current();
        let position = json!({"latitude": home.latitude, "longitude": home.longitude});
        set(&hub, "person.p", "home", &position.to_string()).await;
        hub.zones.publish(vec![hearth_core::location::Zone {
            entity_id: "zone.home".parse().unwrap(),
            name: "Home".into(),
            latitude: home.latitude,
            longitude: home.longitude,
            radius: 100.0,
            passive: false,
        }]);
        let state =
            |id: &str, state: &str| json!({"condition": "state", "entity_id": id, "state": state});
        let all = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        for (condition, expected) in [
            (state("light.a", "on"), true),
            (state("light.a", "off"), false),
            (state("light.nope", "on"), false),
            (
                json!({"condition": "state", "entity_id": "light.a", "state": ["x", "on"]}),
                true,
            ),
            (
                json!({"condition": "state", "entity_id": "light.a", "attribute": "level", "state": 5}),
                true,
            ),
            (
                json!({"condition": "state", "entity_id": ["light.a", "light.b"], "state": "on"}),
                false,
            ),
            (
                json!({"condition": "state", "entity_id": "light.a, light.b", "state": "on", "match": "any"}),
                true,
            ),
            (
                json!({"condition": "state", "entity_id": "light.a", "state": "on", "for": "01:00"}),
                false,
            ),
            (
                json!({"condition": "numeric_state", "entity_id": "sensor.t", "above": 19}),
                true,
            ),
            (
                json!({"condition": "numeric_state", "entity_id": "sensor.t", "above": 20}),
                false,
            ),
            (
                json!({"condition": "numeric_state", "entity_id": "light.a", "above": 0}),
                false,
            ),
            (
                json!({"condition": "numeric_state", "entity_id": "light.a", "above": 4, "attribute": "level"}),
                true,
            ),
            (
                json!({"condition": "numeric_state", "entity_id": "light.a", "above": 40,
                       "value_template": "{{ state.attributes.level * 10 }}"}),
                true,
            ),
            (
                json!({"condition": "numeric_state", "entity_id": "light.a", "below": 40,
                       "value_template": "{{ state.attributes.level * 10 }}"}),
                false,
            ),
            (
                json!({"condition": "numeric_state", "entity_id": "light.nope", "below": 40,
                       "value_template": "{{ 1 }}"}),
                false,
            ),
            (json!({"condition": "trigger", "id": "door"}), true),
            (
                json!({"condition": "trigger", "id": ["bell", "gate"]}),
                false,
            ),
            (
                json!({"condition": "time", "after": "00:00", "before": "00:00"}),
                true,
            ),
            (json!({"condition": "time", "after": "light.a"}), false),
            (json!({"condition": "time", "weekday": all}), true),
            (
                json!({"condition": "zone", "entity_id": "person.p", "zone": ["zone.nope", "zone.home"]}),
                true,
            ),
            (
                json!({"condition": "zone", "entity_id": ["person.p", "light.a"], "zone": "zone.home"}),
                false,
            ),
            (json!({"condition": "not", "conditions": []}), true),
            (json!({"or": []}), false),
            (json!("{{ is_state('light.a', wanted) }}"), true),
            (
                json!({"condition": "template", "value_template": "{{ 0 }}"}),
                false,
            ),
            (
                json!({"and": [state("light.a", "on"), state("light.b", "on")]}),
                false,
            ),
            (
                json!([state("light.a", "on"), state("light.b", "off")]),
                true,
            ),
            (
                json!({"condition": "or", "conditions": ["{{ 1 / 0 }}", state("light.a", "on")]}),
                true,
            ),
            (
                json!({"not": [state("light.a", "off"), "{{ false }}"]}),
                true,
            ),
            (
                json!({"condition": "state", "entity_id": "light.a", "state": "off", "enabled": false}),
                true,
            ),
        ] {
            let data = json!({
                "condition": condition,
                "variables": {"wanted": "on", "trigger": {"id": "door"}},
            });
            assert_eq!(test(&hub, data).await, Ok(expected), "{condition}");
        }
        for (condition, key) in [
            (json!({}), "condition"),
            (json!(1), "condition"),
            (json!("on"), "condition"),
            (json!({"condition": "magic"}), "condition"),
            (json!({"condition": "sun", "after": "sunset"}), "condition"),
            (json!({"condition": "trigger"}), "id"),
            (
                json!({"condition": "state", "entity_id": "light.a"}),
                "state",
            ),
            (json!({"condition": "time", "after": "x"}), "after"),
            (json!({"or": 5}), "or"),
        ] {
            let error = test(&hub, json!({"condition": condition}))
                .await
                .unwrap_err();
            assert_eq!(error.code.as_str(), "invalid_format");
            assert!(
                error.message.contains(&format!("data['{key}']")),
                "{}",
                error.message
            );
        }
        let failing = json!({"condition": "{{ 1 / 0 }}"});
        let error = test(&hub, failing).await.unwrap_err();
        assert_eq!(error.message, "ZeroDivisionError: division by zero");
    });
}
