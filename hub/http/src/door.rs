//! What every endpoint needs at hand.

use std::sync::Arc;

use hearth_auth::Auth;
use hearth_core::hub::Hub;
use hearth_core::settings::{HttpSettings, WebSocketSettings};

use crate::metrics::Metrics;

/// Shared by all workers: the hub, the users and the limits. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    /// The hub.
    pub hub: Hub,
    /// Users and tokens.
    pub auth: Auth,
    /// Counters for `/metrics`.
    pub metrics: Arc<Metrics>,
}

impl Door {
    /// The limits of the HTTP door.
    pub fn http(&self) -> &HttpSettings {
        &self.hub.settings.http
    }

    /// The limits of the WebSocket door.
    pub fn websocket(&self) -> &WebSocketSettings {
        &self.hub.settings.websocket
    }
}
