//! The home: changed by people, kept, and told.

use std::path::Path;
use std::sync::Arc;

use hearth_core::home::{HomeChanges, HomeError};
use hearth_core::prelude::*;
use hearth_core::settings::Settings;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_testing::{Listener, run};

fn hub_in(folder: &Path, settings: Settings) -> Hub {
    let location = Location::File(folder.join("hearth.db"));
    let store = Store::open(&location, StoreSettings::default()).unwrap();
    Hub::open(Env::system(), Arc::new(settings), store).unwrap()
}

fn moved() -> HomeChanges {
    HomeChanges {
        latitude: Some(10.1),
        country: Some(Some("NL".to_owned())),
        ..HomeChanges::default()
    }
}

#[test]
fn a_change_is_told_with_what_changed() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let mut events = Listener::start(&hub, Filter::of_types(["core_config_updated"])).await;
        let context = Context::new(&hub.env);
        hub.home.update(moved(), context).await.unwrap();
        let event = events.next().await;
        assert_eq!(
            event.data_value(),
            json!({"latitude": 10.1, "country": "NL"})
        );
        assert_eq!(event.context, context);
        assert_eq!(hub.home.current().latitude, 10.1);
    });
}

#[test]
fn a_change_outlives_a_restart_until_the_settings_say_something_else() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let hub = hub_in(folder.path(), Settings::default());
        let context = Context::new(&hub.env);
        hub.home.update(moved(), context).await.unwrap();
        hub.stop().await;

        let hub = hub_in(folder.path(), Settings::default());
        let home = hub.home.current();
        assert_eq!((home.latitude, home.country.as_deref()), (10.1, Some("NL")));
        assert_eq!(home.longitude, Settings::default().hub.longitude);
        hub.stop().await;

        let mut edited = Settings::default();
        edited.hub.latitude = 52.5;
        let hub = hub_in(folder.path(), edited);
        let home = hub.home.current();
        assert_eq!((home.latitude, home.country.as_deref()), (52.5, Some("NL")));
        hub.stop().await;
    });
}

#[test]
fn of_a_change_with_one_impossible_value_nothing_is_taken() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let changes = HomeChanges {
            time_zone: Some("Mars/Base".to_owned()),
            ..moved()
        };
        let refused = hub.home.update(changes, Context::new(&hub.env)).await;
        assert!(
            matches!(refused, Err(HomeError::Invalid(invalid)) if invalid.field == "time_zone")
        );
        assert_eq!(
            hub.home.current().latitude,
            Settings::default().hub.latitude
        );
    });
}
