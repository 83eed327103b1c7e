//! Counters.
#![allow(clippy::unwrap_used)]

use hearth_core::prelude::*;
use hearth_counter::{check, factory};
use hearth_testing::{Home, run};

const ID: &str = "counter.visits";

#[test]
fn a_counter_counts_within_its_limits() {
    run(async {
        let home = Home::of(vec![factory()]).await;
        let given = json!({"name": "Visits", "initial": 4, "step": 2, "maximum": 7, "minimum": 1});
        let item = home.command("counter/create", given).await.unwrap();
        assert_eq!(
            item,
            json!({
                "id": "visits", "name": "Visits", "initial": 4, "step": 2, "minimum": 1, "maximum": 7,
                "restore": true,
            })
        );
        assert_eq!(
            home.attributes(ID),
            json!({
                "editable": true, "initial": 4, "step": 2, "minimum": 1, "maximum": 7,
                "friendly_name": "Visits",
            })
        );
        for (service, state) in [
            ("increment", "6"),
            ("increment", "7"),
            ("decrement", "5"),
            ("decrement", "3"),
            ("decrement", "1"),
            ("decrement", "1"),
            ("reset", "4"),
        ] {
            home.serve(&format!("counter.{service}"), json!({"entity_id": ID}))
                .await
                .unwrap();
            assert_eq!(home.state(ID).as_deref(), Some(state));
        }
    });
}

#[test]
fn a_counter_is_set_to_multiples_of_its_step_within_its_limits() {
    run(async {
        let home = Home::of(vec![factory()]).await;
        let given = json!({"name": "Visits", "step": 2, "maximum": 8, "minimum": 2});
        home.command("counter/create", given).await.unwrap();
        for (value, message) in [
            (
                10,
                Some("Value 10 for counter.visits exceeding the maximum value of 8"),
            ),
            (
                0,
                Some("Value 0 for counter.visits exceeding the minimum value of 2"),
            ),
            (
                5,
                Some("Value 5 for counter.visits is not a multiple of the step size 2"),
            ),
            (6, None),
        ] {
            let data = json!({"entity_id": ID, "value": value});
            let outcome = home.serve("counter.set_value", data).await;
            assert_eq!(
                outcome.err().map(|error| error.to_string()).as_deref(),
                message
            );
        }
        assert_eq!(home.state(ID).as_deref(), Some("6"));
    });
}

#[test]
fn limits_may_be_null_but_not_the_wrong_way_round() {
    assert_eq!(
        check(&json!({"a": {"minimum": null, "maximum": null}})),
        Ok(())
    );
    let error = check(&json!({"a": {"minimum": 2, "maximum": 1}})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "counter.a: Maximum (1) is not greater than minimum (2)"
    );
    assert!(check(&json!({"a": {"step": -1}})).is_err());
}

#[test]
fn a_counter_goes_on_after_a_restart_unless_it_is_not_to() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        home.command("counter/create", json!({"name": "Visits"}))
            .await
            .unwrap();
        let given = json!({"name": "Today", "initial": 1, "restore": false});
        home.command("counter/create", given).await.unwrap();
        let data = json!({"entity_id": [ID, "counter.today"], "value": 5});
        home.serve("counter.set_value", data).await.unwrap();
        home.hub.stop().await;
    });
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        assert_eq!(home.state(ID).as_deref(), Some("5"));
        assert_eq!(home.state("counter.today").as_deref(), Some("1"));
        home.hub.stop().await;
    });
}
