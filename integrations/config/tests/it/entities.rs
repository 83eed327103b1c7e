//! Entities: what a person changes shows at once, and integrations follow.

use hearth_core::prelude::*;
use hearth_testing::{Listener, run};

use crate::{LAMP, attribute, call, home, home_in, refusal, state, toggle};

const UPDATE: &str = "config/entity_registry/update";

#[test]
fn a_renamed_entity_takes_its_state_and_its_services_along() {
    run(async {
        let hub = home().await;
        let before = state(&hub, LAMP).unwrap();
        let mut events = Listener::start(
            &hub,
            Filter::of_types(["entity_registry_updated", "state_changed"]),
        )
        .await;
        let given = json!({"entity_id": LAMP, "new_entity_id": "light.sofa"});
        let answer = call(&hub, UPDATE, given).await;
        assert_eq!(answer["entity_entry"]["entity_id"], "light.sofa");
        let told = events.next_of("entity_registry_updated").await.data_value();
        let expected = json!({
            "action": "update", "entity_id": "light.sofa", "old_entity_id": LAMP,
            "changes": {"entity_id": LAMP},
        });
        assert_eq!(told, expected);
        assert_eq!(events.next().await.data_value()["new_state"], Value::Null);
        assert_eq!(events.next().await.data_value()["entity_id"], "light.sofa");

        toggle(&hub, "light.sofa").await;
        assert_ne!(state(&hub, "light.sofa").unwrap(), before);
        assert_eq!(state(&hub, LAMP), None);
    });
}

#[test]
fn ids_may_be_swapped_while_the_hub_runs() {
    run(async {
        let hub = home().await;
        let other = "light.kitchen_lights";
        let (lamp_was, kitchen_was) = (state(&hub, LAMP), state(&hub, other));
        for (from, to) in [(LAMP, "light.aside"), (other, LAMP), ("light.aside", other)] {
            let given = json!({"entity_id": from, "new_entity_id": to});
            call(&hub, UPDATE, given).await;
        }
        assert_eq!(
            (state(&hub, other), state(&hub, LAMP)),
            (lamp_was.clone(), kitchen_was.clone())
        );
        toggle(&hub, other).await;
        assert_ne!(state(&hub, other), lamp_was);
        assert_eq!(state(&hub, LAMP), kitchen_was);
    });
}

#[test]
fn a_renamed_entity_is_restored_under_its_new_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    run(async move {
        let hub = home_in(&path).await;
        let given = json!({"entity_id": LAMP, "new_entity_id": "light.sofa", "name": "Sofa"});
        call(&hub, UPDATE, given).await;
        toggle(&hub, "light.sofa").await;
        let shown = state(&hub, "light.sofa");
        hub.stop().await;

        let hub = home_in(&path).await;
        assert_eq!(state(&hub, "light.sofa"), shown);
        assert_eq!(state(&hub, LAMP), None);
        assert_eq!(
            attribute(&hub, "light.sofa", "friendly_name").unwrap(),
            "Sofa"
        );
    });
}

#[test]
fn a_name_and_an_icon_show_at_once_and_stay_until_they_are_taken_back() {
    run(async {
        let hub = home().await;
        let shown = |name: &str| attribute(&hub, LAMP, name);
        let given = json!({"entity_id": LAMP, "name": "Sofa \"lamp\"", "icon": "mdi:sofa"});
        let answer = call(&hub, UPDATE, given).await;
        assert_eq!(answer["entity_entry"]["name"], "Sofa \"lamp\"");
        assert_eq!(answer["entity_entry"]["original_name"], "Living room lamp");
        assert_eq!(shown("friendly_name").unwrap(), "Sofa \"lamp\"");
        toggle(&hub, LAMP).await;
        assert_eq!(shown("friendly_name").unwrap(), "Sofa \"lamp\"");
        assert_eq!(shown("icon").unwrap(), "mdi:sofa");

        call(
            &hub,
            UPDATE,
            json!({"entity_id": LAMP, "name": null, "icon": null}),
        )
        .await;
        assert_eq!(shown("friendly_name").unwrap(), "Living room lamp");
        assert_eq!(shown("icon"), None);
        toggle(&hub, LAMP).await;
        assert_eq!(shown("friendly_name").unwrap(), "Living room lamp");
    });
}

#[test]
fn a_disabled_entity_has_no_state_and_comes_back_when_enabled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    run(async move {
        let hub = home_in(&path).await;
        let given = json!({"entity_id": LAMP, "disabled_by": "user"});
        let answer = call(&hub, UPDATE, given).await;
        assert_eq!(answer["entity_entry"]["disabled_by"], "user");
        assert!(answer.get("reload_delay").is_none());
        assert_eq!(state(&hub, LAMP), None);
        toggle(&hub, LAMP).await;
        assert_eq!(state(&hub, LAMP), None);
        let displayed = call(&hub, "config/entity_registry/list_for_display", json!({})).await;
        let displayed = displayed["entities"].as_array().unwrap();
        assert!(!displayed.iter().any(|entity| entity["ei"] == LAMP));
        hub.stop().await;

        let hub = home_in(&path).await;
        assert_eq!(state(&hub, LAMP), None);
        let answer = call(
            &hub,
            UPDATE,
            json!({"entity_id": LAMP, "disabled_by": null}),
        )
        .await;
        assert_eq!(answer["reload_delay"], 30);
        assert!(state(&hub, LAMP).is_some_and(|state| state != "unavailable"));
        let now = state(&hub, LAMP);
        toggle(&hub, LAMP).await;
        assert_ne!(state(&hub, LAMP), now);
    });
}

