//! The phone's side of encryption, made without the code under test.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sodiumoxide::crypto::secretbox::{self, Key as SodiumKey, NONCEBYTES, Nonce};

/// A key that a phone derived from its secret.
#[derive(Clone)]
pub(crate) struct Key(SodiumKey);

impl Key {
    /// The secret itself.
    pub(crate) fn current(secret: &str) -> Self {
        let bytes: Vec<u8> = (0..32)
            .map(|n| u8::from_str_radix(&secret[2 * n..2 * n + 2], 16).unwrap())
            .collect();
        Self(SodiumKey::from_slice(&bytes).unwrap())
    }

    /// The first half of its text.
    pub(crate) fn legacy(secret: &str) -> Self {
        Self(SodiumKey::from_slice(&secret.as_bytes()[..32]).unwrap())
    }

    pub(crate) fn seal(&self, text: &str) -> String {
        sodiumoxide::init().unwrap();
        let nonce = secretbox::gen_nonce();
        let mut frame = nonce.0.to_vec();
        frame.extend(secretbox::seal(text.as_bytes(), &nonce, &self.0));
        STANDARD.encode(frame)
    }

    pub(crate) fn open(&self, frame: &str) -> Option<Value> {
        let frame = STANDARD.decode(frame).unwrap();
        let nonce = Nonce::from_slice(&frame[..NONCEBYTES]).unwrap();
        let text = secretbox::open(&frame[NONCEBYTES..], &nonce, &self.0).ok()?;
        serde_json::from_slice(&text).ok()
    }
}
