//! The native-app integration: phones register, and send what they know to their webhook.
//!
//! Here live the protocol of spec mobile-app (envelope, encryption, the thirteen commands), the
//! registrations and the actors that serve them. This crate never knows HTTP, and never another
//! integration: templates, tags, persons, cameras and conversations are asked through commands.
//!
//! Start reading at [`factory`], then `integration.rs` (what is set up), `registrar.rs` (requests
//! for phones that sleep, registrations), `registration.rs` (the actor of one phone) and
//! `commands/mod.rs` (the table of commands); `push/` brings notifications to phones. `envelope.rs`, `crypto.rs`, `text.rs` and
//! `sensor.rs` are pure.

mod answer;
mod attributes_text;
mod cloudhook;
mod commands;
mod crypto;
mod device_class;
mod envelope;
mod form;
mod integration;
mod location;
mod make;
mod phone;
mod provision;
mod push;
mod record;
mod records;
mod register;
mod registrar;
mod registration;
mod registrations;
mod registry_commands;
mod restore;
mod sensor;
mod stale;
mod text;
mod turns;

pub use integration::factory;

/// The integration's domain, and the platform of its entities.
const DOMAIN: &str = "mobile_app";
