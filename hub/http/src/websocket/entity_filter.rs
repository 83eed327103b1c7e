//! Which entities a `subscribe_entities` is for (spec websocket-api §3).

use std::collections::HashSet;

use hearth_core::command::CommandError;
use hearth_core::ids::EntityId;
use serde_json::Value;

use super::fields::{Fields, wrong};

/// Most patterns of one filter, and the longest of them: each is tried for each change.
const MOST_GLOBS: usize = 256;
const LONGEST_GLOB: usize = 255;

/// Entities by id, and by what is included and excluded.
#[derive(Debug, Default, PartialEq)]
pub(super) struct EntityFilter {
    ids: Option<HashSet<EntityId>>,
    include: Rules,
    exclude: Rules,
}

/// One side of the filter.
#[derive(Debug, Default, PartialEq)]
struct Rules {
    domains: HashSet<String>,
    entities: HashSet<EntityId>,
    globs: Vec<Box<str>>,
}

impl Rules {
    fn is_empty(&self) -> bool {
        self.domains.is_empty() && self.entities.is_empty() && self.globs.is_empty()
    }

    fn has_glob_for(&self, id: &EntityId) -> bool {
        self.globs.iter().any(|glob| matches(glob, id.as_str()))
    }

    /// Whether the domain or a pattern stands for more entities than are named.
    fn is_broad(&self) -> bool {
        !self.domains.is_empty() || !self.globs.is_empty()
    }
}

impl EntityFilter {
    /// Takes `entity_ids`, `include` and `exclude`; none where every entity passes.
    pub(super) fn take(fields: &mut Fields) -> Result<Option<Self>, CommandError> {
        let filter = Self {
            ids: fields
                .take("entity_ids")
                .map(|given| entity_ids(&given, "['entity_ids']"))
                .transpose()?
                // An empty list is as none.
                .filter(|ids| !ids.is_empty()),
            include: rules(fields, "include")?,
            exclude: rules(fields, "exclude")?,
        };
        let is_open =
            filter.ids.is_none() && filter.include.is_empty() && filter.exclude.is_empty();
        Ok((!is_open).then_some(filter))
    }

    /// Whether the entity passes.
    pub(super) fn passes(&self, id: &EntityId) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(id)) && self.passes_rules(id)
    }

    /// What names an entity goes before what matches it, and including before excluding.
    fn passes_rules(&self, id: &EntityId) -> bool {
        let (include, exclude) = (&self.include, &self.exclude);
        if include.entities.contains(id) {
            return true;
        }
        if include.is_broad() {
            return !exclude.entities.contains(id)
                && (include.has_glob_for(id)
                    || (include.domains.contains(id.domain()) && !exclude.has_glob_for(id)));
        }
        // Entities alone are included: all others are not, unless something broad is excluded.
        if !include.entities.is_empty() && !exclude.is_broad() {
            return false;
        }
        !exclude.domains.contains(id.domain())
            && !exclude.entities.contains(id)
            && !exclude.has_glob_for(id)
    }
}

fn rules(fields: &mut Fields, key: &str) -> Result<Rules, CommandError> {
    let mut rules = Rules::default();
    for (name, value) in fields.object(key)? {
        let path = format!("['{key}']['{name}']");
        match name.as_str() {
            "entities" => rules.entities = entity_ids(&value, &path)?,
            "domains" => rules.domains = texts(&value, &path)?.into_iter().collect(),
            "entity_globs" => {
                let globs = texts(&value, &path)?;
                if globs.len() > MOST_GLOBS || globs.iter().any(|glob| glob.len() > LONGEST_GLOB) {
                    let reason = format!(
                        "expected at most {MOST_GLOBS} patterns of at most {LONGEST_GLOB} bytes"
                    );
                    return Err(wrong(&reason, &path, &Value::Null));
                }
                rules.globs = globs.into_iter().map(String::into_boxed_str).collect();
            }
            _ => return Err(wrong("extra keys not allowed", &path, &value)),
        }
    }
    Ok(rules)
}

