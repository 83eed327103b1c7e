//! What everything in Hearth stands on: events, states, services, commands, webhooks,
//! registries, the store and the [`Integration`](integration::Integration) trait.
//!
//! This crate knows no transport and no integration: HTTP, WebSocket and relay live in the doors,
//! and what a phone or a lamp says in the integrations. It must never depend on either.
//!
//! Start reading at [`hub::Hub`], which holds the parts, then at [`integration`], which shows
//! how one adds to them. [`bus`], [`state`], [`service`], [`command`] and [`webhook`] each open
//! with a guide.

pub mod ask;
pub mod attributes;
pub mod base_url;
pub mod bus;
pub mod civil;
pub mod collection;
pub mod command;
pub mod configured;
pub mod context;
pub mod env;
pub mod event;
pub mod fields;
pub mod float;
pub mod home;
pub mod hub;
pub mod ids;
pub mod integration;
pub mod json;
pub mod location;
pub mod log_levels;
pub mod log_ring;
pub mod records;
pub mod registry;
mod restored;
pub mod service;
pub mod settings;
pub mod slug;
pub mod state;
pub mod store;
pub mod subscription;
pub mod time;
pub mod users;
pub mod view;
pub mod webhook;

pub use actix::System;

/// What an integration needs at hand.
pub mod prelude {
    pub use std::sync::Arc;

    pub use serde_json::{Map, Value, json};

    pub use crate::attributes::{Attributes, AttributesBuilder};
    pub use crate::bus::{Entities, Filter, SubscriptionId};
    pub use crate::command::{Access, Caller, Command, CommandError};
    pub use crate::env::Env;
    pub use crate::event::{Context, Event, EventData, EventType, Origin};
    pub use crate::hub::Hub;
    pub use crate::ids::EntityId;
    pub use crate::integration::{
        EntityDescription, Factory, Host, Integration, Manifest, StartError, StopReason, TimerId,
    };
    pub use crate::service::{Field, Kind, Response, Schema, ServiceCall, ServiceError};
    pub use crate::subscription::{Sent, Subscriber};
}
