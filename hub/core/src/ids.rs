//! Ids as types: parsed at the door, trusted inside.

use std::fmt;
use std::num::NonZeroU128;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::env::Env;

/// The text is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct InvalidId {
    /// What was given, cut to 80 characters.
    pub text: String,
    /// What was expected, for a person.
    pub expected: &'static str,
}

impl InvalidId {
    fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.chars().take(80).collect(),
            expected,
        }
    }
}

/// Serde for ids whose JSON form is their text.
macro_rules! text_serde {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

const HEX: &[u8; 16] = b"0123456789abcdef";

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 32 lower-case hex characters; 16 bytes in memory.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(NonZeroU128);

        impl $name {
            /// A new random id.
            pub fn generate(env: &Env) -> Self {
                let mut bytes = [0u8; 16];
                env.fill(&mut bytes);
                Self(NonZeroU128::new(u128::from_be_bytes(bytes)).unwrap_or(NonZeroU128::MIN))
            }

            /// Appends the 32 characters to `out`.
            pub fn write_text(self, out: &mut String) {
                let mut text = [0u8; 32];
                for (pair, byte) in text.chunks_exact_mut(2).zip(self.0.get().to_be_bytes()) {
                    pair[0] = HEX[usize::from(byte >> 4)];
                    pair[1] = HEX[usize::from(byte & 15)];
                }
                // All of it is ASCII.
                out.push_str(std::str::from_utf8(&text).unwrap_or_default());
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                crate::env::from_hex::<16>(text)
                    .and_then(|bytes| NonZeroU128::new(u128::from_be_bytes(bytes)))
                    .map(Self)
                    .ok_or_else(|| InvalidId::new(text, "an id of 32 hex characters"))
            }
        }

        text_serde!($name);
    };
}

hex_id! {
    /// A user of the hub.
    UserId
}
hex_id! {
    /// A token record of a user.
    TokenId
}
hex_id! {
    /// A device in the device registry.
    DeviceId
}
hex_id! {
    /// An entry of the entity registry; stays when the entity id is renamed.
    EntityEntryId
}

/// A ULID: 48 bits of time in milliseconds and 80 random bits, 26 characters of Crockford's
/// base 32. Contexts and config entries are named by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ulid(NonZeroU128);

/// The id of a [`Context`](crate::event::Context).
pub type ContextId = Ulid;
/// The id of a config entry.
pub type ConfigEntryId = Ulid;

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Ulid {
    /// From a time in milliseconds since the epoch and 80 random bits.
    pub fn from_parts(millis: u64, random: [u8; 10]) -> Self {
        let mut bytes = [0u8; 16];
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        Self(NonZeroU128::new(u128::from_be_bytes(bytes)).unwrap_or(NonZeroU128::MIN))
    }

    /// Appends the 26 characters to `out`.
    pub fn write_text(self, out: &mut String) {
        let value = self.0.get();
        let mut text = [b'0'; 26];
        for (place, digit) in text.iter_mut().rev().enumerate() {
            let index = (value >> (place * 5)) & 31;
            *digit = CROCKFORD[usize::try_from(index).unwrap_or(0)];
        }
        // All of it is ASCII.
        out.push_str(std::str::from_utf8(&text).unwrap_or_default());
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(26);
        self.write_text(&mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ulid({self})")
    }
}

impl FromStr for Ulid {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::new(text, "a ULID of 26 characters");
        if text.len() != 26 || text.as_bytes()[0] > b'7' {
            return Err(invalid());
        }
        let mut value = 0u128;
        for byte in text.bytes() {
            let digit = CROCKFORD
                .iter()
                .position(|&c| c == byte.to_ascii_uppercase())
                .ok_or_else(invalid)?;
            value = value << 5 | digit as u128;
        }
        NonZeroU128::new(value).map(Self).ok_or_else(invalid)
    }
}

text_serde!(Ulid);

/// `domain.object_id`, lower-case, at most 255 characters (spec state-machine §0).
///
/// ```
/// use hearth_core::ids::EntityId;
///
/// let lamp: EntityId = "Light.Kitchen".parse().unwrap();
/// assert_eq!((lamp.domain(), lamp.object_id()), ("light", "kitchen"));
/// assert!("light".parse::<EntityId>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityId(Arc<str>);

/// Longest entity id in characters.
pub const ENTITY_ID_MAX: usize = 255;
/// Longest domain in characters.
pub const DOMAIN_MAX: usize = 64;

