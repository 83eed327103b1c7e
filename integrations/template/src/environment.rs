//! The engine's environment: which functions, filters, tests and globals templates find.

use hearth_core::hub::Hub;
use minijinja::{AutoEscape, Environment, Error, Output, State, Value};

use crate::budget::{admit, admit_to_namespace, allocate, items};
use crate::text::to_text;
use crate::{
    collections, conversions, hub_functions, json, lookup, methods, operators, regex_filters,
    str_format, texts, time, tracking,
};

/// How deep macros and loops may call themselves, in the engine's units: about 100 macros.
const RECURSION_MAX: usize = 500;

/// Everything that templates of this home find.
pub(crate) fn build(hub: &Hub) -> Environment<'static> {
    let mut env = Environment::new();
    // Its debug mode would keep variables and source in every error.
    env.set_debug(false);
    env.set_fuel(Some(hub.settings.template.fuel));
    env.set_recursion_limit(RECURSION_MAX);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_formatter(emit);
    env.add_filter("admitted", |value: Value| {
        // What the engine's own filters make of a text is about as long as the text.
        allocate(value.as_str().map_or(0, str::len))?;
        admit(&value).map(|()| value)
    });
    env.add_filter("into-namespace", |value: Value| {
        admit_to_namespace(&value).map(|()| value)
    });
    env.add_filter("noted", |value: Value, name: &str| {
        if value.is_undefined() {
            tracking::warn(|template| {
                format!(
                    "Template variable warning: '{name}' is undefined when rendering '{template}'"
                )
            });
        }
        value
    });
    // Loops know their length, also over texts; what cannot be iterated raises.
    env.add_filter("iterated", |value: Value| match value.as_object() {
        Some(_) if value.try_iter().is_ok() => Ok(value),
        _ => items(&value).map(Value::from),
    });
    operators::install(&mut env);
    lookup::install(&mut env);
    methods::install(&mut env);
    collections::install(&mut env);
    conversions::install(&mut env);
    texts::install(&mut env);
    str_format::install(&mut env);
    json::install(&mut env);
    regex_filters::install(&mut env);
    time::install(&mut env, hub);
    hub_functions::install(&mut env, hub);
    env
}

/// Writes a value to the output, or into what a `set` block or macro collects; both count.
fn emit(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if !matches!(state.auto_escape(), AutoEscape::None) && !value.is_safe() {
        return Ok(out.write_str(&texts::escape_html(&to_text(value)?)?)?);
    }
    match value.as_str() {
        Some(text) => {
            allocate(text.len())?;
            out.write_str(text)?;
        }
        None => out.write_str(&to_text(value)?)?,
    }
    Ok(())
}
