//! Ids as types: parsed at the door, trusted inside. All are drawn at random, and knowing one
//! opens something, so `Debug` and logs show their first eight characters only.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_core::env::{Env, from_hex, to_hex};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A text is no such id. It is not repeated: it may be a secret in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct NotAnId(pub &'static str);

/// What ids have in common: a text form, short in logs.
macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// Its first eight characters, for logs.
            pub fn short(&self) -> String {
                let mut text = self.to_string();
                text.truncate(8);
                text
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}…", self.short())
            }
        }

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

/// An id of 24 lower-case hex characters.
macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 12]);

        impl $name {
            /// A new one.
            pub fn random(env: &Env) -> Self {
                let mut bytes = [0; 12];
                env.fill(&mut bytes);
                Self(bytes)
            }

            /// Its bytes.
            pub fn bytes(&self) -> &[u8; 12] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_hex(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
                from_hex(text)
                    .filter(|_| is_lower)
                    .map(Self)
                    .ok_or(NotAnId("24 lower-case hex characters"))
            }
        }

        id!($name);
    };
}

hex_id! {
    /// A manufacturer's webhook: the last part of its address.
    WebhookId
}

hex_id! {
    /// A hub; what senders name in the query parameter `homey`.
    HubId
}

/// The public address of a hub's own webhook: 32 random bytes, base64url.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloudhookId([u8; 32]);

impl CloudhookId {
    /// A new one.
    pub fn random(env: &Env) -> Self {
        let mut bytes = [0; 32];
        env.fill(&mut bytes);
        Self(bytes)
    }
}

impl fmt::Display for CloudhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl FromStr for CloudhookId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let mut bytes = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(NotAnId("43 characters of base64url")),
        }
    }
}

id!(CloudhookId);

/// One request that was accepted: a UUIDv7, the same for every hub that gets it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(Uuid);

impl DeliveryId {
    /// A new one, of now.
    pub fn new(env: &Env) -> Self {
        let mut random = [0; 10];
        env.fill(&mut random);
        let millis = env.now().as_millis();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for DeliveryId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| NotAnId("a UUID"))
    }
}

id!(DeliveryId);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written_and_short_in_debug() {
        let env = Env::system();
        let webhook = WebhookId::random(&env);
        assert_eq!(webhook.to_string().parse(), Ok(webhook));
        assert_eq!(webhook.to_string().len(), 24);
        let cloudhook = CloudhookId::random(&env);
        assert_eq!(cloudhook.to_string().parse(), Ok(cloudhook));
        assert_eq!(cloudhook.to_string().len(), 43);
        let delivery = DeliveryId::new(&env);
        assert_eq!(delivery.to_string().parse(), Ok(delivery));
        assert_eq!(delivery.to_string().as_bytes()[14], b'7');
        assert_eq!(format!("{webhook:?}").chars().count(), 9);
    }

    #[test]
    fn a_later_delivery_has_a_greater_id() {
        let start = "2026-01-01T00:00:00+00:00".parse().unwrap();
        let first = DeliveryId::new(&Env::deterministic(1, start));
        let later = "2026-01-01T00:00:00.001+00:00".parse().unwrap();
        assert!(first < DeliveryId::new(&Env::deterministic(2, later)));
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "0",
            "0123456789abcdef01234567 ",
            "0123456789ABCDEF01234567",
        ] {
            assert!(text.parse::<WebhookId>().is_err(), "{text}");
            assert!(text.parse::<CloudhookId>().is_err(), "{text}");
        }
        // Base64 has one spelling only: the bits left over must be zero.
        assert!(("A".repeat(42) + "B").parse::<CloudhookId>().is_err());
        assert!(("A".repeat(42) + "A").parse::<CloudhookId>().is_ok());
    }
}
