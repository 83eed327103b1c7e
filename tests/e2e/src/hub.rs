//! The binary under test: started on port 0 with a data folder of its own, killed, stopped, restarted.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{binary, resident_mib};
use crate::wait::until;
use crate::{Http, Ws};

/// How long a start may take before a test gives up (the binary may be a debug build on a busy machine).
const START: Duration = Duration::from_secs(30);

/// The home of the tests' hub: zone `zone.home` lies here.
pub const HOME: (f64, f64) = (52.3731, 4.8903);

/// Settings that add a plain user, who is no admin.
pub const GUEST: &str = r#"
[[provision.users]]
name = "Guest"
admin = false
token = "the-token-of-the-guest"
"#;

/// The token of [`GUEST`].
pub const GUEST_TOKEN: &str = "the-token-of-the-guest";

const BASE_CONFIG: &str = r#"
[hub]
name = "Test home"
latitude = 52.3731
longitude = 4.8903
time_zone = "Europe/Amsterdam"
"#;

/// What a hub is started with.
pub struct HubBuilder {
    config: String,
    config_file: Option<PathBuf>,
    env: Vec<(String, String)>,
    args: Vec<String>,
    owner: bool,
}

impl HubBuilder {
    /// Adds settings (TOML). The tests' own `[hub]` section is left out if these bring one.
    pub fn config(mut self, toml: &str) -> Self {
        self.config.push_str(toml);
        self.config.push('\n');
        self
    }

    /// Starts with this settings file as it is, instead of the tests' own settings.
    pub fn config_file(mut self, path: &Path) -> Self {
        self.config_file = Some(path.to_owned());
        self
    }

    /// Sets an environment variable for the hub.
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds an argument to `hearth run`.
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Starts without making an owner and a token first.
    pub fn without_owner(mut self) -> Self {
        self.owner = false;
        self
    }

    /// Makes the data folder, the owner `Paul` with a token, and starts the hub.
    pub fn start(self) -> Hub {
        let home = tempfile::Builder::new()
            .prefix("hearth-e2e-")
            .tempdir()
            .expect("a temporary folder");
        let config = match &self.config_file {
            Some(path) => path.clone(),
            None => {
                let path = home.path().join("test.toml");
                let base = if self.config.contains("[hub]") {
                    ""
                } else {
                    BASE_CONFIG
                };
                std::fs::write(&path, format!("{base}\n{}", self.config)).expect("a settings file");
                path
            }
        };
        let mut hub = Hub {
            home,
            config,
            env: self.env,
            args: self.args,
            token: String::new(),
            running: None,
            stderr: Arc::default(),
            stdout: Arc::default(),
        };
        if self.owner {
            hub.token = hub.create_token("Paul", "tests");
        }
        hub.restart();
        hub
    }
}

struct Running {
    child: Child,
    addr: SocketAddr,
    readers: Vec<JoinHandle<()>>,
}

/// A hub under test. Killed, and its data folder removed, when dropped.
pub struct Hub {
    home: TempDir,
    config: PathBuf,
    env: Vec<(String, String)>,
    args: Vec<String>,
    token: String,
    running: Option<Running>,
    stderr: Arc<Mutex<String>>,
    stdout: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    /// A hub with the tests' settings, its demo home, and an owner.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A hub with these settings (TOML) besides.
    pub fn with(config: &str) -> Self {
        Self::builder().config(config).start()
    }

    /// To say more precisely what to start.
    pub fn builder() -> HubBuilder {
        HubBuilder {
            config: String::new(),
            config_file: None,
            env: Vec::new(),
            args: Vec::new(),
            owner: true,
        }
    }

    /// The owner's long-lived token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where the hub listens.
    pub fn addr(&self) -> SocketAddr {
        self.running.as_ref().expect("the hub runs").addr
    }

