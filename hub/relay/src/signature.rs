//! How a sender proves whose request it is (spec relay §8). Checked on the bytes that came, before
//! any of them is parsed, and in constant time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hearth_core::env::from_hex;
use hearth_core::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Sha256, Sha512};

use crate::secret::{Secret, SecretDigest};

/// How far a signed time may be from now, in seconds.
pub const TOLERANCE_S: i64 = 300;
/// Secrets that may be valid at a time, while they are rotated.
const SECRETS_MAX: usize = 8;
/// Signatures of one request that are looked at.
const CANDIDATES_MAX: usize = 16;

/// A webhook's scheme. Its secrets are kept in clear: a signature cannot be checked with less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case")]
pub enum Signature {
    /// Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, in the fields `webhook-id`,
    /// `webhook-timestamp` and `webhook-signature`.
    Standard {
        /// Base64, with or without `whsec_` before it.
        secrets: Vec<Secret>,
    },
    /// HMAC of the body in hex.
    HmacHex(HmacScheme),
    /// HMAC of the body in base64.
    HmacBase64(HmacScheme),
    /// A secret as it is.
    TokenHeader {
        /// Which field it stands in.
        header: String,
        /// What stands before it, such as `Bearer `.
        #[serde(default)]
        prefix: String,
        /// The secrets themselves are not kept.
        tokens: Vec<SecretDigest>,
    },
}

/// An HMAC of the body in a header field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HmacScheme {
    /// Which field it stands in.
    pub header: String,
    /// What stands before it, such as `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// The hash.
    #[serde(default)]
    pub hash: Hash,
    /// Texts whose bytes are the keys.
    pub secrets: Vec<Secret>,
}

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// The request is not signed, or not with a secret that is valid, or too long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature;

/// What a good signature says beside whose the request is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    /// The id that was signed with it: a request with the same one is a repeat.
    pub id: Option<String>,
}

impl Signature {
    /// Whether it can be used: else which part is wrong, and what was expected.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let (count, header) = match self {
            Self::Standard { secrets } => {
                if !secrets.iter().all(|secret| standard_key(secret).is_some()) {
                    return Err(("signature.secrets", "base64, as in `whsec_…`"));
                }
                (secrets.len(), "webhook-signature")
            }
            Self::HmacHex(scheme) | Self::HmacBase64(scheme) => {
                (scheme.secrets.len(), scheme.header.as_str())
            }
            Self::TokenHeader { header, tokens, .. } => (tokens.len(), header.as_str()),
        };
        if !(1..=SECRETS_MAX).contains(&count) {
            return Err(("signature.secrets", "1 to 8 secrets"));
        }
        if header.is_empty() || !header.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(("signature.header", "the name of a header field"));
        }
        Ok(())
    }

    /// Checks a request. `header` gives a field's value by its name in lower case.
    ///
    /// # Errors
    /// [`BadSignature`], whatever is wrong.
    pub fn verify<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Signed, BadSignature> {
        let field = |name: &str, prefix: &str| {
            let value = header(&name.to_ascii_lowercase())?;
            value.trim().strip_prefix(prefix)
        };
        let is_good = match self {
            Self::Standard { secrets } => {
                return verify_standard(secrets, header, body, now);
            }
            Self::HmacHex(scheme) => {
                let given = field(&scheme.header, &scheme.prefix).and_then(hex_bytes);
                given.is_some_and(|given| scheme.fits(&given, body))
            }
            Self::HmacBase64(scheme) => {
                let given = field(&scheme.header, &scheme.prefix)
                    .and_then(|text| STANDARD.decode(text).ok());
                given.is_some_and(|given| scheme.fits(&given, body))
            }
            Self::TokenHeader {
                header: name,
                prefix,
                tokens,
            } => field(name, prefix).is_some_and(|given| {
                let given = SecretDigest::of(given);
                tokens
                    .iter()
                    .fold(false, |fits, token| fits | (*token == given))
            }),
        };
        is_good.then(Signed::default).ok_or(BadSignature)
    }
}

