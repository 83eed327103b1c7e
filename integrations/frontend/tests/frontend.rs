//! What a page asks of the hub: panels, texts, dashboards, and what it keeps for users.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use hearth_core::env::Env;
use hearth_core::ids::UserId;
use hearth_core::prelude::*;
use hearth_core::settings::Settings;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_core::subscription::subscription;
use hearth_testing::{Listener, run};

async fn home_with(settings: Settings, location: &Location) -> Hub {
    let store = Store::open(location, StoreSettings::default()).unwrap();
    let hub = Hub::open(Env::system(), Arc::new(settings), store).unwrap();
    hub.start_integrations(vec![hearth_frontend::factory()])
        .await;
    hub
}

async fn home() -> Hub {
    home_with(Settings::default(), &Location::Memory).await
}

async fn home_in(folder: &Path) -> Hub {
    home_with(Settings::default(), &Location::File(folder.join("hub.db"))).await
}

async fn call_as(
    hub: &Hub,
    (user, authority): (UserId, Access),
    name: &str,
    data: Value,
) -> Result<Value, CommandError> {
    let caller = Caller::new(Context::of_user(&hub.env, user), authority);
    let data = data.as_object().unwrap().clone();
    hub.commands.call(name, data, caller).await
}

async fn try_call(hub: &Hub, name: &str, data: Value) -> Result<Value, CommandError> {
    let admin = (UserId::generate(&hub.env), Access::Admin);
    call_as(hub, admin, name, data).await
}

async fn call(hub: &Hub, name: &str, data: Value) -> Value {
    try_call(hub, name, data).await.unwrap()
}

async fn refusal(hub: &Hub, name: &str, data: Value) -> (String, String) {
    let error = try_call(hub, name, data).await.unwrap_err();
    (error.code.to_string(), error.message)
}

#[test]
fn panels_for_administrators_are_shown_to_them_only() {
    run(async {
        let hub = home().await;
        let user = UserId::generate(&hub.env);
        let seen = |authority| {
            let hub = hub.clone();
            async move {
                let panels = call_as(&hub, (user, authority), "get_panels", json!({})).await;
                let panels = panels.unwrap();
                assert_eq!(panels["lovelace"]["config"], json!({"mode": "storage"}));
                panels.get("config").is_some()
            }
        };
        assert!(seen(Access::Admin).await);
        assert!(!seen(Access::AnyUser).await);
    });
}

#[test]
fn a_dashboard_is_made_shown_stored_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    run(async move {
        let hub = home_in(&path).await;
        let changes = Filter::of_types(["lovelace_updated", "panels_updated"]);
        let mut events = Listener::start(&hub, changes).await;
        let given = json!({"url_path": "up-stairs", "title": "Up", "icon": "mdi:stairs"});
        let dashboard = call(&hub, "lovelace/dashboards/create", given.clone()).await;
        let expected = json!({
            "id": "up_stairs", "url_path": "up-stairs", "title": "Up", "icon": "mdi:stairs",
            "mode": "storage", "require_admin": false, "show_in_sidebar": true,
        });
        assert_eq!(dashboard, expected);
        assert_eq!(events.next().await.event_type.as_str(), "panels_updated");
        let panels = call(&hub, "get_panels", json!({})).await;
        assert_eq!(panels["up-stairs"]["title"], "Up");
        let (code, _) = refusal(&hub, "lovelace/dashboards/create", given).await;
        assert_eq!(code, "invalid_format");

        let asked = json!({"url_path": "up-stairs", "force": false});
        let refused = refusal(&hub, "lovelace/config", asked.clone()).await;
        assert_eq!(
            refused,
            ("config_not_found".into(), "No config found.".into())
        );
        let shown = json!({"views": [{"title": "Bedrooms"}]});
        let given = json!({"url_path": "up-stairs", "config": shown});
        assert_eq!(call(&hub, "lovelace/config/save", given).await, Value::Null);
        let told = events.next().await.data_value();
        assert_eq!(told, json!({"url_path": "up-stairs", "mode": "storage"}));
        hub.stop().await;

        let hub = home_in(&path).await;
        assert_eq!(call(&hub, "lovelace/config", asked.clone()).await, shown);
        let listed = call(&hub, "lovelace/dashboards/list", json!({})).await;
        assert_eq!(listed, json!([expected]));
        let given = json!({"dashboard_id": "up_stairs", "title": "Above"});
        let changed = call(&hub, "lovelace/dashboards/update", given).await;
        assert_eq!(changed["title"], "Above");
        let gone = json!({"dashboard_id": "up_stairs"});
        call(&hub, "lovelace/dashboards/delete", gone).await;
        let (code, message) = refusal(&hub, "lovelace/config", asked).await;
        assert_eq!(code, "config_not_found");
        assert_eq!(message, "Unknown config specified: up-stairs");
    });
}

