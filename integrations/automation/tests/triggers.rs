//! Triggers that clients wait for.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use hearth_core::ids::WebhookId;
use hearth_core::prelude::*;
use hearth_core::state::StateWrite;
use hearth_core::subscription::{Events, subscription};
use hearth_core::webhook::{Headers, Method, Source, WebhookRequest};
use hearth_testing::run;

const DEADLINE: Duration = Duration::from_secs(10);

/// Runs a test on a hub with this integration and the one that renders templates.
fn at_home<F: Future<Output = ()>>(test: impl FnOnce(Hub) -> F) {
    run(async {
        let hub = Hub::in_memory().unwrap();
        let integrations = vec![hearth_template::factory(), hearth_automation::factory()];
        hub.start_integrations(integrations).await;
        test(hub).await;
    });
}

/// The trigger behind all others, which comes when it is asked for.
fn the_end() -> Value {
    json!({"trigger": "event", "event_type": "the_end"})
}

/// A client that waits.
struct Waiting(Events);

impl Waiting {
    async fn start(hub: &Hub, data: Value) -> Result<Self, CommandError> {
        let (subscriber, events) = subscription();
        let caller = Caller::new(Context::new(&hub.env), Access::Admin);
        let data = data.as_object().unwrap().clone();
        let commands = &hub.commands;
        let answer = commands.subscribe("subscribe_trigger", data, caller, subscriber);
        assert_eq!(answer.await?, Value::Null);
        Ok(Self(events))
    }

    async fn on(hub: &Hub, trigger: Value) -> Self {
        let mut triggers = match trigger {
            Value::Array(list) => list,
            one => vec![one],
        };
        triggers.push(the_end());
        Self::start(hub, json!({"trigger": triggers}))
            .await
            .unwrap()
    }

    async fn event(&mut self) -> Value {
        let next = tokio::time::timeout(DEADLINE, self.0.next()).await;
        serde_json::from_slice(&next.expect("in time").expect("going on")).unwrap()
    }

    /// What the next event says of the trigger.
    async fn trigger(&mut self) -> Value {
        self.event().await["variables"]["trigger"].clone()
    }

    /// Whether nothing of what was done so far has fired.
    async fn is_silent(&mut self, hub: &Hub) -> bool {
        hub.fire("the_end", json!({}), Context::new(&hub.env)).await;
        self.trigger().await["event"]["event_type"] == "the_end"
    }
}

async fn set(hub: &Hub, id: &str, state: &str, attributes: &str) -> Arc<hearth_core::state::State> {
    let write = StateWrite {
        state: state.into(),
        attributes: Attributes::from_json_object(attributes).unwrap(),
        force: false,
        context: Context::new(&hub.env),
    };
    let written = hub.states.set(&id.parse().unwrap(), write).await.unwrap();
    Arc::clone(written.state())
}

