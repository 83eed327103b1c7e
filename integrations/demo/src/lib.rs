//! A home to try the hub with, and to test clients against.
//!
//! This crate holds things that behave like real ones, without any: each is a `Thing`,
//! which knows its state and carries out its domain's services. No thing knows the hub.
//!
//! Start reading at `home.rs`, the list of things, then at one of `things/`.

mod colour;
mod colour_names;
mod home;
mod registration;
mod thing;
mod things;

use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use hearth_core::integration::TimerId;
use hearth_core::prelude::*;

use registration::Registered;
use thing::Thing;

/// Makes the demo home.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("demo", "Demo home"), |_| {
        Box::<Demo>::default()
    })
}

#[derive(Default)]
struct Demo {
    host: Option<Host>,
    things: BTreeMap<EntityId, Placed>,
}

/// A thing under its entity id.
struct Placed {
    name: String,
    thing: Box<dyn Thing>,
    /// Why it moves; what it does later is still because of that.
    cause: Context,
    /// A timer moves it on.
    is_timed: bool,
}

impl Integration for Demo {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let hub = host.hub().clone();
            let home = home::home(hub.home.current().unit_system);
            let registered = registration::register(&hub, home)
                .await
                .map_err(StartError::new)?;
            self.host = Some(host.clone());
            for Registered {
                entity_id,
                name,
                mut thing,
            } in registered
            {
                restore(&hub, &entity_id, &mut *thing);
                host.provide(entity_id.clone()).await;
                let placed = Placed {
                    name,
                    thing,
                    cause: Context::new(&hub.env),
                    is_timed: false,
                };
                self.things.insert(entity_id.clone(), placed);
                self.show(&entity_id).await;
            }
            Ok(())
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            let Some(host) = self.host.clone() else {
                return Err(ServiceError::Unknown);
            };
            let mut first_error = None;
            for entity_id in &call.entities {
                let Some(placed) = self.things.get_mut(entity_id) else {
                    continue;
                };
                placed.cause = call.context;
                let now = host.env().now();
                match placed.thing.call(&call.service, &call.data, now) {
                    Ok(()) => self.show(entity_id).await,
                    Err(error) => first_error = first_error.or(Some(error)),
                }
            }
            first_error.map_or(Ok(None), Err)
        })
    }

    fn on_timer(&mut self, _: TimerId, entity_id: Rc<str>) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Ok(entity_id) = entity_id.parse::<EntityId>()
                && let Some(placed) = self.things.get_mut(&entity_id)
            {
                placed.is_timed = false;
                placed.thing.step();
                self.show(&entity_id).await;
            }
        })
    }
}

impl Demo {
    /// Writes a thing's state, and sees to it that it moves on.
    async fn show(&mut self, entity_id: &EntityId) {
        let (Some(host), Some(placed)) = (&self.host, self.things.get_mut(entity_id)) else {
            return;
        };
        let attributes = Attributes::build(|a| {
            placed.thing.attributes(a);
            a.text_if("device_class", placed.thing.device_class());
            a.text("friendly_name", &placed.name);
            a.value_if("supported_features", placed.thing.features());
        });
        let state = placed.thing.state();
        if let Err(error) = host
            .set_state(entity_id, &state, attributes, placed.cause)
            .await
        {
            tracing::error!(entity = %entity_id, %error, "cannot show a thing");
        }
        if let Some(pause) = placed.thing.next_step()
            && !placed.is_timed
        {
            placed.is_timed = true;
            host.after(pause, entity_id.as_str());
        }
    }
}

/// Puts a thing back into the state that it had when the hub last ran, or before a crash.
fn restore(hub: &Hub, entity_id: &EntityId, thing: &mut dyn Thing) {
    if let Some(before) = hub.take_restored(entity_id.as_str()) {
        if let Some(attributes) = Attributes::from_json_object(&before.attributes) {
            thing.restore(&before.state, &attributes);
        }
    } else if let Some(before) = hub.states.get(entity_id.as_str()) {
        thing.restore(&before.state, &before.attributes);
    }
}
