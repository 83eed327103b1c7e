//! The relay: messages to connected hubs, hubs that are idle, and calls of hubs' own webhooks.

mod cloudhook;
mod delivery;
mod idle;
mod link;
mod post;

use crate::Bench;
use crate::error::BenchError;
use crate::figures::Figure;

const SUITE: &str = "relay";

/// No rate stands in the way.
const OPEN: &[(&str, &str)] = &[
    ("HEARTH__RELAY__HUB_RATE", "1000000"),
    ("HEARTH__RELAY__HUB_BURST", "1000000"),
    ("HEARTH__RELAY__WEBHOOK_RATE", "1000000"),
    ("HEARTH__RELAY__WEBHOOK_BURST", "1000000"),
    ("HEARTH__RELAY__ADDRESS_RATE", "1000000"),
    ("HEARTH__RELAY__ADDRESS_BURST", "1000000"),
    ("HEARTH__RELAY__HUB_CONNECT_RATE", "1000000"),
    ("HEARTH__RELAY__HUB_CONNECT_BURST", "1000000"),
    ("HEARTH__RELAY__HUB_ADDRESS_RATE", "1000000"),
    ("HEARTH__RELAY__HUB_ADDRESS_BURST", "1000000"),
    ("HEARTH__RELAY__CONNECTIONS_PER_ADDRESS", "1000000"),
    ("HEARTH__RELAY__WORKERS", "2"),
];

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Figure>, BenchError> {
    if !bench.servers.has_hub() {
        return Ok(Vec::new());
    }
    // All tasks stay on the thread of the load.
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let mut figures = delivery::run(bench).await?;
            figures.extend(idle::run(bench).await?);
            figures.extend(cloudhook::run(bench).await?);
            Ok(figures)
        })
        .await
}

fn unexpected(problem: impl Into<String>) -> BenchError {
    BenchError::Unexpected {
        suite: SUITE,
        problem: problem.into(),
    }
}

/// The sample that this part of all are not above.
fn percentile(sorted: &[f64], part: f64) -> f64 {
    let index = (sorted.len() as f64 * part) as usize;
    let index = index.min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
