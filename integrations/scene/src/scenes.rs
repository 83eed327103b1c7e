//! All scenes, and the services that make and unmake them.

use std::sync::Arc;

use actix::Actor;
use hearth_core::ask::Ask;
use hearth_core::prelude::*;
use hearth_core::records::Records;
use hearth_core::service::{Handling, InvalidData, Service};
use hearth_core::time::Timestamp;
use serde_json::json;

use crate::scene::{Cast, Origin, Scene, Written, cast, configured};
use crate::stage::{Repertoire, Stage};
use crate::{DOMAIN, commands};

/// What the integration holds while it runs.
pub(crate) struct Scenes {
    pub(crate) host: Host,
    /// Those that people made in the editor.
    pub(crate) records: Records<Written>,
    /// All of them.
    all: Repertoire,
    stage: actix::Recipient<Ask<ServiceCall>>,
}

impl Scenes {
    pub(crate) async fn open(host: Host) -> Result<Self, StartError> {
        let hub = host.hub().clone();
        let limit = hub.settings.hub.collection_limit;
        let records =
            Records::load(&hub.store, "scene.scenes", DOMAIN, limit).map_err(StartError::new)?;
        let all = Repertoire::default();
        let stage = Stage::new(host.clone(), Arc::clone(&all)).start();
        let mut scenes = Self {
            host,
            records,
            all,
            stage: stage.recipient(),
        };
        // Now, so that its services are there also while no scene is.
        hub.load_entity_domain(DOMAIN).await;
        scenes.register_services().await;
        commands::register(&scenes.host);
        let context = Context::new(&hub.env);
        let kept: Vec<_> = scenes.records.iter().map(|(_, s)| Arc::clone(s)).collect();
        for scene in kept {
            scenes
                .put(&scene, Origin::Kept, context)
                .await
                .map_err(StartError::new)?;
        }
        let section = hub.configured.section(DOMAIN);
        scenes
            .configure(&section, context)
            .await
            .map_err(StartError::new)?;
        Ok(scenes)
    }

    async fn register_services(&self) {
        let entities = |make: fn(_, _, _) -> Field| {
            let description = "Entity ids with the states that they are to have.";
            make("entities", Kind::Object, description)
        };
        let seconds = Kind::Number {
            min: 0.0,
            max: 6553.0,
        };
        let apply = Service {
            domain: DOMAIN.into(),
            name: "apply".into(),
            description: "Brings things into states without a scene.".into(),
            schema: Schema::Fields(vec![
                entities(Field::required),
                Field::optional("transition", seconds, "Seconds to get there."),
            ]),
            response: Response::None,
            admin: false,
            handling: Handling::Direct(self.stage.clone()),
        };
        self.host.hub().services.register(apply).await;
        let create = Schema::Fields(vec![
            Field::required("scene_id", Kind::Text, "The id of the scene."),
            entities(Field::optional),
            Field::optional(
                "snapshot_entities",
                Kind::Entities,
                "Things whose states of now the scene keeps.",
            ),
        ]);
        let create_text = "Makes a scene until the next start.";
        self.host
            .register_service("create", create_text, create, Response::None)
            .await;
        let delete = Field::required("entity_id", Kind::Entities, "The scene.");
        let delete_text = "Deletes a scene that the service create has made.";
        let delete = Schema::Fields(vec![delete]);
        self.host
            .register_service("delete", delete_text, delete, Response::None)
            .await;
        let reload_text = "Reads the configuration file again.";
        self.host
            .register_admin_service("reload", reload_text, Schema::Fields(Vec::new()))
            .await;
    }

    pub(crate) async fn close(self) {
        let services = &self.host.hub().services;
        services.unregister(DOMAIN, "apply").await;
    }

    /// Shows a scene that is written down, new or changed.
    pub(crate) async fn put(
        &mut self,
        written: &Written,
        origin: Origin,
        context: Context,
    ) -> Result<(), String> {
        let unique_id = written.unique_id();
        let description = EntityDescription {
            domain: DOMAIN,
            unique_id: &unique_id,
            suggested_object_id: &written.name,
            name: &written.name,
            icon: written.icon.as_deref(),
            ..EntityDescription::default()
        };
        let entity_id = self.host.announce(description).await;
        let entity_id = entity_id.map_err(|error| error.to_string())?;
        let scene = Scene {
            played: self.played(&entity_id),
            origin,
            id: written.id.clone(),
            name: written.name.clone(),
            icon: written.icon.clone(),
            cast: cast(&written.entities).map_err(|invalid| invalid.to_string())?,
            entity_id,
        };
        self.stand(scene, context).await;
        Ok(())
    }

    /// When a scene was last played, also before the hub last stopped.
    fn played(&self, entity_id: &EntityId) -> Option<Timestamp> {
        if let Some(scene) = self.all.lock().get(entity_id) {
            return scene.played;
        }
        let hub = self.host.hub();
        let before = hub.take_restored(entity_id.as_str()).map(|b| b.state);
        let before = before.or_else(|| {
            let state = hub.states.get(entity_id.as_str())?;
            Some(state.state.to_string())
        });
        before?.parse().ok()
    }

    async fn stand(&self, scene: Scene, context: Context) {
        let id = self.host.entity_id_now(&scene.entity_id);
        // The stage plays it; the integration itself would play one scene at a time.
        self.host.hub().services.provide(id, self.stage.clone());
        show(&self.host, &scene, context).await;
        self.all.lock().insert(scene.entity_id.clone(), scene);
    }

    pub(crate) async fn remove(&self, scene: &Scene, context: Context) -> Result<(), String> {
        self.all.lock().remove(&scene.entity_id);
        let retired = self.host.retire(&scene.entity_id, context).await;
        retired.map_err(|error| error.to_string())
    }

