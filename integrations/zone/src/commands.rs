//! `zone/list`, `zone/create`, `zone/update`, `zone/delete` (spec websocket-api §8).

use hearth_core::fields::check_name;
use hearth_core::prelude::*;
use serde::Deserialize;
use serde_json::json;

use crate::place::StoredZone;
use crate::{Zones, failed};

const LIST: &str = "zone/list";
const CREATE: &str = "zone/create";
const UPDATE: &str = "zone/update";
const DELETE: &str = "zone/delete";

pub(crate) fn register(host: &Host) {
    host.register_command(LIST, Access::AnyUser);
    for name in [CREATE, UPDATE, DELETE] {
        host.register_command(name, Access::Admin);
    }
}

/// What may be given of a zone; a new one must have name and place.
#[derive(Deserialize)]
struct Given {
    name: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    radius: Option<f64>,
    passive: Option<bool>,
    icon: Option<String>,
}

impl Given {
    fn parse(data: Map<String, Value>, is_new: bool) -> Result<Self, CommandError> {
        let field = if is_new {
            Field::required
        } else {
            Field::optional
        };
        let number = |max: f64| Kind::Number { min: -max, max };
        let schema = Schema::Fields(vec![
            field("name", Kind::Text, ""),
            field("latitude", number(90.0), ""),
            field("longitude", number(180.0), ""),
            Field::optional("radius", Kind::Number { min: 0.0, max: 1e8 }, ""),
            Field::optional("passive", Kind::Bool, ""),
            Field::optional("icon", Kind::Icon, ""),
        ]);
        let data = schema.apply(data).map_err(CommandError::invalid)?;
        let given: Self = serde_json::from_value(Value::Object(data))
            .map_err(|error| CommandError::invalid(error.to_string()))?;
        // The name becomes the state of whoever is there.
        if let Some(name) = &given.name {
            check_name("name", name)?;
        }
        Ok(given)
    }
}

impl Zones {
    pub(crate) async fn carry_out(&mut self, command: Command) -> Result<Value, CommandError> {
        let context = command.caller.context;
        let mut data = command.data;
        match &*command.name {
            LIST => Ok(self.records.iter().map(|(_, zone)| json!(zone)).collect()),
            CREATE => self.create(Given::parse(data, true)?, context).await,
            UPDATE => {
                let zone = self.records.take(&mut data)?;
                self.update(&zone, Given::parse(data, false)?, context)
                    .await
            }
            DELETE => {
                let zone = self.records.take(&mut data)?;
                self.delete(&zone.id, context).await
            }
            _ => Err(CommandError::unknown()),
        }
    }

    async fn create(&mut self, given: Given, context: Context) -> Result<Value, CommandError> {
        let name = given.name.unwrap_or_default();
        let zone = StoredZone {
            id: self.records.free_id(&name),
            name,
            // Required: the schema has checked it.
            latitude: given.latitude.unwrap_or_default(),
            longitude: given.longitude.unwrap_or_default(),
            radius: given.radius.unwrap_or(100.0),
            passive: given.passive.unwrap_or(false),
            icon: given.icon,
        };
        self.keep(zone, context).await
    }

    async fn update(
        &mut self,
        old: &StoredZone,
        given: Given,
        context: Context,
    ) -> Result<Value, CommandError> {
        let zone = StoredZone {
            id: old.id.clone(),
            name: given.name.unwrap_or_else(|| old.name.clone()),
            latitude: given.latitude.unwrap_or(old.latitude),
            longitude: given.longitude.unwrap_or(old.longitude),
            radius: given.radius.unwrap_or(old.radius),
            passive: given.passive.unwrap_or(old.passive),
            icon: given.icon.or_else(|| old.icon.clone()),
        };
        self.keep(zone, context).await
    }

    async fn keep(&mut self, zone: StoredZone, context: Context) -> Result<Value, CommandError> {
        let id = zone.id.clone();
        let zone = self.records.put(&id, zone).await?;
        self.announce(&zone, context).await?;
        self.publish();
        Ok(json!(&*zone))
    }

    async fn delete(&mut self, id: &str, context: Context) -> Result<Value, CommandError> {
        self.records.remove(id).await?;
        if let Some(entity_id) = self.by_record.remove(id) {
            self.places.remove(&entity_id);
            self.publish();
            self.host
                .retire(&entity_id, context)
                .await
                .map_err(failed)?;
        }
        Ok(Value::Null)
    }
}
