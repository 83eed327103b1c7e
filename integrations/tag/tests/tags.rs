//! Tags: what a scan fires, keeps and shows.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use hearth_core::command::ErrorCode;
use hearth_core::env::Env;
use hearth_core::hub::Hub;
use hearth_core::ids::UserId;
use hearth_core::prelude::*;
use hearth_core::settings::Settings;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_testing::{Listener, run};

async fn home_with(settings: Settings, location: &Location) -> Hub {
    let store = Store::open(location, StoreSettings::default()).unwrap();
    let hub = Hub::open(Env::system(), Arc::new(settings), store).unwrap();
    hub.start_integrations(vec![hearth_tag::factory()]).await;
    hub
}

async fn home() -> Hub {
    home_with(Settings::default(), &Location::Memory).await
}

async fn home_in(folder: &Path) -> Hub {
    home_with(Settings::default(), &Location::File(folder.join("hub.db"))).await
}

async fn call(hub: &Hub, name: &str, data: Value) -> Result<Value, CommandError> {
    let caller = Caller::inside(Context::of_user(&hub.env, UserId::generate(&hub.env)));
    hub.commands
        .call(name, data.as_object().unwrap().clone(), caller)
        .await
}

fn shown(hub: &Hub, entity_id: &str) -> (String, Value) {
    let state = hub.states.get(entity_id).unwrap();
    (
        state.state.to_string(),
        Value::Object(state.attributes.to_map()),
    )
}

#[test]
fn a_scan_is_told_with_the_callers_context_then_kept_and_shown() {
    run(async {
        let hub = home().await;
        let mut events = Listener::start(&hub, Filter::of_types(["tag_scanned"])).await;
        let caller = Caller::inside(Context::of_user(&hub.env, UserId::generate(&hub.env)));
        for name in [Value::Null, json!("Tag Fridge-1")] {
            let data = json!({"tag_id": "Fridge-1", "device_id": "abc"});
            let data = data.as_object().unwrap().clone();
            hub.commands.call("tag/scan", data, caller).await.unwrap();
            let event = events.next().await;
            let expected = json!({"tag_id": "Fridge-1", "name": name, "device_id": "abc"});
            assert_eq!(event.data_value(), expected);
            assert_eq!(event.context, caller.context);
        }
        let (state, attributes) = shown(&hub, "tag.fridge_1");
        assert_eq!(state.len(), "2026-01-01T00:00:00.120+00:00".len());
        assert_eq!(
            attributes,
            json!({
                "tag_id": "Fridge-1", "last_scanned_by_device_id": "abc",
                "friendly_name": "Tag Fridge-1",
            })
        );
    });
}

#[test]
fn a_created_tag_has_the_name_that_was_given_also_when_scanned() {
    run(async {
        let hub = home().await;
        let given = json!({"tag_id": "f1", "name": "Fridge"});
        let created = call(&hub, "tag/create", given).await.unwrap();
        assert_eq!(created, json!({"id": "f1", "name": "Fridge"}));
        assert_eq!(shown(&hub, "tag.fridge").0, "unknown");

        let mut events = Listener::start(&hub, Filter::of_types(["tag_scanned"])).await;
        call(&hub, "tag/scan", json!({"tag_id": "f1", "device_id": null}))
            .await
            .unwrap();
        assert_eq!(events.next().await.data_value()["name"], "Fridge");

        let renamed = json!({"tag_id": "f1", "name": "Freezer"});
        let renamed = call(&hub, "tag/update", renamed).await.unwrap();
        assert_eq!(renamed["name"], "Freezer");
        assert_eq!(shown(&hub, "tag.fridge").1["friendly_name"], "Freezer");
        assert_eq!(
            call(&hub, "tag/list", json!({})).await.unwrap()[0]["name"],
            "Freezer"
        );
    });
}

#[test]
fn a_deleted_tag_is_gone_and_an_unknown_one_is_not_found() {
    run(async {
        let hub = home().await;
        call(&hub, "tag/create", json!({"tag_id": "f1"}))
            .await
            .unwrap();
        assert_eq!(
            call(&hub, "tag/delete", json!({"tag_id": "f1"})).await,
            Ok(Value::Null)
        );
        assert!(hub.states.get("tag.f1").is_none());
        let error = call(&hub, "tag/delete", json!({"tag_id": "f1"}))
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::NOT_FOUND);
        assert_eq!(error.message, "Unable to find tag_id f1");
    });
}

#[test]
fn scans_of_ever_new_tags_do_not_fill_the_hub() {
    run(async {
        let mut settings = Settings::default();
        settings.hub.collection_limit = 2;
        let hub = home_with(settings, &Location::Memory).await;
        let mut events = Listener::start(&hub, Filter::of_types(["tag_scanned"])).await;
        let mut kept = Vec::new();
        for id in ["a", "b", "c"] {
            let scanned = call(&hub, "tag/scan", json!({"tag_id": id, "device_id": null})).await;
            kept.push(scanned.is_ok());
            events.next().await;
        }
        assert_eq!(kept, [true, true, false]);
        assert!(hub.states.get("tag.c").is_none());
        assert!(
            call(&hub, "tag/scan", json!({"tag_id": "a", "device_id": null}))
                .await
                .is_ok()
        );
    });
}

#[test]
fn a_scanned_tag_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = None;
    run(async {
        let hub = home_in(folder.path()).await;
        call(&hub, "tag/scan", json!({"tag_id": "x", "device_id": "abc"}))
            .await
            .unwrap();
        before = Some(shown(&hub, "tag.x"));
        hub.stop().await;
    });
    run(async {
        let hub = home_in(folder.path()).await;
        assert_eq!(Some(shown(&hub, "tag.x")), before);
        hub.stop().await;
    });
}