#[test]
fn a_state_trigger_tells_both_states_whole() {
    at_home(|hub| async move {
        let old = set(&hub, "light.a", "off", "{}").await;
        let trigger = json!({"platform": "state", "entity_id": "light.a", "to": "on"});
        let mut waiting = Waiting::on(&hub, trigger).await;
        set(&hub, "light.a", "off", r#"{"x":1}"#).await;
        let old = {
            drop(old);
            hub.states.get("light.a").unwrap()
        };
        let new = set(&hub, "light.a", "on", "{}").await;
        assert_eq!(
            waiting.event().await,
            json!({
                "variables": {"trigger": {
                    "id": "0", "idx": "0", "alias": null, "platform": "state",
                    "entity_id": "light.a",
                    "from_state": old.to_value(), "to_state": new.to_value(),
                    "for": null, "attribute": null, "description": "state of light.a",
                }},
                "context": new.context,
            })
        );
        // Attributes alone are no change of the state.
        set(&hub, "light.a", "on", r#"{"x":2}"#).await;
        assert!(waiting.is_silent(&hub).await);
    });
}

/// What one state trigger says to a row of changes: the new states at which it fires.
async fn fires(hub: &Hub, options: Value, changes: &[(&str, &str)]) -> Vec<String> {
    let mut trigger = json!({"trigger": "state", "entity_id": ["sensor.s", "sensor.end"]});
    trigger
        .as_object_mut()
        .unwrap()
        .extend(options.as_object().unwrap().clone());
    // The last change is one that every trigger sees.
    let end = json!({"trigger": "state", "entity_id": "sensor.end"});
    let _ = hub
        .states
        .remove(&"sensor.s".parse().unwrap(), Context::new(&hub.env))
        .await;
    let _ = hub
        .states
        .remove(&"sensor.end".parse().unwrap(), Context::new(&hub.env))
        .await;
    trigger["entity_id"] = json!("sensor.s");
    set(hub, "sensor.s", "start", r#"{"a":0}"#).await;
    let mut waiting = Waiting::on(hub, json!([trigger, end])).await;
    for (state, attributes) in changes {
        set(hub, "sensor.s", state, attributes).await;
    }
    set(hub, "sensor.end", "end", "{}").await;
    let mut fired = Vec::new();
    loop {
        let trigger = waiting.trigger().await;
        if trigger["entity_id"] == "sensor.end" {
            return fired;
        }
        let new = &trigger["to_state"];
        fired.push(format!(
            "{}{}",
            new["state"].as_str().unwrap(),
            new["attributes"]["a"]
        ));
    }
}

#[test]
fn a_state_trigger_fires_on_what_it_says_and_nothing_else() {
    at_home(|hub| async move {
        let changes = [
            ("on", r#"{"a":1}"#),
            ("on", r#"{"a":2}"#),
            ("off", r#"{"a":2}"#),
            ("5", r#"{"a":3}"#),
            ("off", r#"{"a":1}"#),
        ];
        for (options, expected) in [
            (json!({}), vec!["on1", "on2", "off2", "53", "off1"]),
            (json!({"to": null}), vec!["on1", "off2", "53", "off1"]),
            (json!({"to": "off"}), vec!["off2", "off1"]),
            (json!({"to": ["off", "5"]}), vec!["off2", "53", "off1"]),
            (json!({"from": "on"}), vec!["off2"]),
            (json!({"from": "5", "to": "off"}), vec!["off1"]),
            (json!({"not_to": "off"}), vec!["on1", "53"]),
            (json!({"not_from": ["start", "on"]}), vec!["53", "off1"]),
            (json!({"attribute": "a"}), vec!["on1", "on2", "53", "off1"]),
            (json!({"attribute": "a", "to": 1}), vec!["on1", "off1"]),
            (json!({"enabled": false}), vec![]),
        ] {
            assert_eq!(
                fires(&hub, options.clone(), &changes).await,
                expected,
                "{options}"
            );
        }
    });
}

#[test]
fn what_must_stay_so_for_a_while_counts_only_if_it_does() {
    at_home(|hub| async move {
        set(&hub, "light.a", "off", "{}").await;
        let on = |entity: &str, milliseconds: u64| {
            json!({
                "trigger": "state", "entity_id": entity, "to": "on",
                "for": {"milliseconds": milliseconds},
            })
        };
        // The second one tells when the first one would have fired.
        let mut waiting = Waiting::on(&hub, json!([on("light.a", 100), on("light.b", 150)])).await;
        set(&hub, "light.a", "on", "{}").await;
        set(&hub, "light.a", "off", "{}").await;
        set(&hub, "light.b", "on", "{}").await;
        assert_eq!(waiting.trigger().await["entity_id"], "light.b");
        let started = tokio::time::Instant::now();
        set(&hub, "light.a", "on", "{}").await;
        // Another change of attributes is none of the state.
        set(&hub, "light.a", "on", r#"{"x":1}"#).await;
        let fired = waiting.trigger().await;
        assert!(started.elapsed() >= Duration::from_millis(100));
        assert_eq!(fired["to_state"]["attributes"], json!({}));
        assert_eq!(
            fired["for"],
            json!({"__type": "<class 'datetime.timedelta'>", "total_seconds": 0.1})
        );
        set(&hub, "light.b", "off", "{}").await;
        set(&hub, "light.b", "on", "{}").await;
        assert_eq!(waiting.trigger().await["entity_id"], "light.b");
    });
}

#[test]
fn a_numeric_trigger_fires_on_crossing_into_its_range() {
    at_home(|hub| async move {
        set(&hub, "sensor.t", "15", "{}").await;
        set(&hub, "sensor.limit", "20", "{}").await;
        let trigger = json!({
            "trigger": "numeric_state", "entity_id": "sensor.t", "above": 10, "below": "sensor.limit",
        });
        let mut waiting = Waiting::on(&hub, trigger).await;
        // Inside from the beginning; then out at the edge, and in.
        for state in [
            "16",
            "20",
            "19.5",
            "18",
            "unavailable",
            "10.5",
            "5",
            "nonsense",
            "10",
        ] {
            set(&hub, "sensor.t", state, "{}").await;
        }
        for (from, to) in [("20", "19.5"), ("unavailable", "10.5")] {
            let fired = waiting.trigger().await;
            assert_eq!(
                (&fired["from_state"]["state"], &fired["to_state"]["state"]),
                (&json!(from), &json!(to))
            );
            assert_eq!(
                (&fired["above"], &fired["below"]),
                (&json!(10), &json!("sensor.limit"))
            );
        }
        assert!(waiting.is_silent(&hub).await);
    });
}

#[test]
fn a_numeric_trigger_takes_the_number_that_a_template_makes() {
    at_home(|hub| async move {
        set(&hub, "light.a", "on", r#"{"level":10}"#).await;
        let trigger = json!({
            "trigger": "numeric_state", "entity_id": "light.a", "above": 50,
            "value_template": "{{ state.attributes.level * factor }}",
        });
        let data = json!({"trigger": trigger, "variables": {"factor": 10}});
        let mut waiting = Waiting::start(&hub, data).await.unwrap();
        // Above from the beginning; then below, a value that is none, and above again.
        for attributes in [r#"{"level":11}"#, r#"{"level":1}"#, "{}", r#"{"level":12}"#] {
            set(&hub, "light.a", "on", attributes).await;
        }
        let fired = waiting.trigger().await;
        assert_eq!(fired["to_state"]["attributes"]["level"], 12);
        assert_eq!(fired["above"], 50);
    });
}

#[test]
fn a_change_of_the_time_zone_moves_what_waits_for_a_time() {
    at_home(|hub| async move {
        // In a second, where the clocks are five hours ahead.
        let due = jiff::Timestamp::from_microsecond(hub.env.now().as_micros() + 1_500_000).unwrap();
        let zone = jiff::tz::TimeZone::get("Etc/GMT-5").unwrap();
        let at = due.to_zoned(zone).strftime("%H:%M:%S").to_string();
        let mut waiting = Waiting::on(&hub, json!({"trigger": "time", "at": at})).await;
        let changes = serde_json::from_value(json!({"time_zone": "Etc/GMT-5"})).unwrap();
        hub.home
            .update(changes, Context::new(&hub.env))
            .await
            .unwrap();
        let now = waiting.trigger().await["now"].as_str().unwrap().to_owned();
        assert!(now.ends_with("+05:00") && now.contains(&at), "{now}");
    });
}

#[test]
fn thousands_of_triggers_that_hold_do_not_hold_up_the_others() {
    at_home(|hub| async move {
        let entities: Vec<String> = (0..50).map(|n| format!("sensor.s{n}")).collect();
        let mut holding = Vec::new();
        for _ in 0..100 {
            let trigger = json!({"trigger": "state", "entity_id": entities, "for": "01:00:00"});
            holding.push(Waiting::on(&hub, trigger).await);
        }
        let trigger = json!({"trigger": "state", "entity_id": "sensor.end"});
        let mut waiting = Waiting::on(&hub, trigger).await;
        for state in ["1", "2", "3"] {
            for entity in &entities {
                set(&hub, entity, state, "{}").await;
            }
            // Within the deadline, with five thousand timers running.
            set(&hub, "sensor.end", state, "{}").await;
            assert_eq!(waiting.trigger().await["to_state"]["state"], state);
        }
    });
}

#[test]
fn an_event_trigger_fires_on_events_with_its_data() {
    at_home(|hub| async move {
        let trigger = json!([
            {"trigger": "event", "id": "mine", "event_type": ["bell", "door"], "event_data": {"n": 1}},
            {"trigger": "tag", "tag_id": ["a", "b"]},
        ]);
        let mut waiting = Waiting::on(&hub, trigger).await;
        let context = Context::new(&hub.env);
        hub.fire("bell", json!({"n": 2}), context).await;
        hub.fire("bell", json!({"n": 1, "m": 2}), context).await;
        hub.fire("tag_scanned", json!({"tag_id": "c"}), context)
            .await;
        hub.fire(
            "tag_scanned",
            json!({"tag_id": "b", "device_id": "x"}),
            context,
        )
        .await;
        let event = waiting.event().await;
        assert_eq!(event["context"], json!(context));
        let fired = &event["variables"]["trigger"];
        assert_eq!(
            (&fired["id"], &fired["idx"], &fired["description"]),
            (&json!("mine"), &json!("0"), &json!("event 'bell'"))
        );
        assert_eq!(fired["event"]["event_type"], "bell");
        assert_eq!(fired["event"]["data"], json!({"n": 1, "m": 2}));
        let tag = waiting.trigger().await;
        assert_eq!(
            (&tag["platform"], &tag["idx"]),
            (&json!("tag"), &json!("1"))
        );
        assert_eq!(tag["event"]["data"]["device_id"], "x");
    });
}

#[test]
fn a_template_trigger_fires_when_it_becomes_true() {
    at_home(|hub| async move {
        set(&hub, "sensor.t", "25", "{}").await;
        let template = |template: &str| json!({"trigger": "template", "value_template": template});
        let data = json!({
            "trigger": [
                template("{{ states('sensor.t') | int > limit }}"),
                // These tell when the other values were rendered.
                template("{{ states('sensor.t') | int <= limit }}"),
                template("{{ states('sensor.t') | int == 31 }}"),
            ],
            "variables": {"limit": 20},
        });
        let mut waiting = Waiting::start(&hub, data).await.unwrap();
        // It begins as true: that is no becoming.
        set(&hub, "sensor.t", "10", "{}").await;
        assert_eq!(waiting.trigger().await["idx"], "1");
        set(&hub, "sensor.t", "30", "{}").await;
        let fired = waiting.trigger().await;
        assert_eq!(
            (&fired["platform"], &fired["idx"], &fired["for"]),
            (&json!("template"), &json!("0"), &json!(null))
        );
        set(&hub, "sensor.t", "31", "{}").await;
        assert_eq!(waiting.trigger().await["idx"], "2");
    });
}

#[test]
fn a_time_trigger_fires_at_the_time_that_an_entity_holds() {
    at_home(|hub| async move {
        let trigger = json!({"trigger": "time", "at": "sensor.alarm"});
        let mut waiting = Waiting::on(&hub, trigger).await;
        let soon = hub.env.now().as_micros() + 200_000;
        let soon = hearth_core::time::Timestamp::from_micros(soon);
        let is_time = r#"{"device_class":"timestamp"}"#;
        set(&hub, "sensor.alarm", &soon.to_string(), is_time).await;
        let fired = waiting.trigger().await;
        assert!(hub.env.now() >= soon);
        assert_eq!(fired["entity_id"], "sensor.alarm");
        assert_eq!(fired["description"], "time set in sensor.alarm");
        let pattern = json!({"trigger": "time_pattern", "seconds": "*"});
        let mut waiting = Waiting::on(&hub, pattern).await;
        assert_eq!(waiting.trigger().await["platform"], "time_pattern");
    });
}

#[test]
fn a_zone_trigger_fires_when_coordinates_enter_and_leave() {
    at_home(|hub| async move {
        hub.zones.publish(vec![hearth_core::location::Zone {
            entity_id: "zone.work".parse().unwrap(),
            name: "Work".into(),
            latitude: 52.0,
            longitude: 13.0,
            radius: 100.0,
            passive: true,
        }]);
        let trigger = |event: &str| json!({"trigger": "zone", "entity_id": "person.a", "zone": "zone.work", "event": event});
        let mut waiting = Waiting::on(&hub, json!([trigger("enter"), trigger("leave")])).await;
        for latitude in ["53.0", "52.0", "52.0001", "53.0"] {
            let attributes = format!(r#"{{"latitude":{latitude},"longitude":13.0}}"#);
            set(&hub, "person.a", "x", &attributes).await;
        }
        set(&hub, "person.a", "x", "{}").await;
        for (event, description) in [
            ("enter", "person.a entering Work"),
            ("leave", "person.a leaving Work"),
        ] {
            let fired = waiting.trigger().await;
            assert_eq!(fired["event"], event);
            assert_eq!(fired["description"], description);
        }
        assert!(waiting.is_silent(&hub).await);
    });
}

fn request(id: &str, query: &str, content_type: &str, body: &str) -> WebhookRequest {
    WebhookRequest {
        id: WebhookId::from(id),
        method: Method::Post,
        query: query.to_owned(),
        headers: Headers::new(vec![(
            http::header::CONTENT_TYPE,
            content_type.parse().unwrap(),
        )]),
        body: body.to_owned().into(),
        source: Source::Http([127, 0, 0, 1].into()),
    }
}

#[test]
fn a_webhook_trigger_tells_json_form_and_query() {
    at_home(|hub| async move {
        let trigger = json!({"trigger": "webhook", "webhook_id": "bell"});
        let mut waiting = Waiting::on(&hub, trigger.clone()).await;
        let mut second = Waiting::on(&hub, trigger).await;
        let parts = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n";
        for (content_type, body, key, expected) in [
            ("application/json; charset=utf-8", "[1]", "json", json!([1])),
            ("application/vnd.x+json", "{}", "json", json!({})),
            ("application/json", "{", "", json!(null)),
            (
                "application/x-www-form-urlencoded",
                "a=1&a=2&b=",
                "data",
                json!({"a": "1", "b": ""}),
            ),
            (
                "multipart/form-data; boundary=x",
                parts,
                "data",
                json!({"a": "1"}),
            ),
            ("text/plain", "x", "data", json!({})),
        ] {
            let request = request("bell", "x=1&x=2&y=", content_type, body);
            let response = hub.webhooks.handle(request).await.ok().unwrap();
            assert_eq!((response.status, response.body.len()), (200, 0));
            if key.is_empty() {
                continue;
            }
            let event = waiting.event().await;
            assert_eq!(event["context"], Value::Null);
            let fired = &event["variables"]["trigger"];
            assert_eq!(fired[key], expected, "{content_type}");
            assert_eq!(fired["query"], json!({"x": "1", "y": ""}));
            assert_eq!(fired["query_all"], json!({"x": ["1", "2"], "y": [""]}));
            assert_eq!(fired["webhook_id"], "bell");
            second.event().await;
        }
        drop(waiting);
        drop(second);
        tokio::time::timeout(DEADLINE, async {
            while hub.webhooks.contains(&WebhookId::from("bell")) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_webhook_trigger_is_for_callers_near_by_unless_it_says_otherwise() {
    at_home(|hub| async move {
        let trigger = json!([
            {"trigger": "webhook", "webhook_id": "near", "allowed_methods": ["get"]},
            {"trigger": "webhook", "webhook_id": "far", "local_only": false},
        ]);
        let mut waiting = Waiting::on(&hub, trigger).await;
        for (id, method, status) in [
            ("near", Method::Post, 405),
            ("near", Method::Get, 200),
            ("far", Method::Post, 200),
        ] {
            let request = WebhookRequest {
                source: Source::Http([8, 8, 8, 8].into()),
                method,
                ..request(id, "", "text/plain", "")
            };
            let response = hub.webhooks.handle(request).await.ok().unwrap();
            assert_eq!(response.status, status, "{id}");
        }
        assert_eq!(waiting.trigger().await["webhook_id"], "far");
        assert!(waiting.is_silent(&hub).await);
    });
}

#[test]
fn a_trigger_that_means_nothing_is_refused_and_the_key_named() {
    at_home(|hub| async move {
        for (trigger, key) in [
            (json!({}), "trigger"),
            (json!(5), "trigger"),
            (json!({"trigger": "magic"}), "trigger"),
            (json!({"trigger": "state"}), "entity_id"),
            (
                json!({"trigger": "state", "entity_id": "nope"}),
                "entity_id",
            ),
            (
                json!({"trigger": "state", "entity_id": "a.b", "for": "soon"}),
                "for",
            ),
            (
                json!({"trigger": "state", "entity_id": "a.b", "to": {}}),
                "to",
            ),
            (
                json!({"trigger": "state", "entity_id": "a.b", "to": "1", "not_to": "2"}),
                "not_to",
            ),
            (
                json!({"trigger": "state", "entity_id": "a.b", "bogus": 1}),
                "bogus",
            ),
            (json!({"trigger": "event"}), "event_type"),
            (json!({"trigger": "time", "at": "25:00"}), "at"),
            (json!({"trigger": "time_pattern", "hours": "x"}), "hours"),
            (json!({"trigger": "template"}), "value_template"),
            (
                json!({"trigger": "template", "value_template": "{{ 1 +"}),
                "value_template",
            ),
            (
                json!({"trigger": "template", "value_template": "{{ 1 | nope }}"}),
                "value_template",
            ),
            (
                json!({"trigger": "webhook", "webhook_id": "{{ id }}"}),
                "webhook_id",
            ),
            (
                json!({"trigger": "webhook", "webhook_id": "x", "allowed_methods": ["PATCH"]}),
                "allowed_methods",
            ),
            (
                json!({"trigger": "zone", "entity_id": "a.b", "zone": "z", "event": "enter"}),
                "zone",
            ),
            (
                json!([{"trigger": "tag", "tag_id": "x"}, {"trigger": "tag"}]),
                "tag_id",
            ),
        ] {
            let data = json!({"trigger": trigger});
            let error = Waiting::start(&hub, data).await.err().unwrap();
            assert_eq!(error.code.as_str(), "invalid_format", "{trigger}");
            assert!(
                error.message.contains(&format!("data['{key}']")),
                "{}",
                error.message
            );
        }
    });
}

#[test]
fn when_nobody_waits_nothing_is_heard() {
    at_home(|hub| async move {
        let trigger = json!([
            {"trigger": "state", "entity_id": "light.a"},
            {"trigger": "event", "event_type": "bell"},
        ]);
        let waiting = Waiting::on(&hub, trigger).await;
        let heard = async || {
            let listeners = hub.bus.listeners().await;
            ["state_changed", "bell"].map(|name| listeners.get(name).copied().unwrap_or(0))
        };
        assert_eq!(heard().await, [1, 1]);
        drop(waiting);
        tokio::time::timeout(DEADLINE, async {
            while heard().await != [0, 0] {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await
        .unwrap();
    });
}
