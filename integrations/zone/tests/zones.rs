//! Zones: what they show, who is in them, and that they last.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use hearth_core::command::ErrorCode;
use hearth_core::env::Env;
use hearth_core::home::HomeChanges;
use hearth_core::hub::Hub;
use hearth_core::location::{Position, tracker_state};
use hearth_core::prelude::*;
use hearth_core::registry::{Changes, EntityEntry, follow};
use hearth_core::settings::Settings;
use hearth_core::state::{State, StateWrite};
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_testing::{Listener, run};

async fn home() -> Hub {
    let hub = Hub::in_memory().unwrap();
    hub.start_integrations(vec![hearth_zone::factory()]).await;
    hub
}

async fn home_in(folder: &Path) -> Hub {
    let location = Location::File(folder.join("hub.db"));
    let store = Store::open(&location, StoreSettings::default()).unwrap();
    let hub = Hub::open(Env::system(), Arc::new(Settings::default()), store).unwrap();
    hub.start_integrations(vec![hearth_zone::factory()]).await;
    hub
}

async fn call(hub: &Hub, name: &str, data: Value) -> Result<Value, CommandError> {
    let caller = Caller::new(Context::new(&hub.env), Access::Admin);
    hub.commands
        .call(name, data.as_object().unwrap().clone(), caller)
        .await
}

async fn set(hub: &Hub, entity_id: &str, state: &str) {
    let write = StateWrite {
        state: state.into(),
        attributes: Attributes::empty(),
        force: false,
        context: Context::new(&hub.env),
    };
    hub.states
        .set(&entity_id.parse().unwrap(), write)
        .await
        .unwrap();
}

fn shown(hub: &Hub, entity_id: &str) -> (String, Value) {
    let state = hub.states.get(entity_id).unwrap();
    (
        state.state.to_string(),
        Value::Object(state.attributes.to_map()),
    )
}

/// The next state of a zone.
async fn next_zone(events: &mut Listener) -> Arc<State> {
    loop {
        if let EventData::StateChanged { new: Some(new), .. } = &events.next().await.data
            && new.entity_id.domain() == "zone"
        {
            return Arc::clone(new);
        }
    }
}

fn office() -> Value {
    json!({"name": "Office", "latitude": 52.38, "longitude": 4.9, "icon": "mdi:briefcase"})
}

#[test]
fn the_home_zone_comes_from_the_settings() {
    run(async {
        let hub = home().await;
        let (state, attributes) = shown(&hub, "zone.home");
        assert_eq!(state, "0");
        assert_eq!(
            attributes,
            json!({
                "latitude": 52.3731339, "longitude": 4.8903147, "radius": 100,
                "passive": false, "persons": [], "editable": true,
                "icon": "mdi:home", "friendly_name": "Home",
            })
        );
    });
}

#[test]
fn a_created_zone_is_listed_shown_and_known_to_trackers() {
    run(async {
        let hub = home().await;
        let created = call(&hub, "zone/create", office()).await.unwrap();
        let expected = json!({
            "id": "office", "name": "Office", "latitude": 52.38, "longitude": 4.9,
            "radius": 100.0, "passive": false, "icon": "mdi:briefcase",
        });
        assert_eq!(created, expected);
        assert_eq!(
            call(&hub, "zone/list", json!({})).await.unwrap(),
            json!([expected])
        );
        assert_eq!(shown(&hub, "zone.office").1["friendly_name"], "Office");
        let there = Position {
            latitude: 52.38,
            longitude: 4.9,
            accuracy: 0.0,
        };
        assert_eq!(&*tracker_state(&hub.zones, None, Some(there)), "Office");
    });
}

#[test]
fn an_updated_zone_keeps_what_was_not_given_and_a_deleted_one_is_gone() {
    run(async {
        let hub = home().await;
        call(&hub, "zone/create", office()).await.unwrap();
        let change = json!({"zone_id": "office", "radius": "250", "passive": true});
        let updated = call(&hub, "zone/update", change).await.unwrap();
        assert_eq!(updated["name"], "Office");
        assert_eq!(shown(&hub, "zone.office").1["radius"].as_f64(), Some(250.0));

        let deleted = call(&hub, "zone/delete", json!({"zone_id": "office"})).await;
        assert_eq!(deleted, Ok(Value::Null));
        assert!(hub.states.get("zone.office").is_none());
        assert!(hub.registries.entities.get("zone.office").is_none());
        assert_eq!(hub.zones.current().len(), 1);
    });
}

