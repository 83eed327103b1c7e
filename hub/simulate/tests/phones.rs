//! Whole runs against a small server on loopback that keeps the native-app protocol's rules.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearth_simulate::routes::Route;
use hearth_simulate::sealing::Key;
use hearth_simulate::{Kind, Mix, Phase, Plan, Report, SimulateError, run, run_until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TOKEN: &str = "the-token";

/// What the server has seen and how it behaves.
#[derive(Default)]
struct Home {
    registrations: Vec<Value>,
    /// Webhook id to secret.
    secrets: BTreeMap<String, Option<String>>,
    /// Commands by type.
    commands: BTreeMap<String, u64>,
    /// Answer every webhook with this status.
    webhook_status: Option<u16>,
    /// Answer registrations with 500 from this one on.
    registrations_until: Option<usize>,
    /// Close the connection instead of answering every so-manieth webhook.
    close_every: Option<u64>,
    webhooks: u64,
    /// Phones get a cloudhook, which answers with this status as a relay does; 200: as the hub.
    cloudhooks: Option<u16>,
    through_cloudhook: u64,
    address: String,
    /// Close every connection at once.
    is_gone: bool,
}

/// A server of its own; tests speak to it through its socket only.
struct Server {
    url: String,
    home: Arc<Mutex<Home>>,
}

impl Server {
    async fn start(home: Home) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let home = Home {
            address: address.to_string(),
            ..home
        };
        let home = Arc::new(Mutex::new(home));
        let shared = Arc::clone(&home);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self {
            url: format!("http://{address}"),
            home,
        }
    }

    fn plan(&self) -> Plan {
        Plan {
            devices: 5,
            connections: 3,
            duration: Duration::from_millis(200),
            ..Plan::new(&*self.url, TOKEN)
        }
    }

    fn go_away(&self) {
        self.home.lock().unwrap().is_gone = true;
    }

    fn commands(&self, name: &str) -> u64 {
        let home = self.home.lock().unwrap();
        home.commands.get(name).copied().unwrap_or(0)
    }
}

