//! End-to-end tests: the real `hearth` binary over real sockets against real clients.
//!
//! What lives here is the harness: [`hub`] starts, kills and restarts the binary on a data folder of
//! its own; [`http`] and [`ws`] are plain clients of its two doors; [`phone`] is a registered phone
//! that talks through either; [`seal`] is the phone's half of the encryption; [`bystander`] is a
//! well-behaved client whose answers are watched while others misbehave.
//!
//! The harness knows the protocol and the command line only. It must never depend on a crate of the
//! hub: a test that shares code with what it tests shares its mistakes.
//!
//! Start reading at [`hub::Hub`], then in `tests/`, one folder or file a surface.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

pub mod bystander;
pub mod http;
pub mod hub;
pub mod phone;
pub mod process;
pub mod seal;
pub mod wait;
pub mod ws;

pub use http::{Http, Reply};
pub use hub::{Hub, HubBuilder};
pub use phone::{Door, Phone};
pub use seal::Key;
pub use ws::Ws;
