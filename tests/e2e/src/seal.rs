//! The phone's half of the encryption (spec mobile-app.md §4): libsodium's secretbox in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sodiumoxide::crypto::secretbox;

/// One of the two keys that a registration's secret stands for.
#[derive(Clone)]
pub struct Key(secretbox::Key);

impl Key {
    /// The 64 hex characters of the secret, decoded.
    pub fn current(secret: &str) -> Self {
        assert_eq!(secret.len(), 64, "a secret is 64 hex characters");
        let bytes: Vec<u8> = (0..32)
            .map(|i| u8::from_str_radix(&secret[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        Self(secretbox::Key::from_slice(&bytes).unwrap())
    }

    /// The first 32 characters of the hex text, taken as bytes.
    pub fn legacy(secret: &str) -> Self {
        Self(secretbox::Key::from_slice(&secret.as_bytes()[..32]).unwrap())
    }

    /// A frame around `plaintext` with a fresh nonce: padded standard base64.
    pub fn seal(&self, plaintext: &str) -> String {
        sodiumoxide::init().expect("libsodium");
        let nonce = secretbox::gen_nonce();
        let mut frame = nonce.as_ref().to_vec();
        frame.extend(secretbox::seal(plaintext.as_bytes(), &nonce, &self.0));
        STANDARD.encode(frame)
    }

    /// The text within a frame, or nothing when this is not its key.
    pub fn open(&self, frame: &str) -> Option<String> {
        let bytes = STANDARD.decode(frame).ok()?;
        if bytes.len() < secretbox::NONCEBYTES {
            return None;
        }
        let (nonce, boxed) = bytes.split_at(secretbox::NONCEBYTES);
        let nonce = secretbox::Nonce::from_slice(nonce)?;
        let plain = secretbox::open(boxed, &nonce, &self.0).ok()?;
        String::from_utf8(plain).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn the_known_answers_open() {
        let current =
            "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXf48P6Jqmyyy9tODqQKVYVjE1IRhdDtJO5GNTAArqeIw=";
        let legacy = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZX1QBoZtGh+wOJQb/eeITyKYpKcG4ZbmN/uaOV3w35vc4=";
        let plain = Some(r#"{"tag_id":"abc"}"#.to_owned());
        assert_eq!(Key::current(SECRET).open(current), plain);
        assert_eq!(Key::legacy(SECRET).open(legacy), plain);
        assert_eq!(Key::current(SECRET).open(legacy), None);
    }

    #[test]
    fn what_was_sealed_opens_with_the_same_key_only() {
        let frame = Key::current(SECRET).seal("{}");
        assert_eq!(Key::current(SECRET).open(&frame).as_deref(), Some("{}"));
        assert_eq!(Key::legacy(SECRET).open(&frame), None);
    }
}