impl HmacScheme {
    fn fits(&self, given: &[u8], body: &[u8]) -> bool {
        self.secrets.iter().fold(false, |fits, secret| {
            let key = secret.reveal().as_bytes();
            fits | match self.hash {
                Hash::Sha1 => is_mac::<Hmac<sha1::Sha1>>(key, &[body], given),
                Hash::Sha256 => is_mac::<Hmac<Sha256>>(key, &[body], given),
                Hash::Sha512 => is_mac::<Hmac<Sha512>>(key, &[body], given),
            }
        })
    }
}

fn is_mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]], given: &[u8]) -> bool {
    // HMAC takes keys of any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return false;
    };
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(given).is_ok()
}

fn verify_standard<'h>(
    secrets: &[Secret],
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    now: Timestamp,
) -> Result<Signed, BadSignature> {
    let id = header("webhook-id").ok_or(BadSignature)?;
    let time = header("webhook-timestamp").ok_or(BadSignature)?;
    let signatures = header("webhook-signature").ok_or(BadSignature)?;
    let at: i64 = time.parse().map_err(|_| BadSignature)?;
    let age = i128::from(now.as_seconds()) - i128::from(at);
    if id.is_empty() || age.abs() > i128::from(TOLERANCE_S) {
        return Err(BadSignature);
    }
    let parts = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    let mut is_good = false;
    for signature in signatures.split(' ').take(CANDIDATES_MAX) {
        let given = signature
            .strip_prefix("v1,")
            .and_then(|text| STANDARD.decode(text).ok());
        let Some(given) = given else { continue };
        for key in secrets.iter().filter_map(standard_key) {
            is_good |= is_mac::<Hmac<Sha256>>(&key, &parts, &given);
        }
    }
    let signed = Signed {
        id: Some(id.to_owned()),
    };
    is_good.then_some(signed).ok_or(BadSignature)
}

fn standard_key(secret: &Secret) -> Option<Vec<u8>> {
    let text = secret.reveal();
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    STANDARD.decode(text).ok().filter(|key| !key.is_empty())
}

