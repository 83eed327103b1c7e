//! The core from outside: a real hub, real actors, one test binary.
#![allow(clippy::unwrap_used)]

mod bus;
mod home;
mod integrations;
mod own_entities;
mod restart;
mod services;
mod states;
mod webhooks;
