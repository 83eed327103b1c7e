//! Sign-in (spec auth.md) against the real binary: the apps' sequence, every error, the pages, the
//! first visit, and what an attacker tries.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod attacks;
mod companion;
mod errors;
mod onboarding;
mod pages;

use hearth_e2e::http::Reply;
use hearth_e2e::{Http, Hub};
use serde_json::{Value, json};

/// The client id of the iOS app.
const IOS: &str = "https://home-assistant.io/iOS";
/// The client id of the Android app.
const ANDROID: &str = "https://home-assistant.io/android";
/// Where both apps wait for their code.
const APP: &str = "homeassistant://auth-callback";
/// Of the owner that [`hub`] makes.
const PASSWORD: &str = "correct horse battery";

/// Waits after failures would slow the tests down, and bans end them.
const PATIENT: &str = "[auth]\nfree_failures = 100000\nban_enabled = false\n";

/// A hub that Paul owns, who signs in with [`PASSWORD`].
async fn hub() -> Hub {
    hub_with(PATIENT).await
}

async fn hub_with(config: &str) -> Hub {
    let hub = Hub::builder().config(config).without_owner().start();
    let owner = json!({
        "name": "Paul", "username": "paul", "password": PASSWORD, "client_id": IOS, "language": "de",
    });
    let made = Http::new(hub.addr())
        .post("/api/onboarding/users", &owner)
        .await;
    assert_eq!(made.status, 200, "{made:?}");
    hub
}

/// A url-encoded form.
fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes().fold(String::new(), |mut out, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                    out.push(byte.into())
                }
                _ => out.push_str(&format!("%{byte:02X}")),
            }
            out
        })
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

/// Posts a url-encoded form.
async fn post_form(http: &mut Http, path: &str, fields: &[(&str, &str)]) -> Reply {
    post_form_with(http, path, &[], fields).await
}

/// The same with more header fields.
async fn post_form_with(
    http: &mut Http,
    path: &str,
    headers: &[(&str, &str)],
    fields: &[(&str, &str)],
) -> Reply {
    let mut all = vec![("Content-Type", "application/x-www-form-urlencoded")];
    all.extend(headers);
    http.request("POST", path, &all, form(fields).as_bytes())
        .await
}

/// Opens a flow and gives its id.
async fn open(http: &mut Http, client_id: &str, redirect_uri: &str) -> String {
    let body = json!({
        "client_id": client_id, "handler": ["homeassistant", null], "redirect_uri": redirect_uri,
    });
    let opened = http.post("/auth/login_flow", &body).await;
    assert_eq!(opened.status, 200, "{opened:?}");
    opened.json()["flow_id"].as_str().unwrap().to_owned()
}

/// Takes the last step of a flow.
async fn step(http: &mut Http, flow: &str, client_id: &str, password: &str) -> Reply {
    let body = json!({"client_id": client_id, "username": "paul", "password": password});
    http.post(&format!("/auth/login_flow/{flow}"), &body).await
}

/// Signs in and gives the code.
async fn code_for(http: &mut Http, client_id: &str, redirect_uri: &str) -> String {
    let flow = open(http, client_id, redirect_uri).await;
    let done = step(http, &flow, client_id, PASSWORD).await;
    assert_eq!(done.status, 200, "{done:?}");
    done.json()["result"].as_str().unwrap().to_owned()
}

/// Signs in as the iOS app does and gives the tokens.
async fn tokens(http: &mut Http) -> Value {
    let code = code_for(http, IOS, APP).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("client_id", IOS),
    ];
    let reply = post_form(http, "/auth/token", &fields).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}
