//! State attributes: a JSON object kept as its compact text.
//!
//! The text is what every door sends, so an event or a state answer is a copy of bytes; a
//! hundred thousand phones cost their text and no trees. Readers that need one value take it
//! with [`Attributes::get`].

use std::fmt;
use std::sync::Arc;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// An entity's attributes: a JSON object as compact text. Cheap to clone.
///
/// ```
/// use hearth_core::attributes::Attributes;
///
/// let attributes = Attributes::build(|a| {
///     a.text("source_type", "gps");
///     a.value("gps_accuracy", 12);
/// });
/// assert_eq!(attributes.as_json(), r#"{"source_type":"gps","gps_accuracy":12}"#);
/// assert_eq!(attributes.get("gps_accuracy"), Some(12.into()));
/// ```
#[derive(Clone)]
pub struct Attributes(Arc<str>);

impl Attributes {
    /// No attributes.
    pub fn empty() -> Self {
        Self("{}".into())
    }

    /// Writes attributes in the order of the calls. The builder does not look for repeated
    /// names: give each one once.
    pub fn build(write: impl FnOnce(&mut AttributesBuilder)) -> Self {
        let mut builder = AttributesBuilder {
            out: String::with_capacity(160),
        };
        builder.out.push('{');
        write(&mut builder);
        builder.out.push('}');
        Self(builder.out.into())
    }

    /// From text that is known to be a compact JSON object, such as the store's own.
    pub fn from_json_object(text: &str) -> Option<Self> {
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        raw.get().starts_with('{').then(|| Self(raw.get().into()))
    }

    /// From text that the caller has just written as a compact JSON object, which is not looked
    /// at again. For writers on the hot path; anything from outside goes through
    /// [`Attributes::from_json_object`].
    pub fn from_written(text: &str) -> Self {
        debug_assert!(
            Self::from_json_object(text).is_some_and(|read| *read.0 == *text),
            "not a compact JSON object: {text}"
        );
        Self(text.into())
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// One attribute.
    pub fn get(&self, name: &str) -> Option<Value> {
        struct Find<'a>(&'a str);
        impl<'de> Visitor<'de> for Find<'_> {
            type Value = Option<Value>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = None;
                while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    if key == self.0 {
                        found = Some(map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(found)
            }
        }
        serde_json::Deserializer::from_str(&self.0)
            .deserialize_map(Find(name))
            .ok()
            .flatten()
    }

    /// One attribute that is text.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// One attribute that is a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_f64()
    }

    /// The same with these texts: each replaces the attribute of its name, or comes behind the
    /// others; `None` takes the attribute away.
    ///
    /// ```
    /// use hearth_core::attributes::Attributes;
    ///
    /// let attributes = Attributes::from_json_object(r#"{"icon":"mdi:x","a":1}"#).unwrap();
    /// let changed = attributes.with_texts(&[("icon", None), ("friendly_name", Some("Lamp"))]);
    /// assert_eq!(changed.as_json(), r#"{"a":1,"friendly_name":"Lamp"}"#);
    /// ```
    #[must_use]
    pub fn with_texts(&self, texts: &[(&str, Option<&str>)]) -> Self {
        struct Copy<'a>(&'a [(&'a str, Option<&'a str>)], &'a mut AttributesBuilder);
        impl<'de> Visitor<'de> for Copy<'_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    let value: &RawValue = map.next_value()?;
                    if self.0.iter().all(|(name, _)| *name != key) {
                        self.1.key(&key);
                        self.1.out.push_str(value.get());
                    }
                }
                Ok(())
            }
        }
        Self::build(|builder| {
            // Attributes are an object, whichever way they were made.
            let _ =
                serde_json::Deserializer::from_str(&self.0).deserialize_map(Copy(texts, builder));
            for (name, text) in texts {
                builder.text_if(name, *text);
            }
        })
    }

    /// All attributes.
    pub fn to_map(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Default for Attributes {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<&Map<String, Value>> for Attributes {
    fn from(map: &Map<String, Value>) -> Self {
        // A map of JSON values always serialises.
        Self(
            serde_json::to_string(map)
                .unwrap_or_else(|_| "{}".to_owned())
                .into(),
        )
    }
}

/// By value on the whole map; the order of the names does not matter.
impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
            || (self.0.len() > 2 && other.0.len() > 2 && self.to_map() == other.to_map())
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::<String, Value>::deserialize(deserializer)?;
        Ok(Self::from(&map))
    }
}

/// Writes the attributes of one state; see [`Attributes::build`].
pub struct AttributesBuilder {
    out: String,
}

impl AttributesBuilder {
    fn key(&mut self, name: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        crate::json::write_text(name, &mut self.out);
        self.out.push(':');
    }

    /// A text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        crate::json::write_text(text, &mut self.out);
    }

    /// A text, where there is one.
    pub fn text_if(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// Any JSON value.
    pub fn value(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        self.key(name);
        self.out.push_str(&value.to_string());
    }

    /// Any JSON value, where there is one.
    pub fn value_if(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    /// Every entry of `map`.
    pub fn extend(&mut self, map: &Map<String, Value>) {
        for (name, value) in map {
            self.key(name);
            self.out.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_equal_by_value_not_by_order() {
        let one = Attributes::from_json_object(r#"{"a":1,"b":[2]}"#).unwrap();
        let two = Attributes::from_json_object(r#"{"b":[2],"a":1}"#).unwrap();
        assert_eq!(one, two);
        assert_ne!(one, Attributes::empty());
    }

    #[test]
    fn only_an_object_makes_attributes() {
        for bad in ["[]", "1", "\"x\"", "{", "{\"a\":1}x", ""] {
            assert!(Attributes::from_json_object(bad).is_none(), "{bad}");
        }
    }
}
