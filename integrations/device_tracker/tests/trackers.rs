//! Trackers: what a sighting shows, when a device leaves, and that it lasts.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use hearth_core::env::Env;
use hearth_core::hub::Hub;
use hearth_core::location::Zone;
use hearth_core::prelude::*;
use hearth_core::service::CallRequest;
use hearth_core::settings::Settings;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_testing::{Listener, run};

async fn home_at(location: &Location) -> Hub {
    let store = Store::open(location, StoreSettings::default()).unwrap();
    let hub = Hub::open(Env::system(), Arc::new(Settings::default()), store).unwrap();
    hub.zones.publish(vec![Zone {
        entity_id: "zone.office".parse().unwrap(),
        name: "Office".into(),
        latitude: 52.0,
        longitude: 4.0,
        radius: 100.0,
        passive: false,
    }]);
    hub.start_integrations(vec![hearth_device_tracker::factory()])
        .await;
    hub
}

async fn home() -> Hub {
    home_at(&Location::Memory).await
}

async fn home_in(folder: &Path) -> Hub {
    home_at(&Location::File(folder.join("hub.db"))).await
}

async fn see(hub: &Hub, data: Value) -> Result<(), ServiceError> {
    let request = CallRequest {
        domain: "device_tracker".into(),
        service: "see".into(),
        data: data.as_object().unwrap().clone(),
        context: Context::new(&hub.env),
        return_response: false,
    };
    hub.services.call(request).await.map(drop)
}

fn shown(hub: &Hub, entity_id: &str) -> (String, Value) {
    let state = hub.states.get(entity_id).unwrap();
    (
        state.state.to_string(),
        Value::Object(state.attributes.to_map()),
    )
}

#[test]
fn a_device_in_the_routers_network_is_home() {
    run(async {
        let hub = home().await;
        let seen =
            json!({"mac": "aa:bb", "host_name": "Ada's laptop", "attributes": {"ip": "10.0.0.2"}});
        see(&hub, seen).await.unwrap();
        let expected = json!({
            "source_type": "router", "mac": "AA:BB", "host_name": "Ada's laptop",
            "ip": "10.0.0.2", "friendly_name": "Ada's laptop",
        });
        assert_eq!(
            shown(&hub, "device_tracker.ada_s_laptop"),
            ("home".to_owned(), expected)
        );
        // The same device, by its address alone.
        see(&hub, json!({"mac": "AA:BB", "location_name": "Garden"}))
            .await
            .unwrap();
        assert_eq!(shown(&hub, "device_tracker.ada_s_laptop").0, "Garden");
        assert_eq!(hub.states.len(), 1);
    });
}

#[test]
fn a_position_becomes_the_name_of_its_zone_and_does_not_linger() {
    run(async {
        let hub = home().await;
        let seen = json!({"dev_id": "car", "gps": [52.0, 4.0], "gps_accuracy": 8, "battery": 80});
        see(&hub, seen).await.unwrap();
        let expected = json!({
            "source_type": "gps", "latitude": 52.0, "longitude": 4.0, "gps_accuracy": 8,
            "battery": 80, "friendly_name": "car",
        });
        assert_eq!(
            shown(&hub, "device_tracker.car"),
            ("Office".to_owned(), expected)
        );
        see(&hub, json!({"dev_id": "car", "gps": [10, 10]}))
            .await
            .unwrap();
        assert_eq!(shown(&hub, "device_tracker.car").0, "not_home");
        see(&hub, json!({"dev_id": "car", "source_type": "bluetooth"}))
            .await
            .unwrap();
        let expected = json!({"source_type": "bluetooth", "friendly_name": "car"});
        assert_eq!(
            shown(&hub, "device_tracker.car"),
            ("home".to_owned(), expected)
        );
    });
}

#[test]
fn a_device_that_is_seen_no_more_leaves() {
    run(async {
        let hub = home().await;
        let mut events = Listener::start(&hub, Filter::of_types(["state_changed"])).await;
        see(&hub, json!({"dev_id": "watch", "consider_home": 0}))
            .await
            .unwrap();
        for expected in ["home", "not_home"] {
            let event = events.next().await;
            let EventData::StateChanged { new: Some(new), .. } = &event.data else {
                panic!("{event:?}");
            };
            assert_eq!(&*new.state, expected);
        }
    });
}

#[test]
fn every_report_is_told_even_when_nothing_differs() {
    run(async {
        let hub = home().await;
        let mut events = Listener::start(&hub, Filter::of_types(["state_changed"])).await;
        for _ in 0..2 {
            see(&hub, json!({"dev_id": "car", "location_name": "Garden"}))
                .await
                .unwrap();
            events.next().await;
        }
    });
}

#[test]
fn wrong_sightings_are_refused_and_leave_no_trace() {
    run(async {
        let hub = home().await;
        for (data, message) in [
            (json!({}), "must contain at least one of mac, dev_id."),
            (
                json!({"dev_id": "a", "gps": [91, 0]}),
                "value must be at most 90 for dictionary value @ data['gps']",
            ),
            (
                json!({"dev_id": "a", "bogus": 1}),
                "extra keys not allowed @ data['bogus']",
            ),
            (
                json!({"dev_id": "a", "gps": [1]}),
                "expected a list of 2 items for dictionary value @ data['gps']",
            ),
        ] {
            let refused = see(&hub, data).await;
            assert_eq!(refused, Err(ServiceError::Invalid(message.to_owned())));
        }
        assert!(hub.states.is_empty());
    });
}

#[test]
fn a_tracker_is_after_a_restart_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = None;
    run(async {
        let hub = home_in(folder.path()).await;
        let seen = json!({"dev_id": "car", "host_name": "Car", "gps": [52.0, 4.0]});
        see(&hub, seen).await.unwrap();
        before = Some(shown(&hub, "device_tracker.car"));
        hub.stop().await;
    });
    run(async {
        let hub = home_in(folder.path()).await;
        assert_eq!(Some(shown(&hub, "device_tracker.car")), before);
        hub.stop().await;
    });
}
