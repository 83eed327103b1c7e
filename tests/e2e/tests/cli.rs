//! The command line that tools and tests rely on.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use hearth_e2e::process::binary;
use hearth_e2e::wait::until;
use hearth_e2e::{Door, Http, Hub, Phone};
use serde_json::json;

/// A settings file with this text, in a folder that lives as long as the guard.
fn settings(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn hearth(args: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(binary())
        .args(args)
        .current_dir(home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn check(path: &Path) -> Output {
    hearth(&["check", "--config", path.to_str().unwrap()])
}

fn all_text(out: &Output) -> String {
    let mut text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&out.stderr));
    text
}

#[test]
fn check_accepts_good_settings() {
    for (name, text) in [
        (
            "good.toml",
            "[hub]\nname = \"Home\"\n[http]\nheader_timeout_s = 3\n",
        ),
        ("empty.toml", ""),
        (
            "good.yaml",
            "hub:\n  name: Home\nwebsocket:\n  queue: 100\n",
        ),
    ] {
        let (_folder, path) = settings(name, text);
        let out = check(&path);
        assert!(out.status.success(), "{name}: {}", all_text(&out));
    }
}

#[test]
fn check_accepts_every_settings_file_that_is_shipped() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let out = check(&folder.join("default.toml"));
    assert!(out.status.success(), "{}", all_text(&out));
}

#[test]
fn check_names_file_key_and_expectation() {
    for (text, key, expected) in [
        ("[hub]\nnaem = \"Home\"\n", "naem", ""),
        ("[htpp]\nworkers = 1\n", "htpp", ""),
        ("[http]\nworkers = \"many\"\n", "workers", "a whole number"),
        ("[hub]\nlatitude = \"north\"\n", "latitude", "a number"),
        (
            "[store]\nin_memory = \"perhaps\"\n",
            "in_memory",
            "true or false",
        ),
    ] {
        let (_folder, path) = settings("wrong.toml", text);
        let out = check(&path);
        assert!(!out.status.success(), "{text}");
        let said = all_text(&out);
        for part in ["wrong.toml", key, expected] {
            assert!(
                said.contains(part),
                "{part:?} is not named for {text:?}: {said}"
            );
        }
    }
}

#[test]
fn check_refuses_broken_and_missing_files() {
    let (_folder, path) = settings("broken.toml", "[hub\nname = ");
    let out = check(&path);
    assert!(!out.status.success());
    assert!(all_text(&out).contains("broken.toml"), "{}", all_text(&out));
    let out = check(Path::new("/no/such/file.toml"));
    assert!(!out.status.success());
    assert!(all_text(&out).contains("file.toml"), "{}", all_text(&out));
}

#[test]
fn run_refuses_what_check_refuses() {
    let (folder, path) = settings("wrong.toml", "[hub]\nnaem = \"Home\"\n");
    let data = folder.path().join("data");
    let out = hearth(&[
        "run",
        "--config",
        path.to_str().unwrap(),
        "--data-dir",
        data.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
    ]);
    assert!(!out.status.success());
    assert!(out.stdout.is_empty(), "no ready line");
    assert!(all_text(&out).contains("naem"), "{}", all_text(&out));
}

#[test]
fn a_mistyped_data_folder_is_told_and_not_made() {
    let home = tempfile::tempdir().unwrap();
    let nowhere = home.path().join("typo");
    for args in [
        &["user", "list"][..],
        &["token", "list"],
        &["registrations", "list"],
        &["ban", "list"],
        &["user", "remove", "Paul"],
    ] {
        let mut args = args.to_vec();
        args.extend(["--data-dir", nowhere.to_str().unwrap()]);
        let out = hearth(&args);
        assert!(!out.status.success(), "{args:?}");
        assert!(all_text(&out).contains("there is no hub in the data folder"));
        assert!(!nowhere.exists(), "{args:?}");
    }
}

#[tokio::test]
async fn a_hub_on_any_port_starts_anew_on_the_same_one() {
    let hub = Hub::start();
    let reply = hub
        .http()
        .post("/api/services/homeassistant/restart", &json!({}))
        .await;
    assert_eq!(reply.status, 200);
    until("a second start", async || {
        (hub.stdout().len() == 2).then_some(())
    })
    .await;
    assert_eq!(hub.stdout()[1], format!("ready http://{}", hub.addr()));
    assert_eq!(hub.http().get("/api/").await.status, 200);
}

