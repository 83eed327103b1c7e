//! `manifest/*` and `integration/*`: what is loaded, and what it is.

use hearth_core::integration::Manifest;
use hearth_core::prelude::*;

use super::Call;
use crate::Config;

/// Integrations that are a person's helpers and not a thing or a service.
const HELPERS: [&str; 10] = [
    "counter",
    "group",
    "input_boolean",
    "input_button",
    "input_datetime",
    "input_number",
    "input_select",
    "input_text",
    "schedule",
    "timer",
];

/// What kind of integration it is, in the protocol's words.
pub(crate) fn integration_type(domain: &str) -> &'static str {
    if HELPERS.contains(&domain) {
        "helper"
    } else {
        "hub"
    }
}

pub(crate) async fn list(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let wanted = call.fields.texts("integrations")?;
    call.fields.finish()?;
    let mut manifests = manifests(config.hub());
    if let Some(wanted) = wanted {
        manifests.retain(|manifest| {
            let domain = manifest["domain"].as_str();
            wanted.iter().any(|wanted| domain == Some(wanted))
        });
    }
    Ok(Value::Array(manifests))
}

pub(crate) async fn get(config: &mut Config, mut call: Call) -> Result<Value, CommandError> {
    let wanted = call.fields.text("integration")?;
    call.fields.finish()?;
    let mut manifests = manifests(config.hub()).into_iter();
    let found = manifests.find(|manifest| manifest["domain"].as_str() == Some(&wanted));
    found.ok_or_else(|| CommandError::not_found("Integration not found"))
}

/// Of every integration, then of every entity domain that is loaded.
fn manifests(hub: &Hub) -> Vec<Value> {
    let integrations = hub.integrations.list();
    let is_integration = |component: &String| {
        integrations
            .iter()
            .any(|status| *status.manifest.domain == **component)
    };
    let mut domains = hub.integrations.components();
    domains.retain(|component| !component.contains('.') && !is_integration(component));
    let own = integrations
        .iter()
        .map(|status| view(&status.manifest, integration_type(&status.manifest.domain)));
    let of_domains = domains.iter().map(|domain| {
        let manifest = Manifest::new(domain, &title(domain));
        view(&manifest, "entity")
    });
    own.chain(of_domains).collect()
}

fn view(manifest: &Manifest, kind: &str) -> Value {
    json!({
        "domain": manifest.domain,
        "name": manifest.name,
        "version": manifest.version,
        "is_built_in": true,
        "overwrites_built_in": false,
        "integration_type": kind,
        "config_flow": false,
        "codeowners": [],
        "dependencies": [],
        "requirements": [],
    })
}

/// `media_player` → `Media player`.
fn title(domain: &str) -> String {
    let spaced = domain.replace('_', " ");
    let mut letters = spaced.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => spaced,
    }
}

/// How long each took to start; not measured.
pub(crate) async fn setup_info(_: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    Ok(json!([]))
}

/// What could be set up by a form: nothing yet.
pub(crate) async fn descriptions(_: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let none = json!({"integration": {}, "helper": {}, "translated_name": []});
    Ok(json!({"core": none, "custom": none}))
}

/// What is still starting, with seconds. Who can ask finds everything started.
pub(crate) async fn starting(_: &mut Config, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    if let Some(subscriber) = call.subscriber {
        subscriber.send(&json!({}));
    }
    Ok(Value::Null)
}
