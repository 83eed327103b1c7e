//! `get_states` over sockets that ask again and again. The reference server answers with as many
//! bytes.

use std::time::Instant;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::Bench;
use crate::error::BenchError;
use crate::figures::{Figure, Target};

use super::broadcast::{Socket, connect, fill, signed_in};

const SUITE: &str = "states";
/// Sockets that ask at a time.
const SOCKETS: usize = 4;

/// What one measurement found.
struct Sample {
    per_second: f64,
    bytes: usize,
}

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Figure>, BenchError> {
    let (mut hub, mut changing, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = None;
    for _ in 0..bench.rounds {
        if bench.servers.has_hub() {
            let sample = of_the_hub(bench, false).await?;
            bytes = Some(sample.bytes);
            hub.push(sample.per_second);
            changing.push(of_the_hub(bench, true).await?.per_second);
        }
        bare.push(of_the_bare_server(bench, bytes).await?.per_second);
    }
    let figure = |measure: String, samples| {
        Figure::new(SUITE, measure, "1/s", samples, bare.clone()).wanted(Target::RatioAtLeast(0.5))
    };
    let entities = bench.entities;
    Ok(vec![
        figure(format!("get_states of {entities}"), hub),
        figure("the same, each after a change".to_owned(), changing),
    ])
}

async fn of_the_hub(bench: &Bench, changes: bool) -> Result<Sample, BenchError> {
    let home = bench.servers.home()?;
    let server = bench.servers.start_hub(&home)?;
    fill(&server, &home, bench.entities).await?;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        sockets.push(signed_in(&server, &home.token).await?);
    }
    let sample = ask(bench, sockets, changes).await?;
    server.stop()?;
    Ok(sample)
}

async fn of_the_bare_server(bench: &Bench, bytes: Option<usize>) -> Result<Sample, BenchError> {
    let options = bytes.map(|bytes| vec!["--states-answer".to_owned(), bytes.to_string()]);
    let server = bench.servers.start_bare(&options.unwrap_or_default())?;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        sockets.push(connect(&server, "/ws").await?);
    }
    let sample = ask(bench, sockets, false).await?;
    server.stop()?;
    Ok(sample)
}

/// Asks on all sockets, the next time when the answer is there.
async fn ask(bench: &Bench, sockets: Vec<Socket>, changes: bool) -> Result<Sample, BenchError> {
    let (warm, end) = (bench.warmup, bench.warmup + bench.measured);
    let start = Instant::now();
    let mut asking = JoinSet::new();
    for mut socket in sockets {
        asking.spawn(async move {
            let (mut answers, mut bytes) = (0_usize, 0);
            let mut id = 0_u64;
            while start.elapsed() < end {
                if changes {
                    // A person's home: something has always changed since.
                    id += 1;
                    let change = json!({
                        "id": id, "type": "call_service", "domain": "light",
                        "service": "toggle", "target": {"entity_id": "light.reading_lamp"},
                    });
                    socket.send(Message::text(change.to_string())).await?;
                }
                id += 1;
                let question = json!({"id": id, "type": "get_states"});
                socket.send(Message::text(question.to_string())).await?;
                let answer = loop {
                    let message = socket.next().await.ok_or_else(closed)??;
                    if message.len() > 10_000 {
                        break message;
                    }
                };
                bytes = answer.len();
                answers += usize::from(start.elapsed() >= warm);
            }
            Ok::<_, BenchError>((answers, bytes))
        });
    }
    let (mut answers, mut bytes) = (0, 0);
    while let Some(asked) = asking.join_next().await {
        let (own, length) = asked.map_err(|error| unexpected(&error.to_string()))??;
        answers += own;
        bytes = length;
    }
    Ok(Sample {
        per_second: answers as f64 / bench.measured.as_secs_f64(),
        bytes,
    })
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
