//! The state machine: what each kind of write moves and fires (spec state-machine §1).

use std::sync::Arc;

use hearth_core::bus::{Entities, Filter};
use hearth_core::hub::Hub;
use hearth_core::prelude::*;
use hearth_core::state::{StateWrite, WriteError, Written};
use hearth_testing::{Listener, run};

fn write(hub: &Hub, state: &str, attributes: &str) -> StateWrite {
    StateWrite {
        state: state.into(),
        attributes: Attributes::from_json_object(attributes).unwrap(),
        force: false,
        context: Context::new(&hub.env),
    }
}

fn lamp() -> EntityId {
    "light.lamp".parse().unwrap()
}

#[test]
fn each_kind_of_write_moves_the_times_of_the_spec() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let set = async |state, attributes| {
            let written = hub
                .states
                .set(&lamp(), write(&hub, state, attributes))
                .await
                .unwrap();
            (
                matches!(written, Written::Reported(_)),
                Arc::clone(written.state()),
            )
        };
        let (_, new) = set("off", r#"{"a":1}"#).await;
        assert!(new.last_changed == new.last_updated && new.last_updated == new.last_reported);

        let (_, attributes) = set("off", r#"{"a":2}"#).await;
        assert_eq!(attributes.last_changed, new.last_changed);
        assert!(attributes.last_updated > new.last_updated);

        let (reported, same) = set("off", r#"{ "a": 2 }"#).await;
        assert!(reported, "nothing differs by value");
        assert_eq!(same.last_updated, attributes.last_updated);
        assert!(same.last_reported > attributes.last_reported);
        assert_eq!(
            same.context, attributes.context,
            "a pure report keeps the context"
        );

        let forced = StateWrite {
            force: true,
            ..write(&hub, "off", r#"{"a":2}"#)
        };
        let forced = hub.states.set(&lamp(), forced).await.unwrap();
        assert!(forced.state().last_changed > same.last_changed);
        assert_eq!(hub.states.len(), 1);
    });
}

#[test]
fn a_subscriber_sees_new_changed_and_removed_and_no_reports() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let mut heard = Listener::start(&hub, Filter::all()).await;
        for (state, attributes) in [("off", "{}"), ("off", "{}"), ("on", "{}")] {
            hub.states
                .set(&lamp(), write(&hub, state, attributes))
                .await
                .unwrap();
        }
        hub.states
            .remove(&lamp(), Context::new(&hub.env))
            .await
            .unwrap();
        let mut changes = Vec::new();
        for _ in 0..3 {
            let data = heard.next().await.data_value();
            let state = |key: &str| data[key]["state"].as_str().map(str::to_owned);
            changes.push((state("old_state"), state("new_state")));
        }
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            changes,
            [
                (None, text("off")),
                (text("off"), text("on")),
                (text("on"), None)
            ]
        );
    });
}

#[test]
fn a_state_of_255_characters_is_taken_and_one_of_256_refused() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let long = "é".repeat(255);
        assert!(
            hub.states
                .set(&lamp(), write(&hub, &long, "{}"))
                .await
                .is_ok()
        );
        let longer = "é".repeat(256);
        let refused = hub
            .states
            .set(&lamp(), write(&hub, &longer, "{}"))
            .await
            .unwrap_err();
        assert!(matches!(refused, WriteError::TooLong { length: 256, .. }));
    });
}

#[test]
fn writers_on_many_threads_are_heard_in_the_order_of_their_writes() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let only = Filter::of_types(["state_changed"]).of_entities(Entities::Ids([lamp()].into()));
        let mut heard = Listener::start(&hub, only).await;
        let writers: Vec<_> = (0..4)
            .map(|thread| {
                let hub = hub.clone();
                std::thread::spawn(move || {
                    for n in 0..500 {
                        let text = format!("{thread}-{n}");
                        while hub
                            .states
                            .try_set(&lamp(), write(&hub, &text, "{}"))
                            .is_err()
                        {
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let mut previous: Option<String> = None;
        for _ in 0..2000 {
            let data = heard.next().await.data_value();
            let old = data["old_state"]["state"].as_str().map(str::to_owned);
            assert_eq!(old, previous, "each change starts where the last one ended");
            previous = data["new_state"]["state"].as_str().map(str::to_owned);
        }
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

#[test]
fn a_watch_collects_what_changed_under_its_own_context_alone() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let mine = write(&hub, "on", "{}");
        let watch = hub.states.watch_context(mine.context.id);
        hub.states
            .set(&"light.other".parse().unwrap(), write(&hub, "on", "{}"))
            .await
            .unwrap();
        hub.states.set(&lamp(), mine).await.unwrap();
        let changed: Vec<_> = watch
            .changed()
            .iter()
            .map(|s| s.entity_id.to_string())
            .collect();
        assert_eq!(changed, ["light.lamp"]);
    });
}

#[test]
fn a_domain_lists_its_entities_in_the_order_of_their_creation() {
    run(async {
        let hub = Hub::in_memory().unwrap();
        for id in ["light.z", "switch.s", "light.a", "light.m"] {
            hub.states
                .set(&id.parse().unwrap(), write(&hub, "on", "{}"))
                .await
                .unwrap();
        }
        hub.states
            .remove(&"light.a".parse().unwrap(), Context::new(&hub.env))
            .await;
        let ids: Vec<_> = hub
            .states
            .of_domain("light")
            .iter()
            .map(|s| s.entity_id.to_string())
            .collect();
        assert_eq!(ids, ["light.z", "light.m"]);
    });
}