#[test]
fn the_default_dashboard_is_not_there_until_it_is_stored() {
    run(async {
        let hub = home().await;
        let asked = json!({"url_path": null, "force": false});
        let (code, _) = refusal(&hub, "lovelace/config", asked.clone()).await;
        assert_eq!(code, "config_not_found");
        let map = call(&hub, "lovelace/config", json!({"url_path": "map"})).await;
        assert_eq!(map, json!({"strategy": {"type": "map"}}));
        let given = json!({"config": {"strategy": {"type": "original-states"}}});
        call(&hub, "lovelace/config/save", given).await;
        let stored = call(&hub, "lovelace/config", asked.clone()).await;
        assert_eq!(stored["strategy"]["type"], "original-states");
        call(&hub, "lovelace/config/delete", json!({})).await;
        let (code, _) = refusal(&hub, "lovelace/config", asked).await;
        assert_eq!(code, "config_not_found");
    });
}

#[test]
fn paths_of_dashboards_are_checked() {
    run(async {
        let hub = home().await;
        for (path, message) in [
            ("word", "Url path needs to contain a hyphen (-)"),
            ("../x-y", "invalid slug ../x-y @ data['url_path']"),
            ("developer-tools", "Panel url path needs to be unique"),
        ] {
            let given = json!({"url_path": path, "title": "x"});
            let refused = refusal(&hub, "lovelace/dashboards/create", given).await;
            assert_eq!(refused, ("invalid_format".to_owned(), message.to_owned()));
        }
    });
}

#[test]
fn resources_are_kept_in_their_order() {
    run(async {
        let hub = home().await;
        assert_eq!(call(&hub, "lovelace/resources", json!({})).await, json!([]));
        let given = json!({"res_type": "module", "url": "/local/a.js"});
        let made = call(&hub, "lovelace/resources/create", given).await;
        assert_eq!(made["type"], "module");
        let given = json!({"resource_id": made["id"], "url": "/local/b.js"});
        let changed = call(&hub, "lovelace/resources/update", given).await;
        assert_eq!(
            changed,
            json!({"id": made["id"], "type": "module", "url": "/local/b.js"})
        );
        let gone = json!({"resource_id": made["id"]});
        call(&hub, "lovelace/resources/delete", gone.clone()).await;
        let (code, message) = refusal(&hub, "lovelace/resources/delete", gone).await;
        assert_eq!(code, "not_found");
        assert!(message.starts_with("Unable to find resource_id "));
    });
}

#[test]
fn each_user_keeps_their_own_until_they_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    run(async move {
        let hub = home_in(&path).await;
        let (ada, bob) = (UserId::generate(&hub.env), UserId::generate(&hub.env));
        let given = json!({"key": "language", "value": {"language": "nl"}});
        let set = call_as(
            &hub,
            (ada, Access::AnyUser),
            "frontend/set_user_data",
            given,
        );
        assert_eq!(set.await.unwrap(), Value::Null);
        hub.stop().await;

        let hub = home_in(&path).await;
        let get = |user, data| {
            let hub = hub.clone();
            async move {
                let who = (user, Access::AnyUser);
                let answer = call_as(&hub, who, "frontend/get_user_data", data).await;
                answer.unwrap()["value"].clone()
            }
        };
        let language = json!({"key": "language"});
        assert_eq!(get(ada, language.clone()).await, json!({"language": "nl"}));
        let all = json!({"language": {"language": "nl"}});
        assert_eq!(get(ada, json!({})).await, all);
        assert_eq!(get(bob, language.clone()).await, Value::Null);
        let context = Context::new(&hub.env);
        hub.fire("user_removed", json!({"user_id": ada}), context)
            .await;
        while get(ada, language.clone()).await != Value::Null {}
    });
}

