//! Groups.
#![allow(clippy::unwrap_used)]

use hearth_core::prelude::*;
use hearth_core::state::StateWrite;
use hearth_group::{check, factory};
use hearth_testing::{Home, Listener, run};

async fn home() -> Home {
    Home::of(vec![factory()]).await
}

async fn member(home: &Home, id: &str, state: &str) -> Context {
    let context = Context::new(&home.hub.env);
    let write = StateWrite {
        state: state.into(),
        attributes: Attributes::empty(),
        force: false,
        context,
    };
    home.hub
        .states
        .set(&id.parse().unwrap(), write)
        .await
        .unwrap();
    context
}

async fn set(home: &Home, data: Value) {
    home.serve("group.set", data).await.unwrap();
}

#[test]
fn a_group_is_on_when_one_member_is_or_all() {
    run(async {
        let home = home().await;
        member(&home, "light.a", "on").await;
        member(&home, "light.b", "off").await;
        let lights = json!({"object_id": "any", "entities": ["light.a", "light.b"]});
        set(&home, lights).await;
        let lights = json!({"object_id": "all_lights", "all": true, "entities": "light.a, light.b", "icon": "mdi:lamp"});
        set(&home, lights).await;
        assert_eq!(home.state("group.any").as_deref(), Some("on"));
        assert_eq!(home.state("group.all_lights").as_deref(), Some("off"));
        assert_eq!(
            home.attributes("group.all_lights"),
            json!({
                "entity_id": ["light.a", "light.b"], "order": 1, "auto": true, "icon": "mdi:lamp",
                "friendly_name": "all lights",
            })
        );
    });
}

#[test]
fn a_group_shows_the_words_of_its_members() {
    run(async {
        let home = home().await;
        for (members, state) in [
            (vec![("person.a", "home"), ("person.b", "Office")], "home"),
            (
                vec![("person.a", "not_home"), ("device_tracker.b", "Office")],
                "not_home",
            ),
            (vec![("cover.a", "closed"), ("cover.b", "open")], "open"),
            (
                vec![("lock.a", "locked"), ("lock.b", "unlocked")],
                "unlocked",
            ),
            (vec![("lock.a", "locked"), ("light.b", "off")], "off"),
            (vec![("climate.a", "heat"), ("light.b", "off")], "on"),
            (vec![("person.a", "home"), ("light.b", "off")], "on"),
            (vec![("sensor.a", "21")], "unknown"),
            (vec![("light.none", "on")], "on"),
            (vec![("light.c", "unavailable")], "off"),
        ] {
            let mut ids = Vec::new();
            for (id, state) in members {
                member(&home, id, state).await;
                ids.push(id);
            }
            set(&home, json!({"object_id": "x", "entities": ids})).await;
            assert_eq!(home.state("group.x").as_deref(), Some(state), "{ids:?}");
        }
        set(&home, json!({"object_id": "x", "entities": []})).await;
        assert_eq!(home.state("group.x").as_deref(), Some("unknown"));
    });
}

#[test]
fn a_group_follows_its_members_in_their_context() {
    run(async {
        let home = home().await;
        member(&home, "light.a", "off").await;
        set(
            &home,
            json!({"object_id": "inner", "entities": ["light.a"]}),
        )
        .await;
        set(
            &home,
            json!({"object_id": "outer", "entities": ["group.inner"]}),
        )
        .await;
        let filter = Filter::of_types(["state_changed"])
            .of_entities(Entities::Domains(vec!["group".into()]));
        let mut events = Listener::start(&home.hub, filter).await;
        let context = member(&home, "light.a", "on").await;
        for id in ["group.inner", "group.outer"] {
            let event = events.next().await;
            assert_eq!(event.entity_id().unwrap().as_str(), id);
            assert_eq!(event.context.id, context.id);
            assert_eq!(home.state(id).as_deref(), Some("on"));
        }
    });
}

