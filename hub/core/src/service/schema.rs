//! What a service takes: fields, their kinds, and how given data is checked and converted.

use std::borrow::Cow;

use serde_json::{Map, Number, Value, json};

use crate::civil;
use crate::ids::EntityId;

/// The kind of one field's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Text; numbers and booleans are turned into it.
    Text,
    /// True or false, also as `on/off`, `yes/no`, `true/false`, `1/0`.
    Bool,
    /// A whole number in a range; numeric text is accepted.
    Integer {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// A number in a range; numeric text is accepted.
    Number {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// One of these texts.
    Choice(Cow<'static, [Cow<'static, str>]>),
    /// A text or a list of texts; becomes a list.
    Texts,
    /// A list with so many items of this kind.
    List(Box<Kind>, usize),
    /// This kind, or null.
    OrNull(Box<Kind>),
    /// An icon such as `mdi:lamp`.
    Icon,
    /// Entity ids: a text, also several with commas, or a list; becomes a list.
    Entities,
    /// A [span of time](crate::civil::span); becomes seconds.
    Span,
    /// A span of time that may be negative; becomes seconds.
    SignedSpan,
    /// `YYYY-MM-DD`.
    Date,
    /// `HH:MM` or `HH:MM:SS`.
    Time,
    /// A [date and time](crate::civil::date_time).
    DateTime,
    /// An object.
    Object,
    /// Anything.
    Any,
}

/// One field of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its key in the data.
    pub name: Cow<'static, str>,
    /// What it takes.
    pub kind: Kind,
    /// Whether it must be given.
    pub required: bool,
    /// For a person.
    pub description: Cow<'static, str>,
}

impl Field {
    /// An optional field.
    pub const fn optional(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind,
            required: false,
            description: Cow::Borrowed(description),
        }
    }

    /// A field that must be given.
    pub const fn required(name: &'static str, kind: Kind, description: &'static str) -> Self {
        let mut field = Self::optional(name, kind, description);
        field.required = true;
        field
    }
}

/// What data a service takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Schema {
    /// Any object.
    Anything,
    /// These fields and no others.
    Fields(Vec<Field>),
}

/// What is wrong with given data, in the protocol's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidData {
    /// A key that no field has.
    #[error("extra keys not allowed @ data['{0}']")]
    Unknown(String),
    /// A required key that was not given.
    #[error("required key not provided @ data['{0}']")]
    Missing(String),
    /// A value that does not fit.
    #[error("{problem} for dictionary value @ data['{key}']")]
    Value {
        /// Of which field.
        key: String,
        /// What was expected, or what is wrong.
        problem: Cow<'static, str>,
    },
    /// Values that do not fit together.
    #[error("{0}")]
    Whole(String),
}

impl InvalidData {
    /// A value that does not fit.
    pub fn value(key: &str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::Value {
            key: key.to_owned(),
            problem: problem.into(),
        }
    }
}

impl Schema {
    /// Checks `data` and converts its values; the error names the key and what was expected.
    pub fn apply(&self, data: Map<String, Value>) -> Result<Map<String, Value>, String> {
        self.check(data).map_err(|invalid| invalid.to_string())
    }

    /// The same with an error that can be taken apart.
    pub fn check(&self, mut data: Map<String, Value>) -> Result<Map<String, Value>, InvalidData> {
        let Self::Fields(fields) = self else {
            return Ok(data);
        };
        if let Some(extra) = data
            .keys()
            .find(|key| !fields.iter().any(|f| f.name == **key))
        {
            return Err(InvalidData::Unknown(extra.clone()));
        }
        for field in fields {
            match data.get_mut(field.name.as_ref()) {
                Some(value) => {
                    let given = value.take();
                    *value = field
                        .kind
                        .convert(given)
                        .map_err(|problem| InvalidData::value(&field.name, problem))?;
                }
                None if field.required => {
                    return Err(InvalidData::Missing(field.name.to_string()));
                }
                None => {}
            }
        }
        Ok(data)
    }

    /// The `fields` of a service description.
    pub fn describe(&self) -> Value {
        let Self::Fields(fields) = self else {
            return json!({});
        };
        let described = fields.iter().map(|field| {
            let mut description = json!({
                "name": field.name.replace('_', " "),
                "description": field.description,
                "selector": field.kind.selector(),
            });
            if field.required {
                description["required"] = true.into();
            }
            (field.name.to_string(), description)
        });
        Value::Object(described.collect())
    }
}

