//! A hub behind its relay: both are the real binary, in processes of their own.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod cloudhooks;
mod deliveries;
mod kills;
mod server;
