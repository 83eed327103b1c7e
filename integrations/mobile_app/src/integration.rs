//! What the integration sets up: the registrar, the webhooks, the view and the commands.

use std::sync::Arc;

use actix::Addr;
use futures_util::future::LocalBoxFuture;
use hearth_core::bus::{Filter, SubscriptionId};
use hearth_core::event::{Event, EventData};
use hearth_core::hub::Hub;
use hearth_core::integration::{Factory, Host, Integration, Manifest, StartError, StopReason};
use hearth_core::view::{View, ViewAccess};

use crate::push::{self, Courier};
use crate::register::load_components;
use crate::registrar::{Close, Registrar};
use crate::registrations::{Hooks, Registrations};
use crate::stale::Watch;
use crate::{DOMAIN, crypto, registry_commands, restore};

const VIEW: &str = "/api/mobile_app/registrations";

/// The integration, for the list of those that a hub starts. Zones and persons come before it, so
/// that trackers find them.
pub fn factory() -> Factory {
    Factory::new(Manifest::new(DOMAIN, "Mobile App"), |_| {
        Box::<MobileApp>::default()
    })
}

#[derive(Default)]
struct MobileApp {
    running: Option<Running>,
}

struct Running {
    hub: Hub,
    registrar: Addr<Registrar>,
    courier: Addr<Courier>,
    /// Held for its end.
    _watch: Watch,
    registrations: Arc<Registrations>,
}

impl Integration for MobileApp {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let hub = host.hub().clone();
            if !crypto::is_available() {
                tracing::error!("the crypto library does not start: phones cannot use encryption");
            }
            let (registrar, registrations) = Registrar::start_for(&hub).map_err(StartError::new)?;
            if registrations.len() > 0 {
                load_components(&hub).await;
            }
            restore::restore_states(&registrations).await;
            for component in ["notify", "mobile_app.notify"] {
                hub.load_component(component).await;
            }
            let courier = Courier::start_for(&registrations).map_err(StartError::new)?;
            registrations.has_courier(courier.clone());
            // One that does not start has said why.
            let _ = courier.send(push::Ready).await;
            let hooks = Hooks(Arc::downgrade(&registrations));
            hub.webhooks
                .add_family(DOMAIN.into(), Arc::new(hooks))
                .await;
            let deleted = registrations.deleted_hooks();
            if hub.webhooks.register(deleted).await.is_err() {
                // After a crash the hooks of the start before are still there.
                for (id, hook) in registrations.deleted_hooks() {
                    hub.webhooks.replace(id, hook).await;
                }
            }
            hub.views.register(View {
                method: http::Method::POST,
                path: VIEW.into(),
                access: ViewAccess::AnyUser,
                handler: registrar.clone().recipient(),
            });
            for (name, access) in registry_commands::TABLE {
                let handler = registrar.clone().recipient();
                hub.commands.register(name, access, handler);
            }
            for command in push::COMMANDS {
                let handler = courier.clone().recipient();
                match command.is_subscription {
                    true => {
                        hub.commands
                            .register_subscription(command.name, command.access, handler);
                    }
                    false => hub.commands.register(command.name, command.access, handler),
                }
            }
            host.subscribe(Filter::of_types(["user_removed"])).await;
            tracing::info!(
                registrations = registrations.len(),
                "native apps are served"
            );
            self.running = Some(Running {
                hub,
                registrar,
                courier,
                _watch: Watch::start(&registrations),
                registrations,
            });
            Ok(())
        })
    }

    fn on_event(&mut self, _: SubscriptionId, event: Arc<Event>) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            let (Some(running), EventData::Json(data)) = (&self.running, &event.data) else {
                return;
            };
            if let Some(user_id) = data["user_id"].as_str() {
                let registrations = &running.registrations;
                registry_commands::remove_of_user(registrations, user_id, event.context).await;
            }
        })
    }

    fn stop(&mut self, _: StopReason) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(running) = &self.running {
                running.withdraw();
                // A registrar that is gone has nothing left to do.
                let _ = running.registrar.send(Close).await;
                let _ = running.courier.send(push::Close).await;
            }
        })
    }
}

impl Running {
    fn withdraw(&self) {
        self.hub.views.unregister(&http::Method::POST, VIEW);
        for (name, _) in registry_commands::TABLE {
            self.hub.commands.unregister(name);
        }
        for command in push::COMMANDS {
            self.hub.commands.unregister(command.name);
        }
    }
}

/// After a crash nobody calls `stop`: the registrar must not outlive its integration.
impl Drop for Running {
    fn drop(&mut self) {
        self.withdraw();
        self.registrar.do_send(Close);
        self.courier.do_send(push::Close);
    }
}
