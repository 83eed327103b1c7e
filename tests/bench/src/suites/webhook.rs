//! One webhook command over keep-alive HTTP, spread over many registrations.

use hearth_simulate::{Mix, Phase, Phone, Plan, Secret, run as simulate};

use crate::Bench;
use crate::cores::Usage;
use crate::error::BenchError;
use crate::figures::{Figure, Target};
use crate::servers::Running;

/// A command to measure.
pub(crate) struct Load {
    suite: &'static str,
    mix: Mix,
    encrypted: bool,
    /// Where the reference server answers it.
    bare_path: &'static str,
    /// The reference server's option that sets the length of the answer.
    answer_option: Option<&'static str>,
}

/// Plain `update_location`.
pub(crate) const LOCATION: Load = Load {
    suite: "location",
    mix: Mix::Location,
    encrypted: false,
    bare_path: "/plain",
    answer_option: None,
};

/// Encrypted `get_zones`.
pub(crate) const ZONES: Load = Load {
    suite: "zones",
    mix: Mix::Zones,
    encrypted: true,
    bare_path: "/sealed",
    answer_option: Some("--zones-answer"),
};

/// Encrypted `update_sensor_states`.
pub(crate) const SENSORS: Load = Load {
    suite: "sensors",
    mix: Mix::Sensors,
    encrypted: true,
    bare_path: "/sealed",
    answer_option: Some("--sensors-answer"),
};

/// What one measurement found.
struct Sample {
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    server_share: f64,
    load_share: f64,
    answer_bytes: f64,
}

pub(crate) async fn run(bench: &Bench, load: &Load) -> Result<Vec<Figure>, BenchError> {
    let (mut hub, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let mut answer_bytes = None;
        if bench.servers.has_hub() {
            let sample = of_the_hub(bench, load).await?;
            answer_bytes = Some(sample.answer_bytes);
            hub.push(sample);
        }
        bare.push(of_the_bare_server(bench, load, answer_bytes).await?);
    }
    let figure = |measure: &str, unit, value: fn(&Sample) -> f64| {
        let values = |samples: &[Sample]| samples.iter().map(value).collect();
        Figure::new(load.suite, measure, unit, values(&hub), values(&bare))
    };
    Ok(vec![
        figure("requests answered", "1/s", |s| s.per_second).wanted(Target::RatioAtLeast(0.6)),
        figure("time to the answer, median", "ms", |s| s.p50_ms),
        figure("time to the answer, 99 %", "ms", |s| s.p99_ms),
        figure("server's share of its core", "%", |s| s.server_share),
        figure("load's share of its core", "%", |s| s.load_share),
    ])
}

async fn of_the_hub(bench: &Bench, load: &Load) -> Result<Sample, BenchError> {
    let home = bench.servers.home()?;
    let server = bench.servers.start_hub(&home)?;
    let warmup = Plan {
        devices: bench.devices,
        encrypted: load.encrypted,
        duration: bench.warmup,
        mix: load.mix,
        connections: bench.connections,
        ..Plan::new(&*server.url, home.token.clone())
    };
    let warm = simulate(warmup, |_| {}).await?;
    let failed = warm.phases.iter().map(|phase| phase.failed()).sum();
    if failed > 0 {
        return Err(BenchError::Failed {
            suite: load.suite,
            failed,
            report: warm.to_string(),
        });
    }
    let sample = sample(bench, load, &server, &server.url, warm.phones).await?;
    server.stop()?;
    Ok(sample)
}

async fn of_the_bare_server(
    bench: &Bench,
    load: &Load,
    answer_bytes: Option<f64>,
) -> Result<Sample, BenchError> {
    let secret = "5a".repeat(32);
    let mut options = vec!["--secret".to_owned(), secret.clone()];
    if let Some((option, bytes)) = load.answer_option.zip(answer_bytes) {
        options.extend([option.to_owned(), format!("{bytes:.0}")]);
    }
    let server = bench.servers.start_bare(&options)?;
    let phones = made_up_phones(bench, load.encrypted.then_some(&secret))?;
    let url = format!("{}{}", server.url, load.bare_path);
    let warmup = Plan {
        phones: phones.clone(),
        duration: bench.warmup,
        mix: load.mix,
        connections: bench.connections,
        ..Plan::new(&*url, "")
    };
    simulate(warmup, |_| {}).await?;
    let sample = sample(bench, load, &server, &url, phones).await?;
    server.stop()?;
    Ok(sample)
}

/// How fast the load goes if the server costs next to nothing. The other figures mean something
/// as long as they stay below.
pub(crate) async fn of_the_load(bench: &Bench) -> Result<Vec<Figure>, BenchError> {
    let mut samples = Vec::new();
    for _ in 0..bench.rounds {
        let server = bench.servers.start_canned()?;
        let phones = made_up_phones(bench, None)?;
        samples.push(sample(bench, &LOCATION, &server, &server.url, phones).await?);
    }
    let figure = |measure: &str, unit, value: fn(&Sample) -> f64| {
        let values = samples.iter().map(value).collect();
        Figure::new("load", measure, unit, Vec::new(), values)
    };
    Ok(vec![
        figure("requests answered, canned", "1/s", |s| s.per_second),
        figure("server's share of its core", "%", |s| s.server_share),
        figure("load's share of its core", "%", |s| s.load_share),
    ])
}

/// Phones for a server that knows none.
fn made_up_phones(bench: &Bench, secret: Option<&String>) -> Result<Vec<Phone>, BenchError> {
    let phone = |number| {
        let secret = secret.map(|secret| Secret::from(secret.as_str()));
        Ok(Phone::new(format!("{number:064x}"), secret)?)
    };
    (0..bench.devices).map(phone).collect()
}

async fn sample(
    bench: &Bench,
    load: &Load,
    server: &Running,
    url: &str,
    phones: Vec<Phone>,
) -> Result<Sample, BenchError> {
    let plan = Plan {
        phones,
        duration: bench.measured,
        mix: load.mix,
        connections: bench.connections,
        ..Plan::new(url, "")
    };
    let usage = Usage::start(server.pid())?;
    let report = simulate(plan, |_| {}).await?;
    let (server_share, load_share) = usage.shares()?;
    let unexpected = || BenchError::Unexpected {
        suite: load.suite,
        problem: "nothing was answered".to_owned(),
    };
    let phase = report.phase(Phase::Sending).ok_or_else(unexpected)?;
    if phase.failed() > 0 {
        return Err(BenchError::Failed {
            suite: load.suite,
            failed: phase.failed(),
            report: report.to_string(),
        });
    }
    let kind = phase.kinds.first().ok_or_else(unexpected)?;
    Ok(Sample {
        per_second: phase.per_second,
        p50_ms: kind.latency.p50_us as f64 / 1e3,
        p99_ms: kind.latency.p99_us as f64 / 1e3,
        server_share,
        load_share,
        answer_bytes: kind.answer_bytes,
    })
}
