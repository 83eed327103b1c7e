//! `config/entity_registry/*` and `entity/source`.

use hearth_core::fields::{Fields, wrong_value};
use hearth_core::prelude::*;
use hearth_core::registry::{DisabledBy, EntityEntry, EntitySettings, EntityUpdateError, HiddenBy};

use serde::Serialize;

use super::{Call, by_user, check_name, invalid_info, write};
use crate::entity_edits::{EntityEdits, set};
use crate::views::{self, DisplayedEntityView, EntityView};
use crate::{Config, failed};

/// Seconds until an integration would bring an enabled entity back in the home that clients know;
/// they show a note for so long. Here it is back at once.
const RELOAD_DELAY: u32 = 30;

pub(crate) async fn list(config: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let entities = in_order(config.hub());
    let listed: Vec<EntityView<'_>> = entities.iter().map(|entry| EntityView::of(entry)).collect();
    write(&call.command, &listed)
}

pub(crate) async fn list_for_display(
    config: &mut Config,
    call: Call,
) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let entities = in_order(config.hub());
    let shown = entities.iter().filter(|entry| entry.disabled_by.is_none());
    let displayed = Displayed {
        entity_categories: json!({"0": "config", "1": "diagnostic"}),
        entities: shown.map(|entry| DisplayedEntityView::of(entry)).collect(),
    };
    write(&call.command, &displayed)
}

#[derive(Serialize)]
struct Displayed<'a> {
    entity_categories: Value,
    entities: Vec<DisplayedEntityView<'a>>,
}

pub(crate) async fn get(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let id = call.fields.text("entity_id")?;
    call.fields.finish()?;
    Ok(views::extended_entity(&*find(config.hub(), &id)?))
}

pub(crate) async fn get_entries(
    config: &mut Config,
    mut call: Call,
) -> Result<Value, CommandError> {
    let ids = call.fields.required("entity_ids")?;
    let Value::Array(ids) = ids else {
        return Err(wrong_value("expected a list", "entity_ids", &ids));
    };
    call.fields.finish()?;
    let entities = &config.hub().registries.entities;
    let mut found = Map::new();
    for id in ids {
        let Value::String(id) = id else {
            return Err(wrong_value("expected str", "entity_ids", &id));
        };
        let entry = entities.get(&id);
        let view = entry.map_or(Value::Null, |entry| views::extended_entity(&entry));
        found.insert(id, view);
    }
    Ok(Value::Object(found))
}

pub(crate) async fn update(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let id = call.fields.text("entity_id")?;
    let edit = Edit::parse(call.fields)?;
    let hub = config.hub();
    let old = find(hub, &id)?;
    let new_id = edit.new_id(hub, &old)?;
    if edit.disabled_by == Some(None) && old.disabled_by.is_some() {
        let device = old.device_id.and_then(|id| hub.registries.devices.get(id));
        if device.is_some_and(|device| device.disabled_by.is_some()) {
            return Err(invalid_info("Device is disabled"));
        }
    }
    let is_enabled = edit.disabled_by == Some(None) && old.disabled_by.is_some();
    let mut edits = EntityEdits::new(hub);
    let entry = edits
        .edit(&old, |entry| {
            entry.entity_id = new_id;
            edit.apply(entry);
        })
        .map_err(refused)?;
    edits.commit(call.caller.context).await.map_err(failed)?;
    let mut answer = json!({"entity_entry": views::extended_entity(&entry)});
    if is_enabled {
        answer["reload_delay"] = RELOAD_DELAY.into();
    }
    Ok(answer)
}

pub(crate) async fn remove(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let id = call.fields.text("entity_id")?;
    call.fields.finish()?;
    let entry = find(config.hub(), &id)?;
    let mut edits = EntityEdits::new(config.hub());
    edits.remove(&entry);
    edits.commit(call.caller.context).await.map_err(failed)?;
    Ok(Value::Null)
}

/// Which integration provides which entity.
pub(crate) async fn source(config: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let hub = config.hub();
    let entities = hub.registries.entities.list().into_iter();
    let shown = entities.filter(|entry| hub.states.get(entry.entity_id.as_str()).is_some());
    let sources: Map<String, Value> = shown
        .map(|entry| {
            let source = json!({"domain": entry.platform});
            (entry.entity_id.to_string(), source)
        })
        .collect();
    Ok(Value::Object(sources))
}

/// The oldest first.
fn in_order(hub: &Hub) -> Vec<Arc<EntityEntry>> {
    let mut entities = hub.registries.entities.list();
    entities.sort_unstable_by_key(|entry| (entry.created_at, entry.id));
    entities
}

fn find(hub: &Hub, id: &str) -> Result<Arc<EntityEntry>, CommandError> {
    let entry = hub.registries.entities.get(id);
    entry.ok_or_else(|| CommandError::not_found("Entity not found"))
}

