//! Devices.

use hearth_core::prelude::*;
use hearth_testing::{Listener, run};

use crate::{LAMP, call, home, lamp_device, refusal, state, try_call};

#[test]
fn a_device_is_shown_with_every_field_and_changed() {
    run(async {
        let hub = home().await;
        let device = lamp_device(&hub);
        let mut events = Listener::start(&hub, Filter::of_types(["device_registry_updated"])).await;
        let given = json!({"device_id": device, "name_by_user": "Sofa", "area_id": "kitchen"});
        let changed = call(&hub, "config/device_registry/update", given).await;
        assert_eq!(changed["name_by_user"], "Sofa");
        let told = events.next().await.data_value();
        assert_eq!(told["action"], "update");
        let expected = json!({"name_by_user": null, "area_id": "living_room"});
        assert_eq!(told["changes"], expected);

        let listed = call(&hub, "config/device_registry/list", json!({})).await;
        let listed = listed.as_array().unwrap();
        let shown = listed
            .iter()
            .find(|shown| shown["id"] == json!(device))
            .unwrap();
        assert_eq!(*shown, changed);
        let mut keys: Vec<&str> = shown.as_object().unwrap().keys().map(|k| &**k).collect();
        keys.sort_unstable();
        let expected = [
            "area_id",
            "config_entries",
            "config_entries_subentries",
            "configuration_url",
            "connections",
            "created_at",
            "disabled_by",
            "entry_type",
            "hw_version",
            "id",
            "identifiers",
            "labels",
            "manufacturer",
            "model",
            "model_id",
            "modified_at",
            "name",
            "name_by_user",
            "primary_config_entry",
            "serial_number",
            "sw_version",
            "via_device_id",
        ];
        assert_eq!(keys, expected);
    });
}

#[test]
fn entities_of_a_disabled_device_are_disabled_and_come_back_with_it() {
    run(async {
        let hub = home().await;
        let device = lamp_device(&hub);
        let shown = state(&hub, LAMP);
        let given = json!({"device_id": device, "disabled_by": "user"});
        call(&hub, "config/device_registry/update", given).await;
        assert_eq!(state(&hub, LAMP), None);
        let entry = call(
            &hub,
            "config/entity_registry/get",
            json!({"entity_id": LAMP}),
        )
        .await;
        assert_eq!(entry["disabled_by"], "device");
        let given = json!({"entity_id": LAMP, "disabled_by": null});
        let refused = refusal(&hub, "config/entity_registry/update", given).await;
        assert_eq!(
            refused,
            ("invalid_info".into(), "Device is disabled".into())
        );

        let given = json!({"device_id": device, "disabled_by": null});
        call(&hub, "config/device_registry/update", given).await;
        assert_eq!(state(&hub, LAMP), shown);
    });
}

#[test]
fn an_unknown_device_is_an_unknown_error() {
    run(async {
        let hub = home().await;
        for id in ["nope", "0123456789abcdef0123456789abcdef"] {
            let given = json!({"device_id": id, "name_by_user": "x"});
            let (code, _) = refusal(&hub, "config/device_registry/update", given).await;
            assert_eq!(code, "unknown_error");
        }
        let given = json!({"config_entry_id": "nope", "device_id": "nope"});
        let name = "config/device_registry/remove_config_entry";
        let error = try_call(&hub, name, given).await.unwrap_err();
        assert_eq!(error.message, "Unknown config entry");
    });
}

#[test]
fn an_empty_name_or_area_of_a_device_is_none() {
    run(async {
        let hub = home().await;
        let id = lamp_device(&hub);
        let update = "config/device_registry/update";
        let named = json!({"device_id": id, "name_by_user": "Moon", "area_id": "hall"});
        call(&hub, update, named).await;
        let given = json!({"device_id": id, "name_by_user": "", "area_id": ""});
        let device = call(&hub, update, given).await;
        assert_eq!(
            (&device["name_by_user"], &device["area_id"]),
            (&Value::Null, &Value::Null)
        );
        let long = json!({"device_id": id, "name_by_user": "x".repeat(256)});
        let (code, _) = refusal(&hub, update, long).await;
        assert_eq!(code, "invalid_info");
    });
}
