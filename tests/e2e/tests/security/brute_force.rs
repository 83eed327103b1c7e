//! Guessing: the address is banned, for all that it does, and no other is.

use std::net::SocketAddr;

use hearth_e2e::wait::until;
use hearth_e2e::{Http, Hub, Reply};
use serde_json::{Value, json};

use super::{BEHIND_A_PROXY, UPGRADE, get_from, with_token};

const GUESSER: &str = "203.0.113.7";
const NEIGHBOUR: &str = "203.0.113.8";

fn strict() -> Hub {
    Hub::with(&format!("{BEHIND_A_PROXY}\n[auth]\nban_threshold = 5\n"))
}

/// Posts JSON to the login flow for a client at `address`.
async fn post_flow(addr: SocketAddr, address: &str, path: &str, body: &Value) -> Reply {
    let fields = [
        ("X-Forwarded-For", address),
        ("Content-Type", "application/json"),
    ];
    let body = body.to_string();
    let mut http = Http::new(addr);
    http.request("POST", path, &fields, body.as_bytes()).await
}

async fn open_flow(hub: &Hub, address: &str) -> String {
    let body = json!({
        "client_id": "https://home-assistant.io/iOS", "handler": ["homeassistant", null],
        "redirect_uri": "homeassistant://auth-callback", "type": "authorize",
    });
    let reply = post_flow(hub.addr(), address, "/auth/login_flow", &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let flow = reply.json()["flow_id"].as_str().unwrap().to_owned();
    format!("/auth/login_flow/{flow}")
}

fn password(n: u32) -> Value {
    json!({
        "client_id": "https://home-assistant.io/iOS",
        "username": "paul", "password": format!("password-{n}"),
    })
}

async fn guess(hub: &Hub, address: &str, times: u32) {
    for n in 0..times {
        let status = with_token(hub, address, "/api/", &format!("guess-{n}")).await;
        assert_eq!(status, 401, "guess {n}");
    }
}

#[tokio::test]
async fn the_fifth_guess_bans_the_guesser_everywhere_and_nobody_else() {
    let hub = strict();
    guess(&hub, GUESSER, 5).await;
    for path in [
        "/",
        "/api/",
        "/api/nowhere",
        "/api/webhook/x",
        "/auth/providers",
        "/healthz",
    ] {
        let reply = get_from(&hub, GUESSER, path, &[]).await;
        assert_eq!(
            (reply.status, reply.text()),
            (403, "403: Forbidden"),
            "{path}"
        );
    }
    let reply = get_from(&hub, GUESSER, "/api/websocket", &UPGRADE).await;
    assert_eq!(reply.status, 403, "the socket's upgrade");
    assert_eq!(with_token(&hub, GUESSER, "/api/", hub.token()).await, 403);
    assert_eq!(with_token(&hub, NEIGHBOUR, "/api/", hub.token()).await, 200);
    assert_eq!(
        hub.http().get("/api/").await.status,
        200,
        "the hub's own machine"
    );
    let log = hub.stderr();
    assert!(log.contains(GUESSER), "the log names the guesser");
    assert!(!log.contains("guess-1"), "and not what was guessed");
}

#[tokio::test]
async fn guessing_passwords_bans_the_guesser_and_nobody_else() {
    let hub = strict();
    let flow = open_flow(&hub, GUESSER).await;
    for n in 0..5 {
        let reply = post_flow(hub.addr(), GUESSER, &flow, &password(n)).await;
        assert_eq!(reply.json()["errors"]["base"], "invalid_auth", "{reply:?}");
    }
    let reply = post_flow(hub.addr(), GUESSER, &flow, &password(5)).await;
    assert_eq!(reply.status, 403);
    let flow = open_flow(&hub, NEIGHBOUR).await;
    let reply = post_flow(hub.addr(), NEIGHBOUR, &flow, &password(0)).await;
    assert_eq!(reply.json()["errors"]["base"], "invalid_auth", "{reply:?}");
    let log = hub.stderr();
    assert!(!log.contains("password-0"), "a guess is in the log");
}

#[tokio::test]
async fn guessing_many_passwords_at_once_is_no_faster() {
    let hub = Hub::with(BEHIND_A_PROXY);
    let flow = open_flow(&hub, GUESSER).await;
    let mut guesses = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (addr, flow) = (hub.addr(), flow.clone());
        guesses.spawn(async move { post_flow(addr, GUESSER, &flow, &password(n)).await.status });
    }
    let answers = guesses.join_all().await;
    let looked_at = answers.iter().filter(|status| **status == 200).count();
    let told_to_wait = answers.iter().filter(|status| **status == 429).count();
    assert!(
        (1..=10).contains(&looked_at),
        "{looked_at} of 200 were looked at"
    );
    assert_eq!(looked_at + told_to_wait, 200, "{answers:?}");
    // A neighbour need not wait.
    let flow = open_flow(&hub, NEIGHBOUR).await;
    let reply = post_flow(hub.addr(), NEIGHBOUR, &flow, &password(0)).await;
    assert_eq!(reply.json()["errors"]["base"], "invalid_auth", "{reply:?}");
}

#[tokio::test]
async fn a_ban_outlives_the_hub_until_an_administrator_lifts_it() {
    let mut hub = strict();
    guess(&hub, GUESSER, 5).await;
    let mut ws = hub.ws().await;
    let bans = ws.result("auth/bans/list", json!({})).await;
    assert_eq!(bans[0]["address"], GUESSER);
    // A ban holds at once, and is on the disk a moment later.
    hub.terminate();
    hub.restart();
    assert_eq!(with_token(&hub, GUESSER, "/api/", hub.token()).await, 403);
    let mut ws = hub.ws().await;
    ws.result("auth/bans/remove", json!({"address": GUESSER}))
        .await;
    assert_eq!(with_token(&hub, GUESSER, "/api/", hub.token()).await, 200);
    guess(&hub, GUESSER, 4).await;
    assert_eq!(with_token(&hub, GUESSER, "/api/", hub.token()).await, 200);
}

#[tokio::test]
async fn an_ipv6_guesser_is_banned_with_its_network() {
    let hub = strict();
    for n in 1..=5 {
        guess(&hub, &format!("2001:db8::{n}"), 1).await;
    }
    assert_eq!(
        with_token(&hub, "2001:db8::99", "/api/", hub.token()).await,
        403
    );
    assert_eq!(
        with_token(&hub, "2001:db8:0:1::1", "/api/", hub.token()).await,
        200
    );
}

#[tokio::test]
async fn programs_on_the_hubs_own_machine_are_never_banned() {
    let hub = Hub::with("[auth]\nban_threshold = 5\n");
    for n in 0..50 {
        let mut http = Http::new(hub.addr()).bearer(&format!("guess-{n}"));
        assert_eq!(http.get("/api/").await.status, 401);
    }
    assert_eq!(hub.http().get("/api/").await.status, 200);
}

#[tokio::test]
async fn failures_and_bans_are_shown_to_the_people_of_the_house() {
    let hub = strict();
    let mut ws = hub.ws().await;
    guess(&hub, GUESSER, 5).await;
    for (id, title) in [
        ("http-login", "Login attempt failed"),
        ("ip-ban", "Banning IP address"),
    ] {
        let shown = until(id, async || {
            let all = ws.result("persistent_notification/get", json!({})).await;
            let all = all.as_array().cloned().unwrap_or_default();
            all.into_iter().find(|one| one["notification_id"] == id)
        })
        .await;
        assert_eq!(shown["title"], title);
        assert!(
            shown["message"].as_str().unwrap().contains(GUESSER),
            "{shown}"
        );
    }
}
