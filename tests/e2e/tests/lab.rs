//! The headless lab: in-memory store, tokens from the environment, provisioned phones, JSON logs.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::Path;

use hearth_e2e::{Door, Http, Hub, Key};
use serde_json::{Value, json};

const TOKEN: &str = "a-token-that-the-lab-was-given";
const WEBHOOK: &str = "1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1ab1";
const SECRET: &str = "5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5ec5";

fn lab() -> Hub {
    let config = format!(
        r#"
[store]
in_memory = true
[log]
format = "json"
[[provision.users]]
name = "Lab"
owner = true
admin = true
token = {{ env = "HEARTH_TEST_LAB_TOKEN" }}
[[provision.registrations]]
user = "Lab"
device_name = "Lab phone"
app_id = "org.example.lab"
app_name = "Lab"
app_version = "1"
manufacturer = "Example"
model = "Virtual"
os_name = "Linux"
os_version = "1"
device_id = "lab-phone"
webhook_id = "{WEBHOOK}"
secret = "{SECRET}"
supports_encryption = true
"#
    );
    Hub::builder()
        .config(&config)
        .env("HEARTH_TEST_LAB_TOKEN", TOKEN)
        .arg("--headless")
        .without_owner()
        .start()
}

#[tokio::test]
async fn the_token_comes_from_the_environment() {
    let hub = lab();
    let mut http = Http::new(hub.addr()).bearer(TOKEN);
    assert_eq!(http.get("/api/").await.status, 200);
    let reply = http.post("/api/template", &json!({"template": "1"})).await;
    assert_eq!(reply.status, 200, "its user is an admin");
}

#[tokio::test]
async fn the_provisioned_phone_works_with_its_fixed_id_and_secret() {
    let mut hub = lab();
    let key = Key::current(SECRET);
    for _ in 0..2 {
        let mut door = Door::http(hub.addr());
        let body =
            json!({"type": "get_config", "encrypted": true, "encrypted_data": key.seal("{}")});
        let config = door.post(WEBHOOK, &body.to_string()).await.open(&key);
        assert_eq!(
            config["entities"],
            json!({"lab-phone": {"disabled": false}})
        );
        let state = Http::new(hub.addr())
            .bearer(TOKEN)
            .get("/api/states/device_tracker.lab_phone")
            .await;
        assert_eq!(state.status, 200);
        // The same after a restart, though nothing was stored.
        hub.kill();
        hub.restart();
    }
}

#[tokio::test]
async fn nothing_is_kept_in_memory_mode() {
    let mut hub = lab();
    let mut http = Http::new(hub.addr()).bearer(TOKEN);
    let body = hearth_e2e::phone::registration("Passing", false);
    let reply = http.post("/api/mobile_app/registrations", &body).await;
    let id = reply.json()["webhook_id"].as_str().unwrap().to_owned();
    hub.terminate();
    let files = match std::fs::read_dir(hub.data_dir()) {
        Ok(entries) => entries.count(),
        Err(_) => 0,
    };
    assert_eq!(files, 0, "the data folder is untouched");
    hub.restart();
    let answer = Door::http(hub.addr())
        .post(&id, r#"{"type":"get_zones"}"#)
        .await;
    answer.is(200, "");
}

#[tokio::test]
async fn every_line_of_the_log_is_json_and_none_holds_a_secret() {
    let mut hub = lab();
    Door::http(hub.addr()).post(WEBHOOK, "garbage").await;
    Http::new(hub.addr()).bearer("wrong").get("/api/").await;
    hub.terminate();
    let log = hub.stderr();
    assert!(!log.is_empty());
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(entry["level"].is_string(), "{line}");
        assert!(entry["timestamp"].is_string(), "{line}");
    }
    for secret in [TOKEN, WEBHOOK, SECRET] {
        assert!(!log.contains(secret));
    }
}

#[tokio::test]
async fn health_and_metrics_answer_and_there_is_no_page() {
    let hub = lab();
    let mut http = Http::new(hub.addr()).bearer(TOKEN);
    assert_eq!(http.get("/healthz").await.status, 200);
    assert_eq!(http.get("/metrics").await.status, 200);
    assert_eq!(http.get("/").await.status, 404);
}

/// The names of the variables that a settings file takes values from.
fn environment_names(toml: &str) -> Vec<&str> {
    toml.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once("env = \""))
        .filter_map(|(_, rest)| rest.split('"').next())
        .collect()
}

#[tokio::test]
async fn the_lab_that_is_shipped_starts_with_its_variables_set() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/lab.toml");
    let toml = std::fs::read_to_string(&path).expect("config/lab.toml");
    let names = environment_names(&toml);
    assert!(!names.is_empty(), "the tokens come from the environment");
    let mut builder = Hub::builder().config_file(&path).without_owner();
    let mut tokens = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let value = if name.contains("SECRET") {
            SECRET.to_owned()
        } else {
            format!("{TOKEN}-{n}")
        };
        builder = builder.env(name, &value);
        tokens.push(value);
    }
    let hub = builder.arg("--headless").start();
    let mut accepted = 0;
    for token in &tokens {
        let reply = Http::new(hub.addr()).bearer(token).get("/api/").await;
        accepted += usize::from(reply.status == 200);
    }
    assert!(accepted > 0, "a token from the environment opens the API");
    let ids: Vec<&str> = toml
        .lines()
        .filter_map(|line| line.strip_prefix("webhook_id = \""))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(!ids.is_empty(), "it provisions registrations");
    for id in ids {
        let answer = Door::http(hub.addr())
            .post(id, r#"{"type":"get_zones"}"#)
            .await;
        assert!(!answer.body.is_empty(), "{id} is registered: {answer:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_set_stops_the_start_by_name() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/lab.toml");
    let toml = std::fs::read_to_string(&path).expect("config/lab.toml");
    let home = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(hearth_e2e::process::binary());
    command
        .args(["run", "--headless", "--listen", "127.0.0.1:0", "--config"])
        .arg(&path)
        .arg("--data-dir")
        .arg(home.path().join("data"))
        .current_dir(home.path());
    for name in environment_names(&toml) {
        command.env_remove(name);
    }
    let out = command.output().unwrap();
    assert!(!out.status.success());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(
        environment_names(&toml)
            .iter()
            .any(|name| said.contains(name)),
        "{said}"
    );
}