#[test]
fn simulated_phones_of_a_hub_that_is_not_there_are_an_error() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", port.local_addr().unwrap());
    drop(port);
    let out = hearth(&["simulate", "--url", &url, "--token", "x"]);
    assert!(!out.status.success());
    assert!(all_text(&out).contains(&url), "{}", all_text(&out));
}

#[tokio::test]
async fn simulated_phones_whose_hub_dies_are_an_error_with_a_report() {
    let mut hub = Hub::start();
    let url = format!("http://{}", hub.addr());
    let simulation = Command::new(binary())
        .args(["simulate", "--url", &url, "--token", hub.token()])
        .args(["--devices", "3", "--duration", "4s"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the phones have registered", async || {
        let states = hub.http().get("/api/states").await.json();
        let trackers = states.to_string().matches("device_tracker.").count();
        (trackers >= 3).then_some(())
    })
    .await;
    hub.kill();
    let out = simulation.wait_with_output().unwrap();
    assert!(!out.status.success());
    assert!(
        all_text(&out).contains("did not answer any more"),
        "{}",
        all_text(&out)
    );
}

#[tokio::test]
async fn the_environment_overrides_the_file() {
    let hub = Hub::builder()
        .config("[hub]\nname = \"From the file\"\nlatitude = 1.0\n")
        .env("HEARTH__HUB__NAME", "From outside")
        .start();
    let config = hub.http().get("/api/config").await.json();
    assert_eq!(config["location_name"], "From outside");
    assert_eq!(config["latitude"], 1.0);
}

#[tokio::test]
async fn run_prints_exactly_one_line_and_stops_quickly() {
    for signal in ["TERM", "INT"] {
        let mut hub = Hub::start();
        let _socket = hub.ws().await;
        let mut idle = hub.http();
        idle.get("/api/").await;
        let (status, took) = hub.stop_with(signal);
        assert!(status.success(), "SIG{signal}: {status}");
        assert!(took < Duration::from_secs(5), "SIG{signal}: {took:?}");
        assert_eq!(hub.stdout().len(), 1, "{:?}", hub.stdout());
        assert!(!hub.stderr().contains("panicked"));
    }
}