fn refused(error: EntityUpdateError) -> CommandError {
    match error {
        EntityUpdateError::NotFound => CommandError::not_found(error.to_string()),
        EntityUpdateError::Store(error) => failed(error),
        EntityUpdateError::IdTaken | EntityUpdateError::OtherDomain => invalid_info(error),
    }
}

/// What a person changes; `None` stays as it is.
struct Edit {
    name: Option<Option<String>>,
    icon: Option<Option<String>>,
    area_id: Option<Option<String>>,
    device_class: Option<Option<String>>,
    labels: Option<Vec<String>>,
    aliases: Option<Vec<String>>,
    /// Category by scope; `None` takes one away.
    categories: Vec<(String, Option<String>)>,
    options: Option<(String, Option<Map<String, Value>>)>,
    disabled_by: Option<Option<DisabledBy>>,
    hidden_by: Option<Option<HiddenBy>>,
    new_entity_id: Option<String>,
}

impl Edit {
    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let categories = fields.object("categories")?.unwrap_or_default();
        let categories = categories.into_iter().map(|(scope, id)| match id {
            Value::Null => Ok((scope, None)),
            Value::String(id) => Ok((scope, Some(id))),
            other => Err(wrong_value("expected str", "categories", &other)),
        });
        let edit = Self {
            categories: categories.collect::<Result<_, _>>()?,
            name: fields.nullable_text("name")?,
            icon: fields.nullable_text("icon")?,
            area_id: fields.nullable_text("area_id")?,
            device_class: fields.nullable_text("device_class")?,
            labels: fields.texts("labels")?,
            aliases: fields.texts("aliases")?,
            options: options(&mut fields)?,
            disabled_by: by_user(&mut fields, "disabled_by", DisabledBy::User)?,
            hidden_by: by_user(&mut fields, "hidden_by", HiddenBy::User)?,
            new_entity_id: fields.optional_text("new_entity_id")?,
        };
        fields.finish()?;
        if let Some(Some(name)) = edit
            .name
            .as_ref()
            .filter(|name| **name != Some(String::new()))
        {
            check_name(name)?;
        }
        Ok(edit)
    }

    /// Under which id the entity is known from now on.
    fn new_id(&self, hub: &Hub, old: &EntityEntry) -> Result<EntityId, CommandError> {
        let id = match self.new_entity_id.as_deref() {
            Some(id) if id != old.entity_id.as_str() => id,
            _ => return Ok(old.entity_id.clone()),
        };
        let id: EntityId = id
            .parse()
            .map_err(|_| invalid_info(format!("Invalid entity ID {id}")))?;
        // A state without a registry entry has the id too.
        if hub.states.get(id.as_str()).is_some() {
            return Err(refused(EntityUpdateError::IdTaken));
        }
        Ok(id)
    }

    fn apply(self, entry: &mut EntityEntry) {
        if let Some(by) = self.disabled_by {
            entry.disabled_by = by;
        }
        if let Some(by) = self.hidden_by {
            entry.hidden_by = by;
        }
        let put = |settings: &mut EntitySettings| {
            let texts = [
                (self.name, &mut settings.name),
                (self.icon, &mut settings.icon),
                (self.area_id, &mut settings.area_id),
                (self.device_class, &mut settings.device_class),
            ];
            for (given, place) in texts {
                if let Some(text) = given {
                    // Nothing is no name.
                    *place = text.filter(|text| !text.is_empty());
                }
            }
            if let Some(labels) = self.labels {
                settings.labels = labels;
            }
            if let Some(aliases) = self.aliases {
                settings.aliases = aliases;
            }
            for (scope, category) in self.categories {
                match category {
                    Some(category) => _ = settings.categories.insert(scope, category),
                    None => _ = settings.categories.remove(&scope),
                }
            }
            match self.options {
                Some((domain, Some(options))) => {
                    settings.options.insert(domain, Value::Object(options));
                }
                Some((domain, None)) => _ = settings.options.remove(&domain),
                None => {}
            }
        };
        set(entry, put);
    }
}

/// `options_domain` and `options` come together; null takes the options away.
#[allow(clippy::type_complexity, reason = "as in `Edit`")]
fn options(
    fields: &mut Fields,
) -> Result<Option<(String, Option<Map<String, Value>>)>, CommandError> {
    let domain = fields.optional_text("options_domain")?;
    match (domain, fields.take("options")) {
        (None, None) => Ok(None),
        (Some(domain), Some(Value::Null)) => Ok(Some((domain, None))),
        (Some(domain), Some(Value::Object(options))) => Ok(Some((domain, Some(options)))),
        (Some(_), Some(other)) => Err(wrong_value("expected dict", "options", &other)),
        (None, Some(_)) | (Some(_), None) => Err(CommandError::invalid(
            "some but not all values in the same group of inclusion 'entity_option' @ data[<entity_option>]",
        )),
    }
}
