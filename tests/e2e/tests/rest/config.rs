//! §1: configuration; health and metrics.

use hearth_e2e::{Http, Hub};
use serde_json::json;

#[tokio::test]
async fn the_configuration_has_every_key() {
    let hub = Hub::start();
    let config = hub.http().get("/api/config").await.json();
    for key in [
        "allowlist_external_dirs",
        "allowlist_external_urls",
        "components",
        "config_dir",
        "config_source",
        "country",
        "currency",
        "debug",
        "elevation",
        "external_url",
        "internal_url",
        "language",
        "latitude",
        "location_name",
        "longitude",
        "radius",
        "recovery_mode",
        "safe_mode",
        "state",
        "time_zone",
        "unit_system",
        "version",
        "whitelist_external_dirs",
    ] {
        assert!(config.get(key).is_some(), "{key} is missing: {config}");
    }
    assert_eq!(config["location_name"], "Test home");
    assert_eq!(config["latitude"], 52.3731);
    assert_eq!(config["radius"], 100);
    assert_eq!(config["state"], "RUNNING");
    assert!(config["version"].as_str().unwrap().starts_with("2025.4"));
    let components = config["components"].as_array().unwrap();
    for component in ["mobile_app", "zone", "person", "device_tracker"] {
        assert!(components.contains(&json!(component)), "{component}");
    }
    let over_ws = hub.ws().await.result("get_config", json!({})).await;
    assert_eq!(config, over_ws);
}

#[tokio::test]
async fn health_and_metrics_are_served() {
    let hub = Hub::start();
    let reply = Http::new(hub.addr()).get("/healthz").await;
    assert_eq!(reply.status, 200);
    let reply = hub.http().get("/metrics").await;
    assert_eq!(reply.status, 200);
    let text = reply.text();
    assert!(
        text.lines().any(|line| line.starts_with("# TYPE ")),
        "the OpenMetrics text format: {text:.300}"
    );
}
