//! Writes the attributes of trackers and sensors straight as JSON text.
//!
//! What an app sends as attributes is copied value by value: read strictly, written compactly, in
//! the app's order, without a tree in between.

use std::fmt::{self, Write};
use std::ops::Range;

use hearth_core::attributes::Attributes;
use hearth_core::json::write_text;
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::text::Text;

/// A JSON object in the making.
pub(crate) struct AttributesText {
    out: String,
}

impl AttributesText {
    /// Without attributes yet.
    pub(crate) fn new() -> Self {
        let mut out = String::with_capacity(256);
        out.push('{');
        Self { out }
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        write_text(text, &mut self.out);
    }

    /// A text, where there is one.
    pub(crate) fn text_if(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// A whole number, where there is one.
    pub(crate) fn whole_if(&mut self, name: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.key(name);
            // Writing into a String does not fail.
            let _ = write!(self.out, "{number}");
        }
    }

    /// A number with a fraction, where there is one.
    pub(crate) fn float_if(&mut self, name: &str, number: Option<f64>) {
        if let Some(number) = number {
            self.key(name);
            write_float(number, &mut self.out);
        }
    }

    /// Members that [`own_members`] or [`AttributesSeed`] wrote.
    pub(crate) fn members(&mut self, members: &str) {
        if members.is_empty() {
            return;
        }
        if !self.out.ends_with('{') {
            self.out.push(',');
        }
        self.out.push_str(members);
    }

    /// The finished attributes.
    pub(crate) fn finish(mut self) -> Attributes {
        self.out.push('}');
        Attributes::from_written(&self.out)
    }

    fn key(&mut self, name: &str) {
        write_key(name, &mut self.out);
    }
}

/// Members of an object in the making, without its braces.
pub(crate) struct MembersText(AttributesText);

impl Default for MembersText {
    fn default() -> Self {
        let out = String::from("{");
        Self(AttributesText { out })
    }
}

impl MembersText {
    /// A text, where there is one.
    pub(crate) fn text_if(&mut self, name: &str, text: Option<&str>) {
        self.0.text_if(name, text);
    }

    /// As [`AttributesText::members`] takes them.
    pub(crate) fn finish(mut self) -> String {
        self.0.out.remove(0);
        self.0.out
    }
}

/// The members of a JSON object as compact text, but for those named in `skip`. `None` where it is
/// not an object that every reader takes.
pub(crate) fn own_members(object: &str, skip: &[&str]) -> Option<String> {
    let mut out = String::with_capacity(object.len());
    let seed = AttributesSeed {
        out: &mut out,
        skip,
    };
    let mut json = serde_json::Deserializer::from_str(object);
    let members = seed.deserialize(&mut json).ok()??;
    out.drain(..members.start);
    Some(out)
}

/// Reads a value within a bigger one and appends its members to `out` as compact text, but for
/// those named in `skip`; gives where they stand there, `None` where the value is no object.
pub(crate) struct AttributesSeed<'a> {
    pub(crate) out: &'a mut String,
    pub(crate) skip: &'a [&'a str],
}

impl<'de> DeserializeSeed<'de> for AttributesSeed<'_> {
    type Value = Option<Range<usize>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AttributesSeed<'_> {
    type Value = Option<Range<usize>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        // The brace tells that no member stands before the first.
        self.out.push('{');
        let start = self.out.len();
        let members = Members {
            out: &mut *self.out,
            skip: self.skip,
        };
        members.visit_map(map)?;
        Ok(Some(start..self.out.len()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
}

fn write_key(name: &str, out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
    write_text(name, out);
    out.push(':');
}

fn write_float(number: f64, out: &mut String) {
    // JSON has no infinities, and its readers give none.
    if number.is_finite() {
        out.push_str(zmij::Buffer::new().format_finite(number));
    } else {
        out.push_str("null");
    }
}

struct Members<'a> {
    out: &'a mut String,
    skip: &'a [&'a str],
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if self.skip.contains(&&*key) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            write_key(&key, self.out);
            map.next_value_seed(CopyValue(self.out))?;
        }
        Ok(())
    }
}

/// Copies one JSON value.
struct CopyValue<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for CopyValue<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CopyValue<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.push_str("null");
        Ok(())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<(), E> {
        self.0.push_str(if truth { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        let _ = write!(self.0, "{number}");
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        let _ = write!(self.0, "{number}");
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        write_float(number, self.0);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        write_text(text, self.0);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.push('[');
        let mut is_first = true;
        loop {
            let before = self.0.len();
            if !is_first {
                self.0.push(',');
            }
            if items.next_element_seed(CopyValue(self.0))?.is_none() {
                self.0.truncate(before);
                break;
            }
            is_first = false;
        }
        self.0.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.push('{');
        let members = Members {
            out: &mut *self.0,
            skip: &[],
        };
        members.visit_map(map)?;
        self.0.push('}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn attributes_stand_in_the_order_of_the_calls() {
        let mut attributes = AttributesText::new();
        attributes.text("source_type", "gps");
        attributes.whole_if("battery_level", Some(5));
        attributes.whole_if("speed", None);
        attributes.float_if("latitude", Some(20.0));
        let own = r#"{ "b" : [ 1 , {"x": null} ], "icon": 3, "a" : "q\"" }"#;
        attributes.members(&own_members(own, &["icon"]).unwrap());
        attributes.members("");
        attributes.text("friendly_name", "P\\");
        assert_eq!(
            attributes.finish().as_json(),
            r#"{"source_type":"gps","battery_level":5,"latitude":20.0,"b":[1,{"x":null}],"a":"q\"","friendly_name":"P\\"}"#
        );
    }

    #[test]
    fn what_not_every_reader_takes_has_no_members() {
        for object in [
            "[]",
            "null",
            "{\"a\":1e999}",
            r#"{"b":1,"a":"\ud800"}"#,
            "{",
        ] {
            assert_eq!(own_members(object, &[]), None, "{object}");
        }
        assert_eq!(own_members("{}", &[]).as_deref(), Some(""));
    }

    proptest! {
        #[test]
        fn members_keep_their_values(map in proptest::collection::btree_map(".*", value(), 0..5)) {
            let object = Value::Object(map.into_iter().collect());
            let mut attributes = AttributesText::new();
            let pretty = serde_json::to_string_pretty(&object).unwrap();
            attributes.members(&own_members(&pretty, &[]).unwrap());
            prop_assert_eq!(Value::Object(attributes.finish().to_map()), object);
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(".*", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
