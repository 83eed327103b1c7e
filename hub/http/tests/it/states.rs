//! `/api/states`.

use serde_json::{Value, json};

use crate::home::with_home;

#[test]
fn a_state_is_made_changed_read_and_removed() {
    with_home(async |home| {
        let path = "/api/states/Light.Lamp";
        let made = home
            .admin(
                "POST",
                path,
                r#"{"state": "on", "attributes": {"brightness": 3}}"#,
            )
            .await;
        assert_eq!(made.status, 201);
        assert_eq!(made.field("location"), Some(path));
        assert_eq!(made.json()["entity_id"], "light.lamp");
        assert_eq!(made.json()["attributes"], json!({"brightness": 3}));
        assert_eq!(made.json()["context"]["user_id"], home.admin_id.to_string());
        let changed = home.admin("POST", path, r#"{"state": "off"}"#).await;
        assert_eq!(changed.status, 200);
        assert_eq!(changed.json()["attributes"], json!({}));
        let read = home.bearing(&home.user, "GET", path, "").await;
        assert_eq!((read.status, read.json()), (200, changed.json()));
        assert_eq!(
            home.admin("GET", "/api/states", "").await.json(),
            json!([changed.json()])
        );
        assert_eq!(
            home.admin("DELETE", path, "").await.message(),
            (200, "Entity removed.".into())
        );
        assert_eq!(
            home.admin("DELETE", path, "").await.message(),
            (404, "Entity not found.".into())
        );
        assert_eq!(
            home.admin("GET", path, "").await.message(),
            (404, "Entity not found.".into())
        );
    });
}

#[test]
fn scalars_become_text_as_the_protocol_writes_it() {
    with_home(async |home| {
        for (given, text) in [
            (json!(25), "25"),
            (json!(-1.5), "-1.5"),
            (json!(true), "True"),
            (json!(false), "False"),
            (json!(""), ""),
            (json!("ü".repeat(255)), &"ü".repeat(255)),
        ] {
            let body = json!({"state": given}).to_string();
            let reply = home.admin("POST", "/api/states/sensor.x", &body).await;
            assert_eq!(reply.json()["state"], text);
        }
    });
}

#[test]
fn what_cannot_be_a_state_is_refused_in_words() {
    with_home(async |home| {
        let long = format!(r#"{{"state": "{}"}}"#, "x".repeat(256));
        let deep = format!(
            r#"{{"state": 1, "attributes": {{"a": {}{}}}}}"#,
            "[".repeat(100),
            "]".repeat(100)
        );
        for (path, body, message) in [
            ("light.a", "", "Invalid JSON specified."),
            ("light.a", "{", "Invalid JSON specified."),
            ("light.a", "[1]", "Invalid JSON specified."),
            ("light.a", &deep, "Invalid JSON specified."),
            ("light.a", "{}", "No state specified."),
            ("light.a", r#"{"state": null}"#, "No state specified."),
            ("light.a", r#"{"state": {}}"#, "Invalid state specified."),
            ("light.a", r#"{"state": []}"#, "Invalid state specified."),
            ("light.a", &long, "Invalid state specified."),
            (
                "light.a",
                r#"{"state": 1, "attributes": 1}"#,
                "Invalid attributes specified.",
            ),
            ("light", r#"{"state": 1}"#, "Invalid entity ID specified."),
            (
                "light.a%20b",
                r#"{"state": 1}"#,
                "Invalid entity ID specified.",
            ),
            (
                &format!("light.{}", "a".repeat(255)),
                r#"{"state": 1}"#,
                "Invalid entity ID specified.",
            ),
        ] {
            let reply = home
                .admin("POST", &format!("/api/states/{path}"), body)
                .await;
            assert_eq!(reply.message(), (400, message.to_owned()), "{path} {body}");
        }
        assert_eq!(home.admin("GET", "/api/states", "").await.json(), json!([]));
    });
}

#[test]
fn force_update_moves_last_changed() {
    with_home(async |home| {
        let write = async |body: &str| {
            home.admin("POST", "/api/states/sensor.x", body)
                .await
                .json()
        };
        let changed = |state: &Value| state["last_changed"].as_str().unwrap().to_owned();
        let first = write(r#"{"state": "1"}"#).await;
        let again = write(r#"{"state": "1"}"#).await;
        let forced = write(r#"{"state": "1", "force_update": true}"#).await;
        assert_eq!(changed(&first), changed(&again));
        assert!(changed(&forced) > changed(&first));
    });
}

#[test]
fn thousands_of_states_are_listed_whole() {
    with_home(async |home| {
        use hearth_core::prelude::*;
        use hearth_core::state::StateWrite;
        for n in 0..2500 {
            let write = StateWrite {
                state: "1".into(),
                attributes: Attributes::empty(),
                force: false,
                context: Context::new(&home.door.hub.env),
            };
            let id = EntityId::from_parts("sensor", &format!("n{n}"));
            home.door.hub.states.set(&id, write).await.unwrap();
        }
        let listed = home
            .bearing(&home.user, "GET", "/api/states", "")
            .await
            .json();
        assert_eq!(listed.as_array().unwrap().len(), 2500);
    });
}
