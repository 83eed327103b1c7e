//! The door of the senders: `/webhook/{id}` (spec relay §5).
//!
//! Start reading at `endpoint.rs`, which goes through the checks in their order.

pub mod address;
pub mod body;
mod challenge;
mod content;
mod decoding;
mod endpoint;
pub(crate) mod headers;
mod json;
mod multipart;
mod query;
mod reply;
mod request;
pub(crate) mod unread;

pub use endpoint::configure;
pub use headers::Fields;
pub use request::{Arrived, read};
