//! Access tokens as signed JWTs: HS256 and nothing else (spec auth §4).
//!
//! `jsonwebtoken` brings the format and its checks; the cryptography is plugged in. Its ready-made
//! back ends carry RSA and elliptic curves along, none of which a hub may accept. The provider
//! here knows one algorithm, so another cannot be taken even by mistake.

use std::sync::{LazyLock, Once};

use hearth_core::env::Env;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, dangerous, decode, encode,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use sha2::Sha256;

use crate::token::TokenId;

/// The claims of an access token: these three, no more, no fewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    /// The id of the record that the token was issued from.
    pub(crate) iss: TokenId,
    /// When it was issued, in seconds since the epoch.
    pub(crate) iat: i64,
    /// When it ends, in seconds since the epoch.
    pub(crate) exp: i64,
}

/// The signing key of one token record. `Debug` shows nothing of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub(crate) struct TokenKey {
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl TokenKey {
    /// 64 random bytes as 128 hex characters.
    pub(crate) fn generate(env: &Env) -> Self {
        Self::new(&env.hex::<64>())
    }

    /// From the record's hex characters; they are the key as they stand, as the peer has it, so
    /// that records can be carried over.
    fn new(text: &str) -> Self {
        install_provider();
        Self {
            signing: EncodingKey::from_secret(text.as_bytes()),
            verifying: DecodingKey::from_secret(text.as_bytes()),
        }
    }

    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String> {
        encode(&Header::new(Algorithm::HS256), claims, &self.signing)
    }

    /// The claims, once the algorithm and the signature are right. Expiry is left to the caller,
    /// since `jsonwebtoken` would read the system's clock and not the hub's.
    pub(crate) fn verify<C: DeserializeOwned>(&self, token: &str) -> Result<C> {
        static HS256_ONLY: LazyLock<Validation> = LazyLock::new(|| {
            let mut validation = Validation::new(Algorithm::HS256);
            validation.validate_exp = false;
            validation
        });
        Ok(decode(token, &self.verifying, &HS256_ONLY)?.claims)
    }
}

impl From<String> for TokenKey {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

/// For the store only.
impl Serialize for TokenKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        str::from_utf8(self.signing.as_bytes())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// Which record a token says that it comes from. Proves nothing.
pub(crate) fn claimed_issuer(token: &str) -> Result<TokenId> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: TokenId,
    }
    Ok(dangerous::insecure_decode_claims::<Issuer>(token)?.iss)
}

fn install_provider() {
    static INSTALLED: Once = Once::new();
    static HS256: CryptoProvider = CryptoProvider {
        signer_factory: |algorithm, key| {
            Ok(Box::new(Hs256::new(*algorithm, key.as_bytes())?) as Box<dyn JwtSigner>)
        },
        verifier_factory: |algorithm, key| {
            Ok(Box::new(Hs256::new(*algorithm, key.try_get_as_bytes()?)?) as Box<dyn JwtVerifier>)
        },
        key_utils: KeyUtils::new_unimplemented(),
    };
    INSTALLED.call_once(|| {
        if HS256.install_default().is_err() {
            tracing::warn!("another JWT crypto provider was installed first; it is used instead");
        }
    });
}

struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self> {
        if algorithm != Algorithm::HS256 {
            return Err(new_error(ErrorKind::UnsupportedAlgorithm));
        }
        Hmac::new_from_slice(key)
            .map(Self)
            .map_err(|_| new_error(ErrorKind::InvalidKeyFormat))
    }

    fn over(&self, message: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(message)
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        Ok(self.over(message).finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), SignatureError> {
        // `verify_slice` compares in constant time.
        self.over(message)
            .verify_slice(signature)
            .map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_gives_the_signature_of_rfc_7515_a_1() {
        // The header and payload of the RFC's example have line breaks, so the signing input is
        // given as it stands there.
        let key = [
            3u8, 35, 53, 75, 43, 15, 165, 188, 131, 126, 6, 101, 119, 123, 166, 143, 90, 179, 40,
            230, 240, 84, 201, 40, 169, 15, 132, 178, 210, 80, 46, 191, 211, 251, 90, 146, 210, 6,
            71, 239, 150, 138, 180, 195, 119, 98, 61, 34, 61, 46, 33, 114, 5, 46, 79, 8, 192, 205,
            154, 245, 103, 208, 128, 163,
        ];
        let input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEz\
                     MDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        install_provider();
        let signature = jsonwebtoken::crypto::sign(
            input.as_bytes(),
            &EncodingKey::from_secret(&key),
            Algorithm::HS256,
        );
        assert_eq!(
            signature.unwrap(),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        );
    }

    #[test]
    fn no_other_algorithm_can_be_used() {
        for algorithm in [
            Algorithm::HS384,
            Algorithm::HS512,
            Algorithm::RS256,
            Algorithm::ES256,
        ] {
            assert!(Hs256::new(algorithm, b"key").is_err(), "{algorithm:?}");
        }
    }

    #[test]
    fn a_key_shows_nothing_in_debug_output() {
        let key = TokenKey::new("5ecret");
        assert!(!format!("{key:?}").contains("5ecret"));
    }
}
