//! Areas, floors, labels, categories.

use hearth_core::prelude::*;
use hearth_testing::{Listener, run};

use crate::{LAMP, call, home, home_in, lamp_device, refusal, try_call, user};

#[test]
fn an_area_is_made_changed_and_deleted_with_its_events() {
    run(async {
        let hub = home().await;
        let mut events = Listener::start(&hub, Filter::of_types(["area_registry_updated"])).await;
        let given = json!({"name": "Wine Cellar", "icon": "mdi:glass-wine", "aliases": ["cave"]});
        let area = call(&hub, "config/area_registry/create", given).await;
        let expected = json!({
            "area_id": "wine_cellar", "name": "Wine Cellar", "aliases": ["cave"], "floor_id": null,
            "humidity_entity_id": null, "icon": "mdi:glass-wine", "labels": [], "picture": null,
            "temperature_entity_id": null,
            "created_at": area["created_at"], "modified_at": area["modified_at"],
        });
        assert_eq!(area, expected);
        assert!(area["created_at"].is_f64());
        let told = events.next().await.data_value();
        assert_eq!(told, json!({"action": "create", "area_id": "wine_cellar"}));

        let given = json!({"area_id": "wine_cellar", "name": "Cellar", "icon": null});
        let area = call(&hub, "config/area_registry/update", given).await;
        assert_eq!(
            (&area["name"], &area["icon"]),
            (&json!("Cellar"), &Value::Null)
        );
        assert_eq!(area["area_id"], "wine_cellar");
        assert_eq!(events.next().await.data_value()["action"], "update");

        let gone = json!({"area_id": "wine_cellar"});
        let answer = call(&hub, "config/area_registry/delete", gone.clone()).await;
        assert_eq!(answer, "success");
        assert_eq!(events.next().await.data_value()["action"], "remove");
        let refused = refusal(&hub, "config/area_registry/delete", gone).await;
        assert_eq!(
            refused,
            ("invalid_info".into(), "Area ID doesn't exist".into())
        );
    });
}

#[test]
fn refusals_are_in_the_protocols_words() {
    run(async {
        let hub = home().await;
        call(
            &hub,
            "config/area_registry/create",
            json!({"name": "Wine Cellar"}),
        )
        .await;
        for (name, data, code, message) in [
            (
                "area_registry/create",
                json!({"name": "wine cellar"}),
                "invalid_info",
                "The name wine cellar (winecellar) is already in use",
            ),
            (
                "area_registry/create",
                json!({"name": "A", "bogus": 1}),
                "invalid_format",
                "extra keys not allowed @ data['bogus']. Got 1",
            ),
            (
                "area_registry/create",
                json!({}),
                "invalid_format",
                "required key not provided @ data['name']",
            ),
            (
                "area_registry/update",
                json!({"area_id": "kitchen", "temperature_entity_id": LAMP}),
                "invalid_info",
                "Entity light.living_room_lamp is not a temperature sensor",
            ),
            (
                "floor_registry/update",
                json!({"floor_id": "nope", "level": 2}),
                "invalid_info",
                "Floor ID doesn't exist",
            ),
            (
                "label_registry/delete",
                json!({"label_id": "nope"}),
                "invalid_info",
                "Label ID doesn't exist",
            ),
            (
                "floor_registry/create",
                json!({"name": "F", "level": "up"}),
                "invalid_format",
                "expected int for dictionary value @ data['level']. Got 'up'",
            ),
        ] {
            let refused = refusal(&hub, &format!("config/{name}"), data).await;
            assert_eq!(refused, (code.to_owned(), message.to_owned()));
        }
    });
}

#[test]
fn only_administrators_write() {
    run(async {
        let hub = home().await;
        for (name, expected) in [
            ("config/area_registry/list", true),
            ("config/area_registry/create", false),
            ("config/entity_registry/update", false),
        ] {
            let caller = user(&hub, Access::AnyUser);
            let answer = hub.commands.call(name, Map::new(), caller).await;
            assert_eq!(answer.is_ok(), expected, "{name}");
        }
    });
}