impl EntityId {
    /// From parts that are known to be slugs; anything else is turned into one.
    pub fn from_parts(domain: &str, object_id: &str) -> Self {
        // A name with nothing in it is unknown too: what is made here must be read back.
        let slug = |part: &str| match crate::slug::slugify(part) {
            empty if empty.is_empty() => "unknown".to_owned(),
            slug => slug,
        };
        let domain = slug(domain);
        let object_id = slug(object_id);
        let room = ENTITY_ID_MAX - domain.len().min(DOMAIN_MAX) - 1;
        let object_id = object_id
            .get(..room)
            .map_or(object_id.as_str(), |cut| cut.trim_end_matches('_'));
        Self(
            format!(
                "{}.{object_id}",
                &domain[..domain.len().min(DOMAIN_MAX)].trim_end_matches('_')
            )
            .into(),
        )
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the dot.
    pub fn domain(&self) -> &str {
        self.0.split_once('.').map_or("", |(domain, _)| domain)
    }

    /// The part after the dot.
    pub fn object_id(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, object)| object)
    }
}

fn is_entity_id(text: &str) -> bool {
    let is_slug = |part: &str| {
        !part.is_empty()
            && !part.starts_with('_')
            && !part.ends_with('_')
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    text.split_once('.').is_some_and(|(domain, object)| {
        is_slug(domain) && is_slug(object) && !domain.contains("__") && domain.len() <= DOMAIN_MAX
    }) && text.len() <= ENTITY_ID_MAX
}

impl FromStr for EntityId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if is_entity_id(text) {
            return Ok(Self(text.into()));
        }
        let lower = text.to_ascii_lowercase();
        if is_entity_id(&lower) {
            return Ok(Self(lower.into()));
        }
        Err(InvalidId::new(text, "an entity id such as light.kitchen"))
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for EntityId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

text_serde!(EntityId);

/// The unguessable name of a webhook: a bearer secret, so `Debug` and logs show 8 characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WebhookId(Arc<str>);

impl WebhookId {
    /// 32 random bytes as 64 hex characters.
    pub fn generate(env: &Env) -> Self {
        Self(env.hex::<32>().into())
    }

    /// The whole id. Never log it: log [`WebhookId::short`].
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 8 characters, for logs.
    pub fn short(&self) -> &str {
        match self.0.char_indices().nth(8) {
            Some((end, _)) => &self.0[..end],
            None => &self.0,
        }
    }
}

impl From<&str> for WebhookId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl std::borrow::Borrow<str> for WebhookId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookId({}…)", self.short())
    }
}

impl Serialize for WebhookId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WebhookId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self(text.as_ref().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_ids_follow_the_rules_of_the_spec() {
        for good in ["a.b", "light.kitchen_2", "sensor.0", "a_b.c__d"] {
            assert!(good.parse::<EntityId>().is_ok(), "{good}");
        }
        for bad in [
            "", "light", "light.", ".x", "_a.b", "a_.b", "a.b_", "a.b.c", "a__b.c", "a.ü", "a. b",
        ] {
            assert!(bad.parse::<EntityId>().is_err(), "{bad}");
        }
        assert!(format!("a.{}", "b".repeat(253)).parse::<EntityId>().is_ok());
        assert!(
            format!("a.{}", "b".repeat(254))
                .parse::<EntityId>()
                .is_err()
        );
    }

    #[test]
    fn what_is_made_from_any_parts_is_an_entity_id() {
        let long = "x_".repeat(300);
        let parts = ["", "_", "a__b", "Küche", "!!!", " ", "日本", long.as_str()];
        for domain in parts {
            for object_id in parts {
                let made = EntityId::from_parts(domain, object_id);
                assert_eq!(
                    made.as_str().parse().as_ref(),
                    Ok(&made),
                    "{domain:?} {object_id:?}"
                );
            }
        }
    }

    #[test]
    fn a_ulid_prints_and_parses() {
        let ulid = Ulid::from_parts(1_469_918_176_385, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(ulid.to_string().len(), 26);
        assert!(ulid.to_string().starts_with("01ARYZ6S41"));
        assert_eq!(ulid.to_string().parse(), Ok(ulid));
        assert!("81ARYZ6S410000000000000000".parse::<Ulid>().is_err());
    }

    #[test]
    fn a_webhook_id_hides_itself_in_debug_output() {
        let id = WebhookId::from("0123456789abcdef");
        assert_eq!(format!("{id:?}"), "WebhookId(01234567…)");
    }
}
