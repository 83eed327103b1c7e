//! The stage: plays scenes, many at a time, and waits for each thing's service. It is an actor of
//! its own, so that a slow lamp holds up no other scene and a scene may lead back here.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use futures_util::future::join_all;
use hearth_core::ask::Ask;
use hearth_core::event::Context as Cause;
use hearth_core::prelude::{EntityId, Host, Hub, Map, ServiceCall, ServiceError, Value};
use hearth_core::service::CallRequest;
use parking_lot::Mutex;

use crate::reproduce;
use crate::scene::{Cast, Scene, Wanted, cast};

/// The scenes by the entity ids under which the integration knows them.
pub(crate) type Repertoire = Arc<Mutex<BTreeMap<EntityId, Scene>>>;

/// Calls that may wait to be begun.
const MAILBOX: usize = 1024;

/// Plays scenes: answers `scene.turn_on` and `scene.apply`.
pub(crate) struct Stage {
    host: Host,
    scenes: Repertoire,
}

impl Stage {
    pub(crate) fn new(host: Host, scenes: Repertoire) -> Self {
        Self { host, scenes }
    }
}

impl Actor for Stage {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Ask<ServiceCall>> for Stage {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, ask: Ask<ServiceCall>, _: &mut Self::Context) -> Self::Result {
        let (call, reply) = ask.take();
        let (host, scenes) = (self.host.clone(), Arc::clone(&self.scenes));
        Box::pin(async move { reply.send(play(&host, &scenes, call).await.map(|()| None)) })
    }
}

async fn play(host: &Host, scenes: &Repertoire, call: ServiceCall) -> Result<(), ServiceError> {
    let hub = host.hub();
    let transition = call.data.get("transition");
    if &*call.service == "apply" {
        let none = Map::new();
        let entities = call.data.get("entities").and_then(Value::as_object);
        let cast = cast(entities.unwrap_or(&none))
            .map_err(|invalid| ServiceError::Invalid(invalid.to_string()))?;
        return perform(hub, &cast, transition, call.context).await;
    }
    let mut all = Cast::new();
    for entity_id in &call.entities {
        let played = {
            let mut scenes = scenes.lock();
            let is_it = |scene: &Scene| host.entity_id_now(&scene.entity_id) == *entity_id;
            // A person may have renamed it since it was announced.
            let own = match scenes.get(entity_id).is_some_and(is_it) {
                true => Some(entity_id.clone()),
                false => scenes
                    .values()
                    .find(|scene| is_it(scene))
                    .map(|scene| scene.entity_id.clone()),
            };
            own.and_then(|own| scenes.get_mut(&own)).map(|scene| {
                scene.played = Some(hub.env.now());
                scene.clone()
            })
        };
        let Some(scene) = played else { continue };
        crate::scenes::show(host, &scene, call.context).await;
        all.extend(scene.cast);
    }
    perform(hub, &all, transition, call.context).await
}

/// Brings all things into their states, at once; the first error is returned after all is done.
async fn perform(
    hub: &Hub,
    cast: &Cast,
    transition: Option<&Value>,
    context: Cause,
) -> Result<(), ServiceError> {
    let mut members = BTreeMap::new();
    for (entity_id, wanted) in cast {
        expand(hub, entity_id, wanted, &mut members);
    }
    let things = members.iter().map(|(entity_id, wanted)| async move {
        let Some(now) = hub.states.get(entity_id.as_str()) else {
            tracing::warn!(entity = %entity_id, "a scene names an entity that does not exist");
            return Ok(());
        };
        for (service, mut data) in reproduce::steps(&now, wanted, transition) {
            data.insert("entity_id".to_owned(), entity_id.as_str().into());
            let request = CallRequest {
                domain: entity_id.domain().to_owned(),
                service: service.to_owned(),
                data,
                context,
                return_response: false,
            };
            hub.services.call(request).await?;
        }
        Ok(())
    });
    join_all(things).await.into_iter().collect()
}

/// A group stands for its members. Each is met once, so one that contains itself ends.
fn expand<'a>(
    hub: &Hub,
    entity_id: &EntityId,
    wanted: &'a Wanted,
    members: &mut BTreeMap<EntityId, &'a Wanted>,
) {
    let mut waiting = vec![entity_id.clone()];
    let mut groups = Vec::new();
    while let Some(entity_id) = waiting.pop() {
        if entity_id.domain() != "group" {
            members.insert(entity_id, wanted);
        } else if !groups.contains(&entity_id) {
            let state = hub.states.get(entity_id.as_str());
            let ids = state.and_then(|state| state.attributes.get("entity_id"));
            let ids = ids.as_ref().and_then(Value::as_array).into_iter().flatten();
            waiting.extend(ids.filter_map(|id| id.as_str()?.parse().ok()));
            groups.push(entity_id);
        }
    }
}
