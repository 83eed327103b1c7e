//! What the hub keeps of an opaque secret: its SHA-256, compared in constant time.

use std::fmt;
use std::hash::{Hash, Hasher};

use hearth_core::env::{from_hex, to_hex};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The SHA-256 of a secret. One round is enough: these secrets are random and long, so there is
/// nothing to guess; passwords go through [`crate::password`] instead.
#[derive(Clone, Copy)]
pub(crate) struct SecretDigest([u8; 32]);

impl SecretDigest {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Its first 64 bits: enough to know a text again, too few to be of use to anyone.
    pub(crate) fn short(&self) -> u64 {
        self.0
            .iter()
            .take(8)
            .fold(0, |short, byte| short << 8 | u64::from(*byte))
    }
}

impl PartialEq for SecretDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretDigest {}

impl Hash for SecretDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(…)")
    }
}

impl Serialize for SecretDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for SecretDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        from_hex(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a digest is 64 hex characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_secrets_have_equal_digests_and_debug_shows_none() {
        assert_eq!(SecretDigest::of("abc"), SecretDigest::of("abc"));
        assert_ne!(SecretDigest::of("abc"), SecretDigest::of("abd"));
        assert_eq!(format!("{:?}", SecretDigest::of("abc")), "SecretDigest(…)");
    }
}
