//! A phone's message over its cloudhook, beside the same straight to the hub.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::link::command;
use super::post::Sender;
use super::{OPEN, SUITE, percentile, unexpected};
use crate::Bench;
use crate::error::BenchError;
use crate::figures::{Figure, Target};

/// Messages of each way before and while it is measured.
const WARMUP: usize = 100;
const MEASURED: usize = 1_000;
/// How long the hub may take to reach its relay.
const LINKED: Duration = Duration::from_secs(15);

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, BenchError> {
    let (mut direct, mut relayed, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let (straight, over) = round(bench).await?;
        direct.push(straight);
        relayed.push(over);
        added.push(over - straight);
    }
    let figure = |measure: &str, samples| Figure::new(SUITE, measure, "ms", samples, Vec::new());
    Ok(vec![
        figure("message to the hub, median", direct),
        figure("over its cloudhook, median", relayed),
        figure("added by the relay", added).wanted(Target::AtMost(2.0)),
    ])
}

/// The medians of a message straight to the hub, and over its cloudhook.
async fn round(bench: &Bench) -> Result<(f64, f64), BenchError> {
    let folder = bench.servers.folder()?;
    let relay = bench.servers.start_relay(folder.path(), OPEN)?;
    let account = command(folder.path(), "hub/create", json!({})).await?;
    let text = |name: &str| account[name].as_str().unwrap_or_default().to_owned();
    let home = bench.servers.home()?;
    let settings = [
        ("HEARTH__RELAY_LINK__URL", relay.url.clone()),
        ("HEARTH__RELAY_LINK__HUB_ID", text("id")),
        ("HEARTH__RELAY_LINK__TOKEN", text("token")),
    ];
    let hub = bench.servers.start_hub_with(&home, &settings)?;
    let mut to_hub = Sender::open(hub.url.trim_start_matches("http://")).await?;
    let mut to_relay = Sender::open(relay.url.trim_start_matches("http://")).await?;
    let (webhook, cloudhook) = registered(&mut to_hub, &home.token).await?;
    let body = json!({
        "type": "update_location",
        "data": {"gps": [52.3731, 4.8903], "gps_accuracy": 10},
    });
    let body = body.to_string();
    for _ in 0..WARMUP {
        to_hub.post(&webhook, None, &body).await?;
        to_relay.post(&cloudhook, None, &body).await?;
    }
    let (mut direct, mut relayed) = (Vec::new(), Vec::new());
    for _ in 0..MEASURED {
        direct.push(timed(&mut to_hub, &webhook, &body).await?);
        relayed.push(timed(&mut to_relay, &cloudhook, &body).await?);
    }
    hub.stop()?;
    relay.stop()?;
    direct.sort_unstable_by(f64::total_cmp);
    relayed.sort_unstable_by(f64::total_cmp);
    Ok((percentile(&direct, 0.5), percentile(&relayed, 0.5)))
}

/// The paths of a phone's webhook and of its cloudhook; a phone that registers before the hub has
/// reached its relay has none, so it registers until it has.
async fn registered(
    hub: &mut Sender,
    token: &hearth_simulate::Secret,
) -> Result<(String, String), BenchError> {
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < LINKED {
        number += 1;
        let registration = json!({
            "device_id": format!("phone-{number}"), "app_id": "org.example",
            "app_name": "Example", "app_version": "1", "device_name": format!("Phone {number}"),
            "manufacturer": "Example", "model": "One", "os_name": "Linux", "os_version": "6",
            "supports_encryption": false,
        });
        let path = "/api/mobile_app/registrations";
        let answer = hub
            .post(path, Some(token.reveal()), &registration.to_string())
            .await?;
        let answer: Value = serde_json::from_str(&answer).map_err(std::io::Error::from)?;
        let id = answer["webhook_id"].as_str().unwrap_or_default();
        let url = answer["cloudhook_url"].as_str();
        if let Some(place) = url.and_then(|url| Some((url, url.find("/c/")?))) {
            let (url, from) = place;
            return Ok((format!("/api/webhook/{id}"), url[from..].to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(unexpected("the hub did not reach its relay"))
}

/// How long one message took, in milliseconds.
async fn timed(sender: &mut Sender, path: &str, body: &str) -> Result<f64, BenchError> {
    let began = Instant::now();
    sender.post(path, None, body).await?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}
