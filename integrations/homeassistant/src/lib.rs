//! The services of the hub itself: `homeassistant.*` (spec state-machine §4).
//!
//! This crate passes calls on to other domains' services and asks the hub to stop. It knows no
//! domain by name, and must never wait for itself: a call that it passes on may come back to it
//! (a script that calls `homeassistant.turn_on`), so an actor of its own answers calls side by
//! side.
//!
//! Start reading at [`factory`]; `services.rs` is the table of services, `generic.rs` the ones
//! that act on entities of any domain.

mod generic;
mod services;

use actix::prelude::*;
use futures_util::future::LocalBoxFuture;
use hearth_core::ask::Ask;
use hearth_core::integration::StopReason;
use hearth_core::prelude::{Factory, Host, Hub, Integration, Manifest, ServiceCall, StartError};
use hearth_core::service::{Handling, Response, Service};

/// Makes the homeassistant integration.
pub fn factory() -> Factory {
    Factory::new(
        Manifest::new(DOMAIN, "Home Assistant Core Integration"),
        |hub| Box::new(HomeAssistant { hub: hub.clone() }),
    )
}

const DOMAIN: &str = "homeassistant";

struct HomeAssistant {
    hub: Hub,
}

impl Integration for HomeAssistant {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let services = Services(host.hub().clone()).start();
            for offered in services::offered() {
                let service = Service {
                    domain: DOMAIN.into(),
                    name: offered.name.into(),
                    description: offered.description.into(),
                    schema: offered.schema,
                    response: Response::None,
                    admin: offered.admin,
                    handling: Handling::Direct(services.clone().recipient()),
                };
                self.hub.services.register(service).await;
            }
            Ok(())
        })
    }

    fn stop(&mut self, _: StopReason) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            for offered in services::offered() {
                self.hub.services.unregister(DOMAIN, offered.name).await;
            }
        })
    }
}

/// Answers calls, many at a time.
struct Services(Hub);

/// Calls that may wait to be begun.
const MAILBOX: usize = 1024;

impl Actor for Services {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Ask<ServiceCall>> for Services {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, ask: Ask<ServiceCall>, _: &mut Self::Context) -> Self::Result {
        let (call, reply) = ask.take();
        let hub = self.0.clone();
        Box::pin(async move { reply.send(services::carry_out(&hub, call).await.map(|()| None)) })
    }
}
