//! Who must stay out stays out: forged tokens, guessers, pages of other origins, users who were shut
//! out, and whoever tries to write into headers and logs.
#![allow(clippy::unwrap_used, missing_docs)]

mod brute_force;
mod cross_site;
mod injection;
mod shut_out;
mod signed_paths;
mod tokens;

use hearth_e2e::{Http, Hub, Reply};

/// Settings: the tests' clients come through a proxy on this machine, each from its own address.
const BEHIND_A_PROXY: &str = r#"
[http]
use_x_forwarded_for = true
trusted_proxies = ["127.0.0.1"]
"#;

/// GET as the proxy passes it on for a client at `address`, with these header fields.
async fn get_from(hub: &Hub, address: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
    let mut all = vec![("X-Forwarded-For", address)];
    all.extend(fields);
    Http::new(hub.addr()).request("GET", path, &all, b"").await
}

/// GET with a bearer token.
async fn with_token(hub: &Hub, address: &str, path: &str, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", bearer.as_str())];
    get_from(hub, address, path, &fields).await.status
}

/// What a browser sends to open a WebSocket.
const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];
