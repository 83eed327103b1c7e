//! The crate as the doors and the command line use it, over a real store.
#![allow(clippy::unwrap_used)]

mod bans;
mod home;
mod logins;
mod onboarding;
mod provisioning;
mod refused_tokens;
mod sessions;
mod signed_paths;
mod store;
mod tokens;
mod users;
