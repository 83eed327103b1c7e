//! `webhook`: a request comes in (spec webhook §5).

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::stream;
use hearth_core::command::CommandError;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::ids::WebhookId;
use hearth_core::json::is_too_deep;
use hearth_core::prelude::{Map, Value, json};
use hearth_core::webhook::{Method, Methods, WebhookRequest};

use super::Kind;
use crate::render::is_template;

/// Fields of a form that are looked at.
const MOST_FIELDS: usize = 1000;

/// A webhook and who may call it.
#[derive(Clone)]
pub(crate) struct WebhookTrigger {
    pub(crate) id: WebhookId,
    pub(crate) methods: Methods,
    pub(crate) local_only: bool,
}

pub(super) fn parse(fields: &mut Fields) -> Result<Kind, CommandError> {
    let id = fields.text("webhook_id")?;
    if id.is_empty() {
        return Err(wrong_value(
            "expected a webhook id",
            "webhook_id",
            &json!(id),
        ));
    }
    if is_template(&id) {
        let message = "templates are not supported here yet @ data['webhook_id']";
        return Err(CommandError::invalid(message));
    }
    let methods = match fields.take("allowed_methods") {
        None => Methods::POST_PUT,
        Some(given) => {
            let name = |name: &Value| Method::parse(&name.as_str()?.to_uppercase());
            let names = given.as_array().map(Vec::as_slice).unwrap_or_default();
            let methods: Option<Vec<Method>> = names.iter().map(name).collect();
            match methods.filter(|methods| !methods.is_empty()) {
                Some(methods) => Methods::of(methods),
                None => {
                    let expected = "value must be one of ['GET', 'HEAD', 'POST', 'PUT']";
                    return Err(wrong_value(expected, "allowed_methods", &given));
                }
            }
        }
    };
    Ok(Kind::Webhook(WebhookTrigger {
        id: WebhookId::from(id.as_str()),
        methods,
        local_only: fields.flag("local_only")?.unwrap_or(true),
    }))
}

/// What the payload says of a request; `None` where its body is not what it says it is. JSON may
/// nest `depth` deep.
pub(crate) async fn payload(request: &WebhookRequest, depth: usize) -> Option<Value> {
    let mut payload = json!({
        "webhook_id": request.id.as_str(),
        "query": first_of_each(request.query_pairs()),
        "description": "webhook",
    });
    if let Some(all) = repeated(request.query_pairs()) {
        payload["query_all"] = all;
    }
    let content_type = request.headers.get("content-type").unwrap_or_default();
    if content_type.contains("json") {
        if is_too_deep(&request.body, depth) {
            return None;
        }
        payload["json"] = serde_json::from_slice(&request.body).ok()?;
    } else {
        payload["data"] = Value::Object(form(content_type, &request.body).await?);
    }
    Some(payload)
}

/// All values of each key, in order, where a key is given several times.
fn repeated<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Option<Value> {
    let mut all: BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>> = BTreeMap::new();
    for (key, value) in pairs.take(MOST_FIELDS) {
        all.entry(key).or_default().push(value);
    }
    all.values()
        .any(|values| values.len() > 1)
        .then(|| json!(all))
}

/// Of a key that is given several times the first counts.
fn first_of_each<K: Into<String>, V: Into<String>>(
    pairs: impl Iterator<Item = (K, V)>,
) -> Map<String, Value> {
    let mut map = Map::new();
    for (key, value) in pairs.take(MOST_FIELDS) {
        map.entry(key.into())
            .or_insert_with(|| Value::from(value.into()));
    }
    map
}

/// The fields of a form, url-encoded or in parts; none of anything else.
async fn form(content_type: &str, body: &Bytes) -> Option<Map<String, Value>> {
    if content_type.starts_with("application/x-www-form-urlencoded") {
        return Some(first_of_each(form_urlencoded::parse(body)));
    }
    let Ok(boundary) = multer::parse_boundary(content_type) else {
        return Some(Map::new());
    };
    let whole = stream::iter([Ok::<_, std::convert::Infallible>(body.clone())]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.ok()? {
        // Files are not passed on.
        let Some(name) = part.name().map(str::to_owned) else {
            continue;
        };
        if part.file_name().is_none() && fields.len() < MOST_FIELDS {
            fields.push((name, part.text().await.ok()?));
        }
    }
    Some(first_of_each(fields.into_iter()))
}