#[test]
fn wrong_data_is_refused_in_the_protocols_words() {
    run(async {
        let hub = home().await;
        for (name, data, code, message) in [
            (
                "zone/update",
                json!({"zone_id": "x"}),
                ErrorCode::NOT_FOUND,
                "Unable to find zone_id x",
            ),
            (
                "zone/delete",
                json!({"zone_id": "x"}),
                ErrorCode::NOT_FOUND,
                "Unable to find zone_id x",
            ),
            (
                "zone/create",
                json!({"name": "A", "latitude": 1}),
                ErrorCode::INVALID_FORMAT,
                "required key not provided @ data['longitude']",
            ),
            (
                "zone/create",
                json!({"name": "A", "latitude": 1, "longitude": 1, "bogus": 1}),
                ErrorCode::INVALID_FORMAT,
                "extra keys not allowed @ data['bogus']",
            ),
            (
                "zone/create",
                json!({"name": "A", "latitude": 91, "longitude": 1}),
                ErrorCode::INVALID_FORMAT,
                "value must be at most 90 for dictionary value @ data['latitude']",
            ),
            (
                "zone/create",
                json!({"name": "A", "latitude": 1, "longitude": 1, "icon": "bad"}),
                ErrorCode::INVALID_FORMAT,
                "Icons should be specified in the form \"prefix:name\" for dictionary value @ data['icon']",
            ),
        ] {
            let error = call(&hub, name, data).await.unwrap_err();
            assert_eq!((error.code, error.message.as_str()), (code, message));
        }
    });
}

#[test]
fn a_person_is_counted_where_their_state_names_the_zone_whatever_its_case() {
    run(async {
        let hub = home().await;
        call(&hub, "zone/create", office()).await.unwrap();
        let mut events = Listener::start(&hub, Filter::of_types(["state_changed"])).await;

        set(&hub, "person.ada", "home").await;
        let at_home = next_zone(&mut events).await;
        assert_eq!(
            (at_home.entity_id.as_str(), &*at_home.state),
            ("zone.home", "1")
        );
        assert_eq!(
            at_home.attributes.get("persons"),
            Some(json!(["person.ada"]))
        );

        set(&hub, "person.ada", "OFFICE").await;
        let (left, entered) = (next_zone(&mut events).await, next_zone(&mut events).await);
        assert_eq!((left.entity_id.as_str(), &*left.state), ("zone.home", "0"));
        assert_eq!(
            (entered.entity_id.as_str(), &*entered.state),
            ("zone.office", "1")
        );

        set(&hub, "person.ada", "not_home").await;
        assert_eq!(&*next_zone(&mut events).await.state, "0");
    });
}

#[test]
fn two_zones_of_one_name_both_count() {
    run(async {
        let hub = home().await;
        for _ in 0..2 {
            call(&hub, "zone/create", office()).await.unwrap();
        }
        let mut events = Listener::start(&hub, Filter::of_types(["state_changed"])).await;
        set(&hub, "person.ada", "Office").await;
        for expected in ["zone.office", "zone.office_2"] {
            let zone = next_zone(&mut events).await;
            assert_eq!((zone.entity_id.as_str(), &*zone.state), (expected, "1"));
        }
    });
}

#[test]
fn created_zones_and_a_moved_home_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let hub = home_in(folder.path()).await;
        call(&hub, "zone/create", office()).await.unwrap();
        let mut events = Listener::start(&hub, Filter::of_types(["state_changed"])).await;
        let place = HomeChanges {
            latitude: Some(10.0),
            longitude: Some(20.0),
            ..HomeChanges::default()
        };
        let context = Context::new(&hub.env);
        hub.home.update(place, context).await.unwrap();
        assert_eq!(
            next_zone(&mut events).await.attributes.number("latitude"),
            Some(10.0)
        );
        hub.stop().await;
    });
    run(async {
        let hub = home_in(folder.path()).await;
        assert_eq!(shown(&hub, "zone.office").1["icon"], "mdi:briefcase");
        assert_eq!(shown(&hub, "zone.home").1["longitude"], 20.0);
        hub.stop().await;
    });
}

#[test]
fn a_zone_that_a_person_renames_is_known_to_trackers_by_its_new_name() {
    run(async {
        let hub = home().await;
        call(&hub, "zone/create", office()).await.unwrap();
        let entities = &hub.registries.entities;
        let old = entities.get("zone.office").unwrap();
        let mut changes = Changes::new(&hub.store);
        let rename = |entry: &mut EntityEntry| {
            entry.entity_id = "zone.work".parse().unwrap();
            let mut settings = entry.settings().clone();
            settings.name = Some("Work".to_owned());
            entry.settings = Some(Box::new(settings));
        };
        let new = entities
            .update(&mut changes, "zone.office", rename)
            .unwrap();
        let context = Context::new(&hub.env);
        changes.commit(&hub.bus, &hub.env, context).await.unwrap();
        follow(&hub, &old, Some(&new), context).await;

        let is_known = |hub: &Hub| {
            let zones = hub.zones.current();
            let mut zones = zones.iter();
            zones.any(|zone| zone.entity_id.as_str() == "zone.work" && &*zone.name == "Work")
        };
        while !is_known(&hub) {
            tokio::task::yield_now().await;
        }
        set(&hub, "person.ada", "Work").await;
        while shown(&hub, "zone.work").0 != "1" {
            tokio::task::yield_now().await;
        }
        assert!(hub.states.get("zone.office").is_none());
    });
}
