//! Durable registrations a second over 64 connections.

use hearth_simulate::{Kind, Mix, Phase, Plan, Report, run as simulate};

use crate::Bench;
use crate::error::BenchError;
use crate::figures::{Figure, Target};
use crate::servers::{Home, Running};

const SUITE: &str = "register";
const CONNECTIONS: usize = 64;
/// Longer than registering ever takes; the run ends with the last registration.
const AT_MOST: std::time::Duration = std::time::Duration::from_secs(1_800);

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Figure>, BenchError> {
    let (mut rates, mut slowest) = (Vec::new(), Vec::new());
    if bench.servers.has_hub() {
        for _ in 0..bench.rounds {
            let home = bench.servers.home()?;
            let server = bench.servers.start_hub(&home)?;
            let report = fill(&server, &home, bench.registrations).await?;
            server.stop()?;
            let phase = report.phase(Phase::Registering);
            rates.extend(phase.map(|phase| phase.per_second));
            slowest.extend(
                phase
                    .and_then(|phase| phase.kind(Kind::Register))
                    .map(|kind| kind.latency.p99_us as f64 / 1e3),
            );
        }
    }
    let measure = format!("{} registrations", bench.registrations);
    Ok(vec![
        Figure::new(SUITE, measure, "1/s", rates, Vec::new()).wanted(Target::AtLeast(2_000.0)),
        Figure::new(SUITE, "time to the answer, 99 %", "ms", slowest, Vec::new()),
    ])
}

/// Registers `devices` phones with encryption.
pub(crate) async fn fill(
    server: &Running,
    home: &Home,
    devices: usize,
) -> Result<Report, BenchError> {
    let plan = Plan {
        devices,
        encrypted: true,
        connections: CONNECTIONS,
        mix: Mix::Register,
        duration: AT_MOST,
        ..Plan::new(&*server.url, home.token.clone())
    };
    let report = simulate(plan, |_| {}).await?;
    let failed = report.phases.iter().map(|phase| phase.failed()).sum();
    if failed > 0 || report.devices != devices {
        return Err(BenchError::Failed {
            suite: SUITE,
            failed,
            report: report.to_string(),
        });
    }
    Ok(report)
}
