//! Persons: the rule of where they are, whom they follow, and that they last.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use hearth_core::command::ErrorCode;
use hearth_core::env::Env;
use hearth_core::hub::Hub;
use hearth_core::ids::UserId;
use hearth_core::prelude::*;
use hearth_core::settings::Settings;
use hearth_core::state::{State, StateWrite};
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_core::users::UserDirectory;
use hearth_testing::{Listener, run};

async fn home() -> Hub {
    let hub = Hub::in_memory().unwrap();
    hub.start_integrations(vec![hearth_person::factory()]).await;
    hub
}

fn closed_home_in(folder: &Path) -> Hub {
    let location = Location::File(folder.join("hub.db"));
    let store = Store::open(&location, StoreSettings::default()).unwrap();
    Hub::open(Env::system(), Arc::new(Settings::default()), store).unwrap()
}

async fn call(hub: &Hub, name: &str, data: Value) -> Result<Value, CommandError> {
    let caller = Caller::inside(Context::new(&hub.env));
    hub.commands
        .call(name, data.as_object().unwrap().clone(), caller)
        .await
}

async fn create(hub: &Hub, name: &str, trackers: &[&str]) -> Value {
    let data = json!({"name": name, "device_trackers": trackers});
    call(hub, "person/create", data).await.unwrap()
}

async fn track(hub: &Hub, entity_id: &str, state: &str, attributes: Value) {
    let write = StateWrite {
        state: state.into(),
        attributes: Attributes::from(attributes.as_object().unwrap()),
        force: true,
        context: Context::new(&hub.env),
    };
    hub.states
        .set(&entity_id.parse().unwrap(), write)
        .await
        .unwrap();
}

fn gps(latitude: f64) -> Value {
    json!({"source_type": "gps", "latitude": latitude, "longitude": 4.9, "gps_accuracy": 7})
}

fn router() -> Value {
    json!({"source_type": "router"})
}

struct Persons(Listener);

impl Persons {
    async fn watch(hub: &Hub) -> Self {
        let filter = Filter::of_types(["state_changed"])
            .of_entities(Entities::Domains(vec!["person".into()]));
        Self(Listener::start(hub, filter).await)
    }