#[test]
fn a_group_that_contains_itself_ends() {
    run(async {
        let home = home().await;
        member(&home, "light.a", "off").await;
        set(
            &home,
            json!({"object_id": "a", "entities": ["group.a", "group.b", "light.a"]}),
        )
        .await;
        set(&home, json!({"object_id": "b", "entities": ["group.a"]})).await;
        let filter = Filter::of_types(["state_changed"])
            .of_entities(Entities::Ids(["group.b".parse().unwrap()].into()));
        let mut events = Listener::start(&home.hub, filter).await;
        member(&home, "light.a", "on").await;
        events.next().await;
        assert_eq!(home.state("group.b").as_deref(), Some("on"));
        let (targets, _) = home
            .hub
            .services
            .targets(json!({"entity_id": "group.b"}).as_object().unwrap().clone())
            .unwrap();
        assert_eq!(targets, ["light.a".parse().unwrap()]);
    });
}

#[test]
fn members_are_added_and_taken_out_and_a_group_is_removed() {
    run(async {
        let home = home().await;
        member(&home, "light.a", "on").await;
        set(
            &home,
            json!({"object_id": "x", "name": "X", "entities": ["light.a"]}),
        )
        .await;
        set(
            &home,
            json!({"object_id": "x", "add_entities": ["light.b", "light.a"]}),
        )
        .await;
        assert_eq!(
            home.attributes("group.x")["entity_id"],
            json!(["light.a", "light.b"])
        );
        set(
            &home,
            json!({"object_id": "x", "remove_entities": ["light.a"]}),
        )
        .await;
        assert_eq!(home.attributes("group.x")["entity_id"], json!(["light.b"]));
        assert_eq!(home.attributes("group.x")["friendly_name"], "X");
        for data in [
            json!({"object_id": "A b", "entities": []}),
            json!({"object_id": "y", "entities": ["lamp"]}),
            json!({"object_id": "y", "entities": [], "add_entities": []}),
        ] {
            assert!(matches!(
                home.serve("group.set", data).await,
                Err(ServiceError::Invalid(_))
            ));
        }
        for _ in 0..2 {
            home.serve("group.remove", json!({"object_id": "x"}))
                .await
                .unwrap();
            assert_eq!(home.state("group.x"), None);
        }
    });
}

#[test]
fn the_configuration_makes_groups_and_a_reload_changes_them() {
    run(async {
        let section = json!({
            "downstairs": {"name": "Downstairs", "entities": ["light.a"]}, "short": "light.a,light.b",
        });
        let home = Home::with(Home::settings("group", section), vec![factory()]).await;
        assert_eq!(
            home.attributes("group.downstairs"),
            json!({
                "entity_id": ["light.a"], "order": 0, "friendly_name": "Downstairs",
            })
        );
        assert_eq!(
            home.attributes("group.short")["entity_id"],
            json!(["light.a", "light.b"])
        );
        set(&home, json!({"object_id": "mine", "entities": ["light.c"]})).await;
        home.hub
            .configured
            .read_with(|| Ok([("group".to_owned(), json!({"short": ["light.b"]}))].into()));
        home.serve("group.reload", json!({})).await.unwrap();
        assert_eq!(home.state("group.downstairs"), None);
        assert_eq!(
            home.attributes("group.short")["entity_id"],
            json!(["light.b"])
        );
        assert!(home.state("group.mine").is_some());
    });
}

#[test]
fn a_wrong_section_is_told_with_key_and_problem() {
    for (section, told) in [
        (json!([]), "group: expected sections such as [group.name]"),
        (
            json!({"a": {"entities": ["lamp"]}}),
            "group.a.entities: Entity ID lamp is an invalid entity ID",
        ),
        (
            json!({"a": {"entitys": []}}),
            "group.a.entitys: there is no such setting",
        ),
        (
            json!({"a b": []}),
            "group.a b: expected a name of lower-case letters, digits and _",
        ),
    ] {
        assert_eq!(check(&section).unwrap_err().to_string(), told);
    }
}
