//! Config entries and manifests.

use hearth_core::prelude::*;
use hearth_core::registry::{Changes, ConfigEntry, DeviceDescription, NewConfigEntry, NewEntity};
use hearth_testing::run;

use crate::{call, home, next, refusal, state, subscribe};

/// A config entry with a device and an entity that somebody shows.
async fn set_up(hub: &Hub) -> Arc<ConfigEntry> {
    let registries = &hub.registries;
    let mut changes = Changes::new(&hub.store);
    let new = NewConfigEntry {
        domain: "demo",
        title: "A bridge",
        source: "user",
        unique_id: None,
    };
    let entry = registries.config_entries.create(&mut changes, new).unwrap();
    let id = Some(entry.entry_id);
    let device = registries
        .devices
        .register(
            &mut changes,
            id,
            ("demo", "bridge"),
            DeviceDescription::default(),
        )
        .unwrap();
    let new = NewEntity {
        domain: "sensor",
        platform: "demo",
        unique_id: "bridge",
        suggested_object_id: "Bridge",
        config_entry_id: id,
        device_id: Some(device.id),
        original_name: Some("Bridge"),
        entity_category: None,
        disabled_by: None,
    };
    let entities = &registries.entities;
    entities
        .register(&mut changes, new, |_| false, |_| {})
        .unwrap();
    let context = Context::new(&hub.env);
    changes.commit(&hub.bus, &hub.env, context).await.unwrap();
    let write = hearth_core::state::StateWrite {
        state: "7".into(),
        attributes: Attributes::empty(),
        force: false,
        context,
    };
    let sensor = "sensor.bridge".parse().unwrap();
    hub.states.set(&sensor, write).await.unwrap();
    entry
}

#[test]
fn clients_hear_of_entries_as_they_come_change_and_go() {
    run(async {
        let hub = home().await;
        let mut all = subscribe(&hub, "config_entries/subscribe", json!({})).await;
        let filter = json!({"type_filter": ["helper"]});
        let mut helpers = subscribe(&hub, "config_entries/subscribe", filter).await;
        assert_eq!(next(&mut all).await, json!([]));
        assert_eq!(next(&mut helpers).await, json!([]));

        let entry = set_up(&hub).await;
        let told = next(&mut all).await;
        assert_eq!(told[0]["type"], "added");
        let expected = json!({
            "entry_id": entry.entry_id, "domain": "demo", "title": "A bridge", "source": "user",
            "state": "loaded", "supports_options": false, "supports_remove_device": false,
            "supports_unload": true, "supports_reconfigure": false,
            "supported_subentry_types": {}, "pref_disable_new_entities": false,
            "pref_disable_polling": false, "disabled_by": null, "reason": null,
            "error_reason_translation_key": null,
            "error_reason_translation_placeholders": null, "num_subentries": 0,
            "created_at": entry.created_at.as_seconds_f64(),
            "modified_at": entry.modified_at.as_seconds_f64(),
        });
        assert_eq!(told[0]["entry"], expected);
        let listed = call(&hub, "config_entries/get", json!({"domain": "demo"})).await;
        assert_eq!(listed, json!([expected]));

        let given = json!({"entry_id": entry.entry_id, "title": "The bridge"});
        let answer = call(&hub, "config_entries/update", given).await;
        assert_eq!(answer["config_entry"]["title"], "The bridge");
        assert_eq!(answer["require_restart"], false);
        let told = next(&mut all).await;
        assert_eq!(
            (&told[0]["type"], &told[0]["entry"]),
            (&json!("updated"), &answer["config_entry"])
        );

        let mut changes = Changes::new(&hub.store);
        let entries = &hub.registries.config_entries;
        entries.remove(&mut changes, entry.entry_id).unwrap();
        let context = Context::new(&hub.env);
        changes.commit(&hub.bus, &hub.env, context).await.unwrap();
        assert_eq!(next(&mut all).await[0]["type"], "removed");

        let given = json!({"entry_id": entry.entry_id});
        let refused = refusal(&hub, "config_entries/get_single", given).await;
        assert_eq!(
            refused,
            ("not_found".into(), "Config entry not found".into())
        );
    });
}

#[test]
fn a_disabled_entry_takes_its_devices_and_entities_with_it() {
    run(async {
        let hub = home().await;
        let entry = set_up(&hub).await;
        let id = entry.entry_id;
        let disabled_by = |hub: &Hub| {
            let entity = hub.registries.entities.get("sensor.bridge").unwrap();
            let device = hub
                .registries
                .devices
                .get(entity.device_id.unwrap())
                .unwrap();
            (json!(entity.disabled_by), json!(device.disabled_by))
        };
        let given = json!({"entry_id": id, "disabled_by": "user"});
        let answer = call(&hub, "config_entries/disable", given).await;
        assert_eq!(answer["require_restart"], false);
        assert_eq!(answer["config_entry"]["state"], "not_loaded");
        assert_eq!(state(&hub, "sensor.bridge"), None);
        assert_eq!(
            disabled_by(&hub),
            (json!("config_entry"), json!("config_entry"))
        );

        let given = json!({"entry_id": id, "disabled_by": null});
        call(&hub, "config_entries/disable", given).await;
        assert_eq!(state(&hub, "sensor.bridge").unwrap(), "7");
        assert_eq!(disabled_by(&hub), (Value::Null, Value::Null));
        let single = call(&hub, "config_entries/get_single", json!({"entry_id": id})).await;
        assert_eq!(single["config_entry"]["disabled_by"], Value::Null);
    });
}

#[test]
fn manifests_tell_of_integrations_and_of_entity_domains() {
    run(async {
        let hub = home().await;
        let manifest = call(&hub, "manifest/get", json!({"integration": "demo"})).await;
        assert_eq!(
            (&manifest["name"], &manifest["is_built_in"]),
            (&json!("Demo home"), &json!(true))
        );
        let light = call(&hub, "manifest/get", json!({"integration": "light"})).await;
        assert_eq!(light["integration_type"], "entity");
        let refused = refusal(&hub, "manifest/get", json!({"integration": "nope"})).await;
        assert_eq!(
            refused,
            ("not_found".into(), "Integration not found".into())
        );
        let some = call(
            &hub,
            "manifest/list",
            json!({"integrations": ["demo", "nope"]}),
        )
        .await;
        assert_eq!(some.as_array().unwrap().len(), 1);
    });
}
