//! Input texts.
#![allow(clippy::unwrap_used)]

use hearth_core::prelude::*;
use hearth_input_text::{check, factory};
use hearth_testing::{Home, run};

const ID: &str = "input_text.note";

#[test]
fn one_is_unknown_until_it_is_set_and_keeps_its_length() {
    run(async {
        let home = Home::of(vec![factory()]).await;
        let given =
            json!({"name": "Note", "min": 2, "max": 4, "pattern": "[a-z]*", "mode": "password"});
        home.command("input_text/create", given).await.unwrap();
        assert_eq!(home.state(ID).as_deref(), Some("unknown"));
        assert_eq!(
            home.attributes(ID),
            json!({
                "editable": true, "min": 2, "max": 4, "pattern": "[a-z]*", "mode": "password",
                "friendly_name": "Note",
            })
        );
        for (value, state) in [
            (json!("abcd"), "abcd"),
            (json!("x"), "abcd"),
            (json!("abcde"), "abcd"),
            (json!("üü"), "üü"),
            (json!(42), "42"),
        ] {
            let data = json!({"entity_id": ID, "value": value});
            home.serve("input_text.set_value", data).await.unwrap();
            assert_eq!(home.state(ID).as_deref(), Some(state));
        }
    });
}

#[test]
fn wrong_lengths_are_told() {
    for (given, message) in [
        (
            json!({"min": 5, "max": 4}),
            "input_text.a: Max len (4) is not greater than min len (5)",
        ),
        (
            json!({"max": 2, "initial": "abc"}),
            "input_text.a: Initial value abc length not in range 0-2",
        ),
        (
            json!({"max": 256}),
            "input_text.a.max: value must be at most 255",
        ),
    ] {
        assert_eq!(
            check(&json!({"a": given})).unwrap_err().to_string(),
            message
        );
    }
}

#[test]
fn the_text_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        home.command("input_text/create", json!({"name": "Note"}))
            .await
            .unwrap();
        home.command(
            "input_text/create",
            json!({"name": "Fixed", "initial": "x"}),
        )
        .await
        .unwrap();
        let data = json!({"entity_id": [ID, "input_text.fixed"], "value": "hello"});
        home.serve("input_text.set_value", data).await.unwrap();
        home.hub.stop().await;
    });
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        assert_eq!(home.state(ID).as_deref(), Some("hello"));
        assert_eq!(home.state("input_text.fixed").as_deref(), Some("x"));
        home.hub.stop().await;
    });
}
