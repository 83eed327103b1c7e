//! What a hub finds of its last run.

use std::path::Path;
use std::sync::Arc;

use hearth_core::prelude::*;
use hearth_core::registry::{Changes, NewEntity};
use hearth_core::settings::Settings;
use hearth_core::state::StateWrite;
use hearth_core::store::{Location, Store, StoreSettings, StoredState};
use hearth_testing::run;

fn hub_in(folder: &Path) -> Hub {
    let location = Location::File(folder.join("hearth.db"));
    let store = Store::open(&location, StoreSettings::default()).unwrap();
    Hub::open(Env::system(), Arc::new(Settings::default()), store).unwrap()
}

async fn register(hub: &Hub, unique_id: &str) {
    let mut changes = Changes::new(&hub.store);
    let new = NewEntity {
        domain: "sensor",
        platform: "lab",
        unique_id,
        suggested_object_id: unique_id,
        config_entry_id: None,
        device_id: None,
        original_name: None,
        entity_category: None,
        disabled_by: None,
    };
    hub.registries
        .entities
        .register(&mut changes, new, |_| false, |_| {})
        .unwrap();
    let context = Context::new(&hub.env);
    changes.commit(&hub.bus, &hub.env, context).await.unwrap();
}

async fn set(hub: &Hub, entity_id: &str, state: &str) {
    let write = StateWrite {
        state: state.into(),
        attributes: Attributes::empty(),
        force: false,
        context: Context::new(&hub.env),
    };
    let entity_id = entity_id.parse().unwrap();
    hub.states.set(&entity_id, write).await.unwrap();
}

/// One run, in which both sensors show these; gives what is stored after it.
async fn run_with(folder: &Path, same: &str, other: &str) -> [StoredState; 2] {
    let hub = hub_in(folder);
    for (entity_id, state) in [("sensor.same", same), ("sensor.other", other)] {
        hub.take_restored(entity_id);
        set(&hub, entity_id, state).await;
    }
    hub.start_integrations(Vec::new()).await;
    hub.save_states().await;
    let stored = hub.store.load_states().unwrap();
    hub.stop().await;
    let find = |id: &str| stored.iter().find(|s| s.entity_id == id).unwrap().clone();
    [find("sensor.same"), find("sensor.other")]
}

#[test]
fn a_restored_state_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let hub = hub_in(folder.path());
        register(&hub, "same").await;
        register(&hub, "other").await;
        hub.stop().await;
        let [same, other] = run_with(folder.path(), "1", "1").await;
        let [same_again, other_again] = run_with(folder.path(), "1", "2").await;
        assert_eq!(same, same_again);
        assert_eq!((&*other.state, &*other_again.state), ("1", "2"));
        assert!(other.last_updated < other_again.last_updated);
    });
}

#[test]
fn a_row_that_is_not_valid_keeps_nobody_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let hub = hub_in(folder.path());
        register(&hub, "good").await;
        let collections = [
            "core.entities",
            "core.devices",
            "core.config_entries",
            "core.areas",
            "core.home",
        ];
        for collection in collections {
            let rows = hub.store.collection::<String>(collection);
            rows.put("bad", &"no entry".to_owned()).await.unwrap();
        }
        hub.stop().await;

        let hub = hub_in(folder.path());
        assert!(hub.registries.entities.get("sensor.good").is_some());
        for collection in collections {
            let rows = hub.store.collection::<String>(collection);
            assert!(rows.get("bad").unwrap().is_some(), "{collection} keeps it");
        }
        hub.stop().await;
    });
}
