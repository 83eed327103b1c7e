//! The core from outside: a real hub, real actors, one test binary.
#![allow(clippy::unwrap_used)]

mod bus;
mod integrations;
mod services;
mod states;
