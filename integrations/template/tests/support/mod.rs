//! A home with a few states, and a renderer over it.
#![allow(clippy::unwrap_used, dead_code, missing_docs, unreachable_pub)]

use std::sync::Arc;

use hearth_core::prelude::*;
use hearth_core::settings::Settings;
use hearth_core::state::StateWrite;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_template::renderer::Rendered;
use hearth_template::{Renderer, Request};

pub struct Home {
    pub hub: Hub,
    pub renderer: Renderer,
}

/// Runs `test` in a home in Berlin whose clock stands at 2026-01-31 08:05:09 UTC.
pub fn at_home<T>(test: impl AsyncFnOnce(Home) -> T) -> T {
    hearth_core::System::new().block_on(async {
        let mut settings = Settings::default();
        settings.hub.time_zone = "Europe/Berlin".to_owned();
        let start = "2026-01-31T08:05:09.5+00:00".parse().unwrap();
        let store = Store::open(&Location::Memory, StoreSettings::default()).unwrap();
        let hub = Hub::open(Env::deterministic(1, start), Arc::new(settings), store).unwrap();
        for (id, state, attributes) in [
            ("sun.sun", "above_horizon", "{}"),
            (
                "light.kitchen",
                "on",
                r#"{"friendly_name":"Kitchen","brightness":255,"rgb":[1,2]}"#,
            ),
            ("light.hall_lamp", "off", "{}"),
            (
                "sensor.outside",
                "21.456",
                r#"{"unit_of_measurement":"°C"}"#,
            ),
            ("sensor.lost", "unavailable", "{}"),
            (
                "group.lights",
                "on",
                r#"{"entity_id":["light.kitchen","light.hall_lamp","group.lights"]}"#,
            ),
            ("light.attic", "on", r#"{"zeta":1,"alpha":"x"}"#),
        ] {
            set(&hub, id, state, attributes).await;
        }
        let renderer = Renderer::start(&hub).unwrap();
        test(Home { hub, renderer }).await
    })
}

pub async fn set(hub: &Hub, id: &str, state: &str, attributes: &str) {
    let write = StateWrite {
        state: state.into(),
        attributes: Attributes::from_json_object(attributes).unwrap(),
        force: false,
        context: Context::new(&hub.env),
    };
    hub.states.set(&id.parse().unwrap(), write).await.unwrap();
}

impl Home {
    pub async fn render(&self, template: &str, variables: Value, typed: bool) -> Rendered {
        let request = Request {
            template: template.to_owned(),
            variables: serde_json::from_value(variables).unwrap(),
            typed,
        };
        self.renderer.render(request).await
    }

    /// The text of a template, or of its error.
    pub async fn text(&self, template: &str) -> String {
        match self.render(template, json!({}), false).await {
            Ok(Value::String(text)) => text,
            Ok(other) => panic!("text expected, got {other}"),
            Err(error) => error.to_string(),
        }
    }

    pub async fn typed(&self, template: &str) -> Value {
        self.render(template, json!({}), true).await.unwrap()
    }

    /// Checks a table of templates and their texts, and names every row that differs.
    pub async fn assert_texts(&self, rows: &[(&str, &str)]) {
        let mut wrong = Vec::new();
        for (template, expected) in rows {
            let text = self.text(template).await;
            if text != *expected {
                wrong.push(format!(
                    "{template}\n   expected {expected:?}\n        got {text:?}"
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