#[test]
fn what_is_deleted_leaves_nothing_behind() {
    run(async {
        let hub = home().await;
        let label = call(
            &hub,
            "config/label_registry/create",
            json!({"name": "Cosy"}),
        )
        .await;
        assert_eq!(label["label_id"], "cosy");
        let device = lamp_device(&hub);
        let given = json!({"entity_id": LAMP, "area_id": "kitchen", "labels": ["cosy"]});
        call(&hub, "config/entity_registry/update", given).await;
        let given = json!({"device_id": device, "area_id": "kitchen", "labels": ["cosy"]});
        call(&hub, "config/device_registry/update", given).await;
        let given = json!({"area_id": "bedroom", "labels": ["cosy"]});
        call(&hub, "config/area_registry/update", given).await;
        let floor = hub
            .registries
            .areas
            .get("bedroom")
            .unwrap()
            .floor_id
            .clone();

        let gone = json!({"label_id": "cosy"});
        let answer = call(&hub, "config/label_registry/delete", gone).await;
        assert_eq!(answer, Value::Null);
        let gone = json!({"floor_id": floor});
        call(&hub, "config/floor_registry/delete", gone).await;
        let gone = json!({"area_id": "kitchen"});
        call(&hub, "config/area_registry/delete", gone).await;

        let registries = &hub.registries;
        let lamp = registries.entities.get(LAMP).unwrap();
        assert!(lamp.settings.is_none());
        let device = registries.devices.get(device).unwrap();
        assert!(device.labels.is_empty() && device.area_id.is_none());
        let bedroom = registries.areas.get("bedroom").unwrap();
        assert!(bedroom.labels.is_empty() && bedroom.floor_id.is_none());
    });
}

#[test]
fn categories_belong_to_a_scope_and_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    run(async move {
        let hub = home_in(&path).await;
        let mut events =
            Listener::start(&hub, Filter::of_types(["category_registry_updated"])).await;
        let given = json!({"scope": "automation", "name": "Nightly"});
        let category = call(&hub, "config/category_registry/create", given.clone()).await;
        let id = category["category_id"].clone();
        assert_eq!(
            events.next().await.data_value(),
            json!({"action": "create", "scope": "automation", "category_id": id})
        );
        let (code, message) = refusal(&hub, "config/category_registry/create", given).await;
        assert_eq!(
            (&*code, &*message),
            ("invalid_info", "The name 'Nightly' is already in use")
        );
        let given = json!({"entity_id": LAMP, "categories": {"automation": id}});
        call(&hub, "config/entity_registry/update", given).await;
        hub.stop().await;

        let hub = home_in(&path).await;
        let list = |scope: &str| {
            let data = json!({"scope": scope});
            let hub = hub.clone();
            async move { call(&hub, "config/category_registry/list", data).await }
        };
        assert_eq!(list("automation").await, json!([category]));
        assert_eq!(list("script").await, json!([]));
        let gone = json!({"scope": "automation", "category_id": id});
        try_call(&hub, "config/category_registry/delete", gone)
            .await
            .unwrap();
        assert_eq!(list("automation").await, json!([]));
        assert!(
            hub.registries
                .entities
                .get(LAMP)
                .unwrap()
                .settings
                .is_none()
        );
    });
}

#[test]
fn names_have_a_length_and_edits_a_size() {
    run(async {
        let hub = home().await;
        let (long, huge) = ("é".repeat(256), "x".repeat(70_000));
        for (kind, more) in [
            ("area", json!({})),
            ("floor", json!({})),
            ("label", json!({})),
            ("category", json!({"scope": "automation"})),
        ] {
            let create = format!("config/{kind}_registry/create");
            let given = |name: &str| {
                let mut given = more.clone();
                given["name"] = name.into();
                given
            };
            for name in ["", " ", &long] {
                let (code, _) = refusal(&hub, &create, given(name)).await;
                assert_eq!(code, "invalid_info", "{kind}");
            }
            let mut large = given("Attic");
            large["icon"] = huge.clone().into();
            let (code, message) = refusal(&hub, &create, large).await;
            assert_eq!(code, "invalid_format", "{kind}");
            assert!(message.starts_with("expected at most 65536 bytes"));
            call(&hub, &create, given(&"é".repeat(255))).await;
        }
    });
}