/// The bytes of hex of up to 64 bytes.
fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    match text.len() {
        40 => from_hex::<20>(text).map(Vec::from),
        64 => from_hex::<32>(text).map(Vec::from),
        128 => from_hex::<64>(text).map(Vec::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use hearth_core::env::to_hex;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const BODY: &[u8] = br#"{"a":1}"#;

    fn secrets(texts: &[&str]) -> Vec<Secret> {
        texts
            .iter()
            .map(|text| Secret::from((*text).to_owned()))
            .collect()
    }

    fn mac<M: Mac + KeyInit>(key: &[u8], body: &[u8]) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
        mac.update(body);
        mac.finalize().into_bytes().to_vec()
    }

    fn verify(
        signature: &Signature,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Signed, BadSignature> {
        let field = |name: &str| {
            let found = fields.iter().find(|(given, _)| *given == name);
            found.map(|(_, value)| *value)
        };
        signature.verify(field, body, NOW)
    }

    #[test]
    fn the_reference_example_of_standard_webhooks_is_good() {
        // https://github.com/standard-webhooks: the vector that its libraries share.
        let signature = Signature::Standard {
            secrets: secrets(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]),
        };
        let fields = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ];
        let field = |name: &str| {
            let found = fields.iter().find(|(given, _)| *given == name);
            found.map(|(_, value)| *value)
        };
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let body = br#"{"test": 2432232314}"#;
        for (now, is_good) in [
            (1_614_265_330, true),
            (1_614_265_630, true),
            (1_614_265_030, true),
            (1_614_265_631, false),
            (1_614_265_029, false),
        ] {
            assert_eq!(
                signature.verify(field, body, at(now)).is_ok(),
                is_good,
                "{now}"
            );
        }
        let signed = signature.verify(field, body, at(1_614_265_330)).unwrap();
        assert_eq!(signed.id.as_deref(), Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
        let changed = br#"{"test": 2432232315}"#;
        assert!(signature.verify(field, changed, at(1_614_265_330)).is_err());
    }

    #[test]
    fn any_of_several_signatures_and_secrets_will_do() {
        let key = STANDARD.encode(b"second");
        let signature = Signature::Standard {
            secrets: secrets(&["Zmlyc3Q=", &key]),
        };
        let signed = mac::<Hmac<Sha256>>(b"second", b"m1.1700000000.{\"a\":1}");
        let signed = STANDARD.encode(signed);
        for (value, is_good) in [
            (format!("v1,{signed}"), true),
            (format!("v1,AAAA v2,{signed} v1a,x v1,{signed}"), true),
            (format!("v2,{signed}"), false),
            (signed, false),
            (String::new(), false),
        ] {
            let fields = [
                ("webhook-id", "m1"),
                ("webhook-timestamp", "1700000000"),
                ("webhook-signature", value.as_str()),
            ];
            assert_eq!(
                verify(&signature, &fields, BODY).is_ok(),
                is_good,
                "{value}"
            );
            for missing in 0..3 {
                let some: Vec<_> = (0..3)
                    .filter(|n| *n != missing)
                    .map(|n| fields[n])
                    .collect();
                assert_eq!(verify(&signature, &some, BODY), Err(BadSignature));
            }
        }
    }

    #[test]
    fn a_mac_of_the_body_is_good_in_its_field_hash_and_writing() {
        let scheme = |hash| HmacScheme {
            header: "X-Signature".to_owned(),
            prefix: "v=".to_owned(),
            hash,
            secrets: secrets(&["old", "new"]),
        };
        let of = |key: &[u8]| {
            [
                (Hash::Sha1, mac::<Hmac<sha1::Sha1>>(key, BODY)),
                (Hash::Sha256, mac::<Hmac<Sha256>>(key, BODY)),
                (Hash::Sha512, mac::<Hmac<Sha512>>(key, BODY)),
            ]
        };
        for (key, is_good) in [(b"old".as_slice(), true), (b"new", true), (b"none", false)] {
            for (hash, mac) in of(key) {
                let hex = format!("v={}", to_hex(&mac));
                let upper = format!("v={}", to_hex(&mac).to_uppercase());
                let base64 = format!("v={}", STANDARD.encode(&mac));
                let in_hex = Signature::HmacHex(scheme(hash));
                let in_base64 = Signature::HmacBase64(scheme(hash));
                for (signature, value, expected) in [
                    (&in_hex, &hex, is_good),
                    (&in_hex, &upper, is_good),
                    (&in_hex, &base64, false),
                    (&in_base64, &base64, is_good),
                    (&in_base64, &hex, false),
                ] {
                    let fields = [("x-signature", value.as_str())];
                    assert_eq!(
                        verify(signature, &fields, BODY).is_ok(),
                        expected,
                        "{value}"
                    );
                    assert!(verify(signature, &fields, b"other").is_err());
                    assert!(verify(signature, &[("x-signature", &value[2..])], BODY).is_err());
                }
                assert!(verify(&in_hex, &[], BODY).is_err());
            }
        }
    }

    #[test]
    fn a_token_is_good_as_it_is() {
        let signature = Signature::TokenHeader {
            header: "Authorization".to_owned(),
            prefix: "Bearer ".to_owned(),
            tokens: vec![SecretDigest::of("one"), SecretDigest::of("two")],
        };
        for (value, is_good) in [
            ("Bearer one", true),
            ("Bearer two", true),
            ("Bearer three", false),
            ("one", false),
            ("bearer one", false),
        ] {
            let fields = [("authorization", value)];
            assert_eq!(
                verify(&signature, &fields, BODY).is_ok(),
                is_good,
                "{value}"
            );
        }
    }

    #[test]
    fn a_scheme_that_cannot_work_is_refused() {
        let none = Signature::Standard {
            secrets: Vec::new(),
        };
        assert!(none.check().is_err());
        let no_base64 = Signature::Standard {
            secrets: secrets(&["!"]),
        };
        assert_eq!(no_base64.check().unwrap_err().0, "signature.secrets");
        let no_field = Signature::HmacHex(HmacScheme {
            header: String::new(),
            prefix: String::new(),
            hash: Hash::Sha256,
            secrets: secrets(&["a"]),
        });
        assert_eq!(no_field.check().unwrap_err().0, "signature.header");
    }

    #[test]
    fn no_debug_shows_a_secret() {
        let signature = Signature::Standard {
            secrets: secrets(&["whsec_c2VjcmV0"]),
        };
        assert!(!format!("{signature:?}").contains("c2VjcmV0"));
    }
}
