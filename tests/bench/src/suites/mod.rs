//! The suites: one file each.

mod broadcast;
mod register;
mod relay;
mod size;
mod sockets;
mod states;
mod webhook;

use crate::error::BenchError;
use crate::figures::Figure;
use crate::{Bench, Suite};

/// Measures one suite.
pub(crate) async fn run(bench: &Bench, suite: Suite) -> Result<Vec<Figure>, BenchError> {
    match suite {
        Suite::Load => webhook::of_the_load(bench).await,
        Suite::Location => webhook::run(bench, &webhook::LOCATION).await,
        Suite::Zones => webhook::run(bench, &webhook::ZONES).await,
        Suite::Sensors => webhook::run(bench, &webhook::SENSORS).await,
        Suite::Broadcast => broadcast::run(bench, &broadcast::EVENTS).await,
        Suite::Entities => {
            let mut figures = broadcast::run(bench, &broadcast::ENTITIES).await?;
            figures.extend(sockets::run(bench).await?);
            Ok(figures)
        }
        Suite::States => states::run(bench).await,
        Suite::Register => register::run(bench).await,
        Suite::Size => size::run(bench).await,
        Suite::Relay => relay::run(bench).await,
        Suite::All => Ok(Vec::new()),
    }
}
