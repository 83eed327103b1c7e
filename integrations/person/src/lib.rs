//! People, and where their devices say that they are (spec state-machine §6).
//!
//! This crate owns `person.*`. It knows trackers by their states only, whoever provides them, and
//! listens to those that are linked to someone.
//!
//! Start reading at `place.rs`, which holds the rule, then `people.rs`.

mod commands;
mod people;
mod place;
mod stored;

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use hearth_core::integration::TimerId;
use hearth_core::prelude::*;

use people::People;

/// Makes the person integration.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("person", "Person"), |_| {
        Box::<PersonIntegration>::default()
    })
}

#[derive(Default)]
struct PersonIntegration(Option<People>);

impl Integration for PersonIntegration {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            self.0 = Some(People::open(host).await?);
            Ok(())
        })
    }

    fn on_event(&mut self, _: SubscriptionId, event: Arc<Event>) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(people) = &mut self.0 else { return };
            match &event.data {
                EventData::StateChanged { entity_id, new, .. } => {
                    people.tracker_is(entity_id, new.as_ref()).await;
                }
                EventData::Json(data) => match event.event_type.as_str() {
                    "homeassistant_start" => people.begin().await,
                    "user_added" => people.meet_the_owner().await,
                    "user_removed" => people.user_removed(data).await,
                    _ => people.entity_registry_updated(data).await,
                },
                EventData::StateReported { .. } => {}
            }
        })
    }

    fn on_lagged(&mut self, _: SubscriptionId, _: u64) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(people) = &mut self.0 {
                people.look_again().await;
            }
        })
    }

    fn on_timer(&mut self, _: TimerId, person_id: Rc<str>) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(people) = &mut self.0 {
                people.show_late(&person_id).await;
            }
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            match &mut self.0 {
                Some(people) => people.carry_out(command).await,
                None => Err(CommandError::unknown()),
            }
        })
    }
}
