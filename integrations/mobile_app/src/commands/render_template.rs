use std::collections::BTreeMap;

use hearth_core::command::Caller;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Command;
use crate::answer::Answer;
use crate::phone::Phone;
use crate::registration::Done;
use crate::text::{ObjectText, Text, object};

/// Renders templates; one that fails spoils only its own result.
pub(super) struct RenderTemplate<'a>(BTreeMap<String, Template<'a>>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Template<'a> {
    #[serde(borrow)]
    template: Text<'a>,
    #[serde(default)]
    variables: Map<String, Value>,
}

impl Template<'_> {
    /// The data of `template/render`.
    fn request(self) -> Map<String, Value> {
        let mut data = Map::new();
        data.insert("template".to_owned(), self.template.0.into());
        data.insert("variables".to_owned(), self.variables.into());
        data.insert("typed".to_owned(), true.into());
        data
    }
}

impl<'a> Command<'a> for RenderTemplate<'a> {
    /// One malformed entry voids them all.
    fn parse(data: &'a str) -> Option<Self> {
        let entries: BTreeMap<String, ObjectText<'a>> = serde_json::from_str(data).ok()?;
        let templates: Option<_> = entries
            .into_iter()
            .map(|(key, ObjectText(entry))| Some((key, object(entry)?)))
            .collect();
        templates.map(Self)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let commands = phone.hub.commands.clone();
        let limit = phone.hub.settings.mobile_app.templates;
        let caller = Caller::inside(phone.context());
        let requests: Vec<(String, Map<String, Value>)> = self
            .0
            .into_iter()
            .map(|(key, template)| (key, template.request()))
            .collect();
        Done::Later(Box::pin(async move {
            let mut results = Map::new();
            for (at, (key, data)) in requests.into_iter().enumerate() {
                if at >= limit {
                    let error = format!("Expected at most {limit} templates in one message");
                    results.insert(key, json!({"error": error}));
                    continue;
                }
                let result = match commands.call("template/render", data, caller).await {
                    Ok(value) => value,
                    Err(error) => json!({"error": error.message}),
                };
                results.insert(key, result);
            }
            Answer::sealed(200, Value::Object(results).to_string())
        }))
    }
}
