//! Users and tokens on the command line, with the hub running.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use hearth_e2e::process::binary;
use hearth_e2e::{Http, Hub};
use serde_json::{Value, json};

fn said(out: &Output) -> String {
    let mut text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&out.stderr));
    text
}

/// Runs a command that must succeed; gives what it printed.
fn done(hub: &Hub, command: &[&str], args: &[&str]) -> String {
    let out = hub.cli(command, args);
    assert!(out.status.success(), "{command:?}: {}", said(&out));
    said(&out)
}

fn refused(hub: &Hub, command: &[&str], args: &[&str]) -> String {
    let out = hub.cli(command, args);
    assert!(!out.status.success(), "{command:?}: {}", said(&out));
    said(&out)
}

fn json_of(hub: &Hub, command: &[&str], args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&done(hub, command, &args)).unwrap()
}

#[tokio::test]
async fn a_deactivated_user_is_shut_out_and_an_activated_one_comes_in_again() {
    let hub = Hub::start();
    done(&hub, &["user", "add"], &["--name", "Anna"]);
    let token = hub.create_token("Anna", "phone");
    let mut socket = hearth_e2e::Ws::authenticated(hub.addr(), &token).await;
    socket.result("get_config", json!({})).await;
    let status = async || {
        let mut http = Http::new(hub.addr()).bearer(&token);
        http.get("/api/").await.status
    };
    done(&hub, &["user", "deactivate"], &["anna"]);
    assert_eq!(status().await, 401);
    done(&hub, &["user", "activate"], &["anna"]);
    assert_eq!(status().await, 200);
    done(&hub, &["user", "remove"], &["anna"]);
    assert_eq!(status().await, 401);
    assert!(refused(&hub, &["user", "show"], &["anna"]).contains("hearth user list"));
}

#[tokio::test]
async fn a_group_says_what_a_user_may_do() {
    let hub = Hub::start();
    done(&hub, &["user", "add"], &["--name", "Anna"]);
    let token = hub.create_token("Anna", "phone");
    let template = async || {
        let mut http = Http::new(hub.addr()).bearer(&token);
        let body = json!({"template": "1"});
        http.post("/api/template", &body).await.status
    };
    assert_eq!(template().await, 401);
    done(&hub, &["user", "group"], &["Anna", "admin"]);
    assert_eq!(template().await, 200);
    done(&hub, &["user", "group"], &["Anna", "read-only"]);
    assert_eq!(template().await, 401);
    let shown = json_of(&hub, &["user", "show"], &["Anna"]);
    assert_eq!(shown["groups"], json!(["read-only"]));
    assert_eq!(shown["tokens"][0]["name"], "phone");
    assert!(!shown.to_string().contains(&token));
    let why = refused(&hub, &["user", "group"], &["Paul", "users"]);
    assert!(why.contains("owns the hub"), "{why}");
}

#[test]
fn a_user_without_a_password_gets_one_and_another_name() {
    let hub = Hub::start();
    done(&hub, &["user", "add"], &["--name", "Anna"]);
    let mut child = Command::new(binary())
        .args(["user", "password", "Anna", "--data-dir"])
        .arg(hub.data_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"correct horse\n").unwrap();
    drop(stdin);
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    assert!(said(&out).contains("signs in as `anna`"), "{}", said(&out));
    done(&hub, &["user", "rename"], &["Anna", "Annabel"]);
    let shown = json_of(&hub, &["user", "show"], &["annabel"]);
    assert_eq!(
        (&shown["name"], &shown["username"]),
        (&json!("Annabel"), &json!("annabel"))
    );
    let why = refused(&hub, &["user", "rename"], &["Annabel", "paul"]);
    assert!(why.contains("taken"), "{why}");
}

#[tokio::test]
async fn a_revoked_token_is_out_at_once_and_an_unknown_one_named() {
    let hub = Hub::start();
    let token = hub.create_token("Paul", "to be revoked");
    let listed = json_of(&hub, &["token", "list"], &["--user", "Paul"]);
    let id = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|listed| listed["name"] == "to be revoked")
        .and_then(|listed| listed["id"].as_str())
        .unwrap()
        .to_owned();
    let told = done(&hub, &["token", "revoke"], &[&id]);
    assert!(told.contains("`to be revoked` is revoked"), "{told}");
    let reply = Http::new(hub.addr()).bearer(&token).get("/api/").await;
    assert_eq!(reply.status, 401);
    let why = refused(&hub, &["token", "revoke"], &[&"0".repeat(32)]);
    assert!(why.contains("hearth token list"), "{why}");
}

#[test]
fn names_cannot_move_the_cursor() {
    let hub = Hub::start();
    done(&hub, &["user", "add"], &["--name", "An\u{202e}na"]);
    let listed = done(&hub, &["user", "list"], &[]);
    assert!(listed.contains(r"An\u{202e}na"), "{listed}");
    assert!(!listed.contains('\u{202e}'));
}

#[test]
fn bans_are_listed_and_a_wrong_address_is_told() {
    let hub = Hub::start();
    assert!(done(&hub, &["ban", "list"], &[]).contains("nobody is banned"));
    let why = refused(&hub, &["ban", "remove"], &["somewhere"]);
    assert!(why.contains("an address such as"), "{why}");
    let why = refused(&hub, &["ban", "remove"], &["203.0.113.7"]);
    assert!(why.contains("not banned"), "{why}");
}
