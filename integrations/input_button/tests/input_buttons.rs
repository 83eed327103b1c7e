//! Input buttons.
#![allow(clippy::unwrap_used)]

use hearth_core::prelude::*;
use hearth_core::time::Timestamp;
use hearth_input_button::{check, factory};
use hearth_testing::{Home, run};

const ID: &str = "input_button.doorbell";

#[test]
fn a_button_shows_when_it_was_last_pressed_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut pressed = None;
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        home.command("input_button/create", json!({"name": "Doorbell"}))
            .await
            .unwrap();
        assert_eq!(home.state(ID).as_deref(), Some("unknown"));
        assert_eq!(
            home.attributes(ID),
            json!({"editable": true, "friendly_name": "Doorbell"})
        );
        home.serve("input_button.press", json!({"entity_id": ID}))
            .await
            .unwrap();
        pressed = home.state(ID);
        assert!(pressed.as_deref().unwrap().parse::<Timestamp>().is_ok());
        home.hub.stop().await;
    });
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        assert_eq!(home.state(ID), pressed);
        home.hub.stop().await;
    });
}

#[test]
fn a_button_in_the_configuration_has_a_name_and_an_icon_only() {
    assert_eq!(
        check(&json!({"a": {"name": "A", "icon": "mdi:bell"}})),
        Ok(())
    );
    let error = check(&json!({"a": {"initial": true}})).unwrap_err();
    assert_eq!(error.key, "input_button.a.initial");
}
