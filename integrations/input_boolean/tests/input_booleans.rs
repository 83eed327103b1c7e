//! Input booleans, and what all helpers have in common.
#![allow(clippy::unwrap_used)]

use hearth_core::command::ErrorCode;
use hearth_core::prelude::*;
use hearth_core::subscription::subscription;
use hearth_input_boolean::{check, factory};
use hearth_testing::{Home, Listener, run};

async fn home() -> Home {
    Home::of(vec![factory()]).await
}

#[test]
fn a_created_one_is_listed_and_shown() {
    run(async {
        let home = home().await;
        let given = json!({"name": "Guests at home", "icon": "mdi:account"});
        let item = home.command("input_boolean/create", given).await.unwrap();
        let expected = json!({
            "id": "guests_at_home", "name": "Guests at home", "icon": "mdi:account",
        });
        assert_eq!(item, expected);
        let list = home.command("input_boolean/list", json!({})).await;
        assert_eq!(list, Ok(json!([expected])));
        let id = "input_boolean.guests_at_home";
        assert_eq!(home.state(id).as_deref(), Some("off"));
        assert_eq!(
            home.attributes(id),
            json!({
                "editable": true, "icon": "mdi:account", "friendly_name": "Guests at home",
            })
        );
        let entry = home.hub.registries.entities.get(id).unwrap();
        assert_eq!(
            (&*entry.unique_id, &*entry.platform),
            ("guests_at_home", "input_boolean")
        );
    });
}

#[test]
fn one_of_a_name_that_is_taken_gets_a_number() {
    run(async {
        let home = home().await;
        for id in ["guests", "guests_2", "guests_3"] {
            let item = home
                .command("input_boolean/create", json!({"name": "Guests"}))
                .await;
            assert_eq!(item.unwrap()["id"], id);
            assert!(home.state(&format!("input_boolean.{id}")).is_some());
        }
    });
}

#[test]
fn an_update_replaces_what_people_set_and_keeps_the_state() {
    run(async {
        let home = home().await;
        let given = json!({"name": "Guests", "icon": "mdi:account"});
        home.command("input_boolean/create", given).await.unwrap();
        let target = json!({"entity_id": "input_boolean.guests"});
        home.serve("input_boolean.turn_on", target).await.unwrap();
        let given = json!({"input_boolean_id": "guests", "name": "Visitors"});
        let item = home.command("input_boolean/update", given).await.unwrap();
        assert_eq!(item, json!({"id": "guests", "name": "Visitors"}));
        assert_eq!(home.state("input_boolean.guests").as_deref(), Some("on"));
        let shown = home.attributes("input_boolean.guests");
        assert_eq!(
            shown,
            json!({"editable": true, "friendly_name": "Visitors"})
        );
    });
}

#[test]
fn a_deleted_one_leaves_nothing_behind() {
    run(async {
        let home = home().await;
        home.command("input_boolean/create", json!({"name": "Guests"}))
            .await
            .unwrap();
        let given = json!({"input_boolean_id": "guests"});
        let answer = home.command("input_boolean/delete", given.clone()).await;
        assert_eq!(answer, Ok(Value::Null));
        assert_eq!(home.state("input_boolean.guests"), None);
        assert!(
            home.hub
                .registries
                .entities
                .get("input_boolean.guests")
                .is_none()
        );
        let error = home
            .command("input_boolean/delete", given)
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::NOT_FOUND);
        assert_eq!(error.message, "Unable to find input_boolean_id guests");
    });
}

#[test]
fn wrong_data_is_refused_in_the_protocols_words() {
    run(async {
        let home = home().await;
        let long = "x".repeat(256);
        for (given, message) in [
            (json!({}), "required key not provided @ data['name']"),
            (
                json!({"name": ""}),
                "length of value must be at least 1 for dictionary value @ data['name']",
            ),
            (
                json!({"name": long}),
                "length of value must be at most 255 for dictionary value @ data['name']",
            ),
            (
                json!({"name": "x", "icon": "lamp"}),
                "Icons should be specified in the form \"prefix:name\" for dictionary value @ data['icon']",
            ),
            (
                json!({"name": "x", "initial": "perhaps"}),
                "invalid boolean value perhaps for dictionary value @ data['initial']",
            ),
            (
                json!({"name": "x", "colour": 1}),
                "extra keys not allowed @ data['colour']",
            ),
            (
                json!({"name": "x", "id": "y"}),
                "extra keys not allowed @ data['id']",
            ),
        ] {
            let error = home
                .command("input_boolean/create", given.clone())
                .await
                .unwrap_err();
            assert_eq!(
                (error.code, error.message.as_str()),
                (ErrorCode::INVALID_FORMAT, message),
                "{given}"
            );
        }
        assert_eq!(
            home.command("input_boolean/list", json!({})).await,
            Ok(json!([]))
        );
    });
}

