//! What every endpoint needs at hand.

use std::sync::Arc;

use hearth_auth::Auth;
use hearth_core::hub::Hub;
use hearth_core::settings::{HttpSettings, WebSocketSettings};
use tokio::sync::watch;

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
    closing: Arc<watch::Sender<bool>>,
}

impl Door {
    /// A door that nobody has come through yet.
    pub fn new(hub: Hub, auth: Auth) -> Self {
        Self {
            hub,
            auth,
            metrics: Arc::default(),
            closing: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Tells every connection that stays open to end.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Resolves when the door closes: for connections that stay open longer than a reply.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut closing = self.closing.subscribe();
        async move {
            // A door that is gone is closed.
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }

    /// The limits of the HTTP door.
    pub fn http(&self) -> &HttpSettings {
        &self.hub.settings.http
    }

    /// The limits of the WebSocket door.
    pub fn websocket(&self) -> &WebSocketSettings {
        &self.hub.settings.websocket
    }
}