#[test]
fn what_users_and_dashboards_keep_is_bounded() {
    run(async {
        let mut settings = Settings::default();
        settings.frontend.user_data_limit = 100;
        settings.frontend.dashboard_limit = 100;
        let hub = home_with(settings, &Location::Memory).await;
        let long = "x".repeat(100);
        for (name, data, setting) in [
            (
                "frontend/set_user_data",
                json!({"key": "a", "value": long}),
                "frontend.user_data_limit",
            ),
            (
                "lovelace/config/save",
                json!({"config": {"views": long}}),
                "frontend.dashboard_limit",
            ),
        ] {
            let (code, message) = refusal(&hub, name, data).await;
            assert_eq!(code, "home_assistant_error");
            assert!(message.contains(setting));
        }
    });
}

#[test]
fn texts_icons_and_themes_have_the_shapes_that_pages_expect() {
    run(async {
        let hub = home().await;
        let asked =
            json!({"language": "en", "category": "entity_component", "integration": ["light"]});
        let texts = call(&hub, "frontend/get_translations", asked).await;
        let on = &texts["resources"]["component.light.entity_component._.state.on"];
        assert_eq!(on, "On");
        let asked = json!({"language": "en", "category": "services"});
        let texts = call(&hub, "frontend/get_translations", asked).await;
        assert_eq!(texts, json!({"resources": {}}));
        let icons = call(
            &hub,
            "frontend/get_icons",
            json!({"category": "entity_component"}),
        )
        .await;
        assert!(icons["resources"]["binary_sensor"]["door"]["state"]["on"].is_string());
        let (code, _) = refusal(&hub, "frontend/get_icons", json!({"category": "x"})).await;
        assert_eq!(code, "invalid_format");
        let themes = call(&hub, "frontend/get_themes", json!({})).await;
        let expected =
            json!({"themes": {}, "default_theme": "default", "default_dark_theme": null});
        assert_eq!(themes, expected);
        let classes = call(&hub, "sensor/numeric_device_classes", json!({})).await;
        let classes = classes["numeric_device_classes"]
            .as_array()
            .unwrap()
            .clone();
        assert!(classes.contains(&json!("temperature")) && !classes.contains(&json!("enum")));
    });
}

#[test]
fn whoever_listens_for_scripts_hears_nothing_and_is_no_error() {
    run(async {
        let hub = home().await;
        let (subscriber, events) = subscription();
        let caller = Caller::new(Context::new(&hub.env), Access::AnyUser);
        let name = "frontend/subscribe_extra_js";
        let subscribed = hub
            .commands
            .subscribe(name, Map::new(), caller, subscriber.clone());
        assert_eq!(subscribed.await.unwrap(), Value::Null);
        assert!(!subscriber.is_gone());
        drop(events);
    });
}

#[test]
fn what_a_page_keeps_takes_the_place_of_what_is_damaged() {
    run(async {
        let hub = home().await;
        let user = UserId::generate(&hub.env);
        let damage = hub.store.collection::<u32>("frontend.user_data");
        damage.put(&user.to_string(), &5).await.unwrap();
        let admin = (user, Access::Admin);
        let key = json!({"key": "core"});
        let got = call_as(&hub, admin, "frontend/get_user_data", key.clone()).await;
        assert_eq!(got.unwrap()["value"], Value::Null);
        let given = json!({"key": "core", "value": 1});
        call_as(&hub, admin, "frontend/set_user_data", given)
            .await
            .unwrap();
        let got = call_as(&hub, admin, "frontend/get_user_data", key).await;
        assert_eq!(got.unwrap()["value"], 1);
    });
}

#[test]
fn the_title_of_a_dashboard_has_a_length() {
    run(async {
        let hub = home().await;
        for title in [String::new(), "x".repeat(256)] {
            let given = json!({"url_path": "my-page", "title": title});
            let (code, _) = refusal(&hub, "lovelace/dashboards/create", given).await;
            assert_eq!(code, "invalid_format");
        }
    });
}
