//! How values become text and numbers: the protocol's leniency, which is Python's.

use std::borrow::Cow;
use std::fmt;

use hearth_core::float;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Text; numbers and booleans are turned into it, null, lists and objects are refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;
        impl<'de> Visitor<'de> for AsText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(bool_text(truth))))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(float::shortest(number))))
            }
        }
        deserializer.deserialize_any(AsText)
    }
}

/// A number without a fraction, 0 or more; fractions are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsWhole;
        impl Visitor<'_> for AsWhole {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of 0 or more")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(number))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Whole, E> {
                u64::try_from(number)
                    .map(Whole)
                    .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
                let cut = number.trunc();
                if cut >= 0.0 {
                    // Beyond u64 the cast gives the largest number, which is as good as any.
                    return Ok(Whole(cut as u64));
                }
                Err(E::invalid_value(Unexpected::Float(number), &self))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Whole, E> {
                Ok(Whole(truth.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Whole, E> {
                let number = text.trim().parse().map(Whole);
                number.map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(AsWhole)
    }
}

/// Any number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Float(pub(crate) f64);

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsFloat;
        impl Visitor<'_> for AsFloat {
            type Value = Float;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Float, E> {
                Ok(Float(number as f64))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Float, E> {
                Ok(Float(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Float, E> {
                Ok(Float(number))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Float, E> {
                Ok(Float(u8::from(truth).into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Float, E> {
                finite(text)
                    .map(Float)
                    .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(AsFloat)
    }
}

/// A JSON object as its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObjectText<'a>(pub(crate) &'a str);

impl<'de: 'a, 'a> Deserialize<'de> for ObjectText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('{') {
            return Ok(Self(raw.get()));
        }
        Err(D::Error::custom("expected an object"))
    }
}

/// A struct from a JSON object; `None` for anything else, where serde would take a list as well.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    let is_object = json.trim_start().starts_with('{');
    is_object.then(|| serde_json::from_str(json).ok()).flatten()
}

/// For optional keys that may be absent and not null.
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// The number that `text` is.
pub(crate) fn finite(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    number.is_finite().then_some(number)
}

/// A boolean as text.
pub(crate) fn bool_text(truth: bool) -> &'static str {
    if truth { "True" } else { "False" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_takes_numbers_and_booleans_and_nothing_else() {
        for (json, text) in [
            ("\"a\"", "a"),
            ("1", "1"),
            ("-2.50", "-2.5"),
            ("true", "True"),
        ] {
            assert_eq!(&*serde_json::from_str::<Text<'_>>(json).unwrap(), text);
        }
        for json in ["null", "[]", "{}"] {
            assert!(serde_json::from_str::<Text<'_>>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn whole_numbers_cut_fractions_off_and_refuse_less_than_zero() {
        for (json, number) in [
            ("12.7", 12),
            ("0", 0),
            ("-0.5", 0),
            ("\"8\"", 8),
            ("true", 1),
        ] {
            assert_eq!(serde_json::from_str::<Whole>(json).unwrap(), Whole(number));
        }
        for json in ["-1", "-1.5", "\"near\"", "\"1.5\"", "null", "[1]"] {
            assert!(serde_json::from_str::<Whole>(json).is_err(), "{json}");
        }
    }
}
