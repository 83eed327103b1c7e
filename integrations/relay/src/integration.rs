//! What the integration sets up: the link and its commands.

use std::time::Duration;

use actix::{Actor, Addr};
use futures_util::future::LocalBoxFuture;
use hearth_core::prelude::*;

use crate::commands::TABLE;
use crate::dial::Dialer;
use crate::journal::Remembered;
use crate::link::{Close, Link};
use crate::relay::Relay;

/// The integration, for hubs whose settings name a relay.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("relay", "Relay"), |_| {
        Box::<RelayLink>::default()
    })
}

#[derive(Default)]
struct RelayLink {
    running: Option<Running>,
}

struct Running {
    hub: Hub,
    link: Addr<Link>,
}

impl Integration for RelayLink {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let hub = host.hub().clone();
            let settings = &hub.settings.relay_link;
            let relay = Relay::from_settings(settings).map_err(StartError::new)?;
            let Some(relay) = relay else {
                tracing::info!("no relay is named in the settings");
                return Ok(());
            };
            let timeout = Duration::try_from_secs_f64(settings.connect_timeout_s);
            let authority = settings.certificate_authority.as_deref();
            let dialer = Dialer::new(&relay, timeout.unwrap_or_default(), authority)
                .map_err(StartError::new)?;
            let remembered = Remembered::load(&hub.store, &relay.key()).map_err(StartError::new)?;
            let link = Link::new(hub.clone(), relay, dialer, remembered).start();
            for entry in TABLE {
                let (name, handler) = (entry.name, link.clone().recipient());
                match entry.is_subscription {
                    true => hub
                        .commands
                        .register_subscription(name, entry.access, handler),
                    false => hub.commands.register(name, entry.access, handler),
                }
            }
            self.running = Some(Running { hub, link });
            Ok(())
        })
    }

    fn stop(&mut self, _: StopReason) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(running) = &self.running {
                running.withdraw();
                // A link that is gone has nothing left to do.
                let _ = running.link.send(Close).await;
            }
        })
    }
}

impl Running {
    fn withdraw(&self) {
        for entry in TABLE {
            self.hub.commands.unregister(entry.name);
        }
    }
}

/// After a crash nobody calls `stop`: the link must not outlive its integration.
impl Drop for Running {
    fn drop(&mut self) {
        self.withdraw();
        self.link.do_send(Close);
    }
}
