//! Scenes: states that many things take at once.
//!
//! This crate owns `scene.*`: scenes from the configuration, those that people make through the
//! editor's commands and keep, and those that `scene.create` makes until the next start. It turns a
//! wanted state into calls of other domains' services, and knows those domains by their services
//! only.
//!
//! Start reading at [`factory`]; `scene.rs` is one scene, `reproduce.rs` says which services bring
//! a thing into a state, `stage.rs` plays scenes.

mod commands;
mod reproduce;
mod scene;
mod scenes;
mod stage;

use futures_util::future::LocalBoxFuture;
use hearth_core::collection::Misconfigured;
use hearth_core::prelude::*;

use scenes::Scenes;

/// Makes the scene integration.
pub fn factory() -> Factory {
    Factory::new(Manifest::new(DOMAIN, "Scene"), |_| {
        Box::<SceneIntegration>::default()
    })
}

/// Checks the section `scene` of a configuration file: a list of scenes.
pub fn check(section: &Value) -> Result<(), Misconfigured> {
    scene::configured(section).map(|_| ())
}

const DOMAIN: &str = "scene";

/// The scenes, once it has started.
#[derive(Default)]
struct SceneIntegration(Option<Scenes>);

impl Integration for SceneIntegration {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            self.0 = Some(Scenes::open(host).await?);
            Ok(())
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            match &mut self.0 {
                Some(scenes) => scenes.carry_out(command).await,
                None => Err(CommandError::unknown()),
            }
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            let scenes = self.0.as_mut().ok_or(ServiceError::Unknown)?;
            match &*call.service {
                "create" => scenes.create(&call).await?,
                "delete" => scenes.delete(&call).await?,
                _ => scenes.reload(call.context).await?,
            }
            Ok(None)
        })
    }

    fn stop(&mut self, _: StopReason) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(scenes) = self.0.take() {
                scenes.close().await;
            }
        })
    }
}
