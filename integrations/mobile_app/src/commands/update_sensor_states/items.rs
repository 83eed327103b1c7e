//! The items of one message, read in one pass: each value once, attributes straight into the text
//! that states show.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::attributes_text::AttributesSeed;
use crate::sensor::{DEFAULT_ICON, Loose, OWN, Reading, SensorKind};
use crate::text::Text;

/// All items.
pub(super) struct Items<'a> {
    pub(super) list: Vec<Item<'a>>,
    /// The attributes of all of them, one after the other's.
    attributes: String,
}

/// One item.
pub(super) struct Item<'a> {
    pub(super) kind: SensorKind,
    pub(super) unique_id: Text<'a>,
    /// `None`: it is not valid.
    pub(super) update: Option<Update<'a>>,
}

/// What a valid item says.
pub(super) struct Update<'a> {
    pub(super) state: Reading<'a>,
    /// Where its attributes stand; `None` where it has none.
    attributes: Option<Range<usize>>,
    pub(super) icon: Option<Text<'a>>,
}

impl<'a> Items<'a> {
    /// From an array of items, or one. `None`: some item has no valid type or id.
    pub(super) fn parse(data: &'a str) -> Option<Self> {
        let mut items = Self {
            list: Vec::new(),
            attributes: String::new(),
        };
        let mut json = serde_json::Deserializer::from_str(data);
        let read = (&mut items).deserialize(&mut json);
        match read.and_then(|all_are_whose| json.end().map(|()| all_are_whose)) {
            Ok(all_are_whose) => all_are_whose.then_some(items),
            // A value that is JSON and that not every reader takes spoils its own item only.
            Err(_) => Self::parse_each(data),
        }
    }

    fn parse_each(data: &'a str) -> Option<Self> {
        let mut items = Self {
            list: Vec::new(),
            attributes: String::new(),
        };
        for raw in raw_items(data)? {
            let mut json = serde_json::Deserializer::from_str(raw.get());
            let read = ItemSeed(&mut items.attributes).deserialize(&mut json);
            let item = match read {
                Ok(item) => item?,
                Err(_) => unreadable(raw.get())?,
            };
            items.list.push(item);
        }
        Some(items)
    }

    /// The attributes of an item, as [`crate::sensor::attributes`] takes them.
    pub(super) fn members(&self, update: &Update<'_>) -> &str {
        match &update.attributes {
            Some(place) => &self.attributes[place.clone()],
            None => "",
        }
    }
}

/// The text of each item; `None` where the data is neither an array nor JSON.
pub(super) fn raw_items(data: &str) -> Option<Vec<&RawValue>> {
    match data.trim_start().as_bytes().first()? {
        b'[' => serde_json::from_str(data).ok(),
        _ => Some(vec![serde_json::from_str(data).ok()?]),
    }
}

/// An item with a value that cannot be read.
fn unreadable(json: &str) -> Option<Item<'_>> {
    /// Whose value it is; the rest is looked over.
    #[derive(serde::Deserialize)]
    struct Whose<'a> {
        #[serde(borrow, rename = "type")]
        kind: Loose<'a>,
        #[serde(borrow)]
        unique_id: Loose<'a>,
    }
    let whose: Whose<'_> = crate::text::object(json)?;
    Some(Item {
        kind: kind(&whose.kind)?,
        unique_id: text(whose.unique_id)?,
        update: None,
    })
}

fn kind(value: &Loose<'_>) -> Option<SensorKind> {
    match value {
        Loose::Reading(Reading::Text(text)) => SensorKind::of_domain(text),
        _ => None,
    }
}

fn text(value: Loose<'_>) -> Option<Text<'_>> {
    match value {
        Loose::Reading(reading) => reading.into_text(),
        Loose::Structure => None,
    }
}

/// Reads all items; `false`: some item has no valid type or id.
impl<'de: 'a, 'a> DeserializeSeed<'de> for &mut Items<'a> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for &mut Items<'a> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let mut all_are_whose = true;
        while let Some(item) = items.next_element_seed(ItemSeed(&mut self.attributes))? {
            match item {
                Some(item) => self.list.push(item),
                None => all_are_whose = false,
            }
        }
        Ok(all_are_whose)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<bool, A::Error> {
        let item = ItemSeed(&mut self.attributes).visit_map(map)?;
        Ok(match item {
            Some(item) => {
                self.list.push(item);
                true
            }
            None => false,
        })
    }
}

/// Reads one item, its attributes into the text. `None`: it has no valid type or id.
struct ItemSeed<'b>(&'b mut String);

