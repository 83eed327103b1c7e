//! `lovelace/resources/*`: scripts and style sheets that a page loads for its dashboards.

use hearth_core::fields::missing;
use hearth_core::prelude::*;
use serde::{Deserialize, Serialize};

use super::Call;
use crate::Frontend;

/// A resource as stored, and as clients see it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Resource {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    url: String,
}

const KINDS: [(&str, &str); 4] = [
    ("css", "css"),
    ("html", "html"),
    ("js", "js"),
    ("module", "module"),
];

pub(crate) async fn list(frontend: &mut Frontend, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let resources = frontend.resources.iter();
    Ok(resources.map(|(_, resource)| json!(resource)).collect())
}

pub(crate) async fn create(frontend: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    let kind = call.fields.one_of("res_type", &KINDS)?;
    let kind = kind.ok_or_else(|| missing("res_type"))?;
    let url = call.fields.text("url")?;
    call.fields.finish()?;
    // Ids in the order of making: a page loads its resources in the order of the list.
    let id = frontend.host.env().ulid().to_string().to_lowercase();
    let resource = Resource {
        id: id.clone(),
        kind: kind.to_owned(),
        url,
    };
    let resource = frontend.resources.put(&id, resource).await?;
    Ok(json!(resource))
}

pub(crate) async fn update(frontend: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    let known = find(frontend, &mut call)?;
    let kind = call.fields.one_of("res_type", &KINDS)?;
    let url = call.fields.optional_text("url")?;
    call.fields.finish()?;
    let resource = Resource {
        id: known.id.clone(),
        kind: kind.map_or_else(|| known.kind.clone(), str::to_owned),
        url: url.unwrap_or_else(|| known.url.clone()),
    };
    let resource = frontend.resources.put(&known.id, resource).await?;
    Ok(json!(resource))
}

pub(crate) async fn delete(frontend: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    let known = find(frontend, &mut call)?;
    call.fields.finish()?;
    frontend.resources.remove(&known.id).await?;
    Ok(Value::Null)
}

fn find(frontend: &Frontend, call: &mut Call) -> Result<Arc<Resource>, CommandError> {
    let id = call.fields.text("resource_id")?;
    frontend.resources.find(&id)
}
