//! States and their differences, as they go over the wire.
#![allow(clippy::unwrap_used)]

use hearth_core::attributes::Attributes;
use hearth_core::ids::UserId;
use serde_json::{Value, json};

use super::*;

fn id(byte: u8) -> hearth_core::ids::ContextId {
    let text = format!("01M000000000000000000000{byte:02}");
    serde_json::from_value(json!(text)).unwrap()
}

fn context(byte: u8) -> Context {
    Context {
        id: id(byte),
        parent_id: None,
        user_id: None,
    }
}

fn state(value: &str, attributes: &str, changed: i64, updated: i64, cause: Context) -> State {
    State {
        entity_id: "sensor.q".parse().unwrap(),
        state: value.into(),
        attributes: Attributes::from_json_object(attributes).unwrap(),
        last_changed: Timestamp::from_micros(changed),
        last_updated: Timestamp::from_micros(updated),
        last_reported: Timestamp::from_micros(updated),
        context: cause,
        created: 0,
    }
}

fn difference(old: &State, new: &State) -> Value {
    serde_json::from_str(&change(Some(old), Some(new)).unwrap()).unwrap()
}

#[test]
fn a_state_is_told_whole_with_short_keys() {
    let user: UserId = serde_json::from_value(json!("00000000000000000000000000000001")).unwrap();
    let cause = Context {
        user_id: Some(user),
        ..context(1)
    };
    for (given, expected) in [
        (
            state("on", r#"{"a":1}"#, 1_500_000, 1_500_000, context(1)),
            json!({"s": "on", "a": {"a": 1}, "c": id(1), "lc": 1.5}),
        ),
        (
            state("\"", "{}", 1_000_000, 2_000_001, cause),
            json!({"s": "\"", "a": {}, "c": {"id": id(1), "parent_id": null, "user_id": user},
                   "lc": 1.0, "lu": 2.000_001}),
        ),
    ] {
        let told: Value = serde_json::from_str(&change(None, Some(&given)).unwrap()).unwrap();
        assert_eq!(told, json!({"a": {"sensor.q": expected}}));
        let told: Value = serde_json::from_str(&added([Arc::new(given)].iter())).unwrap();
        assert_eq!(told, json!({"a": {"sensor.q": expected}}));
    }
    assert_eq!(added([].iter()), r#"{"a":{}}"#);
}

#[test]
fn of_a_change_only_what_is_new_is_told() {
    let user: UserId = serde_json::from_value(json!("00000000000000000000000000000001")).unwrap();
    let by_user = Context {
        user_id: Some(user),
        ..context(2)
    };
    let by_cause = Context {
        parent_id: Some(id(3)),
        ..context(1)
    };
    let old = state(
        "off",
        r#"{"a":1,"b":[2]}"#,
        1_000_000,
        1_000_000,
        context(1),
    );
    for (new, expected) in [
        // The state alone.
        (
            state("on", r#"{"a":1,"b":[2]}"#, 2_000_000, 2_000_000, context(2)),
            json!({"+": {"s": "on", "lc": 2.0, "c": id(2)}}),
        ),
        // An attribute removed, another changed.
        (
            state("off", r#"{"a":3}"#, 1_000_000, 2_500_000, context(2)),
            json!({"+": {"lu": 2.5, "c": id(2), "a": {"a": 3}}, "-": {"a": ["b"]}}),
        ),
        // Only removed: no "a" among what is new.
        (
            state("off", "{}", 1_000_000, 2_500_000, context(1)),
            json!({"+": {"lu": 2.5}, "-": {"a": ["a", "b"]}}),
        ),
        // Added, in another order.
        (
            state(
                "off",
                r#"{"b":[2],"c":null,"a":1}"#,
                1_000_000,
                2_500_000,
                context(1),
            ),
            json!({"+": {"lu": 2.5, "a": {"c": null}}}),
        ),
        // A user's, so the context is an object of what differs.
        (
            state("off", r#"{"a":1,"b":[2]}"#, 1_000_000, 2_000_000, by_user),
            json!({"+": {"lu": 2.0, "c": {"id": id(2), "user_id": user}}}),
        ),
        (
            state("off", r#"{"a":1,"b":[2]}"#, 1_000_000, 2_000_000, by_cause),
            json!({"+": {"lu": 2.0, "c": {"parent_id": id(3)}}}),
        ),
        // Forced: the time alone.
        (
            state(
                "off",
                r#"{"a":1,"b":[2]}"#,
                2_000_000,
                2_000_000,
                context(1),
            ),
            json!({"+": {"lc": 2.0}}),
        ),
    ] {
        assert_eq!(difference(&old, &new), json!({"c": {"sensor.q": expected}}));
    }
}

#[test]
fn an_entity_that_has_gone_is_only_named() {
    let old = state("off", "{}", 1, 1, context(1));
    assert_eq!(change(Some(&old), None).unwrap(), r#"{"r":["sensor.q"]}"#);
    assert_eq!(change(None, None), None);
}

#[test]
fn thousands_of_attributes_are_compared_by_name() {
    let object = |from: usize| {
        let entries: Vec<String> = (from..from + 5_000)
            .map(|number| format!("\"k{number}\":{number}"))
            .collect();
        format!("{{{}}}", entries.join(","))
    };
    let old = state("x", &object(0), 1, 1, context(1));
    let new = state("x", &object(1), 1, 1, context(1));
    assert_eq!(
        difference(&old, &new),
        json!({"c": {"sensor.q": {"+": {"a": {"k5000": 5000}}, "-": {"a": ["k0"]}}}})
    );
}
