//! What can go wrong: with a plan and a run as a whole, and with one exchange.

use std::{fmt, io};

use serde::Serialize;

/// Why a run could not start or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A field of the plan has a value that cannot be used.
    #[error("{field}: {problem}")]
    Plan {
        /// The field of [`Plan`](crate::Plan).
        field: &'static str,
        /// What is wrong with it and what was expected.
        problem: String,
    },
    /// The host name of the URL has no address.
    #[error("cannot find the address of {host}: {source}")]
    Resolve {
        /// The host and port as given.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Nothing accepts connections at the URL.
    #[error("cannot connect to {url}: {fault}")]
    Connect {
        /// The URL as given.
        url: String,
        /// What the attempt ended in.
        fault: TransportFault,
    },
    /// The server refuses the access token.
    #[error("the server refuses the access token (status {status})")]
    Token {
        /// The status of the first registration.
        status: u16,
    },
    /// Not one phone could be registered.
    #[error("no phone could be registered; the first answer was {first}")]
    NoPhones {
        /// Status or transport fault of the first attempt.
        first: String,
    },
    /// The encryption library did not initialise.
    #[error("libsodium did not initialise")]
    Sodium,
    /// A latency could not be recorded; its histogram is of the wrong kind.
    #[error("cannot keep latencies: {0}")]
    Histogram(String),
    /// A task of the run ended without a result.
    #[error("a connection's task ended early: {0}")]
    Task(String),
}

/// Why one exchange brought no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportFault {
    /// The connection could not be opened.
    Connect,
    /// The connection broke while the request was written or the answer read.
    Io,
    /// The server closed the connection before the whole answer had come.
    Closed,
    /// The answer did not come within the plan's timeout.
    Timeout,
    /// The answer is not HTTP/1.1 with a `Content-Length`.
    Malformed,
    /// The answer is longer than the client keeps.
    TooLong,
}

impl fmt::Display for TransportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connection refused or unreachable",
            Self::Io => "connection broken",
            Self::Closed => "connection closed before the answer",
            Self::Timeout => "no answer in time",
            Self::Malformed => "answer is not HTTP/1.1 with a length",
            Self::TooLong => "answer too long",
        })
    }
}
