//! Timers.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use hearth_core::env::{Clock, Env, Random};
use hearth_core::prelude::*;
use hearth_core::settings::Settings;
use hearth_core::store::Location;
use hearth_core::time::Timestamp;
use hearth_testing::{Home, Listener, run};
use hearth_timer::{check, factory};

const ID: &str = "timer.eggs";

/// A clock that a test moves.
struct Moved(AtomicI64, Instant);

impl Moved {
    fn at(text: &str) -> Arc<Self> {
        let at: Timestamp = text.parse().unwrap();
        Arc::new(Self(AtomicI64::new(at.as_micros()), Instant::now()))
    }

    fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.1.elapsed()
    }
}

/// Bytes that are never the same.
struct Counted(AtomicU8);

impl Random for Counted {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn home_at(clock: &Arc<Moved>, location: &Location) -> Home {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    let env = Env::new(clock, Arc::new(Counted(AtomicU8::new(1))));
    Home::open(env, Settings::default(), location, vec![factory()]).await
}

async fn eggs(home: &Home, restore: bool) {
    let given = json!({"name": "Eggs", "duration": "00:05:00", "restore": restore});
    home.command("timer/create", given).await.unwrap();
}

async fn serve(home: &Home, service: &str, data: Value) -> Result<(), ServiceError> {
    let mut data = data;
    data["entity_id"] = json!(ID);
    home.serve(&format!("timer.{service}"), data)
        .await
        .map(|_| ())
}

fn shown(home: &Home) -> (String, Value) {
    let mut attributes = home.attributes(ID);
    let attributes_of_all = ["editable", "friendly_name"];
    attributes
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !attributes_of_all.contains(&key.as_str()));
    (home.state(ID).unwrap(), attributes)
}

async fn events(home: &Home) -> Listener {
    let filter = Filter::of_types([
        "timer.started",
        "timer.restarted",
        "timer.paused",
        "timer.cancelled",
        "timer.changed",
        "timer.finished",
    ]);
    Listener::start(&home.hub, filter).await
}

#[test]
fn a_timer_is_started_paused_changed_and_cancelled() {
    run(async {
        let clock = Moved::at("2026-01-01T12:00:00.5+00:00");
        let home = home_at(&clock, &Location::Memory).await;
        let mut events = events(&home).await;
        eggs(&home, false).await;
        let item = home.command("timer/list", json!({})).await.unwrap();
        assert_eq!(
            item,
            json!([{"id": "eggs", "name": "Eggs", "duration": "0:05:00", "restore": false}])
        );
        assert_eq!(
            shown(&home),
            ("idle".into(), json!({"duration": "0:05:00"}))
        );

        serve(&home, "start", json!({})).await.unwrap();
        assert_eq!(
            shown(&home),
            (
                "active".into(),
                json!({
                    "duration": "0:05:00", "remaining": "0:05:00", "finishes_at": "2026-01-01T12:05:00.000000+00:00",
                })
            )
        );
        clock.forward(60);
        serve(&home, "pause", json!({})).await.unwrap();
        assert_eq!(
            shown(&home),
            (
                "paused".into(),
                json!({"duration": "0:05:00", "remaining": "0:04:00"})
            )
        );
        clock.forward(3600);
        serve(&home, "start", json!({})).await.unwrap();
        assert_eq!(
            home.attributes(ID)["finishes_at"],
            "2026-01-01T13:05:00.000000+00:00"
        );
        serve(&home, "change", json!({"duration": "-00:01:00"}))
            .await
            .unwrap();
        assert_eq!(
            home.attributes(ID)["finishes_at"],
            "2026-01-01T13:04:00.000000+00:00"
        );
        assert_eq!(home.attributes(ID)["remaining"], "0:03:00");
        serve(&home, "start", json!({"duration": {"hours": 1}}))
            .await
            .unwrap();
        assert_eq!(home.attributes(ID)["duration"], "1:00:00");
        serve(&home, "cancel", json!({})).await.unwrap();
        assert_eq!(
            shown(&home),
            ("idle".into(), json!({"duration": "0:05:00"}))
        );

        for name in [
            "started",
            "paused",
            "restarted",
            "changed",
            "restarted",
            "cancelled",
        ] {
            let event = events.next().await;
            assert_eq!(event.event_type.as_str(), format!("timer.{name}"));
            assert_eq!(event.data_value(), json!({"entity_id": ID}));
        }
    });
}

#[test]
fn a_timer_finishes_by_itself_and_when_told() {
    run(async {
        let home = Home::of(vec![factory()]).await;
        let mut events = events(&home).await;
        eggs(&home, false).await;
        serve(&home, "start", json!({"duration": 1})).await.unwrap();
        let ends = home.attributes(ID)["finishes_at"].clone();
        let finished = events.next_of("timer.finished").await;
        assert_eq!(
            finished.data_value(),
            json!({"entity_id": ID, "finished_at": ends})
        );
        assert_eq!(
            shown(&home),
            ("idle".into(), json!({"duration": "0:05:00"}))
        );

        serve(&home, "start", json!({})).await.unwrap();
        serve(&home, "finish", json!({})).await.unwrap();
        assert_eq!(home.state(ID).as_deref(), Some("idle"));
        events.next_of("timer.finished").await;
        // Nothing to finish.
        serve(&home, "finish", json!({})).await.unwrap();
        serve(&home, "pause", json!({})).await.unwrap();
        serve(&home, "start", json!({})).await.unwrap();
        assert_eq!(events.next().await.event_type.as_str(), "timer.started");
    });
}

