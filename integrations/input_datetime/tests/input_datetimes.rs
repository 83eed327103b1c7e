//! Input datetimes.
#![allow(clippy::unwrap_used)]

use hearth_core::prelude::*;
use hearth_core::settings::Settings;
use hearth_input_datetime::{check, factory};
use hearth_testing::{Home, run};

fn amsterdam() -> Settings {
    let mut settings = Settings::default();
    settings.hub.time_zone = "Europe/Amsterdam".to_owned();
    settings
}

async fn home() -> Home {
    let home = Home::with(amsterdam(), vec![factory()]).await;
    for (name, has_date, has_time) in [
        ("Both", true, true),
        ("Day", true, false),
        ("Clock", false, true),
    ] {
        let given = json!({"name": name, "has_date": has_date, "has_time": has_time});
        home.command("input_datetime/create", given).await.unwrap();
    }
    home
}

async fn set(home: &Home, id: &str, data: Value) -> Result<(), ServiceError> {
    let mut data = data;
    data["entity_id"] = json!(id);
    home.serve("input_datetime.set_datetime", data)
        .await
        .map(|_| ())
}

#[test]
fn each_kind_shows_what_it_has() {
    run(async {
        let home = home().await;
        let moment = json!({"datetime": "2026-07-01 08:30:15"});
        for id in ["both", "day", "clock"] {
            set(&home, &format!("input_datetime.{id}"), moment.clone())
                .await
                .unwrap();
        }
        let both = "input_datetime.both";
        assert_eq!(home.state(both).as_deref(), Some("2026-07-01 08:30:15"));
        assert_eq!(
            home.attributes(both),
            json!({
                "has_date": true, "has_time": true, "year": 2026, "month": 7, "day": 1, "hour": 8,
                "minute": 30, "second": 15, "timestamp": 1_782_887_415.0, "editable": true,
                "friendly_name": "Both",
            })
        );
        let day = "input_datetime.day";
        assert_eq!(home.state(day).as_deref(), Some("2026-07-01"));
        assert_eq!(home.attributes(day)["timestamp"], json!(1_782_856_800.0));
        let clock = "input_datetime.clock";
        assert_eq!(home.state(clock).as_deref(), Some("08:30:15"));
        assert_eq!(home.attributes(clock)["timestamp"], json!(30_615));
    });
}

#[test]
fn parts_are_set_alone_and_a_timestamp_by_the_clock_of_the_home() {
    run(async {
        let home = home().await;
        let id = "input_datetime.both";
        set(&home, id, json!({"date": "2026-01-31", "time": "07:05"}))
            .await
            .unwrap();
        set(&home, id, json!({"time": "09:00:01"})).await.unwrap();
        assert_eq!(home.state(id).as_deref(), Some("2026-01-31 09:00:01"));
        set(&home, id, json!({"date": "2027-02-03"})).await.unwrap();
        assert_eq!(home.state(id).as_deref(), Some("2027-02-03 09:00:01"));
        set(&home, id, json!({"timestamp": 0})).await.unwrap();
        assert_eq!(home.state(id).as_deref(), Some("1970-01-01 01:00:00"));
    });
}

#[test]
fn what_cannot_be_set_is_told() {
    run(async {
        let home = home().await;
        let id = "input_datetime.day";
        for (data, message) in [
            (
                json!({}),
                "must contain at least one of date, time, datetime, timestamp.",
            ),
            (json!({"time": "08:00"}), "Nothing to set"),
            (
                json!({"date": "2026-02-30"}),
                "Could not parse date: 2026-02-30 for dictionary value @ data['date']",
            ),
            (
                json!({"time": "25:00"}),
                "Invalid time specified: 25:00 for dictionary value @ data['time']",
            ),
            (
                json!({"datetime": "soon"}),
                "Invalid datetime specified: soon for dictionary value @ data['datetime']",
            ),
            (
                json!({"date": "2026-01-01", "timestamp": 1}),
                "Cannot use together: date, timestamp",
            ),
        ] {
            let error = set(&home, id, data).await.unwrap_err();
            assert_eq!(error, ServiceError::Invalid(message.to_owned()));
        }
    });
}

#[test]
fn a_configured_one_has_a_date_or_a_time_and_begins_with_it() {
    for (given, message) in [
        (
            json!({}),
            "input_datetime.a: Entity needs at least a date or a time",
        ),
        (
            json!({"has_time": true, "initial": "2026-01-01"}),
            "input_datetime.a: Initial value '2026-01-01' can't be parsed as a time",
        ),
    ] {
        assert_eq!(
            check(&json!({"a": given})).unwrap_err().to_string(),
            message
        );
    }
    run(async {
        let section = json!({"wake_up": {"has_time": true, "initial": "07:30"}});
        let settings = Home::settings("input_datetime", section);
        let home = Home::with(settings, vec![factory()]).await;
        assert_eq!(
            home.state("input_datetime.wake_up").as_deref(),
            Some("07:30:00")
        );
    });
}

#[test]
fn the_moment_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let all = [
        ("Both", true, true, "2026-07-01 08:30:15"),
        ("Day", true, false, "2026-07-01"),
        ("Clock", false, true, "08:30:15"),
    ];
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        for (name, has_date, has_time, _) in all {
            let given = json!({"name": name, "has_date": has_date, "has_time": has_time});
            home.command("input_datetime/create", given).await.unwrap();
            let id = format!("input_datetime.{}", name.to_lowercase());
            set(&home, &id, json!({"datetime": "2026-07-01T08:30:15+02:00"}))
                .await
                .unwrap();
        }
        home.hub.stop().await;
    });
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        for (name, _, _, state) in all {
            let id = format!("input_datetime.{}", name.to_lowercase());
            assert_eq!(home.state(&id).as_deref(), Some(state));
        }
        home.hub.stop().await;
    });
}
