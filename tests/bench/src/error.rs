//! Why something could not be measured.

use std::io;
use std::path::PathBuf;

use hearth_simulate::{SimulateError, TransportFault};

#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("{path} is not there; build it with `{build}`", path = .path.display())]
    Missing { path: PathBuf, build: &'static str },
    #[error("two cores are needed, one for the server and one for the load; here is {0}")]
    Cores(usize),
    #[error("`taskset` is needed to keep server and load on separate cores: {0}")]
    Taskset(String),
    #[error("{program} did not become ready: {reason}")]
    NotReady { program: String, reason: String },
    #[error("`hearth token create` failed: {0}")]
    Token(String),
    #[error("{suite}: {failed} requests failed, so the figures would mean nothing:\n{report}")]
    Failed {
        suite: &'static str,
        failed: u64,
        report: String,
    },
    #[error("{suite}: {problem}")]
    Unexpected {
        suite: &'static str,
        problem: String,
    },
    #[error("socket: {0}")]
    Socket(#[from] Box<tokio_tungstenite::tungstenite::Error>),
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    #[error("exchange: {0}")]
    Transport(TransportFault),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<tokio_tungstenite::tungstenite::Error> for BenchError {
    fn from(error: tokio_tungstenite::tungstenite::Error) -> Self {
        Self::Socket(Box::new(error))
    }
}

impl From<TransportFault> for BenchError {
    fn from(fault: TransportFault) -> Self {
        Self::Transport(fault)
    }
}
