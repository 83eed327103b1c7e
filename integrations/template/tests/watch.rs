//! Templates that clients watch.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use hearth_core::command::ErrorCode;
use hearth_core::prelude::*;
use hearth_core::subscription::{Events, subscription};
use hearth_template::factory;
use support::{Home, at_home, set};

const DEADLINE: Duration = Duration::from_secs(10);

/// One client's subscription.
struct Watching(Events);

impl Watching {
    async fn start(home: &Home, data: Value) -> Result<Self, CommandError> {
        let (subscriber, events) = subscription();
        let caller = Caller::new(Context::new(&home.hub.env), Access::AnyUser);
        let data = data.as_object().unwrap().clone();
        let answer = home
            .hub
            .commands
            .subscribe("render_template", data, caller, subscriber)
            .await?;
        assert_eq!(answer, Value::Null);
        Ok(Self(events))
    }

    async fn of(home: &Home, template: &str) -> Self {
        Self::start(home, json!({"template": template}))
            .await
            .unwrap()
    }

    async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(DEADLINE, self.0.next()).await;
        serde_json::from_slice(&next.expect("in time").expect("going on")).unwrap()
    }

    /// The next result alone.
    async fn result(&mut self) -> Value {
        self.next().await["result"].clone()
    }

    async fn is_silent(&mut self) -> bool {
        let next = self.0.next();
        tokio::time::timeout(Duration::from_millis(100), next)
            .await
            .is_err()
    }
}

/// Runs a test at a home whose template integration runs.
fn watching(test: impl AsyncFnOnce(Home)) {
    at_home(async |home| {
        home.hub.start_integrations(vec![factory()]).await;
        test(home).await;
    });
}

