//! The memory of many sockets that all hear of all entities.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::Bench;
use crate::cores::resident_mb;
use crate::error::BenchError;
use crate::figures::{Figure, Target};
use crate::servers::{Home, Running};

use super::broadcast::{fill, signed_in};

const SUITE: &str = "entities";
/// After this long sockets that were left alone are idle.
const SETTLED: Duration = Duration::from_secs(3);
/// How long the states may take to a socket.
const PATIENCE: Duration = Duration::from_secs(30);
const COMMAND: &str = "subscribe_entities";

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Figure>, BenchError> {
    if !bench.servers.has_hub() {
        return Ok(Vec::new());
    }
    let home = bench.servers.home()?;
    let server = bench.servers.start_hub(&home)?;
    fill(&server, &home, bench.entities).await?;
    let before = resident_mb(server.pid())?;
    let length = length(&server, &home).await?;
    let mut sockets = Vec::with_capacity(bench.many_sockets);
    let started = std::time::Instant::now();
    for _ in 0..bench.many_sockets {
        sockets.push(subscribed(&server, &home, length).await?);
    }
    let rate = bench.many_sockets as f64 / started.elapsed().as_secs_f64();
    tokio::time::sleep(SETTLED).await;
    let held = resident_mb(server.pid())?;
    let sockets_held = sockets.len();
    drop(sockets);
    server.stop()?;
    let figure =
        |measure: String, unit, value| Figure::new(SUITE, measure, unit, vec![value], Vec::new());
    Ok(vec![
        figure(
            format!("{sockets_held} sockets, {} entities", bench.entities),
            "MB",
            held,
        )
        .wanted(Target::AtMost(400.0)),
        figure("without sockets".to_owned(), "MB", before),
        figure("subscribing, one by one".to_owned(), "1/s", rate),
    ])
}

/// How many bytes answer and states are on the wire.
async fn length(server: &Running, home: &Home) -> Result<usize, BenchError> {
    let mut socket = signed_in(server, &home.token).await?;
    let subscribe = json!({"id": 1, "type": COMMAND});
    socket.send(Message::text(subscribe.to_string())).await?;
    let mut length = 0;
    for _ in 0..2 {
        let message = socket.next().await.ok_or_else(closed)??;
        length += message.len()
            + match message.len() {
                0..126 => 2,
                126..65_536 => 4,
                _ => 10,
            };
    }
    Ok(length)
}

/// A connection that has read its states and thrown them away: what a client makes of them is not
/// measured.
async fn subscribed(server: &Running, home: &Home, length: usize) -> Result<TcpStream, BenchError> {
    let mut socket = signed_in(server, &home.token).await?;
    let subscribe = json!({"id": 1, "type": COMMAND});
    socket.send(Message::text(subscribe.to_string())).await?;
    let mut stream = socket.into_inner();
    let mut buffer = vec![0; 64 * 1024];
    let mut read = 0;
    let reading = async {
        while read < length {
            match stream.read(&mut buffer).await? {
                0 => return Err(closed()),
                bytes => read += bytes,
            }
        }
        Ok(())
    };
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(outcome) => outcome?,
        Err(_) => return Err(unexpected("the states did not come in time")),
    }
    Ok(stream)
}

fn closed() -> BenchError {
    unexpected("a socket was closed")
}

fn unexpected(problem: &str) -> BenchError {
    BenchError::Unexpected {
        suite: SUITE,
        problem: problem.to_owned(),
    }
}
