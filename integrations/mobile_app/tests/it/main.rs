//! Phones against a running hub: a real store, real libsodium, requests as the doors hand them in.
#![allow(clippy::unwrap_used, missing_docs)]

mod acceptance;
mod cloudhooks;
mod commands;
mod home;
mod lifecycle;
mod neighbours;
mod push;
mod registration;
mod restart;
mod seal;
mod sensors;
mod stale;
mod throughput;
