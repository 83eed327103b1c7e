use std::collections::BTreeMap;

use hearth_core::prelude::*;
use hearth_core::state::State;
use hearth_core::time::Timestamp;
use serde_json::{Map, json};

use super::pressure::cut_off_so_far;
use super::{End, Socket, done, set};
use crate::home::{Home, with_home};

/// What a client knows of the entities by what it was told, as the clients' libraries do it.
#[derive(Default)]
struct Known {
    entities: BTreeMap<String, Map<String, Value>>,
    messages: usize,
}

impl Known {
    fn hear(&mut self, event: &Value) {
        self.messages += 1;
        for (kind, what) in event.as_object().unwrap() {
            match kind.as_str() {
                "a" => {
                    for (id, state) in what.as_object().unwrap() {
                        let state = state.as_object().unwrap().clone();
                        self.entities.insert(id.clone(), state);
                    }
                }
                "r" => {
                    for id in what.as_array().unwrap() {
                        self.entities.remove(id.as_str().unwrap()).unwrap();
                    }
                }
                "c" => {
                    for (id, change) in what.as_object().unwrap() {
                        apply(self.entities.get_mut(id).unwrap(), change);
                    }
                }
                other => panic!("{other}"),
            }
        }
    }
}

fn apply(state: &mut Map<String, Value>, change: &Value) {
    let added = change["+"].as_object().unwrap();
    for (key, value) in added {
        match key.as_str() {
            "a" => {
                let attributes = state["a"].as_object_mut().unwrap();
                attributes.extend(value.as_object().unwrap().clone());
            }
            "c" if value.is_object() => {
                if state["c"].is_string() {
                    state["c"] = json!({"id": state["c"], "parent_id": null, "user_id": null});
                }
                let context = state["c"].as_object_mut().unwrap();
                context.extend(value.as_object().unwrap().clone());
            }
            "c" if state["c"].is_object() => state["c"]["id"] = value.clone(),
            _ => {
                state.insert(key.clone(), value.clone());
            }
        }
    }
    if added.contains_key("lc") {
        state.remove("lu");
    }
    for name in change["-"]["a"].as_array().into_iter().flatten() {
        let attributes = state["a"].as_object_mut().unwrap();
        attributes.remove(name.as_str().unwrap()).unwrap();
    }
}

/// State and attributes of every entity that the hub has.
fn truth(home: &Home) -> BTreeMap<String, (Value, Value)> {
    let states = home.door.hub.states.all();
    let of = |state: &State| {
        let value = state.to_value();
        (value["state"].clone(), value["attributes"].clone())
    };
    states
        .iter()
        .map(|state| (state.entity_id.to_string(), of(state)))
        .collect()
}

fn told(known: &Known) -> BTreeMap<String, (Value, Value)> {
    let of = |state: &Map<String, Value>| (state["s"].clone(), state["a"].clone());
    let entities = known.entities.iter();
    entities
        .map(|(id, state)| (id.clone(), of(state)))
        .collect()
}

async fn subscribed(socket: &mut Socket, filter: Value) -> (u64, Value) {
    let id = socket.give("subscribe_entities", filter).await;
    assert_eq!(socket.receive().await, done(id));
    let first = socket.receive().await;
    assert_eq!(
        (&first["id"], &first["type"]),
        (&json!(id), &json!("event"))
    );
    (id, first["event"].clone())
}

async fn remove(home: &Home, entity_id: &str) {
    let context = Context::new(&home.door.hub.env);
    let id = entity_id.parse().unwrap();
    home.door.hub.states.remove(&id, context).await.unwrap();
}

fn number(name: &str, value: i64) -> Attributes {
    Attributes::build(|attributes| attributes.value(name, value))
}