async fn serve(mut stream: TcpStream, home: Arc<Mutex<Home>>) {
    let mut bytes = Vec::new();
    loop {
        let (path, token, body) = loop {
            if let Some(request) = take_request(&mut bytes) {
                break request;
            }
            let mut piece = [0; 4096];
            match stream.read(&mut piece).await {
                Ok(read) if read > 0 => bytes.extend_from_slice(&piece[..read]),
                _ => return,
            }
        };
        let Some((status, body)) = home.lock().unwrap().answer(&path, &token, &body) else {
            return;
        };
        let relay_error = match path.starts_with("/c/") && status == 503 {
            true => "x-hearth-relay-error: hub_offline\r\n",
            false => "",
        };
        let answer = format!(
            "HTTP/1.1 {status} Any\r\n{relay_error}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn take_request(bytes: &mut Vec<u8>) -> Option<(String, String, Value)> {
    let text = String::from_utf8(bytes.clone()).unwrap();
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let length: usize = header("content-length:").parse().unwrap();
    let body = rest.get(..length)?;
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let request = (
        path,
        header("authorization: Bearer"),
        serde_json::from_str(body).unwrap(),
    );
    bytes.drain(..head.len() + 4 + length);
    Some(request)
}

impl Home {
    /// Status and body; `None` to close the connection.
    fn answer(&mut self, path: &str, token: &str, body: &Value) -> Option<(u16, String)> {
        if self.is_gone {
            return None;
        }
        if path == "/api/mobile_app/registrations" {
            return Some(self.register(token, body));
        }
        let id = match path.strip_prefix("/c/") {
            Some(_) if self.cloudhooks != Some(200) => {
                return self.cloudhooks.map(|status| (status, String::new()));
            }
            Some(id) => {
                self.through_cloudhook += 1;
                id
            }
            None => path.strip_prefix("/api/webhook/").unwrap(),
        };
        self.webhooks += 1;
        if self
            .close_every
            .is_some_and(|every| self.webhooks.is_multiple_of(every))
        {
            return None;
        }
        if let Some(status) = self.webhook_status {
            return Some((status, String::new()));
        }
        let Some(secret) = self.secrets.get(id) else {
            return Some((200, String::new()));
        };
        let key = secret
            .as_ref()
            .map(|secret| Key::from_hex(secret).unwrap().unwrap());
        let data: Value = match &key {
            None => body["data"].clone(),
            Some(key) => {
                assert!(body.get("data").is_none());
                let sealed = body["encrypted_data"].as_str().unwrap();
                serde_json::from_slice(&key.open(sealed.as_bytes()).unwrap()).unwrap()
            }
        };
        let name = body["type"].as_str().unwrap();
        *self.commands.entry(name.to_owned()).or_default() += 1;
        let answer = match name {
            "update_location" => {
                assert!(data["gps_accuracy"].is_u64());
                return Some((200, "{}".to_owned()));
            }
            "register_sensor" => (201, json!({"success": true})),
            "get_zones" => (200, json!([{"entity_id": "zone.home"}])),
            "update_sensor_states" => {
                let results: serde_json::Map<String, Value> = data
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["unique_id"].as_str().unwrap().to_owned())
                    .map(|id| (id, json!({"success": true})))
                    .collect();
                (200, results.into())
            }
            other => panic!("{other}"),
        };
        let body = match key {
            None => answer.1.to_string(),
            Some(key) => {
                let sealed = key.seal(answer.1.to_string().as_bytes());
                json!({"encrypted": true, "encrypted_data": sealed}).to_string()
            }
        };
        Some((answer.0, body))
    }

    fn register(&mut self, token: &str, body: &Value) -> (u16, String) {
        if token != TOKEN {
            return (401, "401: Unauthorized".to_owned());
        }
        let number = self.registrations.len();
        if self
            .registrations_until
            .is_some_and(|until| number >= until)
        {
            return (500, String::new());
        }
        self.registrations.push(body.clone());
        let id = format!("{number:064x}");
        let secret = body["supports_encryption"]
            .as_bool()
            .unwrap()
            .then(|| format!("{:064x}", number + 1));
        self.secrets.insert(id.clone(), secret.clone());
        let cloudhook_url = self
            .cloudhooks
            .map(|_| format!("http://{}/c/{id}", self.address));
        let answer = json!({
            "cloudhook_url": cloudhook_url, "remote_ui_url": null, "secret": secret,
            "webhook_id": id,
        });
        (201, answer.to_string())
    }
}

fn kind_ok(report: &Report, phase: Phase, kind: Kind) -> u64 {
    report
        .phase(phase)
        .and_then(|phase| phase.kind(kind))
        .map_or(0, |kind| kind.ok)
}

#[tokio::test]
async fn phones_register_with_their_sensors_and_send_both_kinds() {
    for encrypted in [false, true] {
        let server = Server::start(Home::default()).await;
        let plan = Plan {
            encrypted,
            ..server.plan()
        };
        let report = run(plan, |_| {}).await.unwrap();
        assert_eq!(kind_ok(&report, Phase::Registering, Kind::Register), 5);
        let sensors = kind_ok(&report, Phase::RegisteringSensors, Kind::RegisterSensor);
        assert_eq!(sensors, 10);
        let location = kind_ok(&report, Phase::Sending, Kind::Location);
        let states = kind_ok(&report, Phase::Sending, Kind::Sensors);
        assert!(location > 0 && states > 0, "{report}");
        assert_eq!(location, server.commands("update_location"));
        assert_eq!(states, server.commands("update_sensor_states"));
        let failed: u64 = report.phases.iter().map(|phase| phase.failed()).sum();
        assert_eq!(failed, 0, "{report}");
        assert_eq!(report.phones.len(), 5);
        let secrets = report
            .phones
            .iter()
            .filter(|phone| phone.secret().is_some());
        assert_eq!(secrets.count(), if encrypted { 5 } else { 0 });
    }
}

#[tokio::test]
async fn a_registration_holds_every_required_field_and_a_device_id_of_its_own() {
    let server = Server::start(Home::default()).await;
    let plan = Plan {
        mix: Mix::Register,
        ..server.plan()
    };
    run(plan, |_| {}).await.unwrap();
    let home = server.home.lock().unwrap();
    for field in [
        "app_id",
        "app_name",
        "app_version",
        "device_name",
        "manufacturer",
        "model",
        "os_name",
    ] {
        assert!(
            home.registrations
                .iter()
                .all(|body| body[field].is_string()),
            "{field}"
        );
    }
    let mut ids: Vec<&str> = home
        .registrations
        .iter()
        .map(|body| body["device_id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [
            "simulated-0",
            "simulated-1",
            "simulated-2",
            "simulated-3",
            "simulated-4"
        ]
    );
}

#[tokio::test]
async fn each_mix_sends_its_own_kind_only() {
    for (mix, kind, command) in [
        (Mix::Location, Kind::Location, "update_location"),
        (Mix::Zones, Kind::Zones, "get_zones"),
        (Mix::Sensors, Kind::Sensors, "update_sensor_states"),
    ] {
        let server = Server::start(Home::default()).await;
        let plan = Plan {
            mix,
            encrypted: true,
            ..server.plan()
        };
        let report = run(plan, |_| {}).await.unwrap();
        let sending = report.phase(Phase::Sending).unwrap();
        assert_eq!(sending.kinds.len(), 1);
        assert_eq!(sending.ok, server.commands(command));
        assert!(kind_ok(&report, Phase::Sending, kind) > 0);
    }
}

#[tokio::test]
async fn the_phones_of_one_run_can_be_handed_to_the_next() {
    let server = Server::start(Home::default()).await;
    let first = Plan {
        mix: Mix::Register,
        encrypted: true,
        ..server.plan()
    };
    let phones = run(first, |_| {}).await.unwrap().phones;
    let second = Plan {
        mix: Mix::Zones,
        phones,
        ..Plan::new(&*server.url, "")
    };
    let second = Plan {
        duration: Duration::from_millis(50),
        ..second
    };
    let report = run(second, |_| {}).await.unwrap();
    assert!(report.phase(Phase::Registering).is_none());
    assert_eq!(report.devices, 5);
    assert_eq!(report.phase(Phase::Sending).unwrap().failed(), 0);
    assert_eq!(server.home.lock().unwrap().registrations.len(), 5);
}

#[tokio::test]
async fn a_rate_is_kept_in_total_over_all_phones() {
    let server = Server::start(Home::default()).await;
    let plan = Plan {
        rate: 100.0,
        duration: Duration::from_millis(500),
        mix: Mix::Location,
        ..server.plan()
    };
    let report = run(plan, |_| {}).await.unwrap();
    let sending = report.phase(Phase::Sending).unwrap();
    assert_eq!(sending.requests + sending.unsent, 50, "{report}");
    assert_eq!(sending.failed(), 0);
}

#[tokio::test]
async fn a_refused_token_ends_the_run_with_that_error() {
    let server = Server::start(Home::default()).await;
    let plan = Plan {
        devices: 100_000,
        token: "wrong".into(),
        ..server.plan()
    };
    let error = run(plan, |_| {}).await.unwrap_err();
    assert!(
        matches!(error, SimulateError::Token { status: 401 }),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_registers_nobody_is_an_error_that_says_so() {
    let home = Home {
        registrations_until: Some(0),
        ..Home::default()
    };
    let server = Server::start(home).await;
    let error = run(server.plan(), |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("status 500"), "{error}");
}

#[tokio::test]
async fn phones_that_did_register_send_even_if_others_did_not() {
    let home = Home {
        registrations_until: Some(2),
        ..Home::default()
    };
    let server = Server::start(home).await;
    let report = run(server.plan(), |_| {}).await.unwrap();
    assert_eq!(report.devices, 2);
    assert_eq!(report.phases[0].statuses, BTreeMap::from([(500, 3)]));
    assert!(report.phase(Phase::Sending).unwrap().ok > 0);
}

#[tokio::test]
async fn other_statuses_are_counted_and_not_taken_for_success() {
    let home = Home {
        webhook_status: Some(503),
        ..Home::default()
    };
    let server = Server::start(home).await;
    let plan = Plan {
        mix: Mix::Location,
        ..server.plan()
    };
    let report = run(plan, |_| {}).await.unwrap();
    let sending = report.phase(Phase::Sending).unwrap();
    assert_eq!(sending.ok, 0);
    assert_eq!(sending.statuses, BTreeMap::from([(503, sending.requests)]));
    let problem = report.problem().unwrap();
    assert!(problem.ends_with("requests failed"), "{problem}");
}

#[tokio::test]
async fn a_server_that_goes_away_is_a_problem_of_the_report() {
    let server = Server::start(Home::default()).await;
    let plan = Plan {
        mix: Mix::Location,
        duration: Duration::from_millis(400),
        ..server.plan()
    };
    let mut sent = 0;
    let report = run(plan, |progress| {
        if progress.phase == Phase::Sending && progress.done > 0 {
            sent = progress.done;
            server.go_away();
        }
    })
    .await
    .unwrap();
    assert!(sent > 0);
    let problem = report.problem().unwrap();
    assert!(
        problem.starts_with("the server did not answer any more"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_run_that_is_stopped_reports_what_was_done_until_then() {
    let server = Server::start(Home::default()).await;
    let plan = Plan {
        rate: 0.5,
        duration: Duration::from_secs(3600),
        ..server.plan()
    };
    let (seen, enough) = tokio::sync::oneshot::channel::<()>();
    let mut seen = Some(seen);
    let stop = async {
        let _ = enough.await;
    };
    let report = run_until(plan, stop, |progress| {
        if progress.phase == Phase::Sending && progress.done > 0 {
            seen.take();
        }
    })
    .await
    .unwrap();
    assert!(report.interrupted);
    assert!(report.phase(Phase::Sending).unwrap().ok > 0);
    assert_eq!(report.problem(), None);
}

#[tokio::test]
async fn webhook_ids_that_the_server_forgot_count_as_refused() {
    let server = Server::start(Home::default()).await;
    let plan = Plan {
        phones: vec![serde_json::from_value(json!({"webhook_id": "gone"})).unwrap()],
        mix: Mix::Location,
        ..server.plan()
    };
    let report = run(plan, |_| {}).await.unwrap();
    let sending = report.phase(Phase::Sending).unwrap();
    assert_eq!((sending.ok, sending.refused), (0, sending.requests));
}

#[tokio::test]
async fn connections_that_the_server_drops_are_counted_and_opened_anew() {
    let home = Home {
        close_every: Some(10),
        ..Home::default()
    };
    let server = Server::start(home).await;
    let plan = Plan {
        mix: Mix::Location,
        ..server.plan()
    };
    let report = run(plan, |_| {}).await.unwrap();
    let sending = report.phase(Phase::Sending).unwrap();
    let faults: u64 = sending.faults.values().sum();
    assert!(faults > 1 && sending.ok > 10, "{report}");
    assert_eq!(sending.ok + faults, sending.requests);
}

#[tokio::test]
async fn a_url_where_nobody_listens_is_one_clear_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = run(Plan::new(&*url, TOKEN), |_| {}).await.unwrap_err();
    assert!(error.to_string().contains(&url), "{error}");
}

#[tokio::test]
async fn progress_reaches_the_total_of_each_phase() {
    let server = Server::start(Home::default()).await;
    let mut last = BTreeMap::new();
    let report = run(server.plan(), |progress| {
        last.insert(progress.phase.to_string(), progress);
    })
    .await
    .unwrap();
    assert_eq!(last["registering"].total, Some(5));
    assert_eq!(last["registering"].done, 5);
    assert_eq!(last["registering sensors"].done, 10);
    let sending = report.phase(Phase::Sending).unwrap();
    assert_eq!(last["sending"].done, sending.requests);
    assert_eq!(last["sending"].duration, Some(Duration::from_millis(200)));
}

#[tokio::test]
async fn phones_send_through_the_relay_and_straight_to_the_hub_where_that_fails() {
    for (status, route) in [(200, Route::Cloudhook), (503, Route::Instance)] {
        let server = Server::start(Home {
            cloudhooks: Some(status),
            ..Home::default()
        })
        .await;
        let plan = Plan {
            via_relay: true,
            encrypted: true,
            ..server.plan()
        };
        let report = run(plan, |_| {}).await.unwrap();
        let sending = report.phase(Phase::Sending).unwrap();
        assert_eq!(sending.failed(), 0, "{report}");
        assert_eq!(sending.routes, BTreeMap::from([(route, sending.ok)]));
        let through_cloudhook = server.home.lock().unwrap().through_cloudhook;
        assert_eq!(through_cloudhook > 0, status == 200);
    }
}

#[tokio::test]
async fn a_hub_without_a_relay_ends_a_run_through_it() {
    let server = Server::start(Home::default()).await;
    let plan = Plan {
        via_relay: true,
        ..server.plan()
    };
    let error = run(plan, |_| {}).await.unwrap_err().to_string();
    assert!(error.starts_with("via_relay: "), "{error}");
}
