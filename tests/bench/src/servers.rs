//! Starting and stopping the servers.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hearth_simulate::Secret;
use tempfile::TempDir;

use crate::cores;
use crate::error::BenchError;

const READY_WITHIN: Duration = Duration::from_secs(120);
const STOPPED_WITHIN: Duration = Duration::from_secs(10);
/// How much of a program's log an error shows.
const LOG_TAIL: u64 = 2_000;

/// The programs, and where the hub's data goes.
pub(crate) struct Servers {
    hub: Option<PathBuf>,
    bare: PathBuf,
    canned: PathBuf,
    scratch: PathBuf,
}

/// A data directory of the hub, with an access token for it; gone when dropped.
pub(crate) struct Home {
    directory: TempDir,
    pub(crate) token: Secret,
}

/// A running server; killed when dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
    /// From the start of the program to its `ready` line.
    pub(crate) ready_in: Duration,
}

impl Servers {
    /// Checks that the programs are there. Without a hub only the reference is measured.
    pub(crate) fn find(
        hub: Option<PathBuf>,
        bare: Option<PathBuf>,
        scratch: Option<PathBuf>,
    ) -> Result<Self, BenchError> {
        let here = std::env::current_exe()?;
        let beside = here.parent().unwrap_or(Path::new("."));
        let servers = Self {
            hub,
            bare: bare.unwrap_or_else(|| beside.join("bare")),
            canned: beside.join("canned"),
            scratch: scratch.unwrap_or_else(|| beside.to_owned()),
        };
        if let Some(hub) = servers.hub.as_ref().filter(|hub| !hub.is_file()) {
            return Err(BenchError::Missing {
                path: hub.clone(),
                build: "cargo build --release",
            });
        }
        for program in [&servers.bare, &servers.canned] {
            if !program.is_file() {
                return Err(BenchError::Missing {
                    path: program.clone(),
                    build: "cargo build --release -p hearth-bench",
                });
            }
        }
        Ok(servers)
    }

    /// Whether there is a hub to measure.
    pub(crate) fn has_hub(&self) -> bool {
        self.hub.is_some()
    }

    /// A fresh data directory with a first user and a token.
    pub(crate) fn home(&self) -> Result<Home, BenchError> {
        let directory = TempDir::with_prefix_in("hearth-bench-", &self.scratch)?;
        let output = Command::new(self.hub()?)
            .args(["token", "create", "--user", "bench", "--name", "bench"])
            .arg("--data-dir")
            .arg(directory.path())
            .output()?;
        let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() || token.is_empty() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(BenchError::Token(format!("{} {said}", output.status)));
        }
        Ok(Home {
            directory,
            token: Secret::from(token),
        })
    }

    /// Starts the hub on a data directory.
    pub(crate) fn start_hub(&self, home: &Home) -> Result<Running, BenchError> {
        let mut command = cores::on_the_server_core(self.hub()?);
        command
            .args(["run", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(home.directory.path());
        let log = home.directory.path().join("bench.log");
        Running::start("the hub", command, &log)
    }

    /// The same with these environment variables.
    pub(crate) fn start_hub_with(
        &self,
        home: &Home,
        settings: &[(&str, String)],
    ) -> Result<Running, BenchError> {
        let mut command = cores::on_the_server_core(self.hub()?);
        command
            .args(["run", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(home.directory.path())
            .envs(settings.iter().map(|(key, value)| (key, value)));
        let log = home.directory.path().join("bench.log");
        Running::start("the hub", command, &log)
    }

    /// A fresh folder on the disk that is measured.
    pub(crate) fn folder(&self) -> Result<TempDir, BenchError> {
        Ok(TempDir::with_prefix_in("hearth-bench-", &self.scratch)?)
    }

    /// Starts the relay on a data directory, with these environment variables.
    pub(crate) fn start_relay(
        &self,
        folder: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Running, BenchError> {
        let mut command = cores::on_the_server_core(self.hub()?);
        command
            .args(["relay", "run", "--listen", "127.0.0.1:0"])
            .args(["--admin-listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            .envs(settings.iter().copied());
        Running::start("the relay", command, &folder.join("bench.log"))
    }

    /// Starts the reference server.
    pub(crate) fn start_bare(&self, options: &[String]) -> Result<Running, BenchError> {
        self.start("the bare server", &self.bare, options)
    }

    /// Starts the server that answers everything with the same bytes.
    pub(crate) fn start_canned(&self) -> Result<Running, BenchError> {
        self.start("the canned server", &self.canned, &[])
    }

    fn start(&self, name: &str, path: &Path, options: &[String]) -> Result<Running, BenchError> {
        let directory = TempDir::with_prefix_in("hearth-bench-", &self.scratch)?;
        let mut command = cores::on_the_server_core(path);
        command.args(options);
        Running::start(name, command, &directory.path().join("log"))
    }

    fn hub(&self) -> Result<&Path, BenchError> {
        self.hub.as_deref().ok_or(BenchError::Unexpected {
            suite: "hub",
            problem: "was left out".to_owned(),
        })
    }
}

impl Running {
    fn start(program: &str, mut command: Command, log: &Path) -> Result<Self, BenchError> {
        let not_ready = |reason: String| BenchError::NotReady {
            program: program.to_owned(),
            reason,
        };
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?);
        let started = Instant::now();
        let mut child = command
            .spawn()
            .map_err(|error| not_ready(error.to_string()))?;
        let stdout = child.stdout.take();
        let (send, ready) = mpsc::channel();
        // Reads on after the ready line, so that the program never waits for its output.
        thread::spawn(move || {
            for line in stdout
                .into_iter()
                .flat_map(|out| BufReader::new(out).lines())
            {
                let Ok(line) = line else { return };
                if let Some(url) = line.strip_prefix("ready ") {
                    // The receiver is gone if it has waited too long.
                    let _ = send.send((url.trim().to_owned(), started.elapsed()));
                }
            }
        });
        let mut running = Self {
            child,
            url: String::new(),
            ready_in: Duration::ZERO,
        };
        match ready.recv_timeout(READY_WITHIN) {
            Ok((url, ready_in)) => {
                running.url = url;
                running.ready_in = ready_in;
                Ok(running)
            }
            Err(_) => Err(not_ready(format!("its log ends with:\n{}", tail(log)?))),
        }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the program to stop, waits until it has, and says how long that took.
    pub(crate) fn stop(mut self) -> io::Result<Duration> {
        let asked = Instant::now();
        Command::new("kill")
            .args(["-TERM", &self.pid().to_string()])
            .status()?;
        while asked.elapsed() < STOPPED_WITHIN {
            if self.child.try_wait()?.is_some() {
                return Ok(asked.elapsed());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(io::Error::other("the server did not stop when asked to"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(log: &Path) -> io::Result<String> {
    let length = fs::metadata(log)?.len();
    let mut file = File::open(log)?;
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
