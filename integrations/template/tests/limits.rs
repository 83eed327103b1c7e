//! Limits of one render, and many renders at once.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use hearth_core::prelude::json;
use hearth_template::{Request, TemplateError};
use support::at_home;

#[test]
fn limits_of_the_hub_have_no_prefix() {
    at_home(async |home| {
        home.assert_texts(&[
            (
                "{% for i in range(1000) %}{{ 'x' * 1000 }}{% endfor %}",
                "Template output exceeded maximum size of 262144 characters",
            ),
            (
                "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
                "Template exceeded its maximum number of steps",
            ),
            (
                "{{ 'x' * 5000000 }}",
                "Template made a text of more than 4194304 bytes",
            ),
            (
                "{{ [1] * 200001 }}",
                "Template made a list of more than 200000 items",
            ),
            (
                "{{ 2 ** 128 }}",
                "Template made an integer of more than 128 bits",
            ),
        ])
        .await;
        let long = "x".repeat(262_145);
        assert_eq!(
            home.text(&long).await,
            "Template source exceeded maximum size of 262144 characters"
        );
        let fits = "x".repeat(262_144);
        assert_eq!(home.text(&fits).await, fits);
        let fits = "{{ 'x' * 262144 }}";
        assert_eq!(home.text(fits).await.len(), 262_144);
    });
}

#[test]
fn the_clock_stops_native_work() {
    at_home(async |home| {
        let started = Instant::now();
        let text = home
            .text(
                "{% set l = range(50000) | list %}{% for i in l %}{{ 'x' if -1 in l }}{% endfor %}",
            )
            .await;
        assert!(
            text.starts_with("Exceeded maximum") || text.starts_with("Template exceeded"),
            "{text}"
        );
        assert!(started.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn many_renders_at_once_are_answered_each_with_its_own() {
    at_home(async |home| {
        let renders = (0..200).map(|number| {
            let home = &home;
            async move {
                let rendered = home
                    .render(
                        "{{ n * 2 }} {{ states('light.kitchen') }}",
                        json!({"n": number}),
                        false,
                    )
                    .await;
                assert_eq!(rendered, Ok(json!(format!("{} on", number * 2))));
            }
        });
        futures_util::future::join_all(renders).await;
    });
}

#[test]
fn a_full_queue_is_told_and_a_hostile_template_delays_others_for_its_time_only() {
    at_home(async |home| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let slow = "{% for i in range(100000) %}{% set x = 'x' * 100000 %}{% endfor %}";
        let mut refused = 0;
        let mut taken = 0;
        for _ in 0..1000 {
            let request = Request {
                template: slow.to_owned(),
                ..Request::default()
            };
            let sender = sender.clone();
            match home.renderer.submit(request, move |rendered| {
                assert!(rendered.is_err());
                let _ = sender.send(());
            }) {
                Ok(()) => taken += 1,
                Err(TemplateError::Busy) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(refused > 0, "the queue has an end");
        for _ in 0..taken {
            receiver.recv_timeout(Duration::from_secs(120)).unwrap();
        }
        assert_eq!(home.text("{{ 1 }}").await, "1");
    });
}