#[tokio::test]
async fn tokens_are_made_on_a_stopped_and_on_a_running_hub() {
    let mut hub = Hub::start();
    let running = hub.create_token("Paul", "while running");
    assert_ne!(running, hub.token());
    hub.terminate();
    let stopped = hub.create_token("Paul", "while stopped");
    hub.restart();
    for token in [hub.token(), &running, &stopped] {
        let reply = Http::new(hub.addr()).bearer(token).get("/api/").await;
        assert_eq!(reply.status, 200);
    }
    // The first user owns the hub.
    let reply = Http::new(hub.addr())
        .bearer(&stopped)
        .post("/api/template", &json!({"template": "1"}))
        .await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_token_made_on_a_running_hub_works_at_once() {
    let hub = Hub::start();
    let token = hub.create_token("Paul", "at once");
    let reply = Http::new(hub.addr()).bearer(&token).get("/api/").await;
    assert_eq!(reply.status, 200);
}

#[test]
fn a_token_for_nobody_is_refused() {
    let hub = Hub::start();
    let out = hub.cli(&["token", "create"], &["--user", "Nobody", "--name", "x"]);
    assert!(!out.status.success());
    assert!(out.stdout.is_empty());
    assert!(all_text(&out).contains("Nobody"), "{}", all_text(&out));
}

#[tokio::test]
async fn a_user_is_added_and_gets_a_token() {
    let hub = Hub::start();
    let out = hub.cli(&["user", "add"], &["--name", "Anna"]);
    assert!(out.status.success(), "{}", all_text(&out));
    let token = hub.create_token("Anna", "phone");
    let mut http = Http::new(hub.addr()).bearer(&token);
    assert_eq!(http.get("/api/").await.status, 200);
    let reply = http.post("/api/template", &json!({"template": "1"})).await;
    assert_eq!(reply.status, 401, "a plain user");
}

#[tokio::test]
async fn registrations_are_listed_and_removed() {
    let mut hub = Hub::start();
    let mut removed = Phone::register_encrypted(&hub, "To be removed").await;
    let mut kept = Phone::register(&hub, "To be kept").await;
    hub.terminate();
    let out = hub.cli(&["registrations", "list"], &[]);
    assert!(out.status.success(), "{}", all_text(&out));
    let listed = all_text(&out);
    assert!(listed.contains("To be removed") && listed.contains("To be kept"));
    let secret = removed.secret.clone().unwrap();
    assert!(!listed.contains(&secret), "no secret is printed");

    let out = hub.cli(&["registrations", "remove"], &[&removed.webhook_id]);
    assert!(out.status.success(), "{}", all_text(&out));
    let out = hub.cli(&["registrations", "remove"], &["no-such-id"]);
    assert!(!out.status.success());

    hub.restart();
    removed.door = Door::http(hub.addr());
    kept.door = Door::http(hub.addr());
    removed.post("{}").await.is(410, "");
    assert_eq!(kept.send("get_zones", json!({})).await.status, 200);
    let out = hub.cli(&["registrations", "list"], &[]);
    assert!(!all_text(&out).contains("To be removed"));
}

#[test]
fn every_screen_of_help_is_there() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["run", "--help"],
        &["user", "--help"],
        &["user", "add", "--help"],
        &["token", "--help"],
        &["token", "create", "--help"],
        &["check", "--help"],
        &["registrations", "--help"],
        &["registrations", "list", "--help"],
        &["registrations", "remove", "--help"],
        &["simulate", "--help"],
    ] {
        let out = hearth(args);
        assert!(out.status.success(), "{args:?}: {}", all_text(&out));
        assert!(!out.stdout.is_empty(), "{args:?}");
    }
    let help = String::from_utf8(hearth(&["--help"]).stdout).unwrap();
    for command in ["run", "user", "token", "check", "registrations", "simulate"] {
        assert!(help.contains(command), "{command}: {help}");
    }
    let help = String::from_utf8(hearth(&["run", "--help"]).stdout).unwrap();
    for option in ["--config", "--data-dir", "--listen", "--headless"] {
        assert!(help.contains(option), "{option}: {help}");
    }
}

#[test]
fn unknown_commands_and_options_are_refused() {
    for args in [
        &["dance"][..],
        &["run", "--dance"],
        &["token"],
        &["token", "create"],
    ] {
        let out = hearth(args);
        assert!(!out.status.success(), "{args:?}");
        assert!(out.stdout.is_empty(), "{args:?}");
    }
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let hub = Hub::start();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let addr = hub.addr().to_string();
    let out = hearth(&[
        "run",
        "--data-dir",
        data.to_str().unwrap(),
        "--listen",
        &addr,
    ]);
    assert!(!out.status.success());
    assert!(out.stdout.is_empty());
    assert!(all_text(&out).contains(&addr), "{}", all_text(&out));
}

#[tokio::test]
async fn simulated_phones_register_and_send() {
    let hub = Hub::start();
    for extra in [&[][..], &["--encrypted"]] {
        let mut args = vec!["simulate", "--url"];
        let url = format!("http://{}", hub.addr());
        args.extend([url.as_str(), "--token", hub.token()]);
        args.extend(["--devices", "5", "--rate", "50", "--duration", "2s"]);
        args.extend(extra);
        let out = hearth(&args);
        assert!(out.status.success(), "{}", all_text(&out));
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(said.contains("p99"), "{said}");
        assert!(!all_text(&out).contains(hub.token()));
    }
    let states = hub.http().get("/api/states").await.json();
    let trackers = states
        .as_array()
        .unwrap()
        .iter()
        .filter(|state| {
            state["entity_id"]
                .as_str()
                .unwrap()
                .starts_with("device_tracker.")
        })
        .filter(|state| state["state"] != "unknown")
        .count();
    assert!(trackers >= 5, "{trackers} trackers have reported");
}
