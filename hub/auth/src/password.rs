//! Passwords: argon2id, as PHC strings, on blocking threads.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use hearth_core::env::Env;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::error::AuthError;

/// Memory, passes and lanes: OWASP's recommendation for argon2id (19 MiB, 2, 1). Constants, since
/// a weaker choice is a hole and a stronger one takes memory that a small hub does not have.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Verified against when there is no such user, so that the answer takes as long. The parameters
/// are those above; nobody knows a password for a hash of zeros, and it would be refused anyway.
const STAND_IN: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Longest password in bytes: beyond any passphrase, short enough to cost nothing to read.
pub(crate) const LONGEST_PASSWORD: usize = 1024;

/// A hashed password in PHC form. Redacted in `Debug`: it can be attacked offline.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct HashedPassword(String);

impl fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedPassword(…)")
    }
}

/// Hashes and verifies, a bounded number at a time: each takes 19 MiB, and anyone can ask.
pub(crate) struct Hashing {
    env: Env,
    turns: Arc<Semaphore>,
}

impl Hashing {
    pub(crate) fn new(env: Env, at_once: usize) -> Self {
        Self {
            env,
            turns: Arc::new(Semaphore::new(at_once.max(1))),
        }
    }

    /// Hashes a new password with a fresh salt.
    pub(crate) async fn hash(&self, password: &str) -> Result<HashedPassword, AuthError> {
        if password.is_empty() || password.len() > LONGEST_PASSWORD {
            return Err(AuthError::InvalidPassword);
        }
        let mut salt = [0u8; 16];
        self.env.fill(&mut salt);
        let password = password.to_owned();
        self.in_turn(move || hash(password.as_bytes(), &salt))
            .await
            .flatten()
            .ok_or(AuthError::Interrupted)
    }

    /// Whether `password` is the one behind `hashed`. Without one it takes the same time and is
    /// wrong.
    pub(crate) async fn verify(&self, password: &str, hashed: Option<HashedPassword>) -> bool {
        if password.len() > LONGEST_PASSWORD {
            return false;
        }
        let known = hashed.is_some();
        let hashed = hashed.unwrap_or_else(|| HashedPassword(STAND_IN.to_owned()));
        let password = password.to_owned();
        let matches = self
            .in_turn(move || verify(password.as_bytes(), &hashed))
            .await
            .unwrap_or(false);
        matches && known
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turn = self.turns.clone().acquire_owned().await.ok()?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the thread, not the waiter: a caller that goes away frees no memory yet.
            let _turn = turn;
            work()
        });
        match done.await {
            Ok(result) => Some(result),
            Err(error) => {
                tracing::error!(%error, "password hashing was interrupted");
                None
            }
        }
    }
}

impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashing")
    }
}

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8], salt: &[u8]) -> Option<HashedPassword> {
    match argon2()?.hash_password_with_salt(password, salt) {
        Ok(hashed) => Some(HashedPassword(hashed.to_string())),
        Err(error) => {
            tracing::error!(%error, "a password could not be hashed");
            None
        }
    }
}

fn verify(password: &[u8], hashed: &HashedPassword) -> bool {
    let (Some(argon2), Ok(hashed)) = (argon2(), PasswordHash::new(&hashed.0)) else {
        tracing::error!("a stored password hash is not in PHC form");
        return false;
    };
    // The parameters in the string are used, so hashes outlive a change of the constants.
    argon2.verify_password(password, &hashed).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_a_phc_string_of_the_recommended_strength() {
        let hashed = hash(b"secret", b"0123456789abcdef").unwrap();
        assert!(
            hashed.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hashed.0
        );
        assert!(verify(b"secret", &hashed));
        assert!(!verify(b"Secret", &hashed));
        assert_eq!(format!("{hashed:?}"), "HashedPassword(…)");
    }

    #[test]
    fn the_stand_in_costs_what_a_real_hash_costs_and_matches_nothing() {
        let real = hash(b"secret", b"0123456789abcdef").unwrap();
        let real = PasswordHash::new(&real.0).unwrap();
        let stand_in = PasswordHash::new(STAND_IN).unwrap();
        assert_eq!(stand_in.algorithm, real.algorithm);
        assert_eq!(stand_in.version, real.version);
        assert_eq!(stand_in.params.to_string(), real.params.to_string());
        assert_eq!(stand_in.salt.map(|s| s.len()), real.salt.map(|s| s.len()));
        assert_eq!(stand_in.hash.map(|h| h.len()), real.hash.map(|h| h.len()));
        assert!(!verify(b"", &HashedPassword(STAND_IN.to_owned())));
    }

    #[test]
    fn a_damaged_hash_matches_nothing() {
        assert!(!verify(b"", &HashedPassword(String::new())));
        assert!(!verify(
            b"x",
            &HashedPassword("$argon2id$v=19$m=19456,t=2,p=1$AA".into())
        ));
    }
}
