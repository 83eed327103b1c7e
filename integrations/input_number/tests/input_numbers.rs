//! Input numbers.
#![allow(clippy::unwrap_used)]

use hearth_core::prelude::*;
use hearth_input_number::{check, factory};
use hearth_testing::{Home, run};

async fn home_with(item: Value) -> Home {
    let home = Home::of(vec![factory()]).await;
    home.command("input_number/create", item).await.unwrap();
    home
}

const ID: &str = "input_number.heat";

#[test]
fn one_begins_at_its_minimum_and_shows_its_range() {
    run(async {
        let home = Home::of(vec![factory()]).await;
        let given = json!({"name": "Heat", "min": 5, "max": 30, "unit_of_measurement": "°C"});
        let item = home.command("input_number/create", given).await.unwrap();
        assert_eq!(
            item,
            json!({
                "id": "heat", "name": "Heat", "min": 5.0, "max": 30.0, "step": 1.0,
                "unit_of_measurement": "°C", "mode": "slider",
            })
        );
        assert_eq!(home.state(ID).as_deref(), Some("5.0"));
        assert_eq!(
            home.attributes(ID),
            json!({
                "initial": null, "editable": true, "min": 5.0, "max": 30.0, "step": 1.0,
                "mode": "slider", "unit_of_measurement": "°C", "friendly_name": "Heat",
            })
        );
    });
}

#[test]
fn values_are_set_and_stepped_within_the_range() {
    run(async {
        let home =
            home_with(json!({"name": "Heat", "min": 0, "max": 1, "step": 0.4, "initial": 0.3}))
                .await;
        for (service, data, state) in [
            ("increment", json!({}), "0.7"),
            ("increment", json!({}), "1.0"),
            ("decrement", json!({}), "0.6"),
            ("set_value", json!({"value": "0.25"}), "0.25"),
            ("decrement", json!({}), "0.0"),
            ("set_value", json!({"value": 1}), "1.0"),
        ] {
            let mut data = data;
            data["entity_id"] = json!(ID);
            home.serve(&format!("input_number.{service}"), data)
                .await
                .unwrap();
            assert_eq!(home.state(ID).as_deref(), Some(state), "{service}");
        }
    });
}

#[test]
fn a_value_out_of_range_is_refused() {
    run(async {
        let home = home_with(json!({"name": "Heat", "min": 0, "max": 100})).await;
        let data = json!({"entity_id": ID, "value": 200});
        let error = home
            .serve("input_number.set_value", data)
            .await
            .unwrap_err();
        let message = "Invalid value for input_number.heat: 200.0 (range 0.0 - 100.0)";
        assert_eq!(error, ServiceError::Invalid(message.to_owned()));
        assert_eq!(home.state(ID).as_deref(), Some("0.0"));
    });
}

#[test]
fn a_smaller_range_takes_the_value_with_it() {
    run(async {
        let home = home_with(json!({"name": "Heat", "min": 0, "max": 100, "initial": 50})).await;
        let given = json!({"input_number_id": "heat", "name": "Heat", "min": 0, "max": 10});
        home.command("input_number/update", given).await.unwrap();
        assert_eq!(home.state(ID).as_deref(), Some("10.0"));
    });
}

#[test]
fn a_range_that_is_none_is_refused() {
    for (given, message) in [
        (
            json!({"min": 3, "max": 3}),
            "input_number.a: Maximum (3.0) is not greater than minimum (3.0)",
        ),
        (
            json!({"min": 0, "max": 3, "initial": 4}),
            "input_number.a: Initial value 4.0 not in range 0.0-3.0",
        ),
        (
            json!({"min": 0, "max": 3, "step": 0}),
            "input_number.a.step: value must be at least 0.000000001",
        ),
        (
            json!({"min": 0}),
            "input_number.a.max: expected a value; it is required",
        ),
        (
            json!({"min": 0, "max": 3, "mode": "dial"}),
            "input_number.a.mode: value must be one of [\"box\", \"slider\"]",
        ),
    ] {
        assert_eq!(
            check(&json!({"a": given})).unwrap_err().to_string(),
            message
        );
    }
}

#[test]
fn the_value_outlives_a_restart_while_it_is_in_range() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        let given = json!({"name": "Heat", "min": 0, "max": 100});
        home.command("input_number/create", given).await.unwrap();
        let data = json!({"entity_id": ID, "value": 21.5});
        home.serve("input_number.set_value", data).await.unwrap();
        home.hub.stop().await;
    });
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        assert_eq!(home.state(ID).as_deref(), Some("21.5"));
        home.hub.stop().await;
    });
}
