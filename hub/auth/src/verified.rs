//! Token strings whose signature was checked already.
//!
//! A client sends the same bearer token with every request; checking its signature each time
//! would cost more than the request. An entry says only *this text was issued from that record
//! and ends then*, which stays true; whether the record still exists and its user is active is
//! looked up each time.

use dashmap::DashMap;

use crate::digest::SecretDigest;
use crate::token::TokenId;

pub(crate) struct VerifiedTokens {
    entries: DashMap<SecretDigest, Entry>,
    most: usize,
}

struct Entry {
    token: TokenId,
    /// The last second in which it is taken, leeway included.
    ends: i64,
}

impl VerifiedTokens {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            entries: DashMap::new(),
            most,
        }
    }

    /// The record behind a token text, while it lasts at `now` (seconds since the epoch).
    pub(crate) fn get(&self, text: &SecretDigest, now: i64) -> Option<TokenId> {
        let entry = self.entries.get(text)?;
        if now < entry.ends {
            return Some(entry.token);
        }
        drop(entry);
        self.entries.remove(text);
        None
    }

    /// Remembers a verified text that is good until the second `ends`.
    pub(crate) fn insert(&self, text: SecretDigest, token: TokenId, ends: i64, now: i64) {
        if self.entries.len() >= self.most {
            self.entries.retain(|_, entry| now < entry.ends);
        }
        if self.entries.len() >= self.most {
            // Only issued tokens get here, so this is rare; starting over costs each client one
            // signature check, and needs no bookkeeping on the way that is taken every time.
            self.entries.clear();
        }
        self.entries.insert(text, Entry { token, ends });
    }

    /// Forgets what was issued from a record.
    pub(crate) fn forget(&self, token: TokenId) {
        self.entries.retain(|_, entry| entry.token != token);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn token(n: u8) -> TokenId {
        format!("{n:032x}").parse().unwrap()
    }

    #[test]
    fn an_entry_ends_with_its_token() {
        let verified = VerifiedTokens::new(8);
        let text = SecretDigest::of("a");
        verified.insert(text, token(1), 100, 50);
        assert_eq!(verified.get(&text, 99), Some(token(1)));
        assert_eq!(verified.get(&text, 100), None);
        assert_eq!(verified.entries.len(), 0);
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let verified = VerifiedTokens::new(8);
        for n in 0..100 {
            verified.insert(SecretDigest::of(&n.to_string()), token(1), 100, 50);
            assert!(verified.entries.len() <= 8);
        }
    }

    #[test]
    fn a_revoked_record_leaves_no_entries() {
        let verified = VerifiedTokens::new(8);
        verified.insert(SecretDigest::of("a"), token(1), 100, 50);
        verified.insert(SecretDigest::of("b"), token(2), 100, 50);
        verified.forget(token(1));
        assert_eq!(verified.get(&SecretDigest::of("a"), 50), None);
        assert_eq!(verified.get(&SecretDigest::of("b"), 50), Some(token(2)));
    }
}
