//! Secrets and sealed texts (spec mobile-app §4).
//!
//! Secretbox: XSalsa20 and Poly1305. A frame is base64 of nonce, MAC and ciphertext. This is the
//! only module that names the crypto library: to change the binding, change this file.

use std::fmt;
use std::sync::LazyLock;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use hearth_core::env::{Env, from_hex, to_hex};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sodiumoxide::crypto::secretbox::{self, KEYBYTES, Key, MACBYTES, NONCEBYTES, Nonce, Tag};

/// Standard alphabet; padding is written, and taken with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether the crypto library works here. It is prepared at the first call.
pub(crate) fn is_available() -> bool {
    static READY: LazyLock<bool> = LazyLock::new(|| sodiumoxide::init().is_ok());
    *READY
}

/// Which key of a secret was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// The 32 bytes of the secret.
    Current,
    /// The first 32 characters of the secret's hex text: apps from before 2022.3.
    Legacy,
}

/// What a phone and its hub share. Compared in constant time, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Key);

impl Secret {
    /// A new random secret.
    pub(crate) fn generate(env: &Env) -> Self {
        let mut bytes = [0; KEYBYTES];
        env.fill(&mut bytes);
        Self(Key(bytes))
    }

    /// From 64 hex characters.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        from_hex::<KEYBYTES>(text).map(|bytes| Self(Key(bytes)))
    }

    /// As 64 hex characters: for the phone and the store, nothing else.
    pub(crate) fn to_hex(&self) -> String {
        to_hex(&self.0.0)
    }

    fn legacy(&self) -> Key {
        let mut key = [0; KEYBYTES];
        key.copy_from_slice(&self.to_hex().as_bytes()[..KEYBYTES]);
        Key(key)
    }

    /// Opens a frame; the legacy key is tried only where `legacy_allowed`. `None` where the frame
    /// is not base64, too short, or sealed with another key.
    pub(crate) fn open(&self, frame: &str, legacy_allowed: bool) -> Option<(Bytes, KeyKind)> {
        let mut bytes = decode(frame)?;
        let (head, text) = bytes.split_at_mut_checked(NONCEBYTES + MACBYTES)?;
        let nonce = Nonce::from_slice(&head[..NONCEBYTES])?;
        let tag = Tag::from_slice(&head[NONCEBYTES..])?;
        let kind = if secretbox::open_detached(text, &tag, &nonce, &self.0).is_ok() {
            KeyKind::Current
        } else if legacy_allowed
            && secretbox::open_detached(text, &tag, &nonce, &self.legacy()).is_ok()
        {
            KeyKind::Legacy
        } else {
            return None;
        };
        Some((Bytes::from(bytes).slice(NONCEBYTES + MACBYTES..), kind))
    }

    /// Appends the frame of `text` to `out`.
    pub(crate) fn seal(&self, kind: KeyKind, text: &[u8], env: &Env, out: &mut String) {
        let mut nonce = [0; NONCEBYTES];
        env.fill(&mut nonce);
        self.seal_with(kind, text, nonce, out);
    }

    fn seal_with(&self, kind: KeyKind, text: &[u8], nonce: [u8; NONCEBYTES], out: &mut String) {
        let mut frame = Vec::with_capacity(NONCEBYTES + MACBYTES + text.len());
        frame.extend_from_slice(&nonce);
        frame.extend_from_slice(&[0; MACBYTES]);
        frame.extend_from_slice(text);
        let nonce = Nonce(nonce);
        let sealed = &mut frame[NONCEBYTES + MACBYTES..];
        let tag = match kind {
            KeyKind::Current => secretbox::seal_detached(sealed, &nonce, &self.0),
            KeyKind::Legacy => secretbox::seal_detached(sealed, &nonce, &self.legacy()),
        };
        frame[NONCEBYTES..NONCEBYTES + MACBYTES].copy_from_slice(&tag.0);
        BASE64.encode_string(&frame, out);
    }
}

/// Some encoders break lines; the other hub passes over white space too.
fn decode(frame: &str) -> Option<Vec<u8>> {
    if let Ok(bytes) = BASE64.decode(frame) {
        return Some(bytes);
    }
    let mut dense = frame.to_owned();
    dense.retain(|character| !character.is_ascii_whitespace());
    (dense.len() < frame.len())
        .then(|| BASE64.decode(dense).ok())
        .flatten()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// For the store.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        // The text itself must not appear in an error.
        Self::from_hex(&text)
            .ok_or_else(|| serde::de::Error::custom("a secret is 64 hex characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const TEXT: &[u8] = br#"{"tag_id":"abc"}"#;
    const CURRENT: &str =
        "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXf48P6Jqmyyy9tODqQKVYVjE1IRhdDtJO5GNTAArqeIw=";
    const LEGACY: &str =
        "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX1QBoZtGh+wOJQb/eeITyKYpKcG4ZbmN/uaOV3w35vc4=";

    fn secret() -> Secret {
        assert!(is_available());
        Secret::from_hex(SECRET).unwrap()
    }

    fn nonce() -> [u8; NONCEBYTES] {
        std::array::from_fn(|n| 0x40 + n as u8)
    }

    #[test]
    fn the_known_answers_of_the_spec_open_padded_and_unpadded() {
        for (frame, kind) in [(CURRENT, KeyKind::Current), (LEGACY, KeyKind::Legacy)] {
            for frame in [frame, frame.trim_end_matches('=')] {
                let opened = secret().open(frame, true);
                assert_eq!(opened, Some((Bytes::from_static(TEXT), kind)), "{frame}");
            }
        }
    }

    #[test]
    fn line_breaks_in_a_frame_are_passed_over() {
        let (head, tail) = CURRENT.split_at(76);
        for frame in [format!("{head}\r\n{tail}\n"), format!(" {head} {tail}")] {
            assert!(secret().open(&frame, true).is_some(), "{frame:?}");
        }
    }

    #[test]
    fn the_known_answers_of_the_spec_are_what_sealing_gives() {
        for (frame, kind) in [(CURRENT, KeyKind::Current), (LEGACY, KeyKind::Legacy)] {
            let mut out = String::new();
            secret().seal_with(kind, TEXT, nonce(), &mut out);
            assert_eq!(out, frame);
        }
    }

    #[test]
    fn the_legacy_key_opens_nothing_where_it_is_not_allowed() {
        assert_eq!(secret().open(LEGACY, false), None);
        assert!(secret().open(CURRENT, false).is_some());
    }

    #[test]
    fn the_url_safe_alphabet_and_broken_frames_are_refused() {
        let url_safe = LEGACY.replace('+', "-").replace('/', "_");
        for frame in [url_safe.as_str(), "", "AAAA", "*", &CURRENT[..40], " QEFC"] {
            assert_eq!(secret().open(frame, true), None, "{frame}");
        }
        let other = Secret::from_hex(&"ab".repeat(32)).unwrap();
        assert_eq!(other.open(CURRENT, true), None);
    }

    #[test]
    fn a_secret_hides_itself_in_debug_output() {
        let shown = format!("{:?}", secret());
        assert!(!shown.contains("0102"), "{shown}");
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_again(text in proptest::collection::vec(any::<u8>(), 0..300), legacy: bool) {
            let kind = if legacy { KeyKind::Legacy } else { KeyKind::Current };
            let mut frame = String::new();
            secret().seal(kind, &text, &Env::system(), &mut frame);
            prop_assert_eq!(secret().open(&frame, true), Some((Bytes::from(text), kind)));
        }

        #[test]
        fn no_text_makes_opening_panic(frame in ".*") {
            prop_assert_eq!(secret().open(&frame, true), None);
        }
    }
}