    /// The hub's process id.
    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("the hub runs").child.id()
    }

    /// Whether the process that was started is still there.
    pub fn is_running(&mut self) -> bool {
        match &mut self.running {
            Some(running) => running.child.try_wait().expect("wait").is_none(),
            None => false,
        }
    }

    /// The data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// What the hub has written to stderr so far, over all its starts.
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("not poisoned").clone()
    }

    /// The lines that the hub has written to stdout so far, over all its starts.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.lock().expect("not poisoned").clone()
    }

    /// Resident memory in MiB (Linux).
    pub fn resident_mib(&self) -> u64 {
        resident_mib(self.pid())
    }

    /// Runs `hearth token create` on the data folder and gives the token.
    pub fn create_token(&self, user: &str, label: &str) -> String {
        let out = self.cli(&["token", "create"], &["--user", user, "--name", label]);
        assert!(out.status.success(), "hearth token create: {out:?}");
        let text = String::from_utf8(out.stdout).expect("UTF-8");
        assert_eq!(text.lines().count(), 1, "the token alone: {text:?}");
        text.trim().to_owned()
    }

    /// Runs `hearth <command> --data-dir <this hub's> <args>`.
    pub fn cli(&self, command: &[&str], args: &[&str]) -> Output {
        Command::new(binary())
            .args(command)
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(args)
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .output()
            .expect("the hearth binary runs")
    }

    /// An HTTP client with the owner's token.
    pub fn http(&self) -> Http {
        Http::new(self.addr()).bearer(&self.token)
    }

    /// A WebSocket client past its auth phase, with the owner's token.
    pub async fn ws(&self) -> Ws {
        Ws::authenticated(self.addr(), &self.token).await
    }

    /// The state object of an entity, if there is one.
    pub async fn state(&self, entity_id: &str) -> Option<Value> {
        let reply = self.http().get(&format!("/api/states/{entity_id}")).await;
        match reply.status {
            200 => Some(reply.json()),
            404 => None,
            _ => panic!("GET /api/states/{entity_id}: {reply:?}"),
        }
    }

    /// Waits until the state object of an entity fulfils `condition`, and gives it.
    pub async fn state_when(
        &self,
        entity_id: &str,
        what: &str,
        condition: impl Fn(&Value) -> bool,
    ) -> Value {
        let what = format!("{entity_id}: {what}");
        until(&what, async || {
            self.state(entity_id).await.filter(|state| condition(state))
        })
        .await
    }

    /// Ends the process as a power cut would (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.child.kill().expect("kill");
            running.child.wait().expect("wait");
            running.join();
        }
    }

    /// Asks the process to stop (SIGTERM); gives its exit status and how long it took.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        self.stop_with("TERM")
    }

    /// Asks the process to stop with the named signal; gives its exit status and how long it took.
    pub fn stop_with(&mut self, signal: &str) -> (ExitStatus, Duration) {
        let mut running = self.running.take().expect("the hub runs");
        let start = Instant::now();
        let sent = Command::new("sh")
            .args(["-c", r#"kill -s "$0" "$1""#, signal])
            .arg(running.child.id().to_string())
            .status()
            .expect("sh");
        assert!(sent.success(), "kill -s {signal}");
        loop {
            if let Some(status) = running.child.try_wait().expect("wait") {
                let took = start.elapsed();
                running.join();
                return (status, took);
            }
            if start.elapsed() > START {
                running.child.kill().expect("kill");
                running.child.wait().expect("wait");
                panic!("the hub did not stop within {START:?} of SIG{signal}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts the binary on the same data folder and settings; gives the time until it was ready.
    pub fn restart(&mut self) -> Duration {
        assert!(self.running.is_none(), "the hub runs already");
        let start = Instant::now();
        let mut child = Command::new(binary())
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(["--listen", "127.0.0.1:0"])
            .args(&self.args)
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the hearth binary starts");

        let (ready, line) = channel();
        let lines = Arc::clone(&self.stdout);
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let out = std::thread::spawn(move || {
            for text in out.lines().map_while(Result::ok) {
                lines.lock().expect("not poisoned").push(text.clone());
                // Only the first line has a reader.
                let _ = ready.send(text);
            }
        });
        let log = Arc::clone(&self.stderr);
        let mut err = BufReader::new(child.stderr.take().expect("piped"));
        let err = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while err.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&bytes);
                log.lock().expect("not poisoned").push_str(&text);
                bytes.clear();
            }
        });

        match ready_address(&line) {
            Ok(addr) => {
                self.running = Some(Running {
                    child,
                    addr,
                    readers: vec![out, err],
                });
                start.elapsed()
            }
            Err(why) => {
                let _ = child.kill();
                let status = child.wait();
                let _ = out.join();
                let _ = err.join();
                panic!(
                    "hearth run: {why}; ended with {status:?}; stderr:\n{}",
                    self.stderr()
                );
            }
        }
    }
}

impl Running {
    fn join(self) {
        for reader in self.readers {
            let _ = reader.join();
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
            running.join();
        }
        if std::thread::panicking() {
            // A failed test without the hub's own words is hard to read.
            let log = self.stderr();
            let skip = log.len().saturating_sub(6000);
            let mut out = std::io::stderr().lock();
            let _ =
                std::io::Write::write_all(&mut out, b"--- the end of the hub's own log follows\n");
            let _ = std::io::Write::write_all(&mut out, &log.as_bytes()[skip..]);
        }
    }
}

fn ready_address(line: &Receiver<String>) -> Result<SocketAddr, String> {
    let line = line
        .recv_timeout(START)
        .map_err(|_| "printed no line on stdout".to_owned())?;
    line.strip_prefix("ready http://")
        .and_then(|addr| addr.parse().ok())
        .ok_or_else(|| format!("expected `ready http://ADDR:PORT`, got {line:?}"))
}
