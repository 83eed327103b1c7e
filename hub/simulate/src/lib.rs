//! Simulated phones: the engine behind `hearth simulate`, and the load generator of the
//! project's benchmarks.
//!
//! A [`Plan`] says how many phones, over how many connections, send what and for how long;
//! [`run`] carries it out against any server that speaks the native-app protocol
//! (`/api/mobile_app/registrations` and `/api/webhook/<id>`) and gives back a [`Report`].
//!
//! The crate knows the protocol from the phone's side only. It must never depend on the hub's
//! own crates: a generator that shares code with the server cannot find the server's mistakes.
//! It must also cost much less than the server that it drives, so a request is put together
//! once, before the clock starts, and is sent over [`Connection`], a small HTTP/1.1 client.
//!
//! Start reading at [`Plan`], then `run.rs` (the phases of a run), `lane.rs` (what one
//! connection does) and `phone.rs` (what a phone says). [`routes`] is for any client of a hub that
//! has a relay: which way a message takes.
//!
//! ```no_run
//! use hearth_simulate::{Mix, Plan, run};
//! use std::time::Duration;
//!
//! # async fn example() -> Result<(), hearth_simulate::SimulateError> {
//! let plan = Plan {
//!     devices: 1_000,
//!     duration: Duration::from_secs(10),
//!     mix: Mix::Location,
//!     ..Plan::new("http://127.0.0.1:8123", "a long-lived token")
//! };
//! let report = run(plan, |progress| drop(progress)).await?;
//! let text = report.to_string();
//! # Ok(()) }
//! ```

mod connection;
mod error;
mod fleet;
mod lane;
mod phone;
mod plan;
mod report;
pub mod routes;
mod run;
mod schedule;
pub mod sealing;
mod secret;
mod target;
mod ways;

pub use connection::{Answer, Connection};
pub use error::{SimulateError, TransportFault};
pub use phone::{Kind, Phone};
pub use plan::{Mix, Plan};
pub use report::{KindReport, Latency, PhaseReport, Report};
pub use run::{Phase, Progress, run, run_until};
pub use secret::Secret;
pub use target::Target;
