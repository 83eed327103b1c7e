//! `/healthz`, `/metrics` and the page.

use hearth_core::integration::{Factory, Manifest};
use serde_json::json;

use crate::home::{with_home, with_settings};

#[test]
fn a_running_hub_is_healthy() {
    with_home(async |home| {
        let reply = home.plain("GET", "/healthz", "", "").await;
        assert_eq!(
            (reply.status, reply.json()),
            (200, json!({"status": "ok", "phase": "RUNNING"}))
        );
    });
}

#[test]
fn an_integration_that_failed_is_named_and_the_hub_stays_healthy() {
    with_home(async |home| {
        let needy = Manifest::new("needy", "Needy").requiring(&["nobody/answers"]);
        let factory = Factory::new(needy, |_| unreachable!("it is not started"));
        home.door.hub.start_integrations(vec![factory]).await;
        let reply = home.plain("GET", "/healthz", "", "").await;
        let expected = json!({
            "status": "degraded", "phase": "RUNNING", "integrations": ["needy"],
        });
        assert_eq!((reply.status, reply.json()), (200, expected));
    });
}

#[test]
fn metrics_are_told_in_openmetrics_text() {
    with_home(async |home| {
        home.plain("POST", "/api/webhook/unknown", "", "").await;
        home.plain("GET", "/nowhere", "", "").await;
        let reply = home.plain("GET", "/metrics", "", "").await;
        assert!(
            reply
                .field("content-type")
                .unwrap()
                .starts_with("application/openmetrics-text")
        );
        let text = reply.text();
        for line in [
            "hearth_up 1",
            "hearth_http_replies_total{status=\"2xx\"} 1",
            "hearth_http_replies_total{status=\"4xx\"} 1",
            "hearth_webhook_unknown_ids_total 1",
            "hearth_webhooks 4",
            "hearth_entities 0",
            "hearth_event_streams 0",
            "hearth_websockets 0",
            "# EOF",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is missing in {text}"
            );
        }
        for name in [
            "hearth_uptime_seconds ",
            "hearth_resident_memory_bytes ",
            "hearth_events_published_total ",
        ] {
            assert!(
                text.lines().any(|found| found.starts_with(name)),
                "{name} is missing in {text}"
            );
        }
    });
}

#[test]
fn the_page_asks_who_is_there_and_runs_no_script() {
    with_home(async |home| {
        let reply = home.plain("GET", "/", "", "").await;
        assert_eq!(
            reply.field("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(
            reply
                .field("content-security-policy")
                .unwrap()
                .starts_with("default-src 'none'")
        );
        assert!(reply.text().contains("Sign in") && !reply.text().contains("<script"));
    });
}

#[test]
fn a_headless_hub_has_no_page() {
    with_settings(
        |settings| settings.http.page = false,
        async |home| {
            assert_eq!(home.plain("GET", "/", "", "").await.status, 404);
            assert_eq!(home.plain("GET", "/healthz", "", "").await.status, 200);
        },
    );
}