impl Kind {
    fn convert(&self, value: Value) -> Result<Value, Cow<'static, str>> {
        match self {
            Self::Any => Ok(value),
            Self::Object if value.is_object() => Ok(value),
            Self::Object => Err("expected a dictionary".into()),
            Self::Text => text(value).map(Value::String),
            Self::Texts => match value {
                Value::Array(items) => items
                    .into_iter()
                    .map(|item| text(item).map(Value::String))
                    .collect::<Result<Vec<_>, _>>()
                    .map(Value::Array),
                single => Ok(json!([text(single)?])),
            },
            Self::Bool => boolean(&value).map(Value::Bool),
            Self::Choice(choices) => {
                let text = text(value)?;
                if choices.contains(&Cow::Borrowed(text.as_str())) {
                    return Ok(Value::String(text));
                }
                Err(format!("value must be one of {choices:?}").into())
            }
            Self::Integer { min, max } => {
                let number = number(&value).ok_or("expected int")?;
                let whole = number.trunc();
                if whole < *min as f64 {
                    return Err(format!("value must be at least {min}").into());
                }
                if whole > *max as f64 {
                    return Err(format!("value must be at most {max}").into());
                }
                // Between two i64, so the cast is exact.
                Ok(Value::from(whole as i64))
            }
            Self::Number { min, max } => {
                let number = number(&value).ok_or("expected float")?;
                if number < *min {
                    return Err(format!("value must be at least {min}").into());
                }
                if number > *max {
                    return Err(format!("value must be at most {max}").into());
                }
                match value {
                    Value::Number(given) => Ok(Value::Number(given)),
                    _ => Ok(Number::from_f64(number).map_or(Value::Null, Value::Number)),
                }
            }
            Self::List(kind, length) => match value {
                Value::Array(items) if items.len() == *length => items
                    .into_iter()
                    .map(|item| kind.convert(item))
                    .collect::<Result<Vec<_>, _>>()
                    .map(Value::Array),
                _ => Err(format!("expected a list of {length} items").into()),
            },
            Self::OrNull(_) if value.is_null() => Ok(Value::Null),
            Self::OrNull(kind) => kind.convert(value),
            Self::Icon => match text(value)? {
                icon if icon.contains(':') => Ok(Value::String(icon)),
                _ => Err("Icons should be specified in the form \"prefix:name\"".into()),
            },
            Self::Entities => entities(value),
            Self::Span => civil::span(&value)
                .map(|span| Value::from(span.as_secs_f64()))
                .ok_or("offset should be format 'HH:MM', 'HH:MM:SS' or seconds".into()),
            Self::SignedSpan => civil::seconds(&value)
                .map(Value::from)
                .ok_or("offset should be format 'HH:MM', 'HH:MM:SS' or seconds".into()),
            Self::Date => written(value, "Could not parse date", |text| {
                civil::date(text).map(|date| date.to_string())
            }),
            Self::Time => written(value, "Invalid time specified", |text| {
                civil::time(text).map(|time| time.to_string())
            }),
            Self::DateTime => written(value, "Invalid datetime specified", |text| {
                civil::date_time(text).map(|moment| moment.to_string())
            }),
        }
    }

    fn selector(&self) -> Value {
        match self {
            Self::Text => json!({"text": {}}),
            Self::Texts => json!({"text": {"multiple": true}}),
            Self::Bool => json!({"boolean": {}}),
            Self::Integer { min, max } => json!({"number": {"min": min, "max": max}}),
            Self::Number { min, max } => json!({"number": {"min": min, "max": max, "step": "any"}}),
            Self::Choice(choices) => json!({"select": {"options": choices}}),
            Self::List(..) | Self::Object | Self::Any => json!({"object": {}}),
            Self::OrNull(kind) => kind.selector(),
            Self::Icon => json!({"icon": {}}),
            Self::Entities => json!({"entity": {"multiple": true}}),
            Self::Span | Self::SignedSpan => json!({"duration": {}}),
            Self::Date => json!({"date": {}}),
            Self::Time => json!({"time": {}}),
            Self::DateTime => json!({"datetime": {}}),
        }
    }
}

fn text(value: Value) -> Result<String, Cow<'static, str>> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(if flag { "True" } else { "False" }.to_owned()),
        _ => Err("string value is None or not text".into()),
    }
}

/// A text that `read` can make sense of, in the form that `read` gives it.
fn written(
    value: Value,
    problem: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Result<Value, Cow<'static, str>> {
    let text = text(value)?;
    match read(text.trim()) {
        Some(read) => Ok(Value::String(read)),
        None => Err(format!("{problem}: {text}").into()),
    }
}

fn entities(value: Value) -> Result<Value, Cow<'static, str>> {
    let texts: Vec<String> = match value {
        Value::String(text) => text.split(',').map(str::to_owned).collect(),
        Value::Array(items) => items.into_iter().map(text).collect::<Result<_, _>>()?,
        _ => return Err("expected entity ids".into()),
    };
    texts
        .iter()
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
        .map(|text| match text.parse::<EntityId>() {
            Ok(id) => Ok(Value::from(id.as_str())),
            Err(_) => Err(format!("Entity ID {text} is an invalid entity ID").into()),
        })
        .collect()
}

fn boolean(value: &Value) -> Result<bool, Cow<'static, str>> {
    let given = match value {
        Value::Bool(flag) => return Ok(*flag),
        Value::Number(number) => return Ok(number.as_f64() != Some(0.0)),
        Value::String(text) => text.to_lowercase(),
        _ => return Err("invalid boolean value".into()),
    };
    match given.as_str() {
        "1" | "true" | "yes" | "on" | "enable" => Ok(true),
        "0" | "false" | "no" | "off" | "disable" => Ok(false),
        _ => Err(format!("invalid boolean value {given}").into()),
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brightness() -> Schema {
        Schema::Fields(vec![
            Field::optional("brightness", Kind::Integer { min: 0, max: 255 }, ""),
            Field::required("on", Kind::Bool, ""),
        ])
    }

    #[test]
    fn values_are_converted_and_errors_name_the_key() {
        let cases = [
            (
                json!({"on": "yes", "brightness": "12.7"}),
                Ok(json!({"on": true, "brightness": 12})),
            ),
            (json!({}), Err("required key not provided @ data['on']")),
            (
                json!({"on": 1, "bogus": 1}),
                Err("extra keys not allowed @ data['bogus']"),
            ),
            (
                json!({"on": 1, "brightness": 256}),
                Err("value must be at most 255 for dictionary value @ data['brightness']"),
            ),
            (
                json!({"on": 1, "brightness": []}),
                Err("expected int for dictionary value @ data['brightness']"),
            ),
        ];
        for (given, expected) in cases {
            let given = given.as_object().unwrap().clone();
            let converted = brightness().apply(given).map(Value::Object);
            assert_eq!(converted, expected.map_err(str::to_owned));
        }
    }
}
