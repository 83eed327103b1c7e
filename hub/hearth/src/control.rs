//! The command line's door: a Unix socket in the data folder, one JSON object a line.
//!
//! `{"command": name, "data": {…}}` is answered by `{"result": …}` or
//! `{"error": {"code", "message"}}`. Whoever can open the socket may do everything: it lies in a
//! folder that only its owner can enter.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use hearth_core::command::{Access, Caller, CommandError, ErrorCode};
use hearth_core::event::Context;
use hearth_core::hub::Hub;
use hearth_core::integration::Health;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// Longest request and answer in bytes.
const LINE_LIMIT: u64 = 64 * 1024 * 1024;
/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    command: String,
    #[serde(default)]
    data: Map<String, Value>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Result(Value),
    Error { code: String, message: String },
}

/// Why a request through the socket has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// The hub refused.
    #[error("{0}")]
    Refused(String),
    /// The hub does not answer.
    #[error("the running hub does not answer on {path}: {source}")]
    NoAnswer {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What carries a command out and resolves to its result.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Value, CommandError>>>>;

/// Serves the command line until the hub ends. A folder without room for a socket is logged:
/// the hub works without it.
pub(crate) fn serve(hub: &Hub, path: &Path) {
    let hub = hub.clone();
    serve_with(path, move |command, data| {
        let hub = hub.clone();
        Box::pin(async move { call(&hub, &command, data).await })
    });
}

/// The same where not a hub answers.
pub(crate) fn serve_with(
    path: &Path,
    carry_out: impl Fn(String, Map<String, Value>) -> Answering + 'static,
) {
    // What a killed process left behind; this one holds the folder's lock.
    let _ = std::fs::remove_file(path);
    let listener = match short(path).and_then(|short| UnixListener::bind(short.path())) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the command line has no way in");
            return;
        }
    };
    let carry_out = Rc::new(carry_out);
    actix::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let carry_out = Rc::clone(&carry_out);
                    actix::spawn(async move {
                        let exchange = tokio::time::timeout(PATIENCE, answer(&*carry_out, stream));
                        if let Ok(Err(error)) = exchange.await {
                            tracing::debug!(%error, "a command line went away");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the command line's socket failed");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    });
}

async fn answer(
    carry_out: &impl Fn(String, Map<String, Value>) -> Answering,
    stream: UnixStream,
) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(LINE_LIMIT))
        .read_line(&mut line)
        .await?;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(request) => match carry_out(request.command, request.data).await {
            Ok(result) => Answer::Result(result),
            Err(error) => Answer::Error {
                code: error.code.to_string(),
                message: error.message,
            },
        },
        Err(error) => Answer::Error {
            code: "invalid_format".to_owned(),
            message: error.to_string(),
        },
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    write.write_all(text.as_bytes()).await
}

/// Calls a command with the command line's rights.
pub(crate) async fn call(
    hub: &Hub,
    command: &str,
    data: Map<String, Value>,
) -> Result<Value, CommandError> {
    let caller = Caller::new(Context::new(&hub.env), Access::Local);
    let answer = hub.commands.call(command, data, caller).await;
    answer.map_err(|error| {
        let explained = (error.code == ErrorCode::UNKNOWN_COMMAND)
            .then(|| not_running(hub, command))
            .flatten();
        explained.unwrap_or(error)
    })
}

/// Why nobody knows a command of an integration that this hub has: it did not start.
fn not_running(hub: &Hub, command: &str) -> Option<CommandError> {
    let (domain, _) = command.split_once('/')?;
    let integrations = hub.integrations.list();
    let status = integrations
        .iter()
        .find(|status| *status.manifest.domain == *domain && status.health != Health::Running)?;
    let why = status
        .last_error
        .as_deref()
        .unwrap_or("it does not say why");
    Some(CommandError::failed(format!(
        "the integration {domain} does not run: {why}"
    )))
}

/// Asks the running hub of a data folder; `None` where none runs.
pub(crate) async fn request(
    socket: &Path,
    command: &str,
    data: Map<String, Value>,
) -> Option<Result<Value, ControlError>> {
    let mut stream = UnixStream::connect(short(socket).ok()?.path()).await.ok()?;
    let exchange = async {
        let request = Request {
            command: command.to_owned(),
            data,
        };
        let mut line = serde_json::to_string(&request)?;
        line.push('\n');
        stream.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(stream.take(LINE_LIMIT))
            .read_line(&mut answer)
            .await?;
        Ok(serde_json::from_str::<Answer>(&answer)?)
    };
    let no_answer = |source| ControlError::NoAnswer {
        path: socket.to_owned(),
        source,
    };
    Some(match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(Ok(Answer::Result(value))) => Ok(value),
        Ok(Ok(Answer::Error { message, .. })) => Err(ControlError::Refused(message)),
        Ok(Err(error)) => Err(no_answer(error)),
        Err(_) => Err(no_answer(io::ErrorKind::TimedOut.into())),
    })
}

/// A path that fits into a socket address, which has room for some 100 bytes only: through the
/// folder's own descriptor where it is longer.
fn short(path: &Path) -> io::Result<ShortPath> {
    use std::os::fd::AsRawFd;
    if path.as_os_str().len() < 100 {
        return Ok(ShortPath {
            path: path.to_owned(),
            _folder: None,
        });
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = std::fs::File::open(parent)?;
    Ok(ShortPath {
        path: Path::new("/proc/self/fd")
            .join(folder.as_raw_fd().to_string())
            .join(name),
        _folder: Some(folder),
    })
}

struct ShortPath {
    path: PathBuf,
    /// Open as long as the path is used.
    _folder: Option<std::fs::File>,
}

impl ShortPath {
    fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use hearth_core::integration::{Factory, Manifest};

    use super::*;

    #[test]
    fn a_command_of_an_integration_that_failed_says_so() {
        actix::System::new().block_on(async {
            let hub = Hub::in_memory().expect("a store in memory");
            let needy = Manifest::new("needy", "Needy").requiring(&["nobody/answers"]);
            let factory = Factory::new(needy, |_| unreachable!("it is not started"));
            hub.start_integrations(vec![factory]).await;
            let told = async |command: &str| {
                let answer = call(&hub, command, Map::new()).await;
                answer.expect_err("nobody answers it").message
            };
            let message = told("needy/list").await;
            assert!(
                message.starts_with("the integration needy does not run: it needs the command"),
                "{message}"
            );
            assert_eq!(told("other/list").await, "Unknown command.");
        });
    }
}