/// A list of texts, or texts with commas between them; lower case.
fn texts(given: &Value, path: &str) -> Result<Vec<String>, CommandError> {
    let texts: Option<Vec<String>> = match given {
        Value::String(text) => Some(text.split(',').map(str::trim).map(str::to_owned).collect()),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    };
    let texts = texts.ok_or_else(|| wrong("expected a list of texts", path, given))?;
    Ok(texts
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| text.to_lowercase())
        .collect())
}

fn entity_ids(given: &Value, path: &str) -> Result<HashSet<EntityId>, CommandError> {
    let id = |text: &String| {
        text.parse().map_err(|_| {
            let reason = format!("Entity ID {text} is an invalid entity ID for dictionary value");
            wrong(&reason, path, given)
        })
    };
    texts(given, path)?.iter().map(id).collect()
}

/// Shell patterns: `*` any text, `?` any character. Linear but for the backtracking to the last
/// `*`, and both sides are short.
fn matches(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut at, mut position) = (0, 0);
    let mut retry = None;
    while position < text.len() {
        match glob.get(at) {
            Some(b'*') => {
                retry = Some((at, position));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[position] => {
                at += 1;
                position += 1;
            }
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    at = star + 1;
                    position = taken + 1;
                }
                None => return false,
            },
        }
    }
    glob.get(at..)
        .unwrap_or_default()
        .iter()
        .all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn filter(message: Value) -> Result<Option<EntityFilter>, CommandError> {
        EntityFilter::take(&mut Fields::new(message.as_object().unwrap().clone()))
    }

    #[test]
    fn the_filter_passes_what_it_says() {
        const IDS: [&str; 4] = ["light.a", "light.b", "switch.a", "sensor.power_1"];
        for (given, expected) in [
            (json!({"entity_ids": "light.A, sensor.power_1"}), vec![0, 3]),
            (json!({"include": {"domains": ["light"]}}), vec![0, 1]),
            (json!({"include": {"entities": ["light.a"]}}), vec![0]),
            (json!({"include": {"entity_globs": "*.a"}}), vec![0, 2]),
            (json!({"exclude": {"domains": "light"}}), vec![2, 3]),
            (
                json!({"exclude": {"entity_globs": ["*power_?"]}}),
                vec![0, 1, 2],
            ),
            (
                json!({"include": {"domains": ["light"]}, "exclude": {"entities": ["light.b"]}}),
                vec![0],
            ),
            (
                json!({"include": {"domains": ["light"], "entities": ["switch.a"]},
                       "exclude": {"entity_globs": ["*.a"]}}),
                vec![1, 2],
            ),
            (
                json!({"include": {"entities": ["light.a"]}, "exclude": {"domains": ["light"]}}),
                vec![0, 2, 3],
            ),
            (
                json!({"entity_ids": ["light.a", "light.b"], "exclude": {"entities": ["light.b"]}}),
                vec![0],
            ),
        ] {
            let filter = filter(given.clone()).unwrap().unwrap();
            let passed: Vec<usize> = (0..IDS.len())
                .filter(|index| filter.passes(&IDS[*index].parse().unwrap()))
                .collect();
            assert_eq!(passed, expected, "{given}");
        }
        for open in [json!({}), json!({"entity_ids": []}), json!({"include": {}})] {
            assert_eq!(filter(open).unwrap(), None);
        }
    }

    #[test]
    fn a_filter_that_means_nothing_is_refused() {
        for (given, reason) in [
            (
                json!({"entity_ids": ["nope"]}),
                "Entity ID nope is an invalid",
            ),
            (json!({"entity_ids": 5}), "expected a list of texts"),
            (json!({"include": {"rooms": []}}), "extra keys not allowed"),
            (json!({"include": []}), "expected dict"),
            (
                json!({"include": {"entity_globs": vec!["*"; 257]}}),
                "expected at most 256 patterns",
            ),
        ] {
            let error = filter(given).unwrap_err();
            assert!(error.message.starts_with(reason), "{}", error.message);
        }
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (glob, text, expected) in [
            ("*", "", true),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbYbd", false),
            ("?", "", false),
            ("a?", "ab", true),
            ("", "a", false),
            ("**a**", "bab", true),
        ] {
            assert_eq!(matches(glob, text), expected, "{glob} {text}");
        }
    }
}
