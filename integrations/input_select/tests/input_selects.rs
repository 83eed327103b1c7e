//! Input selects.
#![allow(clippy::unwrap_used)]

use hearth_core::command::ErrorCode;
use hearth_core::prelude::*;
use hearth_input_select::{check, factory};
use hearth_testing::{Home, run};

const ID: &str = "input_select.mood";

async fn home() -> Home {
    let home = Home::of(vec![factory()]).await;
    let given = json!({"name": "Mood", "options": ["calm", "loud", "odd"]});
    home.command("input_select/create", given).await.unwrap();
    home
}

#[test]
fn the_services_walk_through_the_options() {
    run(async {
        let home = home().await;
        assert_eq!(
            home.attributes(ID),
            json!({
                "options": ["calm", "loud", "odd"], "editable": true, "friendly_name": "Mood",
            })
        );
        assert_eq!(home.state(ID).as_deref(), Some("calm"));
        for (service, data, state) in [
            ("select_previous", json!({"cycle": false}), "calm"),
            ("select_previous", json!({}), "odd"),
            ("select_next", json!({"cycle": false}), "odd"),
            ("select_next", json!({}), "calm"),
            ("select_next", json!({}), "loud"),
            ("select_last", json!({}), "odd"),
            ("select_first", json!({}), "calm"),
            ("select_option", json!({"option": "loud"}), "loud"),
            ("set_options", json!({"options": ["loud", "wild"]}), "loud"),
            ("set_options", json!({"options": ["new"]}), "new"),
        ] {
            let mut data = data;
            data["entity_id"] = json!(ID);
            home.serve(&format!("input_select.{service}"), data)
                .await
                .unwrap();
            assert_eq!(home.state(ID).as_deref(), Some(state), "{service}");
        }
        assert_eq!(home.attributes(ID)["options"], json!(["new"]));
    });
}

#[test]
fn an_option_that_is_none_is_refused() {
    run(async {
        let home = home().await;
        let data = json!({"entity_id": ID, "option": "sad"});
        let error = home
            .serve("input_select.select_option", data)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Invalid option: sad (possible options: calm, loud, odd)"
        );
        for options in [json!([]), json!(["a", "a"])] {
            let data = json!({"entity_id": ID, "options": options});
            assert!(home.serve("input_select.set_options", data).await.is_err());
        }
        assert_eq!(home.state(ID).as_deref(), Some("calm"));
    });
}

#[test]
fn options_are_at_least_one_and_each_once() {
    for (given, message) in [
        (
            json!({}),
            "input_select.a.options: expected a value; it is required",
        ),
        (
            json!({"options": []}),
            "input_select.a.options: length of value must be at least 1",
        ),
        (
            json!({"options": ["x", "x"]}),
            "input_select.a.options: Duplicate options are not allowed",
        ),
        (
            json!({"options": ["x"], "initial": "y"}),
            "input_select.a: initial state y is not part of the options: x",
        ),
    ] {
        assert_eq!(
            check(&json!({"a": given})).unwrap_err().to_string(),
            message
        );
    }
    run(async {
        let home = home().await;
        let given = json!({"name": "Two", "options": ["x", "x"]});
        let error = home
            .command("input_select/create", given)
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::INVALID_FORMAT);
    });
}

#[test]
fn the_choice_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        let given = json!({"name": "Mood", "options": ["calm", "loud"]});
        home.command("input_select/create", given).await.unwrap();
        home.serve("input_select.select_last", json!({"entity_id": ID}))
            .await
            .unwrap();
        home.hub.stop().await;
    });
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        assert_eq!(home.state(ID).as_deref(), Some("loud"));
        home.hub.stop().await;
    });
}
