//! Templates, which another integration renders.

use hearth_core::command::CommandError;
use hearth_core::prelude::{Caller, Hub, Map, Value, json};

/// Whether a text has anything in it that is to be rendered.
pub(crate) fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// What a template gives, as a value.
///
/// # Errors
/// What the template raises.
pub(crate) async fn render(
    hub: &Hub,
    template: &str,
    variables: &Map<String, Value>,
    caller: Caller,
) -> Result<Value, CommandError> {
    let data = json!({"template": template, "variables": variables});
    let Value::Object(data) = data else {
        return Ok(Value::Null);
    };
    let caller = Caller::inside(caller.context);
    hub.commands.call("template/render", data, caller).await
}