#[test]
fn only_administrators_write() {
    run(async {
        let home = home().await;
        let caller = Caller::new(Context::new(&home.hub.env), Access::AnyUser);
        for verb in ["create", "update", "delete"] {
            let name = format!("input_boolean/{verb}");
            let answer = home.hub.commands.call(&name, Map::new(), caller).await;
            assert_eq!(answer.unwrap_err().code, ErrorCode::UNAUTHORIZED);
        }
        let list = home
            .hub
            .commands
            .call("input_boolean/list", Map::new(), caller)
            .await;
        assert_eq!(list, Ok(json!([])));
    });
}

#[test]
fn the_services_turn_it_on_and_off_with_the_callers_context() {
    run(async {
        let home = home().await;
        home.command("input_boolean/create", json!({"name": "Guests"}))
            .await
            .unwrap();
        let target = json!({"entity_id": "input_boolean.guests"});
        for (service, state) in [
            ("turn_on", "on"),
            ("turn_on", "on"),
            ("toggle", "off"),
            ("toggle", "on"),
            ("turn_off", "off"),
        ] {
            let context = Context::new(&home.hub.env);
            let service = format!("input_boolean.{service}");
            home.serve_as(&service, target.clone(), context)
                .await
                .unwrap();
            assert_eq!(home.state("input_boolean.guests").as_deref(), Some(state));
        }
        let context = Context::new(&home.hub.env);
        home.serve_as("input_boolean.turn_on", target, context)
            .await
            .unwrap();
        let state = home.hub.states.get("input_boolean.guests").unwrap();
        assert_eq!(state.context.id, context.id);
    });
}

#[test]
fn its_services_are_there_before_the_first_one_is_and_are_described() {
    run(async {
        let home = home().await;
        let described = home.hub.services.describe();
        let services: Vec<&String> = described["input_boolean"].keys().collect();
        assert_eq!(services, ["reload", "toggle", "turn_off", "turn_on"]);
        let turn_on = &described["input_boolean"]["turn_on"];
        assert_eq!(
            turn_on["target"],
            json!({"entity": [{"domain": ["input_boolean"]}]})
        );
    });
}

#[test]
fn it_is_after_a_restart_as_it_was_unless_an_initial_state_is_set() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        home.command("input_boolean/create", json!({"name": "A"}))
            .await
            .unwrap();
        home.command(
            "input_boolean/create",
            json!({"name": "B", "initial": false}),
        )
        .await
        .unwrap();
        let target = json!({"entity_id": ["input_boolean.a", "input_boolean.b"]});
        home.serve("input_boolean.turn_on", target).await.unwrap();
        home.hub.stop().await;
    });
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        assert_eq!(home.state("input_boolean.a").as_deref(), Some("on"));
        assert_eq!(home.state("input_boolean.b").as_deref(), Some("off"));
        let list = home.command("input_boolean/list", json!({})).await.unwrap();
        assert_eq!(list[1], json!({"id": "b", "name": "B", "initial": false}));
        home.hub.stop().await;
    });
}

#[test]
fn the_configuration_makes_some_that_no_command_changes() {
    run(async {
        let section = json!({"guests": {"name": "Guests", "initial": true}, "bare": null});
        let settings = Home::settings("input_boolean", section);
        let home = Home::with(settings, vec![factory()]).await;
        assert_eq!(home.state("input_boolean.guests").as_deref(), Some("on"));
        let shown = home.attributes("input_boolean.guests");
        assert_eq!(shown, json!({"editable": false, "friendly_name": "Guests"}));
        assert_eq!(
            home.attributes("input_boolean.bare"),
            json!({"editable": false})
        );
        assert_eq!(
            home.command("input_boolean/list", json!({})).await,
            Ok(json!([]))
        );
        let given = json!({"input_boolean_id": "guests"});
        let error = home
            .command("input_boolean/delete", given)
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::NOT_FOUND);
        // Its id is taken.
        let item = home
            .command("input_boolean/create", json!({"name": "Guests"}))
            .await;
        assert_eq!(item.unwrap()["id"], "guests_2");
    });
}

