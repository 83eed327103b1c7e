use std::collections::BTreeMap;

use hearth_core::command::Caller;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Command;
use crate::answer::Answer;
use crate::phone::Phone;
use crate::registration::Done;

/// Renders templates; one that fails spoils only its own result.
pub(super) struct RenderTemplate(BTreeMap<String, Template>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    #[serde(deserialize_with = "owned_text")]
    template: String,
    #[serde(default)]
    variables: Map<String, Value>,
}

fn owned_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    crate::text::Text::deserialize(deserializer).map(|text| text.0.into_owned())
}

impl<'a> Command<'a> for RenderTemplate {
    fn parse(data: &'a str) -> Option<Self> {
        serde_json::from_str(data).ok().map(Self)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let commands = phone.hub.commands.clone();
        let caller = Caller::inside(phone.context());
        Done::Later(Box::pin(async move {
            let mut results = Map::new();
            for (key, template) in self.0 {
                let mut data = Map::new();
                data.insert("template".to_owned(), template.template.into());
                data.insert("variables".to_owned(), template.variables.into());
                data.insert("typed".to_owned(), true.into());
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