#[test]
fn all_states_come_first_and_then_each_change_alone() {
    with_home(|home| async move {
        set(&home, "sensor.q", "1", number("a", 1)).await;
        let mut socket = Socket::signed_in(&home, &home.user).await;
        let (id, first) = subscribed(&mut socket, json!({})).await;
        let state = home.door.hub.states.get("sensor.q").unwrap();
        let seconds = |time: Timestamp| json!(time.as_seconds_f64());
        assert_eq!(
            first,
            json!({"a": {"sensor.q": {
                "s": "1", "a": {"a": 1}, "c": state.context.id, "lc": seconds(state.last_changed),
            }}})
        );
        // An attribute is replaced by another.
        set(&home, "sensor.q", "1", number("b", 2)).await;
        let state = home.door.hub.states.get("sensor.q").unwrap();
        assert_eq!(
            socket.receive().await,
            json!({"id": id, "type": "event", "event": {"c": {"sensor.q": {
                "+": {"lu": seconds(state.last_updated), "c": state.context.id, "a": {"b": 2}},
                "-": {"a": ["a"]},
            }}}})
        );
        // Nothing differs: nothing is told.
        set(&home, "sensor.q", "1", number("b", 2)).await;
        set(&home, "sensor.q", "2", number("b", 2)).await;
        let state = home.door.hub.states.get("sensor.q").unwrap();
        assert_eq!(
            socket.receive().await["event"],
            json!({"c": {"sensor.q": {"+": {
                "s": "2", "lc": seconds(state.last_changed), "c": state.context.id,
            }}}})
        );
        set(&home, "sensor.new", "x", Attributes::empty()).await;
        assert_eq!(socket.receive().await["event"]["a"]["sensor.new"]["s"], "x");
        remove(&home, "sensor.q").await;
        assert_eq!(socket.receive().await["event"], json!({"r": ["sensor.q"]}));
        socket
            .result("unsubscribe_events", json!({"subscription": id}))
            .await;
        set(&home, "sensor.new", "y", Attributes::empty()).await;
        socket.ping().await;
    });
}

#[test]
fn a_filter_leaves_out_the_rest_but_not_what_a_change_is_against() {
    with_home(|home| async move {
        set(&home, "sensor.a", "1", Attributes::empty()).await;
        set(&home, "light.b", "on", Attributes::empty()).await;
        let mut socket = Socket::admin(&home).await;
        let (named, first) = subscribed(&mut socket, json!({"entity_ids": ["light.b"]})).await;
        assert_eq!(first["a"].as_object().unwrap().len(), 1);
        let (none, first) = subscribed(&mut socket, json!({"entity_ids": "light.nope"})).await;
        assert_eq!(first, json!({"a": {}}));
        let domain = json!({"include": {"domains": ["sensor"]}});
        let (sensors, first) = subscribed(&mut socket, domain).await;
        assert_eq!(first["a"]["sensor.a"]["s"], "1");
        set(&home, "sensor.a", "2", Attributes::empty()).await;
        set(&home, "light.b", "off", Attributes::empty()).await;
        for (subscription, id, state) in [(sensors, "sensor.a", "2"), (named, "light.b", "off")] {
            let message = socket.receive().await;
            assert_eq!(message["id"], subscription);
            assert_eq!(message["event"]["c"][id]["+"]["s"], state);
        }
        assert_ne!(none, named);
        socket.ping().await;
        let (code, message) = socket
            .error("subscribe_entities", json!({"entity_ids": ["nope"]}))
            .await;
        assert_eq!(code, "invalid_format");
        assert!(message.contains("@ data['entity_ids']"), "{message}");
    });
}

