//! Scenes, with things that note what is asked of them.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use futures_util::future::LocalBoxFuture;
use hearth_core::command::ErrorCode;
use hearth_core::prelude::*;
use hearth_core::state::StateWrite;
use hearth_core::time::Timestamp;
use hearth_scene::{check, factory};
use hearth_testing::{Home, Listener, run};

/// `service entity data` of each call, in order.
type Calls = Arc<Mutex<Vec<(String, Value)>>>;

/// Provides the things of these tests.
struct Things(Calls);

const THINGS: [(&str, &str, &str); 5] = [
    ("light.a", "off", r#"{"supported_features":0}"#),
    (
        "light.b",
        "on",
        r#"{"brightness":10,"color_mode":"hs","hs_color":[10.0,20.0],"rgb_color":[1,2,3]}"#,
    ),
    (
        "cover.c",
        "closed",
        r#"{"current_position":0,"supported_features":15}"#,
    ),
    ("climate.d", "off", r#"{"supported_features":1}"#),
    ("lock.e", "locked", "{}"),
];

impl Integration for Things {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            for (id, state, attributes) in THINGS {
                let id: EntityId = id.parse().unwrap();
                host.provide(id.clone()).await;
                let write = StateWrite {
                    state: state.into(),
                    attributes: Attributes::from_json_object(attributes).unwrap(),
                    force: false,
                    context: Context::new(host.env()),
                };
                host.hub().states.set(&id, write).await.unwrap();
            }
            Ok(())
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            for id in &call.entities {
                let what = format!("{} {id}", call.service);
                self.0
                    .lock()
                    .unwrap()
                    .push((what, Value::Object(call.data.clone())));
            }
            Ok(None)
        })
    }
}

async fn home_with(section: Value) -> (Home, Calls) {
    let calls = Calls::default();
    let noted = Arc::clone(&calls);
    let things = Factory::new(Manifest::new("things", "Things"), move |_| {
        Box::new(Things(Arc::clone(&noted)))
    });
    let settings = Home::settings("scene", section);
    (Home::with(settings, vec![things, factory()]).await, calls)
}

/// What was asked of things, sorted.
fn taken(calls: &Calls) -> Vec<(String, Value)> {
    let mut calls = std::mem::take(&mut *calls.lock().unwrap());
    calls.sort_by(|a, b| a.0.cmp(&b.0));
    calls
}

fn asked(calls: &[(&str, Value)]) -> Vec<(String, Value)> {
    calls
        .iter()
        .map(|(what, data)| ((*what).to_owned(), data.clone()))
        .collect()
}

#[test]
fn a_configured_scene_brings_things_into_their_states() {
    run(async {
        let (home, calls) = home_with(json!([{
            "name": "Evening", "icon": "mdi:moon", "entities": {
                "light.a": {"state": "on", "brightness": 80, "color_temp_kelvin": 2700},
                "light.b": false,
                "cover.c": "open",
                "climate.d": {"state": "heat", "temperature": 21},
                "lock.e": "locked",
                "light.none": "on",
            },
        }]))
        .await;
        assert_eq!(home.state("scene.evening").as_deref(), Some("unknown"));
        assert_eq!(
            home.attributes("scene.evening"),
            json!({
                "entity_id": ["climate.d", "cover.c", "light.a", "light.b", "light.none", "lock.e"],
                "icon": "mdi:moon", "friendly_name": "Evening",
            })
        );
        let data = json!({"entity_id": "scene.evening", "transition": 2});
        home.serve("scene.turn_on", data).await.unwrap();
        assert_eq!(
            taken(&calls),
            asked(&[
                ("open_cover cover.c", json!({})),
                ("set_hvac_mode climate.d", json!({"hvac_mode": "heat"})),
                ("set_temperature climate.d", json!({"temperature": 21})),
                ("turn_off light.b", json!({"transition": 2})),
                (
                    "turn_on light.a",
                    json!({"brightness": 80, "color_temp_kelvin": 2700, "transition": 2})
                ),
            ])
        );
        assert!(
            home.state("scene.evening")
                .unwrap()
                .parse::<Timestamp>()
                .is_ok()
        );
    });
}

