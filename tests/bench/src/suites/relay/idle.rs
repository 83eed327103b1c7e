//! The memory of many connected hubs that do nothing.

use std::time::{Duration, Instant};

use serde_json::json;

use super::link::{Link, command};
use super::{OPEN, SUITE};
use crate::Bench;
use crate::cores::resident_mb;
use crate::error::BenchError;
use crate::figures::{Figure, Target};

/// After this long connections that were left alone are idle.
const SETTLED: Duration = Duration::from_secs(3);

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, BenchError> {
    let folder = bench.servers.folder()?;
    let server = bench.servers.start_relay(folder.path(), OPEN)?;
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut hubs = Vec::with_capacity(bench.hubs);
    for _ in 0..bench.hubs {
        hubs.push(command(folder.path(), "hub/create", json!({})).await?);
    }
    tokio::time::sleep(SETTLED).await;
    let before = resident_mb(server.pid())?;
    let started = Instant::now();
    let mut links = Vec::with_capacity(bench.hubs);
    for hub in &hubs {
        links.push(Link::open(&address, hub).await?);
    }
    let rate = bench.hubs as f64 / started.elapsed().as_secs_f64();
    tokio::time::sleep(SETTLED).await;
    let held = resident_mb(server.pid())?;
    drop(links);
    server.stop()?;
    let figure =
        |measure: String, unit, value| Figure::new(SUITE, measure, unit, vec![value], Vec::new());
    Ok(vec![
        figure(format!("{} idle hubs, resident", bench.hubs), "MB", held)
            .wanted(Target::AtMost(150.0)),
        figure("before they connected".to_owned(), "MB", before),
        figure("connecting, one by one".to_owned(), "1/s", rate),
    ])
}
