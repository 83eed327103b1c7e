//! Notifications to phones (spec mobile-app §6): to the phone's own channel where one is open, else
//! by its push service.
//!
//! One actor, the [`Courier`], decides: `delivery.rs` takes a notification and brings it on its way,
//! on the phone's channel (`channels.rs`) or to its push service (`posting.rs`); `outbox.rs` is what
//! waits for one phone, pure, and `shares.rs` what one user's phones may take. A phone that is not
//! reached now keeps its notifications: `journal.rs` writes them to the store before the service
//! call is answered, and they are delivered in order when its channel is back, or tried again at
//! its push service. `post.rs` is the only module that makes connections.

mod addresses;
mod channels;
mod courier;
mod delivery;
mod doors;
mod journal;
mod names;
mod outbox;
mod payload;
mod post;
mod posting;
mod shares;

pub(crate) use courier::{Close, Courier, Forget, Ready, Refresh};
pub(crate) use doors::COMMANDS;

/// The domain of its services.
const NOTIFY: &str = "notify";
/// Sends to all.
const TO_ALL: &str = "notify";
/// In front of the name of a phone.
const PREFIX: &str = "mobile_app_";
