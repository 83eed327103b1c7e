//! Runs the hub and the bare reference server in turn, under the same load in the same run, and
//! prints medians and ratios.
//!
//! ```text
//! cargo build --release && cargo build --release -p hearth-bench
//! target/release/hearth-bench all
//! ```
//!
//! Servers run on core 0, the load on core 1; nothing else should run on the machine. Each round
//! starts the hub with fresh data, measures it, and then does the same with the reference, so that
//! what else happens on the machine meets both. Figures are printed beside the project's targets
//! and never asserted on.

mod cores;
mod error;
mod figures;
mod servers;
mod suites;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use error::BenchError;
use figures::Figure;
use servers::Servers;

/// Measures Hearth against a bare actix server.
#[derive(Debug, Parser)]
struct Options {
    /// What to measure.
    suite: Suite,
    /// The hub.
    #[arg(long, default_value = "target/release/hearth")]
    hub: PathBuf,
    /// The reference server; default: `bare` beside this program.
    #[arg(long)]
    bare: Option<PathBuf>,
    /// Measure the reference server only.
    #[arg(long)]
    bare_only: bool,
    /// Where the hub's data goes, on the disk that is to be measured; default: beside this
    /// program.
    #[arg(long)]
    scratch: Option<PathBuf>,
    /// How often each server is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each measurement of a webhook suite takes, in seconds.
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// How long the same load runs before, unmeasured, in seconds.
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    warmup: f64,
    /// Registrations that the webhook suites spread over.
    #[arg(long, default_value_t = 1_000)]
    devices: usize,
    /// Connections of the webhook suites.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Sockets of the broadcast and entities suites.
    #[arg(long, default_value_t = 500)]
    sockets: usize,
    /// Sockets whose memory the entities suite measures.
    #[arg(long, default_value_t = 5_000)]
    many_sockets: usize,
    /// Entities of the home of the entities and states suites.
    #[arg(long, default_value_t = 2_000)]
    entities: usize,
    /// State changes of the broadcast and entities suites in each round.
    #[arg(long, default_value_t = 100)]
    changes: usize,
    /// Registrations of each round of the register suite.
    #[arg(long, default_value_t = 10_000)]
    registrations: usize,
    /// Registrations of the size suite.
    #[arg(long, default_value_t = 100_000)]
    size: usize,
    /// Hubs whose idle connections the relay suite measures.
    #[arg(long, default_value_t = 10_000)]
    hubs: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// The load alone, against a server that answers everything with the same bytes.
    Load,
    /// Plain update_location.
    Location,
    /// Encrypted get_zones.
    Zones,
    /// Encrypted update_sensor_states.
    Sensors,
    /// One state change to many sockets.
    Broadcast,
    /// The same to sockets that hear of entities, and the memory that many of those take.
    Entities,
    /// All states of a home, over a socket.
    States,
    /// Durable registrations.
    Register,
    /// Memory, and the time from start to ready.
    Size,
    /// Webhooks through the relay to hubs, idle hubs, and cloudhooks.
    Relay,
    /// All of them.
    All,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.05..=3_600.0).contains(&value) => Ok(value),
        _ => Err("expected 0.05 to 3600 seconds".to_owned()),
    }
}

/// What every suite needs.
pub(crate) struct Bench {
    pub(crate) servers: Servers,
    pub(crate) rounds: usize,
    pub(crate) measured: Duration,
    pub(crate) warmup: Duration,
    pub(crate) devices: usize,
    pub(crate) connections: usize,
    pub(crate) sockets: usize,
    pub(crate) many_sockets: usize,
    pub(crate) entities: usize,
    pub(crate) changes: usize,
    pub(crate) registrations: usize,
    pub(crate) size: usize,
    pub(crate) hubs: usize,
}

fn main() -> ExitCode {
    match measure(Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Runs the suites and prints the figures; whether all suites could be measured.
fn measure(options: Options) -> Result<bool, BenchError> {
    // Before the runtime, so that all its threads stay on the core of the load.
    cores::pin_the_load()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let bench = Bench {
        servers: Servers::find(
            (!options.bare_only).then_some(options.hub),
            options.bare,
            options.scratch,
        )?,
        rounds: options.rounds.max(1),
        measured: Duration::from_secs_f64(options.seconds),
        warmup: Duration::from_secs_f64(options.warmup),
        devices: options.devices,
        connections: options.connections,
        sockets: options.sockets,
        many_sockets: options.many_sockets,
        entities: options.entities,
        changes: options.changes.max(1),
        registrations: options.registrations,
        size: options.size,
        hubs: options.hubs,
    };
    let mut figures: Vec<Figure> = Vec::new();
    let mut whole = true;
    let mut run = |suite: Suite| match runtime.block_on(suites::run(&bench, suite)) {
        Ok(found) => figures.extend(found),
        Err(error) => {
            complain(&error);
            whole = false;
        }
    };
    match options.suite {
        Suite::All => Suite::value_variants()
            .iter()
            .filter(|suite| **suite != Suite::All)
            .for_each(|suite| run(*suite)),
        one => run(one),
    }
    let mut out = io::stdout().lock();
    if options.json {
        serde_json::to_writer_pretty(&mut out, &figures).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", figures::Table(&figures))?;
    }
    Ok(whole)
}

fn complain(error: &BenchError) {
    // Nothing is left to do if even standard error is gone.
    let _ = writeln!(io::stderr(), "hearth-bench: {error}");
}