#[test]
fn only_an_active_timer_is_changed_and_not_beyond_its_duration() {
    run(async {
        let clock = Moved::at("2026-01-01T12:00:00+00:00");
        let home = home_at(&clock, &Location::Memory).await;
        eggs(&home, false).await;
        let change = |seconds: i64| json!({"duration": seconds});
        let told = |outcome: Result<(), ServiceError>| outcome.unwrap_err().to_string();
        assert_eq!(
            told(serve(&home, "change", change(1)).await),
            "Timer timer.eggs is not running, only active timers can be changed"
        );
        serve(&home, "start", json!({})).await.unwrap();
        assert_eq!(
            told(serve(&home, "change", change(1)).await),
            "Not possible to change timer timer.eggs beyond duration"
        );
        assert_eq!(
            told(serve(&home, "change", change(-301)).await),
            "Not possible to change timer timer.eggs to negative time remaining"
        );
        let error = serve(&home, "start", json!({"duration": "soon"}))
            .await
            .unwrap_err();
        assert!(matches!(error, ServiceError::Invalid(_)));
    });
}

/// Starts, pauses if so, and stops the hub; returns how the timer is after so many seconds.
fn after_restart(folder: &Path, restore: bool, pause: bool, seconds: i64) -> (String, Value) {
    let clock = Moved::at("2026-01-01T12:00:00+00:00");
    let location = Location::File(folder.join("hub.db"));
    run(async {
        let home = home_at(&clock, &location).await;
        eggs(&home, restore).await;
        serve(&home, "start", json!({"duration": 100}))
            .await
            .unwrap();
        if pause {
            clock.forward(30);
            serve(&home, "pause", json!({})).await.unwrap();
        }
        home.hub.stop().await;
    });
    clock.forward(seconds);
    let mut after = None;
    run(async {
        let home = home_at(&clock, &location).await;
        after = Some(shown(&home));
        home.hub.stop().await;
    });
    after.unwrap()
}

#[test]
fn an_active_timer_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (state, attributes) = after_restart(folder.path(), true, false, 40);
    assert_eq!(state, "active");
    assert_eq!(
        attributes,
        json!({
            "duration": "0:01:40", "remaining": "0:01:00", "restore": true,
            "finishes_at": "2026-01-01T12:01:40.000000+00:00",
        })
    );
}

#[test]
fn a_paused_timer_stays_paused_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (state, attributes) = after_restart(folder.path(), true, true, 4000);
    assert_eq!(state, "paused");
    assert_eq!(attributes["remaining"], "0:01:10");
}

#[test]
fn a_timer_that_is_not_to_be_restored_is_idle_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (state, attributes) = after_restart(folder.path(), false, false, 1);
    assert_eq!(
        (state.as_str(), attributes),
        ("idle", json!({"duration": "0:05:00"}))
    );
}

#[test]
fn a_timer_that_was_due_while_the_hub_was_off_finishes_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (state, attributes) = after_restart(folder.path(), true, false, 101);
    assert_eq!(
        (state.as_str(), attributes),
        ("idle", json!({"duration": "0:05:00", "restore": true}))
    );
}

#[test]
fn durations_in_the_configuration_have_the_forms_that_people_use() {
    for duration in [
        json!("0:05"),
        json!(30),
        json!({"minutes": 3}),
        json!("00:00:30"),
    ] {
        assert_eq!(check(&json!({"a": {"duration": duration}})), Ok(()));
    }
    let error = check(&json!({"a": {"duration": "long"}})).unwrap_err();
    assert_eq!(error.key, "timer.a.duration");
}

#[test]
fn a_renamed_timer_is_told_of_under_its_new_id() {
    run(async {
        let home = Home::of(vec![factory()]).await;
        eggs(&home, false).await;
        let hub = &home.hub;
        let old = hub.registries.entities.get(ID).unwrap();
        let mut changes = hearth_core::registry::Changes::new(&hub.store);
        let entities = &hub.registries.entities;
        let new = entities.update(&mut changes, ID, |entry| {
            entry.entity_id = "timer.breakfast".parse().unwrap();
        });
        let context = Context::new(&hub.env);
        changes.commit(&hub.bus, &hub.env, context).await.unwrap();
        hearth_core::registry::follow(hub, &old, Some(&new.unwrap()), context).await;
        let mut events = events(&home).await;
        let data = json!({"entity_id": "timer.breakfast"});
        home.serve("timer.start", data.clone()).await.unwrap();
        assert_eq!(events.next().await.data_value(), data);
        assert_eq!(home.state("timer.breakfast").as_deref(), Some("active"));
        assert_eq!(home.state(ID), None);
    });
}
