//! The configuration commands against a hub with the demo home.
#![allow(clippy::unwrap_used)]

mod config_entries;
mod devices;
mod entities;
mod home;
mod rooms;

use std::path::Path;
use std::sync::Arc;

use hearth_core::env::Env;
use hearth_core::ids::{DeviceId, UserId};
use hearth_core::prelude::*;
use hearth_core::service::CallRequest;
use hearth_core::settings::Settings;
use hearth_core::store::{Location, Store, StoreSettings};
use hearth_core::subscription::{Events, subscription};

const LAMP: &str = "light.living_room_lamp";

async fn home_at(location: &Location) -> Hub {
    let store = Store::open(location, StoreSettings::default()).unwrap();
    let hub = Hub::open(Env::system(), Arc::new(Settings::default()), store).unwrap();
    let integrations = vec![hearth_config::factory(), hearth_demo::factory()];
    hub.start_integrations(integrations).await;
    hub
}

async fn home() -> Hub {
    home_at(&Location::Memory).await
}

async fn home_in(folder: &Path) -> Hub {
    home_at(&Location::File(folder.join("hub.db"))).await
}

fn user(hub: &Hub, authority: Access) -> Caller {
    let context = Context::of_user(&hub.env, UserId::generate(&hub.env));
    Caller::new(context, authority)
}

async fn try_call(hub: &Hub, name: &str, data: Value) -> Result<Value, CommandError> {
    let data = data.as_object().unwrap().clone();
    hub.commands
        .call(name, data, user(hub, Access::Admin))
        .await
}

async fn call(hub: &Hub, name: &str, data: Value) -> Value {
    try_call(hub, name, data).await.unwrap()
}

/// The device that the lamp belongs to.
fn lamp_device(hub: &Hub) -> DeviceId {
    let lamp = hub.registries.entities.get(LAMP).unwrap();
    lamp.device_id.unwrap()
}

/// Code and message of a refusal.
async fn refusal(hub: &Hub, name: &str, data: Value) -> (String, String) {
    let error = try_call(hub, name, data).await.unwrap_err();
    (error.code.to_string(), error.message)
}

async fn subscribe(hub: &Hub, name: &str, data: Value) -> Events {
    let (subscriber, events) = subscription();
    let data = data.as_object().unwrap().clone();
    let caller = user(hub, Access::AnyUser);
    let answer = hub.commands.subscribe(name, data, caller, subscriber).await;
    assert_eq!(answer.unwrap(), Value::Null);
    events
}

async fn next(events: &mut Events) -> Value {
    serde_json::from_slice(&events.next().await.unwrap()).unwrap()
}

async fn toggle(hub: &Hub, entity_id: &str) {
    let request = CallRequest {
        domain: "light".into(),
        service: "toggle".into(),
        data: Map::from_iter([("entity_id".to_owned(), entity_id.into())]),
        context: Context::new(&hub.env),
        return_response: false,
    };
    hub.services.call(request).await.unwrap();
}

fn state(hub: &Hub, entity_id: &str) -> Option<String> {
    let state = hub.states.get(entity_id)?;
    Some(state.state.to_string())
}

fn attribute(hub: &Hub, entity_id: &str, name: &str) -> Option<String> {
    hub.states.get(entity_id).unwrap().attributes.text(name)
}
