//! The relay under test, and a hub that is linked to it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use hearth_e2e::process::binary;
use hearth_e2e::wait::until;
use hearth_e2e::{Http, Hub, Ws};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A relay with a data folder of its own. Killed, and its folder removed, when dropped.
pub(crate) struct Relay {
    home: TempDir,
    addr: SocketAddr,
    settings: Vec<(&'static str, &'static str)>,
    child: Option<Child>,
}

/// A webhook at the relay.
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Relay {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With these environment variables.
    pub(crate) fn start_with(settings: &[(&'static str, &'static str)]) -> Self {
        let home = tempfile::Builder::new()
            .prefix("hearth-e2e-relay-")
            .tempdir()
            .unwrap();
        let mut relay = Self {
            home,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            settings: settings.to_vec(),
            child: None,
        };
        relay.restart();
        relay
    }

    /// Starts it, where it was before.
    pub(crate) fn restart(&mut self) {
        let mut child = Command::new(binary())
            .args(["relay", "run", "--admin-listen", "127.0.0.1:0"])
            .arg("--listen")
            .arg(self.addr.to_string())
            .arg("--data-dir")
            .arg(self.home.path().join("data"))
            .current_dir(self.home.path())
            .envs(self.settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("ready http://").map(str::to_owned)
        });
        self.addr = ready.expect("the relay's address").parse().unwrap();
        self.child = Some(child);
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A new hub of this relay: its id and token.
    pub(crate) fn account(&self) -> (String, String) {
        let out = self.cli(&["hub", "create"], &["--json"]);
        let hub: Value = serde_json::from_slice(&out.stdout).unwrap();
        let text = |name: &str| hub[name].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    pub(crate) fn http(&self) -> Http {
        Http::new(self.addr)
    }

    /// The settings of a new hub of this relay.
    pub(crate) fn link(&self) -> String {
        let out = self.cli(&["hub", "create"], &["--json"]);
        let hub: Value = serde_json::from_slice(&out.stdout).unwrap();
        format!(
            "[relay_link]\nurl = \"http://{}\"\nhub_id = {}\ntoken = {}\nreconnect_max_s = 1\n",
            self.addr, hub["id"], hub["token"]
        )
    }

    /// Makes a webhook that is routed by `body.device`.
    pub(crate) fn webhook(&self) -> Webhook {
        let out = self.cli(&["webhook", "create"], &["--key-path", "body.device"]);
        let text = String::from_utf8(out.stdout).unwrap();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim().to_owned()
        };
        Webhook {
            id: value("id:"),
            secret: value("secret:"),
        }
    }

    fn cli(&self, command: &[&str], args: &[&str]) -> Output {
        let out = Command::new(binary())
            .arg("relay")
            .args(command)
            .arg("--data-dir")
            .arg(self.home.path().join("data"))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(out.status.success(), "{command:?}: {out:?}");
        out
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A hub that is connected to the relay.
pub(crate) async fn linked_hub(relay: &Relay) -> Hub {
    let hub = Hub::with(&relay.link());
    is_connected(&hub).await;
    hub
}

/// Waits until the hub has its relay.
pub(crate) async fn is_connected(hub: &Hub) {
    let mut ws = hub.ws().await;
    until("connected to the relay", async || {
        let status = ws.result("cloud/status", json!({})).await;
        (status["cloud"] == "connected").then_some(())
    })
    .await;
}

/// Subscribes to a webhook, for the device of this name.
pub(crate) async fn listen(ws: &mut Ws, webhook: &Webhook, device: &str) -> u64 {
    let id = ws.fresh_id();
    ws.send(&json!({
        "id": id,
        "type": "relay/webhook/register",
        "webhook_id": webhook.id,
        "secret": webhook.secret,
        "data": {"$key": device},
    }))
    .await;
    let answer = ws.answer(id).await;
    assert_eq!(answer["result"]["is_registered"], true, "{answer}");
    id
}

/// A manufacturer posts; the relay must take it.
pub(crate) async fn post(http: &mut Http, webhook: &Webhook, body: Value) {
    let reply = http.post(&format!("/webhook/{}", webhook.id), &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}
