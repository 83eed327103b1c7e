//! Memory, and the time from start to ready: of an idle hub, and of one with many registrations.

use std::time::Duration;

use crate::Bench;
use crate::cores::resident_mb;
use crate::error::BenchError;
use crate::figures::{Figure, Target};

use super::register::fill;

const SUITE: &str = "size";
/// After this long a hub that was left alone is idle.
const SETTLED: Duration = Duration::from_secs(5);

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Figure>, BenchError> {
    if !bench.servers.has_hub() {
        return Ok(Vec::new());
    }
    let mut figures = idle(bench).await?;
    figures.extend(filled(bench).await?);
    Ok(figures)
}

/// The hub with its demo home: once with new data, then started again.
async fn idle(bench: &Bench) -> Result<Vec<Figure>, BenchError> {
    let (mut first, mut again, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let home = bench.servers.home()?;
        let server = bench.servers.start_hub(&home)?;
        first.push(millis(server.ready_in));
        server.stop()?;
        let server = bench.servers.start_hub(&home)?;
        again.push(millis(server.ready_in));
        tokio::time::sleep(SETTLED).await;
        memory.push(resident_mb(server.pid())?);
        server.stop()?;
    }
    let figure = |measure: &str, unit, samples, most| {
        Figure::new(SUITE, measure, unit, samples, Vec::new()).wanted(Target::AtMost(most))
    };
    Ok(vec![
        figure("idle hub, resident", "MB", memory, 16.0),
        figure("first start to ready", "ms", first, 50.0),
        figure("start to ready", "ms", again, 50.0),
    ])
}

/// The hub with many registrations: as it stands after them, and after a restart.
async fn filled(bench: &Bench) -> Result<Vec<Figure>, BenchError> {
    let home = bench.servers.home()?;
    let server = bench.servers.start_hub(&home)?;
    let report = fill(&server, &home, bench.size).await?;
    let rate: Vec<f64> = report.phases.iter().map(|phase| phase.per_second).collect();
    tokio::time::sleep(SETTLED).await;
    let after_filling = resident_mb(server.pid())?;
    let stopping = server.stop()?;

    let (mut ready, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let server = bench.servers.start_hub(&home)?;
        ready.push(millis(server.ready_in));
        tokio::time::sleep(SETTLED).await;
        memory.push(resident_mb(server.pid())?);
        server.stop()?;
    }
    let devices = bench.size;
    let figure =
        |measure: String, unit, samples| Figure::new(SUITE, measure, unit, samples, Vec::new());
    Ok(vec![
        figure(format!("registering {devices}"), "1/s", rate).wanted(Target::AtLeast(2_000.0)),
        figure(
            format!("{devices} registered, resident"),
            "MB",
            vec![after_filling],
        )
        .wanted(Target::AtMost(200.0)),
        figure("the same, restarted".to_owned(), "MB", memory).wanted(Target::AtMost(200.0)),
        figure(format!("{devices} registered, to ready"), "ms", ready)
            .wanted(Target::AtMost(2_000.0)),
        figure(
            "the same, orderly stop".to_owned(),
            "ms",
            vec![millis(stopping)],
        )
        .wanted(Target::AtMost(5_000.0)),
    ])
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