impl<'de> DeserializeSeed<'de> for ItemSeed<'_> {
    type Value = Option<Item<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_> {
    type Value = Option<Item<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut of_kind, mut unique_id, mut state) = (None, None, None);
        let mut icon = Some(Some(Text(DEFAULT_ICON.into())));
        let mut attributes = None;
        let mut is_valid = true;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "type" => of_kind = kind(&map.next_value()?),
                "unique_id" => unique_id = text(map.next_value()?),
                "state" => {
                    state = match map.next_value()? {
                        Loose::Reading(reading) => Some(reading),
                        Loose::Structure => None,
                    }
                }
                "icon" => icon = as_icon(map.next_value()?),
                "attributes" => {
                    let (out, skip) = (&mut *self.0, OWN.as_slice());
                    attributes = Some(map.next_value_seed(AttributesSeed { out, skip })?);
                }
                _ => {
                    is_valid = false;
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let (Some(kind), Some(unique_id)) = (of_kind, unique_id) else {
            return Ok(None);
        };
        let update = match (state, icon, attributes) {
            // Given, and no object.
            (_, _, Some(None)) => None,
            (Some(state), Some(icon), attributes) if is_valid => Some(Update {
                state,
                attributes: attributes.flatten(),
                icon,
            }),
            _ => None,
        };
        Ok(Some(Item {
            kind,
            unique_id,
            update,
        }))
    }
}

/// `prefix:name`, or `Some(None)` where none is wanted.
fn as_icon(value: Loose<'_>) -> Option<Option<Text<'_>>> {
    match value {
        Loose::Reading(Reading::Null) => Some(None),
        Loose::Reading(Reading::Text(text)) if text.contains(':') => Some(Some(Text(text))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(data: &str) -> Option<String> {
        let items = Items::parse(data)?;
        let shown = items.list.iter().map(|item| {
            let update = item.update.as_ref().map(|update| {
                let icon = update.icon.as_deref().unwrap_or("-");
                format!("{:?} {{{}}} {icon}", update.state, items.members(update))
            });
            format!(
                "{} {}: {}",
                item.kind.domain(),
                &*item.unique_id,
                update.unwrap_or_else(|| "invalid".to_owned())
            )
        });
        Some(shown.collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn items_are_read_with_their_attributes_apart() {
        for (data, expected) in [
            ("[]", ""),
            (
                r#" {"type":"sensor","unique_id":1.50,"state":5} "#,
                "sensor 1.5: Unsigned(5) {} mdi:cellphone",
            ),
            (
                r#"[{"attributes":{ "a": [1, 2], "icon": "x" },"state":null,"unique_id":"a","type":"sensor","icon":null},
                    {"type":"binary_sensor","unique_id":true,"state":"\n","attributes":{},"icon":"a:b"},
                    {"type":"sensor","unique_id":"c","state":1,"attributes":{"b":{}}}]"#,
                "sensor a: Null {\"a\":[1,2]} -\n\
                 binary_sensor True: Text(\"\\n\") {} a:b\n\
                 sensor c: Unsigned(1) {\"b\":{}} mdi:cellphone",
            ),
        ] {
            assert_eq!(shown(data).as_deref(), Some(expected), "{data}");
        }
    }

    #[test]
    fn what_is_wrong_with_one_item_leaves_the_others() {
        for wrong in [
            r#""state":1,"bogus":1"#,
            r#""bogus":1"#,
            r#""state":[]"#,
            r#""state":{}"#,
            r#""state":1,"attributes":[]"#,
            r#""state":1,"attributes":null"#,
            r#""state":1,"icon":"x""#,
            r#""state":1,"icon":5"#,
            // JSON, but not what every reader takes.
            r#""state":"\ud800""#,
            r#""state":1e999"#,
            r#""state":1,"attributes":{"a":"\ud800"}"#,
        ] {
            let good = r#"{"type":"sensor","unique_id":"b","state":true}"#;
            let data = format!(r#"[{{"type":"sensor","unique_id":"a",{wrong}}},{good}]"#);
            let expected = "sensor a: invalid\nsensor b: Bool(true) {} mdi:cellphone";
            assert_eq!(shown(&data).as_deref(), Some(expected), "{data}");
        }
    }

    #[test]
    fn an_item_that_is_nobodys_voids_them_all() {
        for nobodys in [
            "{}",
            "5",
            "\"text\"",
            "[]",
            "null",
            r#"{"type":"switch","unique_id":"a","state":1}"#,
            r#"{"type":"sensor","unique_id":null,"state":1}"#,
            r#"{"type":"sensor","unique_id":[],"state":1}"#,
            r#"{"unique_id":"a","state":"\ud800"}"#,
        ] {
            assert_eq!(shown(nobodys).filter(|_| nobodys != "[]"), None);
            let good = r#"{"type":"sensor","unique_id":"b","state":true}"#;
            assert_eq!(shown(&format!("[{good},{nobodys}]")), None, "{nobodys}");
        }
        assert_eq!(shown("[] x"), None);
        assert_eq!(shown(""), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(data in r#"[\[\]{}a:,"1\\u]{0,40}"#) {
            let _ = shown(&data);
        }
    }
}