#[test]
fn all_that_a_scene_does_has_the_callers_context() {
    run(async {
        let (home, _) = home_with(json!([{"name": "X", "entities": {"light.a": "on"}}])).await;
        let mut events = Listener::start(&home.hub, Filter::of_types(["call_service"])).await;
        let context = Context::new(&home.hub.env);
        let data = json!({"entity_id": "scene.x"});
        home.serve_as("scene.turn_on", data, context).await.unwrap();
        for domain in ["scene", "light"] {
            let event = events.next().await;
            assert_eq!(
                (event.data_value()["domain"].as_str(), event.context.id),
                (Some(domain), context.id)
            );
        }
        assert_eq!(
            home.hub.states.get("scene.x").unwrap().context.id,
            context.id
        );
    });
}

#[test]
fn states_are_applied_without_a_scene_and_groups_stand_for_their_members() {
    run(async {
        let (home, calls) = home_with(json!(null)).await;
        let write = StateWrite {
            state: "on".into(),
            attributes: Attributes::from_json_object(
                r#"{"entity_id":["light.a","light.b","group.g"]}"#,
            )
            .unwrap(),
            force: false,
            context: Context::new(&home.hub.env),
        };
        home.hub
            .states
            .set(&"group.g".parse().unwrap(), write)
            .await
            .unwrap();
        let data = json!({"entities": {"group.g": "on", "cover.c": {"current_position": 40}}});
        home.serve("scene.apply", data).await.unwrap();
        assert_eq!(
            taken(&calls),
            asked(&[
                ("set_cover_position cover.c", json!({"position": 40})),
                ("turn_on light.a", json!({})),
            ])
        );
        let wrong = json!({"entities": {"lamp": "on"}});
        assert!(matches!(
            home.serve("scene.apply", wrong).await,
            Err(ServiceError::Invalid(_))
        ));
    });
}

#[test]
fn a_picture_of_now_is_made_played_and_deleted() {
    run(async {
        let (home, calls) = home_with(json!(null)).await;
        let data = json!({"scene_id": "before", "snapshot_entities": ["light.b", "light.none"], "entities": {"light.a": "on"}});
        home.serve("scene.create", data).await.unwrap();
        assert_eq!(
            home.attributes("scene.before"),
            json!({
                "entity_id": ["light.a", "light.b"], "friendly_name": "before",
            })
        );
        let write = StateWrite {
            state: "off".into(),
            attributes: Attributes::empty(),
            force: false,
            context: Context::new(&home.hub.env),
        };
        home.hub
            .states
            .set(&"light.b".parse().unwrap(), write)
            .await
            .unwrap();
        home.serve("scene.turn_on", json!({"entity_id": "scene.before"}))
            .await
            .unwrap();
        assert_eq!(
            taken(&calls),
            asked(&[
                ("turn_on light.a", json!({})),
                (
                    "turn_on light.b",
                    json!({"brightness": 10, "hs_color": [10.0, 20.0]})
                ),
            ])
        );
        home.serve("scene.delete", json!({"entity_id": "scene.before"}))
            .await
            .unwrap();
        assert_eq!(home.state("scene.before"), None);
    });
}

#[test]
fn only_scenes_of_the_service_are_replaced_and_deleted_by_it() {
    run(async {
        let (home, _) = home_with(json!([{"name": "X", "entities": {"light.a": "on"}}])).await;
        let data = json!({"scene_id": "x", "entities": {"light.b": "on"}});
        home.serve("scene.create", data).await.unwrap();
        assert_eq!(home.attributes("scene.x")["entity_id"], json!(["light.a"]));
        for (id, message) in [
            (
                "scene.x",
                "The scene scene.x is not created with action `scene.create`.",
            ),
            ("scene.y", "scene.y is not a valid scene entity_id."),
        ] {
            let error = home
                .serve("scene.delete", json!({"entity_id": id}))
                .await
                .unwrap_err();
            assert_eq!(error, ServiceError::Validation(message.to_owned(), None));
        }
        for data in [
            json!({"scene_id": "z"}),
            json!({"scene_id": "A b", "entities": {"light.a": "on"}}),
            json!({"scene_id": "z", "entities": {"light.a": "on"}, "snapshot_entities": ["light.a"]}),
            json!({"scene_id": "z", "entities": {"light.a": []}}),
        ] {
            assert!(matches!(
                home.serve("scene.create", data).await,
                Err(ServiceError::Invalid(_))
            ));
        }
    });
}

