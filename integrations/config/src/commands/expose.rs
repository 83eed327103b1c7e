//! `homeassistant/expose_*`: what voice assistants may see.

use hearth_core::fields::wrong_value;
use hearth_core::prelude::*;

use super::Call;
use crate::entity_edits::{EntityEdits, set};
use crate::{Config, failed};

const ASSISTANTS: [&str; 3] = ["cloud.alexa", "cloud.google_assistant", "conversation"];
const SHOULD_EXPOSE: &str = "should_expose";

pub(crate) async fn expose(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let assistants = call.fields.required("assistants")?;
    let assistants = known_assistants(assistants)?;
    let ids = call.fields.text_or_texts("entity_ids")?.unwrap_or_default();
    let should_expose = call.fields.flag(SHOULD_EXPOSE)?.unwrap_or_default();
    call.fields.finish()?;
    let hub = config.host.hub().clone();
    let mut edits = EntityEdits::new(&hub);
    let mut unregistered = Vec::new();
    for id in ids {
        let id: EntityId = id
            .parse()
            .map_err(|_| wrong_value("Entity ID is invalid", "entity_ids", &json!(id)))?;
        let Some(entry) = hub.registries.entities.get(id.as_str()) else {
            unregistered.push(id);
            continue;
        };
        let edited = edits.edit_one(&entry, |entry| {
            set(entry, |settings| {
                for assistant in &assistants {
                    let options = settings.options.entry(assistant).or_insert(json!({}));
                    options[SHOULD_EXPOSE] = should_expose.into();
                }
            });
        });
        edited.map_err(failed)?;
    }
    edits.commit(call.caller.context).await.map_err(failed)?;
    for id in unregistered {
        if hub.states.get(id.as_str()).is_none() {
            return Err(CommandError::not_found("Entity not found"));
        }
        config.check_room(config.exposed.by_entity.len())?;
        let exposed = &mut config.exposed;
        let kept = exposed.set(id.as_str(), &assistants, should_expose).await;
        kept.map_err(failed)?;
    }
    Ok(Value::Null)
}

fn known_assistants(given: Value) -> Result<Vec<String>, CommandError> {
    let texts: Option<Vec<String>> = serde_json::from_value(given.clone()).ok();
    texts
        .filter(|texts| {
            let is_known = |text: &String| ASSISTANTS.contains(&text.as_str());
            texts.iter().all(is_known)
        })
        .ok_or_else(|| {
            let expected = format!("expected a list of {}", ASSISTANTS.join(", "));
            wrong_value(&expected, "assistants", &given)
        })
}

/// `{entity_id: {assistant: true}}` of what a person exposed.
pub(crate) async fn list(config: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let mut exposed: Map<String, Value> = Map::new();
    for (id, by_assistant) in &config.exposed.by_entity {
        let shown = by_assistant.iter().filter(|(_, exposed)| **exposed);
        let shown: Map<String, Value> = shown
            .map(|(assistant, _)| (assistant.clone(), true.into()))
            .collect();
        if !shown.is_empty() {
            exposed.insert(id.clone(), Value::Object(shown));
        }
    }
    for entry in config.hub().registries.entities.list() {
        let options = &entry.settings().options;
        let is_exposed = |assistant: &&str| {
            let options = options.get(*assistant);
            options.is_some_and(|options| options[SHOULD_EXPOSE] == true)
        };
        let shown = ASSISTANTS.into_iter().filter(is_exposed);
        let shown: Map<String, Value> = shown
            .map(|assistant| (assistant.to_owned(), true.into()))
            .collect();
        if !shown.is_empty() {
            exposed.insert(entry.entity_id.to_string(), Value::Object(shown));
        }
    }
    Ok(json!({"exposed_entities": exposed}))
}

pub(crate) async fn get_new(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let assistant = assistant(&mut call)?;
    call.fields.finish()?;
    Ok(json!({"expose_new": config.exposed.exposes_new(assistant)}))
}

pub(crate) async fn set_new(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let assistant = assistant(&mut call)?;
    let expose = call.fields.flag("expose_new")?.unwrap_or_default();
    call.fields.finish()?;
    let kept = config.exposed.expose_new(assistant, expose).await;
    kept.map_err(failed)?;
    Ok(Value::Null)
}

fn assistant(call: &mut Call) -> Result<&'static str, CommandError> {
    let given = call.fields.required("assistant")?;
    let known = ASSISTANTS.into_iter().find(|known| given == **known);
    known.ok_or_else(|| {
        let expected = format!("expected one of {}", ASSISTANTS.join(", "));
        wrong_value(&expected, "assistant", &given)
    })
}
