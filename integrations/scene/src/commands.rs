//! The editor's commands: `scene/config/get`, `scene/config/set`, `scene/config/delete` (behind
//! `/api/config/scene/config/<id>`, spec rest-api §8).

use hearth_core::prelude::*;
use serde_json::json;

use crate::scene::{Origin, Written};
use crate::scenes::Scenes;

const GET: &str = "scene/config/get";
const SET: &str = "scene/config/set";
const DELETE: &str = "scene/config/delete";

pub(crate) fn register(host: &Host) {
    for name in [GET, SET, DELETE] {
        host.register_command(name, Access::Admin);
    }
}

impl Scenes {
    pub(crate) async fn carry_out(&mut self, command: Command) -> Result<Value, CommandError> {
        let context = command.caller.context;
        let id = Field::required("id", Kind::Text, "");
        let config = Field::required("config", Kind::Object, "");
        let schema = match &*command.name {
            SET => Schema::Fields(vec![id, config]),
            _ => Schema::Fields(vec![id]),
        };
        let mut data = schema.apply(command.data).map_err(CommandError::invalid)?;
        let id = data.get("id").and_then(Value::as_str).unwrap_or_default();
        let id = id.to_owned();
        match (&*command.name, data.remove("config")) {
            (GET, _) => {
                let scene = self.records.get(&id).ok_or_else(not_found)?;
                Ok(json!(&**scene))
            }
            (SET, Some(Value::Object(config))) => self.set(id, config, context).await,
            (DELETE, _) => self.forget(&id, context).await,
            _ => Err(CommandError::unknown()),
        }
    }

    async fn set(
        &mut self,
        id: String,
        mut config: Map<String, Value>,
        context: Context,
    ) -> Result<Value, CommandError> {
        config.insert("id".to_owned(), id.as_str().into());
        let written =
            Written::parse(config).map_err(|wrong| CommandError::invalid(wrong.to_string()))?;
        let is_configured = |scene: &crate::scene::Scene| scene.id.as_deref() == Some(&id);
        if self.of(Origin::Configured).iter().any(is_configured) {
            return Err(CommandError::failed(
                "This scene stands in the configuration file; change it there",
            ));
        }
        let written = self.records.put(&id, written).await?;
        self.put(&written, Origin::Kept, context)
            .await
            .map_err(CommandError::failed)?;
        Ok(Value::Null)
    }

    async fn forget(&mut self, id: &str, context: Context) -> Result<Value, CommandError> {
        if self.records.get(id).is_none() {
            return Err(not_found());
        }
        self.records.remove(id).await?;
        let kept = self.of(Origin::Kept);
        if let Some(scene) = kept.iter().find(|scene| scene.id.as_deref() == Some(id)) {
            self.remove(scene, context)
                .await
                .map_err(CommandError::failed)?;
        }
        Ok(Value::Null)
    }
}

fn not_found() -> CommandError {
    CommandError::not_found("Resource not found")
}
