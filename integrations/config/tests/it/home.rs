//! The home itself, and what belongs together in it.

use hearth_core::prelude::*;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_testing::{Listener, run};

use crate::{LAMP, call, home, home_in, lamp_device, refusal};

#[test]
fn the_home_is_changed_and_the_change_is_told() {
    run(async {
        let hub = home().await;
        let mut events = Listener::start(&hub, Filter::of_types(["core_config_updated"])).await;
        let given = json!({"location_name": "Villa", "latitude": 1.5, "unit_system": "us_customary", "update_units": true});
        assert_eq!(call(&hub, "config/core/update", given).await, Value::Null);
        assert_eq!(events.next().await.data_value()["location_name"], "Villa");
        assert_eq!(hub.home.current().location_name, "Villa");
        let given = json!({"latitude": 91.0});
        let (code, _) = refusal(&hub, "config/core/update", given).await;
        assert_eq!(code, "invalid_info");
        let (code, _) = refusal(&hub, "config/core/update", json!({"bogus": 1})).await;
        assert_eq!(code, "invalid_format");
        let detected = call(&hub, "config/core/detect", json!({})).await;
        assert_eq!(detected["unit_system"], "us_customary");
    });
}

#[test]
fn what_belongs_together_is_found() {
    run(async {
        let hub = home().await;
        let device = lamp_device(&hub);
        let given = json!({"item_type": "entity", "item_id": LAMP});
        let found = call(&hub, "search/related", given).await;
        assert_eq!(found["device"], json!([device]));
        assert_eq!(found["area"], json!(["living_room"]));
        assert_eq!(found["integration"], json!(["demo"]));
        assert!(found.get("entity").is_none() && found["floor"].is_array());
        let given = json!({"item_type": "area", "item_id": "living_room"});
        let found = call(&hub, "search/related", given).await;
        let entities = found["entity"].as_array().unwrap();
        assert!(entities.contains(&json!(LAMP)));
        let given = json!({"item_type": "nonsense", "item_id": "x"});
        let (code, _) = refusal(&hub, "search/related", given).await;
        assert_eq!(code, "invalid_format");
    });
}

#[test]
fn small_questions_have_answers() {
    run(async {
        let hub = home().await;
        let issues = call(&hub, "repairs/list_issues", json!({})).await;
        assert_eq!(issues, json!({"issues": []}));
        let urls = call(&hub, "network/url", json!({})).await;
        assert_eq!(
            urls,
            json!({"internal": null, "external": null, "cloud": null})
        );
        let source = call(&hub, "entity/source", json!({})).await;
        assert_eq!(source[LAMP], json!({"domain": "demo"}));
        for name in ["repairs", "search", "config", "network"] {
            assert!(hub.integrations.components().contains(&name.to_owned()));
        }
    });
}

#[test]
fn damaged_documents_do_not_keep_the_registries_from_clients() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    run(async move {
        let location = Location::File(path.join("hub.db"));
        let store = Store::open(&location, StoreSettings::default()).unwrap();
        for collection in [
            "core.categories",
            "homeassistant.exposed_entities",
            "homeassistant.expose_new",
        ] {
            let texts = store.collection::<String>(collection);
            texts.put("bad", &"nonsense".to_owned()).await.unwrap();
        }
        store.close().await.unwrap();
        let hub = home_in(&path).await;
        let areas = call(&hub, "config/area_registry/list", json!({})).await;
        assert!(!areas.as_array().unwrap().is_empty());
        hub.stop().await;
    });
}