#[test]
fn clients_that_come_while_the_home_changes_end_up_with_what_is_true() {
    with_home(|home| async move {
        for number in 0..1_500 {
            let id = format!("sensor.s{number}");
            set(&home, &id, "0", Attributes::empty()).await;
        }
        let mut sockets = Vec::new();
        for round in 0..40 {
            for step in 0..50 {
                let place = (round * 7 + step * 31) % 1_500;
                let id = format!("sensor.s{place}");
                if step % 10 == 9 && home.door.hub.states.get(&id).is_some() {
                    remove(&home, &id).await;
                } else {
                    let value = format!("{round}.{step}");
                    set(&home, &id, &value, number("step", step)).await;
                }
                if step == 25 {
                    let mut socket = Socket::admin(&home).await;
                    socket.give("subscribe_entities", json!({})).await;
                    sockets.push(socket);
                }
            }
        }
        set(&home, "sensor.end", "end", Attributes::empty()).await;
        let truth = truth(&home);
        for mut socket in sockets {
            let id = socket.receive().await["id"].clone();
            let mut known = Known::default();
            while !known.entities.contains_key("sensor.end") {
                let message = socket.receive().await;
                assert_eq!(message["id"], id);
                known.hear(&message["event"]);
            }
            assert_eq!(told(&known), truth);
        }
    });
}

#[test]
fn a_reader_that_keeps_up_hears_each_of_100000_changes_and_knows_every_final_state() {
    const ENTITIES: usize = 50;
    const CHANGES: usize = 100_000;
    with_home(|home| async move {
        let (address, token) = (home.address(), home.admin.clone());
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let reader = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut socket = Socket::signed_in_at(address, &token).await;
                let (_, first) = subscribed(&mut socket, json!({})).await;
                ready.send(()).unwrap();
                let mut known = Known::default();
                known.hear(&first);
                while !known.entities.contains_key("sensor.end") {
                    known.hear(&socket.receive().await["event"]);
                }
                known
            })
        });
        is_ready.await.unwrap();
        for change in 0..CHANGES {
            let id = format!("sensor.s{}", change % ENTITIES);
            let attributes = number(["a", "b", "c"][change % 3], change as i64);
            set(&home, &id, &(change / 100).to_string(), attributes).await;
        }
        set(&home, "sensor.end", "end", Attributes::empty()).await;
        let known = reader.join().unwrap();
        assert_eq!(told(&known), truth(&home));
        assert!(known.messages <= CHANGES + 2, "{}", known.messages);
    });
}

#[test]
fn a_reader_that_is_behind_gets_the_changes_of_an_entity_joined() {
    const ENTITIES: usize = 20;
    with_home(|home| async move {
        for place in 0..ENTITIES {
            set(&home, &format!("sensor.s{place}"), "0", Attributes::empty()).await;
        }
        let mut slow = Socket::admin(&home).await;
        let (_, first) = subscribed(&mut slow, json!({})).await;
        let fill = "x".repeat(2_000);
        for change in 0..100_000 {
            let attributes = Attributes::build(|attributes| {
                attributes.text("fill", &fill);
                attributes.value("change", change);
            });
            let id = format!("sensor.s{}", change % ENTITIES);
            // What differs is long, so that the system cannot keep it all for the client.
            let state = format!("{}{change}", "y".repeat(200));
            set(&home, &id, &state, attributes).await;
        }
        remove(&home, "sensor.s0").await;
        set(&home, "sensor.end", "end", Attributes::empty()).await;
        let mut known = Known::default();
        known.hear(&first);
        while !known.entities.contains_key("sensor.end") {
            known.hear(&slow.receive().await["event"]);
        }
        assert_eq!(told(&known), truth(&home));
        assert!(known.messages < 100_000, "{}", known.messages);
        assert_eq!(cut_off_so_far(&home).await, 0);
    });
}

#[test]
fn a_reader_that_does_not_read_is_cut_off_and_told() {
    with_home(|home| async move {
        let mut slow = Socket::admin(&home).await;
        subscribed(&mut slow, json!({})).await;
        for change in 0..60_000 {
            let id = format!("sensor.s{}", change % 20_000);
            let state = format!("{}{change}", "y".repeat(200));
            set(&home, &id, &state, Attributes::empty()).await;
        }
        assert_eq!(cut_off_so_far(&home).await, 1);
        let end = loop {
            if let Err(end) = slow.next_text().await {
                break end;
            }
        };
        assert!(
            matches!(&end, End::Closed(1008, reason) if reason.starts_with("too slow: ")),
            "{end:?}"
        );
    });
}
