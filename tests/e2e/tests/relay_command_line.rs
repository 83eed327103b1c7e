//! The operator's commands of `hearth relay`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use hearth_e2e::Http;
use hearth_e2e::process::binary;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A data folder, and a relay on it where one was started.
struct Place {
    home: TempDir,
    running: Option<(Child, SocketAddr)>,
}

impl Place {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            running: None,
        }
    }

    fn relay(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .arg("relay")
            .args(args)
            .env("HEARTH_RELAY_DATA_DIR", self.home.path().join("data"))
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    fn try_cli(&self, args: &[&str]) -> Output {
        self.relay(args).output().unwrap()
    }

    /// What a command prints; it must succeed.
    fn cli(&self, args: &[&str]) -> String {
        let out = self.try_cli(args);
        assert!(out.status.success(), "{args:?}: {out:?}");
        String::from_utf8(out.stdout).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.cli(args)).unwrap()
    }

    fn start(&mut self) {
        let address = "127.0.0.1:0";
        let args = ["run", "--listen", address, "--admin-listen", address];
        let mut child = self
            .relay(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("ready http://").map(str::to_owned)
        });
        self.running = Some((child, ready.unwrap().parse().unwrap()));
    }

    fn http(&self) -> Http {
        Http::new(self.running.as_ref().unwrap().1)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// The value behind a name in what `create` prints.
fn value(printed: &str, name: &str) -> String {
    let line = printed.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().to_owned()
}

#[tokio::test]
async fn commands_work_whether_the_relay_runs_or_not() {
    let mut place = Place::new();
    let first = place.cli(&["webhook", "create", "--name", "First"]);
    let first = value(&first, "id:");
    place.start();
    let second = place.cli(&["webhook", "create", "--key-path", "body.id"]);
    let second = value(&second, "id:");
    let listed = place.json(&["webhook", "list", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);

    let mut http = place.http();
    for id in [&first, &second] {
        let reply = http
            .post(&format!("/webhook/{id}"), &json!({"id": 1}))
            .await;
        assert_eq!(reply.status, 200);
    }
    let deliveries = place.json(&["deliveries", "--json", &second]);
    assert_eq!(deliveries.as_array().unwrap().len(), 1);
    let explained = place.json(&[
        "explain",
        &second,
        "--header",
        "content-type: application/json",
        "--body",
        "{\"id\": 1}",
    ]);
    assert_eq!(explained["key"], 1);

    place.cli(&["webhook", "disable", &second]);
    let path = format!("/webhook/{second}");
    assert_eq!(http.post(&path, &json!({})).await.status, 404);
    place.cli(&["webhook", "enable", &second]);
    let mut http = place.http();
    assert_eq!(http.post(&path, &json!({})).await.status, 200);
    place.cli(&["webhook", "revoke", &second]);
    assert_eq!(http.post(&path, &json!({})).await.status, 404);
}

#[test]
fn a_signed_webhook_is_made_from_a_file_of_secrets() {
    let place = Place::new();
    std::fs::write(place.home.path().join("secrets"), "one\ntwo\n").unwrap();
    let args = [
        "webhook",
        "create",
        "--signature",
        "hmac-hex",
        "--signature-header",
        "X-Hub-Signature-256",
        "--signature-prefix",
        "sha256=",
        "--signature-secret-file",
        "secrets",
    ];
    place.cli(&args);
    let listed = place.cli(&["webhook", "list", "--json"]);
    assert!(listed.contains("\"hmac_hex\"") && !listed.contains("two"));
}

#[test]
fn hubs_are_made_rotated_and_revoked() {
    let place = Place::new();
    let made = place.json(&["hub", "create", "--name", "Home", "--json"]);
    let id = made["id"].as_str().unwrap();
    let second = place.cli(&["hub", "rotate", id]);
    assert_ne!(second.trim(), made["token"].as_str().unwrap());
    place.cli(&["hub", "disable", id]);
    assert_eq!(place.json(&["hub", "list", "--json"])[0]["disabled"], true);
    place.cli(&["hub", "revoke", id]);
    assert_eq!(place.json(&["hub", "list", "--json"]), json!([]));
}

#[test]
fn what_cannot_be_done_is_told() {
    let place = Place::new();
    for (args, told) in [
        (
            &["webhook", "list"] as &[&str],
            "there is no relay in the data folder",
        ),
        (
            &["webhook", "create", "--key-path", "body.a.(b)"],
            "key_path: syntax at byte 7",
        ),
        (
            &["webhook", "revoke", "0123456789abcdef01234567"],
            "there is no such webhook",
        ),
        (
            &["hub", "revoke", "x"],
            "id: expected 24 lower-case hex characters",
        ),
    ] {
        let out = place.try_cli(args);
        let error = String::from_utf8(out.stderr).unwrap();
        assert!(
            !out.status.success() && error.contains(told),
            "{args:?}: {error}"
        );
    }
}