#[test]
fn a_result_comes_with_what_it_depends_on_and_again_when_that_changes() {
    watching(async |home| {
        let template = "{{ states('sensor.outside') | float + 1 }}";
        let mut watching = Watching::of(&home, template).await;
        assert_eq!(
            watching.next().await,
            json!({"result": 22.456, "listeners":
                {"all": false, "entities": ["sensor.outside"], "domains": [], "time": false}})
        );
        // Another entity; the same value with other attributes; then another value.
        set(&home.hub, "sensor.lost", "5", "{}").await;
        set(&home.hub, "sensor.outside", "21.456", r#"{"a":1}"#).await;
        set(&home.hub, "sensor.outside", "5", "{}").await;
        assert_eq!(watching.result().await, 6.0);
        assert!(watching.is_silent().await);
    });
}

#[test]
fn what_a_template_reads_is_found_out_anew_at_each_render() {
    watching(async |home| {
        let template = "{{ is_state('light.kitchen', 'on') and is_state('light.attic', 'on') }}";
        set(&home.hub, "light.kitchen", "off", "{}").await;
        let mut watching = Watching::of(&home, template).await;
        let entities = |event: &Value| event["listeners"]["entities"].clone();
        let first = watching.next().await;
        assert_eq!(first["result"], false);
        assert_eq!(entities(&first), json!(["light.kitchen"]));
        set(&home.hub, "light.kitchen", "on", "{}").await;
        let second = watching.next().await;
        assert_eq!(second["result"], true);
        assert_eq!(entities(&second), json!(["light.attic", "light.kitchen"]));
        set(&home.hub, "light.attic", "off", "{}").await;
        assert_eq!(watching.result().await, false);
    });
}

#[test]
fn the_listeners_tell_all_kinds_of_reading() {
    let none = || json!({"all": false, "entities": [], "domains": [], "time": false});
    let with = |key: &str, value: Value| {
        let mut listeners = none();
        listeners[key] = value;
        listeners
    };
    watching(async |home| {
        for (template, listeners) in [
            ("5", none()),
            ("{{ 5 }}", none()),
            (
                "{{ states.light.kitchen.state }}",
                with("entities", json!(["light.kitchen"])),
            ),
            (
                "{{ states.light.nope }}",
                with("entities", json!(["light.nope"])),
            ),
            (
                "{{ states('light.NOPE') }}",
                with("entities", json!(["light.nope"])),
            ),
            (
                "{{ state_attr('light.attic', 'zeta') }}",
                with("entities", json!(["light.attic"])),
            ),
            (
                "{{ states.light | map(attribute='state') | list }}",
                with("domains", json!(["light"])),
            ),
            (
                "{{ states.light | length }}",
                with("domains", json!(["light"])),
            ),
            (
                "{% for s in states %}{{ s.state }}{% endfor %}",
                with("all", json!(true)),
            ),
            ("{{ states | length }}", with("all", json!(true))),
            ("{{ now() is defined }}", with("time", json!(true))),
            ("{{ utcnow() is defined }}", with("time", json!(true))),
            (
                "{{ expand('group.lights') | map(attribute='state') | list }}",
                with(
                    "entities",
                    json!(["group.lights", "light.hall_lamp", "light.kitchen"]),
                ),
            ),
            ("{{ true or states('light.attic') }}", none()),
        ] {
            let mut watching = Watching::of(&home, template).await;
            let event = watching.next().await;
            assert_eq!(event["listeners"], listeners, "{template}: {event}");
        }
        assert_eq!(Watching::of(&home, "5").await.result().await, "5");
    });
}

#[test]
fn a_domain_that_is_read_counts_as_one_and_its_members_come_and_go() {
    watching(async |home| {
        let template = "{{ states.light | selectattr('state', 'eq', 'on') | list | length }}";
        let mut lit = Watching::of(&home, template).await;
        let mut number = Watching::of(&home, "{{ states.light | length }}").await;
        assert_eq!(
            (lit.result().await, number.result().await),
            (json!(2), json!(3))
        );
        // A whole domain is read once a second at most.
        set(&home.hub, "light.attic", "off", "{}").await;
        assert_eq!(lit.result().await, 1);
        set(&home.hub, "light.new", "on", "{}").await;
        assert_eq!(
            (lit.result().await, number.result().await),
            (json!(2), json!(4))
        );
    });
}

#[test]
fn errors_are_told_to_who_wants_to_know_and_once() {
    watching(async |home| {
        let template = "{{ 10 / states('sensor.outside') | int }}";
        let wants = json!({"template": template, "report_errors": true});
        let mut told = Watching::start(&home, wants).await.unwrap();
        let mut silent = Watching::of(&home, template).await;
        assert!(told.next().await["result"].is_number());
        assert!(silent.next().await["result"].is_number());
        for state in ["0", "0.0"] {
            set(&home.hub, "sensor.outside", state, "{}").await;
        }
        assert_eq!(
            told.next().await,
            json!({"error": "ZeroDivisionError: division by zero", "level": "ERROR"})
        );
        assert!(told.is_silent().await && silent.is_silent().await);
        set(&home.hub, "sensor.outside", "5", "{}").await;
        assert_eq!(told.result().await, 2.0);
        assert_eq!(silent.result().await, 2.0);

        let broken = json!({"template": "{{ 1 +", "report_errors": true});
        let mut broken = Watching::start(&home, broken).await.unwrap();
        let event = broken.next().await;
        assert_eq!(event["level"], "ERROR");
        let text = event["error"].as_str().unwrap();
        assert!(text.starts_with("TemplateSyntaxError: "), "{text}");
        assert!(Watching::of(&home, "{{ 1 +").await.is_silent().await);
    });
}

#[test]
fn an_undefined_variable_is_a_warning_or_with_strict_an_error() {
    watching(async |home| {
        let data = json!({"template": "[{{ nope }}]", "report_errors": true});
        let mut lax = Watching::start(&home, data).await.unwrap();
        let warning =
            "Template variable warning: 'nope' is undefined when rendering '[{{ nope }}]'";
        assert_eq!(
            lax.next().await,
            json!({"error": warning, "level": "WARNING"})
        );
        assert_eq!(lax.result().await, json!([]));
        for template in [
            "{{ nope }}",
            "{% for x in nope %}{% endfor %}",
            "{% if nope %}{% endif %}",
        ] {
            let data = json!({"template": template, "report_errors": true, "strict": true});
            let mut strict = Watching::start(&home, data).await.unwrap();
            assert_eq!(
                strict.next().await,
                json!({"error": "UndefinedError: 'nope' is undefined", "level": "ERROR"})
            );
        }
        let data = json!({"template": "{{ nope }}", "variables": {"nope": [1]}, "strict": true});
        let mut given = Watching::start(&home, data).await.unwrap();
        assert_eq!(given.result().await, json!([1]));
    });
}

#[test]
fn a_first_render_that_takes_longer_than_the_client_waits_is_an_error() {
    watching(async |home| {
        let slow = "{% for i in range(100000) %}{{ 'x' * 100000 and '' }}{% endfor %}";
        let data = json!({"template": slow, "timeout": 0.001});
        let error = Watching::start(&home, data).await.err().unwrap();
        assert_eq!(error.code, ErrorCode::TEMPLATE);
        assert_eq!(error.message, "Exceeded maximum execution time of 0.001s");
    });
}

#[test]
fn parameters_that_mean_nothing_are_refused() {
    watching(async |home| {
        for (data, message) in [
            (
                json!({}),
                "required key not provided @ data['template']. Got None",
            ),
            (
                json!({"template": 5}),
                "expected str for dictionary value @ data['template']. Got 5",
            ),
            (
                json!({"template": "", "variables": []}),
                "expected dict for dictionary value @ data['variables']. Got []",
            ),
            (
                json!({"template": "", "timeout": -1}),
                "expected float for dictionary value @ data['timeout']. Got -1",
            ),
            (
                json!({"template": "", "x": 1}),
                "extra keys not allowed @ data['x']. Got 1",
            ),
        ] {
            let error = Watching::start(&home, data).await.err().unwrap();
            assert_eq!(error, CommandError::invalid(message));
        }
    });
}

#[test]
fn a_flood_of_changes_ends_with_the_last_result() {
    watching(async |home| {
        let template = "{{ states('sensor.outside') }}";
        let mut watching = Watching::of(&home, template).await;
        watching.next().await;
        let reading = async {
            let mut events = 0;
            loop {
                events += 1;
                if watching.result().await == "end" {
                    return events;
                }
            }
        };
        let writing = async {
            for number in 0..20_000 {
                set(&home.hub, "sensor.outside", &number.to_string(), "{}").await;
            }
            set(&home.hub, "sensor.outside", "end", "{}").await;
        };
        let (events, ()) = futures_util::future::join(reading, writing).await;
        assert!(events <= 20_001, "{events}");
    });
}

#[test]
fn when_nobody_watches_nothing_is_heard() {
    watching(async |home| {
        let listeners = async || {
            let listeners = home.hub.bus.listeners().await;
            listeners.get("state_changed").copied().unwrap_or(0)
        };
        let before = listeners().await;
        let watching = Watching::of(&home, "{{ states | length }}").await;
        assert_eq!(listeners().await, before + 1);
        drop(watching);
        tokio::time::timeout(DEADLINE, async {
            while listeners().await > before {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn what_is_kept_of_templates_is_bounded_in_bytes_and_given_back() {
    watching(async |home| {
        // 200 kB of variables each, of 16 MiB in all.
        let large = || json!({"template": "{{ 1 }}", "variables": {"x": "x".repeat(200_000)}});
        let mut kept = Vec::new();
        let refused = loop {
            match Watching::start(&home, large()).await {
                Ok(watching) => kept.push(watching),
                Err(error) => break error,
            }
            assert!(kept.len() < 100, "no limit");
        };
        assert_eq!(refused.code, ErrorCode::NOT_ALLOWED);
        assert!(refused.message.contains("16777216 bytes"), "{refused}");
        assert_eq!(kept.len(), 83);

        drop(kept);
        let give_up = tokio::time::Instant::now() + DEADLINE;
        while Watching::start(&home, large()).await.is_err() {
            assert!(tokio::time::Instant::now() < give_up, "nothing given back");
            tokio::task::yield_now().await;
        }
    });
}
