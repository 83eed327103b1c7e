//! Compressed states and their differences, as `subscribe_entities` sends them (spec websocket-api
//! §3): short keys, and of a change only what is new.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::sync::Arc;

use hearth_core::event::Context;
use hearth_core::json::write_text;
use hearth_core::state::State;
use hearth_core::time::Timestamp;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// About how long a compressed state is, in bytes.
const STATE: usize = 256;

/// `{"a":{…}}` of all these states.
pub(super) fn added<'a>(states: impl ExactSizeIterator<Item = &'a Arc<State>>) -> String {
    let mut out = String::with_capacity(states.len() * STATE + 16);
    out.push_str("{\"a\":{");
    for (index, state) in states.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_entry(state, &mut out);
    }
    out.push_str("}}");
    out
}

/// What became of an entity between two of its states; nothing where it was in neither.
pub(super) fn change(old: Option<&State>, new: Option<&State>) -> Option<String> {
    let mut out = String::with_capacity(STATE);
    match (old, new) {
        (None, None) => return None,
        (None, Some(new)) => {
            out.push_str("{\"a\":{");
            write_entry(new, &mut out);
            out.push_str("}}");
        }
        (Some(old), None) => {
            out.push_str("{\"r\":[\"");
            out.push_str(old.entity_id.as_str());
            out.push_str("\"]}");
        }
        (Some(old), Some(new)) => {
            out.push_str("{\"c\":{\"");
            out.push_str(new.entity_id.as_str());
            out.push_str("\":");
            write_difference(old, new, &mut out);
            out.push_str("}}");
        }
    }
    Some(out)
}

fn write_entry(state: &State, out: &mut String) {
    out.push('"');
    out.push_str(state.entity_id.as_str());
    out.push_str("\":{\"s\":");
    write_text(&state.state, out);
    out.push_str(",\"a\":");
    out.push_str(state.attributes.as_json());
    out.push_str(",\"c\":");
    write_context(&state.context, out);
    out.push_str(",\"lc\":");
    write_seconds(state.last_changed, out);
    if state.last_updated != state.last_changed {
        out.push_str(",\"lu\":");
        write_seconds(state.last_updated, out);
    }
    out.push('}');
}

/// The id alone where there is nothing else.
fn write_context(context: &Context, out: &mut String) {
    if context.parent_id.is_some() || context.user_id.is_some() {
        return context.write_json(out);
    }
    out.push('"');
    context.id.write_text(out);
    out.push('"');
}

/// Seconds since the epoch as a float, digit for digit.
fn write_seconds(time: Timestamp, out: &mut String) {
    let micros = time.as_micros();
    let sign = if micros < 0 { "-" } else { "" };
    let (seconds, rest) = (
        micros.unsigned_abs() / 1_000_000,
        micros.unsigned_abs() % 1_000_000,
    );
    // Writing into a String does not fail.
    let _ = write!(out, "{sign}{seconds}.{rest:06}");
    let zeros = out.bytes().rev().take_while(|byte| *byte == b'0').count();
    // One digit stays behind the point.
    out.truncate(out.len() - zeros.min(5));
}

fn write_difference(old: &State, new: &State, out: &mut String) {
    out.push_str("{\"+\":{");
    let start = out.len();
    let key = |key: &str, out: &mut String| {
        if out.len() > start {
            out.push(',');
        }
        out.push('"');
        out.push_str(key);
        out.push_str("\":");
    };
    if old.state != new.state {
        key("s", out);
        write_text(&new.state, out);
    }
    // Who sees `lc` takes it for `lu` too.
    if old.last_changed != new.last_changed {
        key("lc", out);
        write_seconds(new.last_changed, out);
    } else if old.last_updated != new.last_updated {
        key("lu", out);
        write_seconds(new.last_updated, out);
    }
    if old.context != new.context {
        key("c", out);
        write_context_difference(&old.context, &new.context, out);
    }
    let mut removed = Vec::new();
    if old.attributes.as_json() != new.attributes.as_json() {
        let before = entries(old.attributes.as_json());
        let now = entries(new.attributes.as_json());
        let mut is_first = true;
        for (name, value) in &now.0 {
            if before.get(name) == Some(value.get()) {
                continue;
            }
            if std::mem::take(&mut is_first) {
                key("a", out);
                out.push('{');
            } else {
                out.push(',');
            }
            write_text(name, out);
            out.push(':');
            out.push_str(value.get());
        }
        if !is_first {
            out.push('}');
        }
        removed.extend(
            before
                .0
                .into_iter()
                .map(|(name, _)| name)
                .filter(|name| now.get(name).is_none()),
        );
    }
    out.push('}');
    if !removed.is_empty() {
        out.push_str(",\"-\":{\"a\":[");
        for (index, name) in removed.iter().enumerate() {
            out.push_str(if index == 0 { "" } else { "," });
            write_text(name, out);
        }
        out.push_str("]}");
    }
    out.push('}');
}

/// The id as text where only that differs, else an object of what does.
fn write_context_difference(old: &Context, new: &Context, out: &mut String) {
    // Writing into a String does not fail.
    if old.parent_id == new.parent_id && old.user_id == new.user_id {
        let _ = write!(out, "\"{}\"", new.id);
        return;
    }
    let quoted = |id: Option<String>| id.map_or("null".to_owned(), |id| format!("\"{id}\""));
    let mut parts = Vec::new();
    if old.parent_id != new.parent_id {
        let parent = quoted(new.parent_id.map(|id| id.to_string()));
        parts.push(format!("\"parent_id\":{parent}"));
    }
    if old.user_id != new.user_id {
        let user = quoted(new.user_id.map(|id| id.to_string()));
        parts.push(format!("\"user_id\":{user}"));
    }
    if old.id != new.id {
        parts.push(format!("\"id\":\"{}\"", new.id));
    }
    let _ = write!(out, "{{{}}}", parts.join(","));
}

/// A JSON object's entries in their order, each value as it is written.
struct Entries<'a>(
    Vec<(Cow<'a, str>, &'a RawValue)>,
    HashMap<Cow<'a, str>, usize>,
);

/// So many are looked through one by one.
const FEW: usize = 16;

impl<'a> Entries<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        let found = if self.1.is_empty() {
            self.0.iter().find(|(known, _)| known == name)
        } else {
            self.1.get(name).and_then(|index| self.0.get(*index))
        };
        found.map(|(_, value)| value.get())
    }
}

fn entries(json: &str) -> Entries<'_> {
    // Attributes are an object by their type.
    serde_json::from_str(json).unwrap_or(Entries(Vec::new(), HashMap::new()))
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        #[derive(Deserialize, PartialEq, Eq, Hash)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    list.push((name, map.next_value()?));
                }
                let mut index = HashMap::new();
                if list.len() > FEW {
                    index.extend(
                        list.iter()
                            .enumerate()
                            .map(|(place, (name, _))| (Cow::clone(name), place)),
                    );
                }
                Ok(Entries(list, index))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

#[cfg(test)]
mod tests;
