//! Which core runs what, and what a process uses: `taskset` and `/proc`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::BenchError;

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";
/// Units of the times in `/proc/<pid>/stat`: fixed at 100 a second for programs on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Puts this process on the core of the load. To be called before it has other threads.
pub(crate) fn pin_the_load() -> Result<(), BenchError> {
    let cores = std::thread::available_parallelism()?.get();
    if cores < 2 {
        return Err(BenchError::Cores(cores));
    }
    let own = std::process::id().to_string();
    let output = Command::new("taskset")
        .args(["-c", "-p", LOAD_CORE, &own])
        .output()
        .map_err(|error| BenchError::Taskset(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(BenchError::Taskset(said));
    }
    Ok(())
}

/// A command that runs on the core of the server. `taskset` becomes the program itself, so the
/// process id is the program's.
pub(crate) fn on_the_server_core(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE]).arg(program);
    command
}

/// Resident memory of a process, in MB (1,000,000 bytes).
pub(crate) fn resident_mb(pid: u32) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|kib| kib.trim().parse::<f64>().ok())
        .map(|kib| kib * 1024.0 / 1e6)
        .ok_or_else(|| io::Error::other("no VmRSS"))
}

/// Processor time of the server and of the load over a stretch of time.
pub(crate) struct Usage {
    server: u32,
    start: Instant,
    server_before: Duration,
    load_before: Duration,
}

impl Usage {
    pub(crate) fn start(server: u32) -> io::Result<Self> {
        Ok(Self {
            server,
            start: Instant::now(),
            server_before: processor_time(server)?,
            load_before: processor_time(std::process::id())?,
        })
    }

    /// Share of a core that server and load used since the start, in per cent.
    pub(crate) fn shares(&self) -> io::Result<(f64, f64)> {
        let seconds = self.start.elapsed().as_secs_f64();
        let share = |before: Duration, now: Duration| {
            100.0 * now.saturating_sub(before).as_secs_f64() / seconds
        };
        Ok((
            share(self.server_before, processor_time(self.server)?),
            share(self.load_before, processor_time(std::process::id())?),
        ))
    }
}

/// User and system time of a process.
fn processor_time(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything; the fields after it are numbers.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND))
}
