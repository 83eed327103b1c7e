//! Authorization codes: what a browser carries from the sign-in page to its client, which
//! exchanges it for tokens (spec auth §0, §3).

use std::collections::HashMap;
use std::fmt;

use hearth_core::ids::UserId;
use hearth_core::time::Timestamp;
use parking_lot::Mutex;

use crate::auth::Auth;
use crate::client_id::ClientId;
use crate::digest::SecretDigest;

/// A code, 32 hex characters. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct AuthorizationCode(String);

impl AuthorizationCode {
    /// The text to hand to the client. Never log it.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationCode(…)")
    }
}

/// The codes that nobody has exchanged yet. In memory: a client that finds its code gone after a
/// restart signs in again.
#[derive(Default)]
pub(crate) struct AuthorizationCodes(Mutex<HashMap<SecretDigest, Waiting>>);

struct Waiting {
    client_id: String,
    user: UserId,
    made_at: Timestamp,
}

impl Auth {
    /// Makes a code for a user who has just shown who they are, bound to the client. It is good
    /// once, for [`code_seconds`](crate::AuthSettings::code_seconds).
    pub fn create_code(&self, user: UserId, client: &ClientId) -> AuthorizationCode {
        let settings = &self.inner.settings;
        let now = self.inner.env.now();
        let code = self.inner.env.hex::<16>();
        let mut waiting = self.inner.codes.0.lock();
        if waiting.len() >= settings.codes {
            waiting.retain(|_, code| !has_ended(code.made_at, settings.code_seconds, now));
        }
        if waiting.len() >= settings.codes {
            // One's own older code goes first, so that nobody can keep others from signing in.
            let oldest = waiting
                .iter()
                .min_by_key(|(_, code)| (code.user != user, code.made_at));
            if let Some(oldest) = oldest.map(|(digest, _)| *digest) {
                waiting.remove(&oldest);
            }
        }
        waiting.insert(
            SecretDigest::of(&code),
            Waiting {
                client_id: client.as_str().to_owned(),
                user,
                made_at: now,
            },
        );
        AuthorizationCode(code)
    }

    /// Takes a code out of use and says whose it is. One that was made for another client stays,
    /// since it was not its owner who asked.
    pub fn redeem_code(&self, code: &str, client: &ClientId) -> Option<UserId> {
        let now = self.inner.env.now();
        let digest = SecretDigest::of(code);
        let mut waiting = self.inner.codes.0.lock();
        if waiting.get(&digest)?.client_id != client.as_str() {
            return None;
        }
        let code = waiting.remove(&digest)?;
        let ended = has_ended(code.made_at, self.inner.settings.code_seconds, now);
        (!ended).then_some(code.user)
    }
}

/// Whether something made at `made_at` that lasts `seconds` is over.
pub(crate) fn has_ended(made_at: Timestamp, seconds: u64, now: Timestamp) -> bool {
    now.as_seconds().saturating_sub(made_at.as_seconds())
        >= i64::try_from(seconds).unwrap_or(i64::MAX)
}