    /// The scenes of one origin.
    pub(crate) fn of(&self, origin: Origin) -> Vec<Scene> {
        let all = self.all.lock();
        let scenes = all.values().filter(|scene| scene.origin == origin);
        scenes.cloned().collect()
    }

    async fn configure(&mut self, section: &Value, context: Context) -> Result<(), String> {
        let written = configured(section).map_err(|wrong| wrong.to_string())?;
        for scene in self.of(Origin::Configured) {
            let id = scene.id.clone();
            let is_meant = |w: &Written| w.id == id && (id.is_some() || w.name == scene.name);
            if !written.iter().any(is_meant) {
                self.remove(&scene, context).await?;
            }
        }
        for scene in written {
            if self.records.get(&scene.unique_id()).is_some() {
                tracing::warn!(name = %scene.name, "the configuration names a scene that the editor keeps already");
                continue;
            }
            self.put(&scene, Origin::Configured, context).await?;
        }
        Ok(())
    }

    /// `scene.reload`
    pub(crate) async fn reload(&mut self, context: Context) -> Result<(), ServiceError> {
        let hub = self.host.hub().clone();
        let section = hub.configured.section_again(DOMAIN).await;
        let section = section.map_err(ServiceError::Failed)?;
        self.configure(&section, context)
            .await
            .map_err(ServiceError::Failed)?;
        hub.fire("scene_reloaded", json!({}), context).await;
        Ok(())
    }

    /// `scene.create`
    pub(crate) async fn create(&mut self, call: &ServiceCall) -> Result<(), ServiceError> {
        let id = call.data.get("scene_id").and_then(Value::as_str);
        let id = id.unwrap_or_default();
        let entity_id: EntityId = format!("{DOMAIN}.{id}").parse().map_err(|_| {
            let problem = format!("invalid slug {id}");
            ServiceError::Invalid(InvalidData::value("scene_id", problem).to_string())
        })?;
        let cast = self.cast_of(&call.data)?;
        if cast.is_empty() {
            tracing::warn!(scene = %entity_id, "a scene of nothing was not made");
            return Ok(());
        }
        let known = self.all.lock().get(&entity_id).map(|scene| scene.origin);
        let is_taken = match known {
            Some(origin) => origin != Origin::Created,
            None => self.host.hub().states.get(entity_id.as_str()).is_some(),
        };
        if is_taken {
            tracing::warn!(scene = %entity_id, "a scene of this id exists already");
            return Ok(());
        }
        let limit = self.host.hub().settings.hub.collection_limit;
        if known.is_none() && self.all.lock().len() >= limit {
            return Err(ServiceError::Failed(format!(
                "No more than {limit} scenes are kept (setting hub.collection_limit)"
            )));
        }
        if known.is_none() {
            self.host.provide(entity_id.clone()).await;
        }
        let scene = Scene {
            entity_id,
            origin: Origin::Created,
            id: None,
            name: id.to_owned(),
            icon: None,
            cast,
            played: None,
        };
        self.stand(scene, call.context).await;
        Ok(())
    }

    /// The states that a call of `scene.create` names, and those that it wants a picture of.
    fn cast_of(&self, data: &Map<String, Value>) -> Result<Cast, ServiceError> {
        let invalid = |problem: &str| ServiceError::Invalid(problem.to_owned());
        let entities = data.get("entities").and_then(Value::as_object);
        let snapshot = data.get("snapshot_entities").and_then(Value::as_array);
        if entities.is_none() && snapshot.is_none() {
            return Err(invalid(
                "must contain at least one of entities, snapshot_entities.",
            ));
        }
        let mut written = entities.cloned().unwrap_or_default();
        for id in snapshot.into_iter().flatten().filter_map(Value::as_str) {
            if written.contains_key(id) {
                return Err(invalid("entities and snapshot_entities must not overlap"));
            }
            let Some(state) = self.host.hub().states.get(id) else {
                tracing::warn!(entity = id, "an entity that does not exist has no picture");
                continue;
            };
            let mut picture = state.attributes.to_map();
            picture.insert("state".to_owned(), (*state.state).into());
            written.insert(id.to_owned(), Value::Object(picture));
        }
        let name = "scene".to_owned();
        let whole = Map::from_iter([
            ("name".to_owned(), Value::from(name)),
            ("entities".to_owned(), Value::Object(written)),
        ]);
        let written = Written::parse(whole);
        written
            .and_then(|written| cast(&written.entities))
            .map_err(|wrong| ServiceError::Invalid(wrong.to_string()))
    }

    /// `scene.delete`
    pub(crate) async fn delete(&mut self, call: &ServiceCall) -> Result<(), ServiceError> {
        let ids = call.data.get("entity_id").and_then(Value::as_array);
        let ids = ids.into_iter().flatten().filter_map(Value::as_str);
        let validation = |message: String| ServiceError::Validation(message, None);
        let mut scenes = Vec::new();
        for id in ids {
            let scene = self.all.lock().get(id).cloned();
            let scene =
                scene.ok_or_else(|| validation(format!("{id} is not a valid scene entity_id.")))?;
            if scene.origin != Origin::Created {
                return Err(validation(format!(
                    "The scene {id} is not created with action `scene.create`."
                )));
            }
            scenes.push(scene);
        }
        for scene in scenes {
            self.remove(&scene, call.context)
                .await
                .map_err(ServiceError::Failed)?;
        }
        Ok(())
    }
}

/// Writes a scene's state.
pub(crate) async fn show(host: &Host, scene: &Scene, context: Context) {
    let written = host
        .set_state(
            &scene.entity_id,
            &scene.state(),
            scene.attributes(),
            context,
        )
        .await;
    if let Err(error) = written {
        tracing::error!(scene = %scene.entity_id, %error, "cannot show a scene");
    }
}
