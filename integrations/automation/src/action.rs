//! Actions: what is done once something was set in motion (spec state-machine §7). Here is their
//! form: which kinds there are and which keys each has.
//!
//! Templates in them are not looked into: what they give is known when they are rendered.

use hearth_core::civil;
use hearth_core::command::CommandError;
use hearth_core::fields::{Fields, wrong_value};
use hearth_core::ids::EntityId;
use hearth_core::prelude::{Value, json};

use crate::condition::Condition;
use crate::render::is_template;
use crate::trigger;

/// Most actions in all, nested ones too.
const MOST: usize = 10_000;

/// Checks the keys of a kind, given the value of the key that it is known by.
type Check = fn(Value, &mut Fields, &mut Count) -> Result<(), CommandError>;

/// The kinds in the order in which they are looked for, by the key that each is known by.
static KINDS: &[(&str, Check)] = &[
    ("action", service),
    ("service", service),
    ("event", event),
    ("delay", delay),
    ("wait_template", wait_template),
    ("wait_for_trigger", wait_for_trigger),
    ("condition", |given, fields, _| {
        condition("condition", given, fields)
    }),
    ("and", |given, fields, _| condition("and", given, fields)),
    ("or", |given, fields, _| condition("or", given, fields)),
    ("not", |given, fields, _| condition("not", given, fields)),
    ("choose", choose),
    ("if", if_then),
    ("repeat", repeat),
    ("parallel", parallel),
    ("sequence", |given, _, count| {
        sequence(given, "sequence", count)
    }),
    ("variables", variables),
    ("stop", stop),
    ("scene", scene),
    ("device_id", device),
    ("set_conversation_response", conversation_response),
];

/// How many actions there are so far.
#[derive(Default)]
struct Count(usize);

/// Whether these actions, one or a list, mean something.
///
/// # Errors
/// `invalid_format`, which names the key.
pub(crate) fn check(given: Value) -> Result<(), CommandError> {
    sequence(given, "actions", &mut Count::default())
}

/// One action or a list of them. The doors bound how deep JSON nests.
fn sequence(given: Value, key: &str, count: &mut Count) -> Result<(), CommandError> {
    match given {
        Value::Array(list) => list.into_iter().try_for_each(|one| action(one, key, count)),
        one => action(one, key, count),
    }
}

fn action(given: Value, key: &str, count: &mut Count) -> Result<(), CommandError> {
    count.0 += 1;
    if count.0 > MOST {
        let message = format!("expected at most {MOST} actions @ data['{key}']");
        return Err(CommandError::invalid(message));
    }
    let given = match given {
        Value::Object(given) => given,
        // A template alone is a condition.
        Value::String(template) if is_template(&template) => return Ok(()),
        other => return Err(wrong_value("expected an action", key, &other)),
    };
    let mut fields = Fields::new(given);
    fields.optional_text("alias")?;
    template_or(
        &mut fields,
        "enabled",
        "expected boolean",
        Value::is_boolean,
    )?;
    template_or(
        &mut fields,
        "continue_on_error",
        "expected boolean",
        Value::is_boolean,
    )?;
    for (name, check) in KINDS {
        if let Some(given) = fields.take(name) {
            check(given, &mut fields, count)?;
            return fields.finish();
        }
    }
    let message = format!("Unable to determine action @ data['{key}']");
    Err(CommandError::invalid(message))
}

/// A value that is right, or a template that will give one; `None` where it is not given.
fn template_or(
    fields: &mut Fields,
    key: &str,
    expected: &str,
    is_right: impl Fn(&Value) -> bool,
) -> Result<Option<Value>, CommandError> {
    match fields.take(key) {
        None => Ok(None),
        Some(given) if is_right(&given) || given.as_str().is_some_and(is_template) => {
            Ok(Some(given))
        }
        Some(given) => Err(wrong_value(expected, key, &given)),
    }
}

fn text(given: &Value, key: &str) -> Result<(), CommandError> {
    match given.is_string() {
        true => Ok(()),
        false => Err(wrong_value("expected str", key, given)),
    }
}

fn service(given: Value, fields: &mut Fields, _: &mut Count) -> Result<(), CommandError> {
    let is_name = |name: &str| {
        let (domain, service) = name.split_once('.').unwrap_or_default();
        !domain.is_empty() && !service.is_empty() && !service.contains('.')
    };
    let is_right = given
        .as_str()
        .is_some_and(|name| is_template(name) || is_name(name));
    if !is_right {
        let expected = format!("Service {given} does not match format <domain>.<name>");
        return Err(wrong_value(&expected, "action", &given));
    }
    for key in ["target", "data", "data_template"] {
        template_or(fields, key, "expected dict", Value::is_object)?;
    }
    // The older way to say what it is for.
    fields.take("entity_id");
    fields.optional_text("response_variable")?;
    fields.object("metadata")?;
    Ok(())
}

fn event(given: Value, fields: &mut Fields, _: &mut Count) -> Result<(), CommandError> {
    text(&given, "event")?;
    for key in ["event_data", "event_data_template"] {
        template_or(fields, key, "expected dict", Value::is_object)?;
    }
    Ok(())
}

/// Whether it is a span of time; its parts may be templates.
fn is_span(given: &Value) -> bool {
    let of_templates = |parts: &serde_json::Map<String, Value>| {
        let known = ["days", "hours", "minutes", "seconds", "milliseconds"];
        parts.iter().all(|(unit, part)| {
            known.contains(&unit.as_str()) && part.as_str().is_some_and(is_template)
        })
    };
    civil::span(given).is_some() || given.as_object().is_some_and(of_templates)
}

