//! Messages of 1 KiB from a sender's post, over the disk, to the hub that they are for.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::link::{Link, command};
use super::post::Sender;
use super::{OPEN, SUITE, percentile, unexpected};
use crate::Bench;
use crate::error::BenchError;
use crate::figures::{Figure, Target};

const HUBS: usize = 16;
const SENDERS: usize = 64;
/// What fills a body up to 1 KiB.
const FILLER: usize = 960;
/// The rate at which latency is measured: that which is wanted.
const PACE: f64 = 5_000.0;
/// How long what was sent may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// What arrived: when, in seconds since the start, and how long it took, in milliseconds.
type Arrived = Rc<RefCell<Vec<(f64, f64)>>>;

pub(super) async fn run(bench: &Bench) -> Result<Vec<Figure>, BenchError> {
    let (mut rates, mut full, mut paced) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds {
        let (rate, latency) = round(bench, None).await?;
        rates.push(rate);
        full.push(latency);
        paced.push(round(bench, Some(PACE)).await?.1);
    }
    let figure = |measure: &str, unit, samples| Figure::new(SUITE, measure, unit, samples, vec![]);
    Ok(vec![
        figure("1 KiB posted to delivered", "1/s", rates).wanted(Target::AtLeast(PACE)),
        figure("99 % of them within", "ms", full),
        figure("99 % within, at 5,000/s", "ms", paced).wanted(Target::AtMost(50.0)),
    ])
}

/// Messages delivered a second, and the time within which 99 % of them were.
async fn round(bench: &Bench, pace: Option<f64>) -> Result<(f64, f64), BenchError> {
    let folder = bench.servers.folder()?;
    let server = bench.servers.start_relay(folder.path(), OPEN)?;
    let address = server.url.trim_start_matches("http://").to_owned();
    let wanted = json!({"key_path": "body.to"});
    let webhook = command(folder.path(), "webhook/create", wanted).await?;
    let path = format!("/webhook/{}", webhook["id"].as_str().unwrap_or_default());

    let start = Instant::now();
    let arrived = Arrived::default();
    let mut hubs = Vec::new();
    for number in 0..HUBS {
        let hub = command(folder.path(), "hub/create", json!({})).await?;
        let mut link = Link::open(&address, &hub).await?;
        link.register(&webhook, &number.to_string()).await?;
        hubs.push(tokio::task::spawn_local(take(
            link,
            start,
            Rc::clone(&arrived),
        )));
    }
    let end = start + bench.warmup + bench.measured;
    let mut senders = Vec::new();
    for number in 0..SENDERS {
        let sender = Sender::open(&address).await?;
        let every = pace.map(|pace| Duration::from_secs_f64(SENDERS as f64 / pace));
        let sending = send(sender, path.clone(), number, every, start, end);
        senders.push(tokio::task::spawn_local(sending));
    }
    let mut sent = 0;
    for sender in senders {
        sent += sender.await.map_err(|_| unexpected("a sender failed"))??;
    }
    let began = Instant::now();
    while arrived.borrow().len() < sent {
        if began.elapsed() > PATIENCE {
            let count = arrived.borrow().len();
            return Err(unexpected(format!("of {sent} messages {count} arrived")));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for hub in hubs {
        hub.abort();
    }
    server.stop()?;
    let from = bench.warmup.as_secs_f64();
    let to = from + bench.measured.as_secs_f64();
    let mut latencies: Vec<f64> = arrived
        .borrow()
        .iter()
        .filter(|(at, _)| (from..to).contains(at))
        .map(|(_, took)| *took)
        .collect();
    latencies.sort_unstable_by(f64::total_cmp);
    let rate = latencies.len() as f64 / bench.measured.as_secs_f64();
    Ok((rate, percentile(&latencies, 0.99)))
}

/// Posts until `end`, each message with the time at which it was to be sent.
async fn send(
    mut sender: Sender,
    path: String,
    number: usize,
    every: Option<Duration>,
    start: Instant,
    end: Instant,
) -> Result<usize, BenchError> {
    let filler = "x".repeat(FILLER);
    let mut due = Instant::now();
    let mut sent = 0;
    while Instant::now() < end {
        match every {
            Some(every) => {
                due += every;
                tokio::time::sleep_until(due.into()).await;
            }
            None => due = Instant::now(),
        }
        let at = (due - start).as_micros();
        let to = (number + sent) % HUBS;
        let body = format!(r#"{{"to":"{to}","at":{at},"filler":"{filler}"}}"#);
        sender.post(&path, None, &body).await?;
        sent += 1;
    }
    Ok(sent)
}

/// Takes and acknowledges messages.
async fn take(mut link: Link, start: Instant, arrived: Arrived) -> Result<(), BenchError> {
    loop {
        let frame = link.next().await?;
        let Some(seq) = number(&frame, r#""seq":"#) else {
            continue;
        };
        let now = start.elapsed().as_secs_f64();
        let at = number(&frame, r#""at":"#).ok_or_else(|| unexpected("a message without time"))?;
        arrived
            .borrow_mut()
            .push((now, now * 1e3 - at as f64 / 1e3));
        link.say(&json!({"t": "ack", "shard": 0, "seq": seq}))
            .await?;
    }
}

/// The number behind a name.
fn number(frame: &str, name: &str) -> Option<u64> {
    let from = frame.find(name)? + name.len();
    let digits = frame.get(from..)?;
    let end = digits.find(|digit: char| !digit.is_ascii_digit())?;
    digits.get(..end)?.parse().ok()
}
