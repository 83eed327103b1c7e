//! The crate as the doors and the command line use it, over a real store.
#![allow(clippy::unwrap_used)]

mod home;
mod provisioning;
mod refused_tokens;
mod sessions;
mod store;
mod tokens;
mod users;
