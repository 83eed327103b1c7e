//! `config/category_registry/*`: how people sort automations, scripts and helpers; each scope has
//! categories of its own.

use std::collections::BTreeMap;

use hearth_core::prelude::*;
use hearth_core::store::{Store, StoreError};
use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Call, check_name, invalid_info};
use crate::entity_edits::{EntityEdits, set};
use crate::{Config, failed};

const COLLECTION: &str = "core.categories";
const EVENT: &str = "category_registry_updated";
const UNKNOWN: &str = "Category ID doesn't exist";

/// A category as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Category {
    category_id: String,
    scope: String,
    name: String,
    icon: Option<String>,
    created_at: Timestamp,
    modified_at: Timestamp,
}

/// Reads them; blocking, at start.
pub(crate) fn load(store: &Store) -> Result<BTreeMap<String, Arc<Category>>, StoreError> {
    let stored = store.collection::<Category>(COLLECTION).load_valid()?;
    let categories = stored.into_iter();
    Ok(categories
        .map(|(id, category)| (id, Arc::new(category)))
        .collect())
}

fn view(category: &Category) -> Value {
    json!({
        "category_id": category.category_id,
        "name": category.name,
        "icon": category.icon,
        "created_at": category.created_at.as_seconds_f64(),
        "modified_at": category.modified_at.as_seconds_f64(),
    })
}

pub(crate) async fn list(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let scope = call.fields.text("scope")?;
    call.fields.finish()?;
    let categories = config.categories.values();
    let of_scope = categories.filter(|category| category.scope == scope);
    Ok(of_scope.map(|category| view(category)).collect())
}

pub(crate) async fn create(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let now = config.hub().env.now();
    let category = Category {
        category_id: config.hub().env.ulid().to_string(),
        scope: call.fields.text("scope")?,
        name: call.fields.text("name")?,
        icon: call.fields.nullable_text("icon")?.flatten(),
        created_at: now,
        modified_at: now,
    };
    call.fields.finish()?;
    config.check_room(config.categories.len())?;
    config.keep("create", category, call.caller.context).await
}

pub(crate) async fn update(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let known = config.category(&mut call)?;
    let mut category = Category::clone(&known);
    if let Some(name) = call.fields.optional_text("name")? {
        category.name = name;
    }
    if let Some(icon) = call.fields.nullable_text("icon")? {
        category.icon = icon;
    }
    call.fields.finish()?;
    if category == *known {
        return Ok(view(&category));
    }
    category.modified_at = config.hub().env.now();
    config.keep("update", category, call.caller.context).await
}

/// Entities lose it.
pub(crate) async fn delete(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let category = config.category(&mut call)?;
    call.fields.finish()?;
    let Category {
        category_id, scope, ..
    } = &*category;
    let mut edits = EntityEdits::new(config.hub());
    edits.changes.delete(COLLECTION, category_id);
    edits.changes.event(EVENT, told("remove", &category));
    edits
        .edit_all(
            |entity| entity.settings().categories.get(scope) == Some(category_id),
            |entity| set(entity, |settings| _ = settings.categories.remove(scope)),
        )
        .map_err(failed)?;
    edits.commit(call.caller.context).await.map_err(failed)?;
    config.categories.remove(category_id);
    Ok(Value::Null)
}

fn told(action: &str, category: &Category) -> Value {
    json!({"action": action, "scope": category.scope, "category_id": category.category_id})
}

impl Config {
    /// The category that `scope` and `category_id` name.
    fn category(&self, call: &mut Call) -> Result<Arc<Category>, CommandError> {
        let scope = call.fields.text("scope")?;
        let id = call.fields.text("category_id")?;
        let known = self.categories.get(&id).cloned();
        known
            .filter(|category| category.scope == scope)
            .ok_or_else(|| invalid_info(UNKNOWN))
    }

    async fn keep(
        &mut self,
        action: &str,
        category: Category,
        context: Context,
    ) -> Result<Value, CommandError> {
        check_name(&category.name)?;
        let name = category.name.to_lowercase();
        let is_taken = self.categories.values().any(|other| {
            other.category_id != category.category_id
                && other.scope == category.scope
                && other.name.to_lowercase() == name
        });
        if is_taken {
            let name = &category.name;
            return Err(invalid_info(format!("The name '{name}' is already in use")));
        }
        let mut edits = EntityEdits::new(self.hub());
        let id = category.category_id.clone();
        edits
            .changes
            .put(COLLECTION, &id, &category)
            .map_err(failed)?;
        edits.changes.event(EVENT, told(action, &category));
        edits.commit(context).await.map_err(failed)?;
        let answer = view(&category);
        self.categories.insert(id, Arc::new(category));
        Ok(answer)
    }
}
