//! The native-app protocol (spec mobile-app.md) against the real binary, over both of its doors.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod acceptance;
mod both_doors;
mod commands;
mod encryption;
mod envelope;
mod location;
mod push;
mod queries;
mod registration;
mod restart;
mod sensors;