    async fn next(&mut self) -> Arc<State> {
        match &self.0.next().await.data {
            EventData::StateChanged { new: Some(new), .. } => Arc::clone(new),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until a person is there.
    async fn until(&mut self, place: &str) -> Arc<State> {
        loop {
            let person = self.next().await;
            if &*person.state == place {
                return person;
            }
        }
    }
}

struct OwnedBy(UserId);

impl UserDirectory for OwnedBy {
    fn is_admin(&self, user: UserId) -> bool {
        user == self.0
    }

    fn may_control(&self, user: UserId, _: &EntityId) -> bool {
        user == self.0
    }

    fn owner(&self) -> Option<(UserId, String)> {
        Some((self.0, "Ada".to_owned()))
    }
}

#[test]
fn a_person_follows_their_phone_with_position_and_source() {
    run(async {
        let hub = home().await;
        create(&hub, "Ada", &["device_tracker.phone"]).await;
        assert_eq!(&*hub.states.get("person.ada").unwrap().state, "unknown");
        let mut persons = Persons::watch(&hub).await;
        track(&hub, "device_tracker.phone", "Office", gps(52.5)).await;
        let ada = persons.next().await;
        assert_eq!(&*ada.state, "Office");
        assert_eq!(
            Value::Object(ada.attributes.to_map()),
            json!({
                "editable": true, "id": "ada", "device_trackers": ["device_tracker.phone"],
                "latitude": 52.5, "longitude": 4.9, "gps_accuracy": 7,
                "source": "device_tracker.phone", "friendly_name": "Ada",
            })
        );
        assert_eq!(ada.context.user_id, None);
    });
}

#[test]
fn a_router_that_sees_the_phone_at_home_counts_most_and_one_that_does_not_counts_least() {
    run(async {
        let hub = home().await;
        create(
            &hub,
            "Ada",
            &["device_tracker.phone", "device_tracker.wifi"],
        )
        .await;
        let mut persons = Persons::watch(&hub).await;
        track(&hub, "device_tracker.wifi", "not_home", router()).await;
        let source = |state: Arc<State>| state.attributes.text("source").unwrap();
        assert_eq!(
            source(persons.until("not_home").await),
            "device_tracker.wifi"
        );
        track(&hub, "device_tracker.phone", "Office", gps(1.0)).await;
        assert_eq!(
            source(persons.until("Office").await),
            "device_tracker.phone"
        );
        track(&hub, "device_tracker.wifi", "home", router()).await;
        assert_eq!(source(persons.until("home").await), "device_tracker.wifi");
        // Newer, but the router still sees the phone at home.
        track(&hub, "device_tracker.phone", "School", gps(2.0)).await;
        track(&hub, "device_tracker.wifi", "unavailable", router()).await;
        assert_eq!(source(persons.next().await), "device_tracker.phone");
        track(&hub, "device_tracker.phone", "unknown", gps(2.0)).await;
        persons.until("unknown").await;
    });
}

#[test]
fn of_two_phones_the_one_that_reported_last_counts() {
    run(async {
        let hub = home().await;
        create(&hub, "Ada", &["device_tracker.one", "device_tracker.two"]).await;
        let mut persons = Persons::watch(&hub).await;
        track(&hub, "device_tracker.two", "Office", gps(1.0)).await;
        persons.until("Office").await;
        track(&hub, "device_tracker.one", "home", gps(2.0)).await;
        persons.until("home").await;
        track(&hub, "device_tracker.two", "Office", gps(1.0)).await;
        persons.until("Office").await;
    });
}

#[test]
fn a_forced_identical_report_changes_the_tracker_twice_and_the_person_once() {
    run(async {
        let hub = home().await;
        create(&hub, "Ada", &["device_tracker.phone"]).await;
        let mut persons = Persons::watch(&hub).await;
        for _ in 0..2 {
            track(&hub, "device_tracker.phone", "home", gps(1.0)).await;
        }
        track(&hub, "device_tracker.phone", "not_home", gps(1.0)).await;
        assert_eq!(&*persons.next().await.state, "home");
        assert_eq!(&*persons.next().await.state, "not_home");
    });
}

#[test]
fn someone_with_many_trackers_changes_place_at_once_and_ends_at_the_last_position() {
    run(async {
        let hub = home().await;
        let ids: Vec<String> = (0..30).map(|n| format!("device_tracker.t{n}")).collect();
        create(
            &hub,
            "Ada",
            &ids.iter().map(String::as_str).collect::<Vec<_>>(),
        )
        .await;
        let mut persons = Persons::watch(&hub).await;
        for (n, id) in ids.iter().enumerate() {
            track(&hub, id, "home", gps(n as f64 / 10.0)).await;
        }
        track(&hub, "device_tracker.t5", "Office", gps(1.0)).await;
        track(&hub, "device_tracker.t6", "Office", gps(2.0)).await;
        assert_eq!(&*persons.next().await.state, "home");
        loop {
            let ada = persons.until("Office").await;
            if ada.attributes.number("latitude") == Some(2.0) {
                break;
            }
        }
    });
}

#[test]
fn linking_a_tracker_follows_it_from_then_on() {
    run(async {
        let hub = home().await;
        let user = UserId::generate(&hub.env);
        let ada = json!({"name": "Ada", "user_id": user});
        call(&hub, "person/create", ada).await.unwrap();
        let mut persons = Persons::watch(&hub).await;
        for tracker in ["device_tracker.one", "device_tracker.two"] {
            let link = json!({"user_id": user, "entity_id": tracker});
            call(&hub, "person/link_tracker", link).await.unwrap();
        }
        track(&hub, "device_tracker.one", "home", gps(1.0)).await;
        persons.until("home").await;
        track(&hub, "device_tracker.two", "Office", gps(1.0)).await;
        persons.until("Office").await;
        let list = call(&hub, "person/list", json!({})).await.unwrap();
        let expected = json!([{
            "id": "ada", "name": "Ada", "user_id": user,
            "device_trackers": ["device_tracker.one", "device_tracker.two"],
        }]);
        assert_eq!(list, json!({"storage": expected, "config": []}));
    });
}

#[test]
fn linking_a_tracker_of_a_user_without_a_person_has_no_effect() {
    run(async {
        let hub = home().await;
        let link = json!({"user_id": UserId::generate(&hub.env), "entity_id": "device_tracker.a"});
        assert_eq!(
            call(&hub, "person/link_tracker", link).await,
            Ok(Value::Null)
        );
        assert!(hub.states.of_domain("person").is_empty());
    });
}

#[test]
fn a_tracker_that_is_gone_is_unlinked() {
    run(async {
        let hub = home().await;
        create(&hub, "Ada", &["device_tracker.phone"]).await;
        track(&hub, "device_tracker.phone", "home", gps(1.0)).await;
        let mut persons = Persons::watch(&hub).await;
        let removed = json!({"action": "remove", "entity_id": "device_tracker.phone"});
        hub.fire("entity_registry_updated", removed, Context::new(&hub.env))
            .await;
        let ada = persons.until("unknown").await;
        assert_eq!(ada.attributes.get("device_trackers"), Some(json!([])));
    });
}

#[test]
fn a_person_whose_user_is_removed_stays() {
    run(async {
        let hub = home().await;
        let user = UserId::generate(&hub.env);
        call(
            &hub,
            "person/create",
            json!({"name": "Ada", "user_id": user}),
        )
        .await
        .unwrap();
        let mut persons = Persons::watch(&hub).await;
        hub.fire(
            "user_removed",
            json!({"user_id": user}),
            Context::new(&hub.env),
        )
        .await;
        assert_eq!(persons.next().await.attributes.get("user_id"), None);
    });
}

#[test]
fn the_owner_is_given_a_person_once_and_a_deleted_one_stays_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut owner = None;
    run(async {
        let hub = closed_home_in(folder.path());
        owner = Some(UserId::generate(&hub.env));
        hub.users.set(Arc::new(OwnedBy(owner.unwrap())));
        hub.start_integrations(vec![hearth_person::factory()]).await;
        let link = json!({"user_id": owner, "entity_id": "device_tracker.a"});
        call(&hub, "person/link_tracker", link).await.unwrap();
        let ada = hub.states.get("person.ada").unwrap();
        assert_eq!(ada.attributes.get("user_id"), Some(json!(owner)));
        call(&hub, "person/delete", json!({"person_id": "ada"}))
            .await
            .unwrap();
        assert!(hub.states.get("person.ada").is_none());
        hub.stop().await;
    });
    run(async {
        let hub = closed_home_in(folder.path());
        hub.users.set(Arc::new(OwnedBy(owner.unwrap())));
        hub.start_integrations(vec![hearth_person::factory()]).await;
        let list = call(&hub, "person/list", json!({})).await.unwrap();
        assert_eq!(list["storage"], json!([]));
        hub.stop().await;
    });
}

#[test]
fn a_person_is_after_a_restart_where_they_were() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let hub = closed_home_in(folder.path());
        hub.start_integrations(vec![hearth_person::factory()]).await;
        create(&hub, "Ada", &["device_tracker.phone"]).await;
        let mut persons = Persons::watch(&hub).await;
        track(&hub, "device_tracker.phone", "Office", gps(52.5)).await;
        persons.until("Office").await;
        hub.stop().await;
    });
    run(async {
        let hub = closed_home_in(folder.path());
        let mut persons = Persons::watch(&hub).await;
        // The phone's integration brings its tracker back.
        track(&hub, "device_tracker.phone", "Office", gps(52.5)).await;
        hub.start_integrations(vec![hearth_person::factory()]).await;
        let ada = persons.next().await;
        assert_eq!(&*ada.state, "Office");
        assert_eq!(ada.attributes.number("latitude"), Some(52.5));
        hub.stop().await;
    });
}