#[test]
fn a_wrong_section_is_told_with_key_and_problem() {
    for (section, told) in [
        (
            json!([]),
            "input_boolean: expected sections such as [input_boolean.name]",
        ),
        (
            json!({"a": 1}),
            "input_boolean.a: expected settings of its own",
        ),
        (
            json!({"A b": {}}),
            "input_boolean.A b: expected a name of lower-case letters, digits and _",
        ),
        (
            json!({"a": {"naem": "x"}}),
            "input_boolean.a.naem: there is no such setting",
        ),
        (
            json!({"a": {"initial": "perhaps"}}),
            "input_boolean.a.initial: invalid boolean value perhaps",
        ),
    ] {
        assert_eq!(check(&section).unwrap_err().to_string(), told);
    }
    assert_eq!(check(&json!(null)), Ok(()));
    assert_eq!(
        check(&json!({"a": {"name": "A", "icon": "mdi:x", "initial": "on"}})),
        Ok(())
    );
}

#[test]
fn a_reload_brings_in_what_the_file_says_now() {
    run(async {
        let section = json!({"stays": {"name": "Old"}, "goes": null});
        let home = Home::with(Home::settings("input_boolean", section), vec![factory()]).await;
        home.command("input_boolean/create", json!({"name": "Mine"}))
            .await
            .unwrap();
        let target = json!({"entity_id": "input_boolean.stays"});
        home.serve("input_boolean.turn_on", target).await.unwrap();
        home.hub.configured.read_with(|| {
            let section = json!({"stays": {"name": "New"}, "comes": null});
            Ok([("input_boolean".to_owned(), section)].into())
        });
        home.serve("input_boolean.reload", json!({})).await.unwrap();
        assert_eq!(home.state("input_boolean.stays").as_deref(), Some("on"));
        assert_eq!(
            home.attributes("input_boolean.stays")["friendly_name"],
            "New"
        );
        assert_eq!(home.state("input_boolean.goes"), None);
        assert_eq!(home.state("input_boolean.comes").as_deref(), Some("off"));
        assert_eq!(home.state("input_boolean.mine").as_deref(), Some("off"));
    });
}

#[test]
fn no_more_are_kept_than_the_settings_allow() {
    run(async {
        let mut settings = hearth_core::settings::Settings::default();
        settings.hub.collection_limit = 2;
        let home = Home::with(settings, vec![factory()]).await;
        for name in ["A", "B"] {
            home.command("input_boolean/create", json!({"name": name}))
                .await
                .unwrap();
        }
        let error = home
            .command("input_boolean/create", json!({"name": "C"}))
            .await;
        assert!(error.unwrap_err().message.contains("hub.collection_limit"));
        assert_eq!(home.state("input_boolean.c"), None);
    });
}

#[test]
fn a_subscriber_hears_of_every_change_to_the_list() {
    run(async {
        let home = home().await;
        home.command("input_boolean/create", json!({"name": "A"}))
            .await
            .unwrap();
        let (subscriber, mut events) = subscription();
        let caller = Caller::new(Context::new(&home.hub.env), Access::AnyUser);
        let name = "input_boolean/subscribe";
        home.hub
            .commands
            .subscribe(name, Map::new(), caller, subscriber)
            .await
            .unwrap();
        home.command("input_boolean/create", json!({"name": "B"}))
            .await
            .unwrap();
        home.command("input_boolean/delete", json!({"input_boolean_id": "a"}))
            .await
            .unwrap();
        for (change_type, id, name) in [
            ("added", "a", "A"),
            ("added", "b", "B"),
            ("removed", "a", "A"),
        ] {
            let event: Value = serde_json::from_slice(&events.next().await.unwrap()).unwrap();
            assert_eq!(
                event,
                json!([{
                    "change_type": change_type, "input_boolean_id": id, "item": {"id": id, "name": name},
                }])
            );
        }
    });
}

#[test]
fn creating_one_tells_the_bus_once() {
    run(async {
        let home = home().await;
        let filter = Filter::of_types(["entity_registry_updated", "state_changed"]);
        let mut events = Listener::start(&home.hub, filter).await;
        home.command("input_boolean/create", json!({"name": "A"}))
            .await
            .unwrap();
        home.hub
            .fire(
                "state_changed",
                json!({"end": true}),
                Context::new(&home.hub.env),
            )
            .await;
        let registered = events.next().await;
        assert_eq!(
            registered.data_value(),
            json!({"action": "create", "entity_id": "input_boolean.a"})
        );
        assert_eq!(
            events.next().await.entity_id().unwrap().as_str(),
            "input_boolean.a"
        );
        assert_eq!(events.next().await.data_value(), json!({"end": true}));
    });
}
