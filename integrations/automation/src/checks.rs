//! What clients have checked before they keep it: whether a condition holds, and whether triggers,
//! conditions and actions mean something.

use hearth_core::ask::Reply;
use hearth_core::command::CommandError;
use hearth_core::fields::Fields;
use hearth_core::prelude::{Command, Hub, Map, Value, json};

use crate::condition::Condition;
use crate::{action, trigger};

/// Answers `test_condition`, when the condition is checked.
pub(crate) fn test_condition(hub: &Hub, command: Command, reply: Reply<Command>) {
    let (condition, variables) = match read_condition(command.data) {
        Ok(read) => read,
        Err(error) => return reply.send(Err(error)),
    };
    let (hub, caller) = (hub.clone(), command.caller);
    actix::spawn(async move {
        let holds = condition.check(&hub, caller, &variables).await;
        reply.send(holds.map(|holds| json!({ "result": holds })));
    });
}

fn read_condition(
    data: Map<String, Value>,
) -> Result<(Condition, Map<String, Value>), CommandError> {
    let mut fields = Fields::new(data);
    let condition = Condition::read(fields.required("condition")?)?;
    let variables = fields.object("variables")?.unwrap_or_default();
    fields.finish()?;
    Ok((condition, variables))
}

/// Answers `validate_config`: for each part that is given, whether it means something.
pub(crate) fn validate(data: Map<String, Value>) -> Result<Value, CommandError> {
    type Check = fn(Value) -> Result<(), CommandError>;
    const PARTS: [(&str, Check); 3] = [
        ("triggers", |given| trigger::parse_all(given).map(drop)),
        ("conditions", |given| Condition::read(given).map(drop)),
        ("actions", action::check),
    ];
    let mut fields = Fields::new(data);
    let mut answer = Map::new();
    for (part, check) in PARTS {
        if let Some(given) = fields.take(part) {
            let error = check(given).err().map(|error| error.message);
            let told = json!({"valid": error.is_none(), "error": error});
            answer.insert(part.to_owned(), told);
        }
    }
    fields.finish()?;
    Ok(Value::Object(answer))
}
