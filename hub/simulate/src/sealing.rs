//! Secretbox frames as the native-app protocol wants them: XSalsa20-Poly1305 with the
//! registration's secret as key, `base64(nonce ‖ mac ‖ ciphertext)`, padded standard alphabet.
//!
//! The only module of the crate that names `sodiumoxide`.

use std::fmt;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sodiumoxide::crypto::secretbox;

use crate::SimulateError;

/// The current key of a registration (the 64 hex characters of its secret, decoded).
#[derive(Clone)]
pub struct Key(secretbox::Key);

impl Key {
    /// Reads a secret of 64 hex characters; `None` if it is anything else.
    ///
    /// # Errors
    /// [`SimulateError::Sodium`] if the library cannot be used.
    pub fn from_hex(secret: &str) -> Result<Option<Self>, SimulateError> {
        static READY: OnceLock<bool> = OnceLock::new();
        if !READY.get_or_init(|| sodiumoxide::init().is_ok()) {
            return Err(SimulateError::Sodium);
        }
        let digits = secret.as_bytes();
        if digits.len() != 2 * secretbox::KEYBYTES {
            return Ok(None);
        }
        let mut bytes = [0; secretbox::KEYBYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            match (hex_digit(pair[0]), hex_digit(pair[1])) {
                (Some(high), Some(low)) => *byte = high << 4 | low,
                _ => return Ok(None),
            }
        }
        Ok(Some(Self(secretbox::Key(bytes))))
    }

    /// Seals `plain` under a random nonce.
    #[must_use]
    pub fn seal(&self, plain: &[u8]) -> String {
        let nonce = secretbox::gen_nonce();
        let mut frame =
            Vec::with_capacity(secretbox::NONCEBYTES + secretbox::MACBYTES + plain.len());
        frame.extend_from_slice(&nonce.0);
        frame.extend_from_slice(&[0; secretbox::MACBYTES]);
        frame.extend_from_slice(plain);
        let (head, text) = frame.split_at_mut(secretbox::NONCEBYTES + secretbox::MACBYTES);
        let tag = secretbox::seal_detached(text, &nonce, &self.0);
        head[secretbox::NONCEBYTES..].copy_from_slice(&tag.0);
        STANDARD.encode(frame)
    }

    /// Opens a frame; `None` if it is not base64, too short, or sealed under another key.
    #[must_use]
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let frame = STANDARD.decode(sealed).ok()?;
        let (nonce, boxed) = frame.split_at_checked(secretbox::NONCEBYTES)?;
        let nonce = secretbox::Nonce::from_slice(nonce)?;
        secretbox::open(boxed, &nonce, &self.0).ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The protocol's known answer: secret of bytes 0 to 31.
    fn known_key() -> Key {
        let secret: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
        Key::from_hex(&secret).unwrap().unwrap()
    }

    #[test]
    fn the_known_answer_of_the_protocol_opens() {
        let sealed = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXf48P6Jqmyyy9tODqQKVYVjE1IRhdDtJO5GNTAArqeIw=";
        let plain = known_key().open(sealed.as_bytes()).unwrap();
        assert_eq!(plain, br#"{"tag_id":"abc"}"#);
    }

    #[test]
    fn what_is_sealed_opens_and_never_looks_the_same_twice() {
        let key = known_key();
        let (first, second) = (key.seal(b"{}"), key.seal(b"{}"));
        assert_ne!(first, second);
        assert_eq!(key.open(first.as_bytes()).unwrap(), b"{}");
    }

    #[test]
    fn a_changed_or_short_frame_does_not_open() {
        let key = known_key();
        let mut sealed = key.seal(b"{}").into_bytes();
        sealed[40] ^= 1;
        assert!(key.open(&sealed).is_none());
        assert!(key.open(b"QUJD").is_none());
        assert!(key.open(b"").is_none());
    }

    #[test]
    fn a_secret_that_is_not_64_hex_characters_is_no_key() {
        for secret in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(65)] {
            assert!(Key::from_hex(secret).unwrap().is_none(), "{secret}");
        }
    }
}
