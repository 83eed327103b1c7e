//! Levels of the log: set, told, kept.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use hearth_core::env::Env;
use hearth_core::log_levels::LogLevels;
use hearth_core::prelude::*;
use hearth_core::service::CallRequest;
use hearth_core::settings::Settings;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_testing::{Listener, run};

/// What the logger of this process was told last. The process has one, so its tests take turns.
fn told() -> &'static Mutex<String> {
    static TOLD: OnceLock<Mutex<String>> = OnceLock::new();
    TOLD.get_or_init(|| {
        LogLevels::of_this_process().changed_by(|directives| {
            *told().lock().unwrap() = directives.to_owned();
            true
        });
        Mutex::default()
    })
}

fn alone() -> std::sync::MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(|failed| failed.into_inner());
    told().lock().unwrap().clear();
    turn
}

async fn home_in(folder: &Path) -> Hub {
    let location = Location::File(folder.join("hub.db"));
    let store = Store::open(&location, StoreSettings::default()).unwrap();
    let hub = Hub::open(Env::system(), Arc::new(Settings::default()), store).unwrap();
    hub.start_integrations(vec![hearth_logger::factory()]).await;
    hub
}

async fn try_call(hub: &Hub, name: &str, data: Value) -> Result<Value, CommandError> {
    let caller = Caller::new(Context::new(&hub.env), Access::Admin);
    let data = data.as_object().unwrap().clone();
    hub.commands.call(name, data, caller).await
}

#[test]
fn the_level_of_an_integration_is_changed_told_and_kept_as_long_as_asked() {
    let turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    run(async move {
        let hub = home_in(&path).await;
        let info = || {
            let hub = hub.clone();
            async move { try_call(&hub, "logger/log_info", json!({})).await.unwrap() }
        };
        assert_eq!(info().await, json!([{"domain": "logger", "level": 20}]));
        let mut events = Listener::start(&hub, Filter::of_types(["logging_changed"])).await;
        let given = json!({"integration": "logger", "level": "DEBUG", "persistence": "none"});
        try_call(&hub, "logger/integration_log_level", given)
            .await
            .unwrap();
        events.next().await;
        assert_eq!(*told().lock().unwrap(), "hearth_logger=debug");
        assert_eq!(info().await, json!([{"domain": "logger", "level": 10}]));
        for (module, persistence) in [("hearth_core", "once"), ("hearth_http", "permanent")] {
            let given = json!({"module": module, "level": "ERROR", "persistence": persistence});
            try_call(&hub, "logger/log_level", given).await.unwrap();
        }
        hub.stop().await;

        for expected in ["hearth_core=error,hearth_http=error", "hearth_http=error"] {
            told().lock().unwrap().clear();
            let hub = home_in(&path).await;
            assert_eq!(*told().lock().unwrap(), expected);
            hub.stop().await;
        }
    });
    drop(turn);
}

#[test]
fn a_service_sets_levels_too() {
    let turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    run(async move {
        let hub = home_in(&path).await;
        for (service, data, expected) in [
            (
                "set_default_level",
                json!({"level": "warning"}),
                Some("warn"),
            ),
            (
                "set_level",
                json!({"hearth_demo": "debug"}),
                Some("warn,hearth_demo=debug"),
            ),
            ("set_level", json!({"hearth_demo": "loud"}), None),
            ("set_level", json!({"a=b,c": "debug"}), None),
        ] {
            let request = CallRequest {
                domain: "logger".into(),
                service: service.into(),
                data: data.as_object().unwrap().clone(),
                context: Context::new(&hub.env),
                return_response: false,
            };
            let outcome = hub.services.call(request).await;
            assert_eq!(outcome.is_ok(), expected.is_some());
            if let Some(expected) = expected {
                assert_eq!(*told().lock().unwrap(), expected);
            }
        }
    });
    drop(turn);
}

#[test]
fn refusals_are_in_the_protocols_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    run(async move {
        let hub = home_in(&path).await;
        for (name, data, code) in [
            (
                "logger/integration_log_level",
                json!({"integration": "nope", "level": "INFO", "persistence": "none"}),
                "not_found",
            ),
            (
                "logger/log_level",
                json!({"module": "hearth_core", "level": "LOUD", "persistence": "none"}),
                "invalid_format",
            ),
            (
                "logger/log_level",
                json!({"module": "a=trace,b", "level": "INFO", "persistence": "none"}),
                "invalid_format",
            ),
        ] {
            let error = try_call(&hub, name, data).await.unwrap_err();
            assert_eq!(error.code.as_str(), code);
        }
    });
}

#[test]
fn a_damaged_level_does_not_keep_the_others_from_counting() {
    let turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    run(async move {
        let location = Location::File(path.join("hub.db"));
        let store = Store::open(&location, StoreSettings::default()).unwrap();
        let damage = store.collection::<u32>("logger.levels");
        damage.put("hearth_demo", &5).await.unwrap();
        store.close().await.unwrap();
        let hub = home_in(&path).await;
        let info = try_call(&hub, "logger/log_info", json!({})).await;
        assert_eq!(info.unwrap(), json!([{"domain": "logger", "level": 20}]));
        hub.stop().await;
    });
    drop(turn);
}