#[test]
fn a_removed_entity_stays_away_whatever_its_integration_writes() {
    run(async {
        let hub = home().await;
        let gone = json!({"entity_id": LAMP});
        let answer = call(&hub, "config/entity_registry/remove", gone.clone()).await;
        assert_eq!(answer, Value::Null);
        toggle(&hub, LAMP).await;
        assert_eq!(state(&hub, LAMP), None);
        let refused = refusal(&hub, "config/entity_registry/get", gone).await;
        assert_eq!(refused, ("not_found".into(), "Entity not found".into()));
    });
}

#[test]
fn the_forms_of_an_entry_are_those_of_the_protocol() {
    run(async {
        let hub = home().await;
        let sensor = "sensor.outdoor_temperature";
        let id = hub
            .registries
            .entities
            .list()
            .iter()
            .find(|entry| entry.state_class.is_some())
            .map_or(sensor.to_owned(), |entry| entry.entity_id.to_string());
        let given = json!({
            "entity_id": id, "options_domain": "sensor", "options": {"display_precision": 1},
            "aliases": ["outside"], "hidden_by": "user",
        });
        call(&hub, UPDATE, given).await;
        let entry = call(&hub, "config/entity_registry/get", json!({"entity_id": id})).await;
        let mut keys: Vec<&str> = entry.as_object().unwrap().keys().map(|k| &**k).collect();
        keys.sort_unstable();
        let expected = [
            "aliases",
            "area_id",
            "capabilities",
            "categories",
            "config_entry_id",
            "config_subentry_id",
            "created_at",
            "device_class",
            "device_id",
            "disabled_by",
            "entity_category",
            "entity_id",
            "has_entity_name",
            "hidden_by",
            "icon",
            "id",
            "labels",
            "modified_at",
            "name",
            "options",
            "original_device_class",
            "original_icon",
            "original_name",
            "platform",
            "translation_key",
            "unique_id",
        ];
        assert_eq!(keys, expected);
        assert_eq!(
            entry["options"],
            json!({"sensor": {"display_precision": 1}})
        );
        assert!(entry["capabilities"]["state_class"].is_string());

        let listed = call(&hub, "config/entity_registry/list", json!({})).await;
        let listed = listed.as_array().unwrap();
        let partial = listed
            .iter()
            .find(|entry| entry["entity_id"] == *id)
            .unwrap();
        assert_eq!(partial.as_object().unwrap().len(), 21);
        assert!(partial.get("aliases").is_none());

        let shown = call(&hub, "config/entity_registry/list_for_display", json!({})).await;
        assert_eq!(
            shown["entity_categories"],
            json!({"0": "config", "1": "diagnostic"})
        );
        let shown = shown["entities"].as_array().unwrap();
        let shown = shown.iter().find(|entry| entry["ei"] == *id).unwrap();
        assert_eq!((&shown["dp"], &shown["hb"]), (&json!(1), &json!(true)));
        assert_eq!((&shown["pl"], &shown["lb"]), (&json!("demo"), &json!([])));
        assert!(shown.get("ai").is_none() && shown["di"].is_string() && shown["en"].is_string());

        let given = json!({"entity_ids": [id, "light.nope"]});
        let entries = call(&hub, "config/entity_registry/get_entries", given).await;
        assert_eq!(entries["light.nope"], Value::Null);
        assert_eq!(entries[&id], entry);
    });
}

#[test]
fn refusals_are_in_the_protocols_words() {
    run(async {
        let hub = home().await;
        for (data, code, message) in [
            (
                json!({"entity_id": "light.nope"}),
                "not_found",
                "Entity not found",
            ),
            (
                json!({"entity_id": LAMP, "new_entity_id": "switch.lamp"}),
                "invalid_info",
                "New entity ID should be same domain",
            ),
            (
                json!({"entity_id": LAMP, "new_entity_id": "light.kitchen_lights"}),
                "invalid_info",
                "Entity with this ID is already registered",
            ),
            (
                json!({"entity_id": LAMP, "new_entity_id": "nonsense"}),
                "invalid_info",
                "Invalid entity ID nonsense",
            ),
            (
                json!({"entity_id": LAMP, "disabled_by": "integration"}),
                "invalid_format",
                "value must be one of ['user', None] for dictionary value @ data['disabled_by']. Got 'integration'",
            ),
        ] {
            let refused = refusal(&hub, UPDATE, data).await;
            assert_eq!(refused, (code.to_owned(), message.to_owned()));
        }
    });
}

#[test]
fn what_is_exposed_is_listed() {
    run(async {
        let hub = home().await;
        let given = json!({
            "assistants": ["conversation"], "entity_ids": [LAMP], "should_expose": true,
        });
        call(&hub, "homeassistant/expose_entity", given).await;
        let exposed = call(&hub, "homeassistant/expose_entity/list", json!({})).await;
        assert_eq!(
            exposed,
            json!({"exposed_entities": {LAMP: {"conversation": true}}})
        );
        let given = json!({
            "assistants": ["conversation"], "entity_ids": [LAMP], "should_expose": false,
        });
        call(&hub, "homeassistant/expose_entity", given).await;
        let exposed = call(&hub, "homeassistant/expose_entity/list", json!({})).await;
        assert_eq!(exposed, json!({"exposed_entities": {}}));
        let given = json!({"assistant": "conversation", "expose_new": false});
        call(&hub, "homeassistant/expose_new_entities/set", given).await;
        let given = json!({"assistant": "conversation"});
        let exposed = call(&hub, "homeassistant/expose_new_entities/get", given).await;
        assert_eq!(exposed, json!({"expose_new": false}));
    });
}
