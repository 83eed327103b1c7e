//! Texts and icons of the hub's own domains. They stand in files of `texts/`, are part of the
//! program and are read when a page asks: until then they take no memory of their own.
//!
//! To add a language, add a file and a line in [`LANGUAGES`].

use hearth_core::prelude::*;

/// Domain → `title`, and device class (`_` for none) → `name` and `state` → text.
const ENGLISH: &str = include_str!("texts/en.json");
/// Domain → device class → `default` and `state` → icon.
const ICONS: &str = include_str!("texts/icons.json");

/// The languages that there are; English stands in for all others.
const LANGUAGES: [(&str, &str); 1] = [("en", ENGLISH)];

fn texts_in(language: &str) -> Map<String, Value> {
    let known = LANGUAGES.iter().find(|(known, _)| *known == language);
    let text = known.map_or(ENGLISH, |(_, text)| text);
    // A test reads it.
    serde_json::from_str(text).unwrap_or_default()
}

/// The texts of a category as `component.<domain>.…` → text.
pub(crate) fn translations(
    language: &str,
    category: &str,
    domains: Option<&[String]>,
) -> Map<String, Value> {
    let mut flat = Map::new();
    if !["entity_component", "title"].contains(&category) {
        return flat;
    }
    for (domain, texts) in wanted(texts_in(language), domains) {
        let Value::Object(texts) = texts else {
            continue;
        };
        for (key, text) in texts {
            match (category, key.as_str()) {
                ("title", "title") => {
                    flat.insert(format!("component.{domain}.title"), text);
                }
                ("entity_component", class) if class != "title" => {
                    let path = format!("component.{domain}.entity_component.{class}");
                    flatten(&path, text, &mut flat);
                }
                _ => {}
            }
        }
    }
    flat
}

/// The icons of a category.
pub(crate) fn icons(category: &str, domains: Option<&[String]>) -> Map<String, Value> {
    if category != "entity_component" {
        return Map::new();
    }
    // A test reads it.
    let all = serde_json::from_str(ICONS).unwrap_or_default();
    wanted(all, domains).collect()
}

fn wanted(
    all: Map<String, Value>,
    domains: Option<&[String]>,
) -> impl Iterator<Item = (String, Value)> {
    all.into_iter()
        .filter(move |(domain, _)| domains.is_none_or(|wanted| wanted.contains(domain)))
}

fn flatten(path: &str, value: Value, flat: &mut Map<String, Value>) {
    match value {
        Value::Object(inner) => {
            for (key, value) in inner {
                flatten(&format!("{path}.{key}"), value, flat);
            }
        }
        text => _ = flat.insert(path.to_owned(), text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_icons_are_found_by_domain() {
        let texts = translations("en", "entity_component", None);
        assert_eq!(texts["component.light.entity_component._.state.on"], "On");
        let only = translations("nl", "title", Some(&["light".to_owned()]));
        assert_eq!(
            Value::Object(only),
            json!({"component.light.title": "Light"})
        );
        let icons = icons("entity_component", None);
        assert_eq!(icons["light"]["_"]["default"], "mdi:lightbulb");
        assert!(translations("en", "device_automation", None).is_empty());
    }
}