#[test]
fn the_editors_scenes_are_kept_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let scene = json!({"name": "Late", "entities": {"light.a": "off"}, "metadata": {"light.a": {"entity_only": true}}});
    let mut played = None;
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        let set = json!({"id": "1700000000001", "config": scene});
        assert_eq!(home.command("scene/config/set", set).await, Ok(Value::Null));
        assert_eq!(home.attributes("scene.late")["id"], "1700000000001");
        home.serve("scene.turn_on", json!({"entity_id": "scene.late"}))
            .await
            .unwrap();
        played = home.state("scene.late");
        home.hub.stop().await;
    });
    run(async {
        let home = Home::kept_in(folder.path(), vec![factory()]).await;
        assert_eq!(home.state("scene.late"), played);
        let id = json!({"id": "1700000000001"});
        let kept = home.command("scene/config/get", id.clone()).await.unwrap();
        assert_eq!(kept["name"], "Late");
        assert_eq!(kept["metadata"], scene["metadata"]);
        home.command("scene/config/delete", id.clone())
            .await
            .unwrap();
        assert_eq!(home.state("scene.late"), None);
        for name in ["scene/config/get", "scene/config/delete"] {
            let error = home.command(name, id.clone()).await.unwrap_err();
            assert_eq!(
                (error.code, error.message.as_str()),
                (ErrorCode::NOT_FOUND, "Resource not found")
            );
        }
        let bad = json!({"id": "x", "config": {"name": "X", "entities": {"lamp": "on"}}});
        assert_eq!(
            home.command("scene/config/set", bad)
                .await
                .unwrap_err()
                .code,
            ErrorCode::INVALID_FORMAT
        );
        home.hub.stop().await;
    });
}

#[test]
fn a_renamed_scene_is_played_under_its_new_id() {
    run(async {
        let (home, calls) = home_with(json!([{"name": "X", "entities": {"light.a": "on"}}])).await;
        let hub = &home.hub;
        let old = hub.registries.entities.get("scene.x").unwrap();
        let mut changes = hearth_core::registry::Changes::new(&hub.store);
        let new = hub
            .registries
            .entities
            .update(&mut changes, "scene.x", |entry| {
                entry.entity_id = "scene.y".parse().unwrap();
            })
            .unwrap();
        let context = Context::new(&hub.env);
        changes.commit(&hub.bus, &hub.env, context).await.unwrap();
        hearth_core::registry::follow(hub, &old, Some(&new), context).await;
        home.serve("scene.turn_on", json!({"entity_id": "scene.y"}))
            .await
            .unwrap();
        assert_eq!(taken(&calls), asked(&[("turn_on light.a", json!({}))]));
        assert!(home.state("scene.y").unwrap().parse::<Timestamp>().is_ok());
        assert_eq!(home.state("scene.x"), None);
    });
}

#[test]
fn a_reload_brings_in_what_the_file_says_now() {
    run(async {
        let (home, _) = home_with(json!([
            {"name": "Goes", "entities": {}}, {"id": "1", "name": "Stays", "entities": {}},
        ]))
        .await;
        home.hub.configured.read_with(|| {
            let section = json!([{"id": "1", "name": "Stays", "entities": {"light.a": "on"}}, {"name": "Comes", "entities": {}}]);
            Ok([("scene".to_owned(), section)].into())
        });
        let mut events = Listener::start(&home.hub, Filter::of_types(["scene_reloaded"])).await;
        home.serve("scene.reload", json!({})).await.unwrap();
        events.next().await;
        assert_eq!(home.state("scene.goes"), None);
        assert_eq!(
            home.attributes("scene.stays")["entity_id"],
            json!(["light.a"])
        );
        assert!(home.state("scene.comes").is_some());
    });
}

#[test]
fn a_wrong_section_is_told_with_key_and_problem() {
    for (section, told) in [
        (json!({}), "scene: expected a list of scenes"),
        (json!([1]), "scene[0]: expected name and entities"),
        (
            json!([{"name": "x"}]),
            "scene[0].entities: expected a value; it is required",
        ),
        (
            json!([{"name": "x", "entities": {"lamp": "on"}}]),
            "scene[0].entities: Entity ID lamp is an invalid entity ID",
        ),
        (
            json!([{"name": "x", "entities": {"light.a": null}}]),
            "scene[0].entities: State for light.a should be a string",
        ),
        (
            json!([{"name": "x", "entities": {}}, {"name": "X", "entities": {}}]),
            "scene[1]: expected another id or name than scene[0] has",
        ),
    ] {
        assert_eq!(check(&section).unwrap_err().to_string(), told);
    }
}