#[test]
fn wrong_data_is_refused_in_the_protocols_words() {
    run(async {
        let hub = home().await;
        let user = UserId::generate(&hub.env);
        call(
            &hub,
            "person/create",
            json!({"name": "Ada", "user_id": user}),
        )
        .await
        .unwrap();
        for (name, data, code, message) in [
            (
                "person/delete",
                json!({"person_id": "x"}),
                ErrorCode::NOT_FOUND,
                "Unable to find person_id x",
            ),
            (
                "person/create",
                json!({"name": "Bob", "user_id": user}),
                ErrorCode::INVALID_FORMAT,
                "User already taken",
            ),
            (
                "person/update",
                json!({"person_id": "ada", "device_trackers": ["light.a"]}),
                ErrorCode::INVALID_FORMAT,
                "Entity ID 'light.a' does not belong to domain 'device_tracker' for dictionary value @ data['device_trackers']",
            ),
            (
                "person/create",
                json!({}),
                ErrorCode::INVALID_FORMAT,
                "required key not provided @ data['name']",
            ),
        ] {
            let error = call(&hub, name, data).await.unwrap_err();
            assert_eq!((error.code, error.message.as_str()), (code, message));
        }
    });
}

#[test]
fn a_damaged_note_does_not_keep_persons_away() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let damage = hub.store.collection::<u32>("person.owner");
        damage.put("created", &5).await.unwrap();
        hub.start_integrations(vec![hearth_person::factory()]).await;
        create(&hub, "Anna", &[]).await;
        assert!(hub.states.get("person.anna").is_some());
    });
}

#[test]
fn a_name_has_a_length() {
    run(async {
        let hub = home().await;
        for name in [" ".to_owned(), "x".repeat(256)] {
            let error = call(&hub, "person/create", json!({"name": name})).await;
            assert_eq!(error.unwrap_err().code, ErrorCode::INVALID_FORMAT);
        }
    });
}