fn delay(given: Value, _: &mut Fields, _: &mut Count) -> Result<(), CommandError> {
    match is_span(&given) || given.as_str().is_some_and(is_template) {
        true => Ok(()),
        false => Err(wrong_value("expected a time period", "delay", &given)),
    }
}

fn timeout(fields: &mut Fields) -> Result<(), CommandError> {
    template_or(fields, "timeout", "expected a time period", is_span)?;
    template_or(
        fields,
        "continue_on_timeout",
        "expected boolean",
        Value::is_boolean,
    )?;
    Ok(())
}

fn wait_template(given: Value, fields: &mut Fields, _: &mut Count) -> Result<(), CommandError> {
    text(&given, "wait_template")?;
    timeout(fields)
}

fn wait_for_trigger(given: Value, fields: &mut Fields, _: &mut Count) -> Result<(), CommandError> {
    trigger::parse_all(given)?;
    timeout(fields)
}

/// A condition as an action: all of its keys are the condition's.
fn condition(key: &str, given: Value, fields: &mut Fields) -> Result<(), CommandError> {
    let mut whole = fields.take_all();
    whole.insert(key.to_owned(), given);
    Condition::read(Value::Object(whole)).map(drop)
}

/// `conditions` and the like: what must hold.
fn conditions(fields: &mut Fields, key: &str) -> Result<(), CommandError> {
    Condition::read(fields.required(key)?).map(drop)
}

fn choose(given: Value, fields: &mut Fields, count: &mut Count) -> Result<(), CommandError> {
    let choices = match given {
        Value::Array(choices) => choices,
        one => vec![one],
    };
    for choice in choices {
        let Value::Object(choice) = choice else {
            return Err(wrong_value("expected dict", "choose", &choice));
        };
        let mut choice = Fields::new(choice);
        choice.optional_text("alias")?;
        conditions(&mut choice, "conditions")?;
        sequence(choice.required("sequence")?, "sequence", count)?;
        choice.finish()?;
    }
    match fields.take("default") {
        None => Ok(()),
        Some(default) => sequence(default, "default", count),
    }
}

fn if_then(given: Value, fields: &mut Fields, count: &mut Count) -> Result<(), CommandError> {
    Condition::read(given)?;
    sequence(fields.required("then")?, "then", count)?;
    match fields.take("else") {
        None => Ok(()),
        Some(otherwise) => sequence(otherwise, "else", count),
    }
}

fn repeat(given: Value, _: &mut Fields, count: &mut Count) -> Result<(), CommandError> {
    const WAYS: [&str; 4] = ["count", "for_each", "while", "until"];
    let Value::Object(given) = given else {
        return Err(wrong_value("expected dict", "repeat", &given));
    };
    let ways = WAYS.iter().filter(|way| given.contains_key(**way)).count();
    if ways != 1 {
        let message = "must contain one of count, for_each, while, until. @ data['repeat']";
        return Err(CommandError::invalid(message));
    }
    let mut fields = Fields::new(given);
    template_or(&mut fields, "count", "expected int", |count| count.is_u64())?;
    template_or(&mut fields, "for_each", "expected list", Value::is_array)?;
    for way in ["while", "until"] {
        if let Some(given) = fields.take(way) {
            Condition::read(given)?;
        }
    }
    sequence(fields.required("sequence")?, "sequence", count)?;
    fields.finish()
}

/// Each of them runs beside the others; a list among them is a sequence.
fn parallel(given: Value, _: &mut Fields, count: &mut Count) -> Result<(), CommandError> {
    let all = match given {
        Value::Array(all) => all,
        one => vec![one],
    };
    all.into_iter()
        .try_for_each(|one| sequence(one, "parallel", count))
}

fn variables(given: Value, _: &mut Fields, _: &mut Count) -> Result<(), CommandError> {
    match given.is_object() {
        true => Ok(()),
        false => Err(wrong_value("expected dict", "variables", &given)),
    }
}

fn stop(given: Value, fields: &mut Fields, _: &mut Count) -> Result<(), CommandError> {
    if !given.is_null() {
        text(&given, "stop")?;
    }
    let fails = fields.flag("error")?.unwrap_or(false);
    if fields.optional_text("response_variable")?.is_some() && fails {
        let message =
            "not allowed to add a response to an error stop action @ data['response_variable']";
        return Err(CommandError::invalid(message));
    }
    Ok(())
}

fn scene(given: Value, fields: &mut Fields, _: &mut Count) -> Result<(), CommandError> {
    fields.object("metadata")?;
    let id: Option<EntityId> = given.as_str().and_then(|id| id.parse().ok());
    match id.is_some_and(|id| id.domain() == "scene") {
        true => Ok(()),
        false => Err(wrong_value(
            "expected an entity of domain scene",
            "scene",
            &given,
        )),
    }
}

/// What a device can do is not known here; it must say which domain's business it is.
fn device(given: Value, fields: &mut Fields, _: &mut Count) -> Result<(), CommandError> {
    text(&given, "device_id")?;
    fields.text("domain")?;
    fields.take_all();
    Ok(())
}

fn conversation_response(given: Value, _: &mut Fields, _: &mut Count) -> Result<(), CommandError> {
    match given.is_string() || given == json!(null) {
        true => Ok(()),
        false => Err(wrong_value(
            "expected str",
            "set_conversation_response",
            &given,
        )),
    }
}
